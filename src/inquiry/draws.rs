//! What a strategy says about its own draws: the knobs of `swarm`, the bound of `pct`.

use crate::strategy::StrategyChoice;
use colosim_models::experiment::{ScenarioExperiment, stall_max};
use colosim_models::scenario::Scenario;
use colosim_sim::Simulator;
use colosim_sim::explore::{Experiment, Pct, Swarm, Trial};

/// The configuration that a seed has drawn, each knob with its value.
pub type Knobs = Vec<(&'static str, String)>;

/// The knobs behind a trial of a search that begins with seed `first`; none if no knobs were drawn for it.
pub fn knobs(
    choice: StrategyChoice,
    scenario: &Scenario,
    experiment: &ScenarioExperiment<'_>,
    simulator: &mut Simulator,
    first: u64,
    trial: &Trial,
) -> Option<Knobs> {
    let base = Trial::undisturbed(experiment, first);
    // The undisturbed run is nobody's draw.
    if choice != StrategyChoice::Swarm || *trial == base {
        return None;
    }
    let undisturbed = experiment.run(simulator, &base, false);
    Some(Swarm { span_max: stall_max(scenario) }.knobs(trial.seed, &base, &undisturbed))
}

/// The least chance that one run shows a bug of a depth, and what it follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// The depth.
    pub depth: u32,
    /// Threads of the undisturbed run.
    pub threads: u64,
    /// Their steps.
    pub steps: u64,
    /// The bound, 0 to 1.
    pub at_least: f64,
}

/// The bound of `pct` for the fault plan for which it is lowest; none for other strategies.
pub fn chance(
    choice: StrategyChoice,
    scenario: &Scenario,
    experiments: &[ScenarioExperiment<'_>],
    first: u64,
) -> Option<Chance> {
    let StrategyChoice::Pct(depth) = choice else { return None };
    let pct = Pct { depth, span_max: stall_max(scenario) };
    let mut simulator = Simulator::new();
    let of = |experiment: &ScenarioExperiment<'_>| {
        let undisturbed = experiment.run(&mut simulator, &Trial::undisturbed(experiment, first), false);
        let (threads, steps) = Pct::threads_and_steps(&undisturbed);
        Chance { depth, threads, steps, at_least: pct.chance_at_least(threads, steps) }
    };
    experiments.iter().map(of).min_by(|a, b| a.at_least.total_cmp(&b.at_least))
}
