//! From the strategy that the user names to the one that draws the trials.

use crate::exit::Failure;
use crate::strategy::StrategyChoice;
use colosim_models::experiment::{ScenarioExperiment, stall_max};
use colosim_models::scenario::Scenario;
use colosim_sim::Simulator;
use colosim_sim::explore::{Continued, Dpor, Exhaustive, Pct, Stalls, Strategy, Swarm, Timed, Trial};

/// The thread that makes the faults strike: what a scenario with faults asks about comes after its first step.
const FAULTS_THREAD: &str = "management/faults";

/// What draws the trials.
///
/// # Errors
/// If there is no such strategy in this version.
pub fn strategy(choice: StrategyChoice, scenario: &Scenario) -> Result<Box<dyn Strategy>, Failure> {
    let span_max = stall_max(scenario);
    Ok(match choice {
        StrategyChoice::Stalls => Box::new(Stalls { span_max }),
        StrategyChoice::Timed => Box::new(Timed),
        StrategyChoice::Pct(depth) => Box::new(Pct { depth, span_max }),
        StrategyChoice::Swarm => Box::new(Swarm { span_max }),
        StrategyChoice::Exhaustive(holds) => {
            let after = (!scenario.faults.is_empty()).then(|| FAULTS_THREAD.to_owned());
            Box::new(Exhaustive { holds: holds as usize, longest: span_max, after })
        }
        StrategyChoice::Dpor => Box::new(Dpor { reduces: true }),
    })
}

/// The beginning of a stored run.
#[derive(Debug, Clone)]
pub struct Prefix {
    /// Which of the scenario's fault plans it is of.
    pub fault_plan: Option<usize>,
    /// The stored trial.
    pub trial: Trial,
    /// So many of its pauses are kept, in the order in which they took effect.
    pub pauses: usize,
}

impl Prefix {
    /// The strategy that goes on from there.
    pub fn continued<'a>(&self, experiment: &ScenarioExperiment<'_>, then: &'a dyn Strategy) -> Continued<'a> {
        Continued::new(experiment, &mut Simulator::new(), &self.trial, self.pauses, then)
    }
}
