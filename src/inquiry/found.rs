//! What a search found, made small and measured.

use super::Knobs;
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::oracle::asks_of;
use colosim_models::scenario::{Fault, Scenario};
use colosim_sim::explore::{Finding, Nearest, Rate, Report, Trial, Window};
use colosim_sim::{Kind, Violation};

/// A violation, and the smallest trial that shows it.
#[derive(Debug, Clone)]
pub struct Found {
    /// As the trial shows it.
    pub violation: Violation,
    /// Is the scenario's question about it?
    pub asked: bool,
    /// Index of the fault plan in the scenario.
    pub fault_plan: Option<usize>,
    /// The faults that the trial chose from that plan.
    pub faults: Vec<Fault>,
    /// The trial.
    pub trial: Trial,
    /// Was the trial made small, and are its spans the shortest? For each stall: the span before, and its window.
    pub windows: Option<Vec<(u64, Window)>>,
    /// No stall or fault of the trial can be left out.
    pub is_minimal: bool,
    /// The trial next to it that does not show the violation, if that was looked for and there is one.
    pub nearest: Option<Nearest>,
    /// What the seed of the first trial had drawn beside its stalls, if the strategy draws such.
    pub knobs: Option<Knobs>,
    /// The trial shows the violation. If not, it was seen in a controlled run only, and no timed run was found that has it.
    pub replays: bool,
    /// Hash of its trace.
    pub trace_hash: u64,
    /// Number of the first run that showed it.
    pub first_found_at_run: u64,
    /// Runs of the search that showed it.
    pub shown: u64,
    /// Of that many runs of the fault plans in which it was seen.
    pub of_runs: u64,
    /// How often it comes on an undisturbed host, if that was measured.
    pub rate: Option<Rate>,
}

impl Found {
    /// As the search found it.
    pub fn new(experiment: &ScenarioExperiment<'_>, finding: &Finding, report: &Report, asked: bool) -> Found {
        let runs = finding.shown.iter().zip(&report.runs_by_experiment);
        Found {
            violation: finding.violation.clone(),
            asked,
            fault_plan: experiment.fault_plan(),
            faults: experiment.faults_of(&finding.trial),
            trial: finding.trial.clone(),
            windows: None,
            is_minimal: false,
            nearest: None,
            knobs: None,
            replays: true,
            trace_hash: 0,
            first_found_at_run: finding.first_found_at_run,
            shown: finding.shown.iter().sum(),
            of_runs: runs.filter(|(shown, _)| **shown > 0).map(|(_, runs)| runs).sum(),
            rate: None,
        }
    }

    /// The shortest stall that suffices; of several the longest. Zero: no stall is needed.
    pub fn window_ns(&self) -> u64 {
        self.trial.plan.stalls.iter().map(|stall| stall.span_ns).max().unwrap_or(0)
    }
}

/// Does the scenario's question include this kind of violation? A scenario that asks nothing in particular asks all.
pub fn is_asked(scenario: &Scenario, kind: Kind) -> bool {
    scenario.asks.is_empty() || scenario.asks.contains(&asks_of(kind))
}
