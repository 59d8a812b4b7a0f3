//! A scenario as an experiment: one design under one of the scenario's fault plans, to be run again and again.

use crate::host_profile::HostProfile;
use crate::scenario::{Fault, Scenario};
use crate::variant::Variant;
use crate::world::{Run, RunInput, run};
use colosim_sim::explore::{Experiment, Trial};
use colosim_sim::{Outcome, Simulator, Span};
use std::sync::atomic::{AtomicU64, Ordering};

/// Stalls are drawn up to this part of the bound of a failover, so that three of them together do not exceed it: a hang
/// that is reported is none that the stalls themselves are.
const STALL_MAX_PART_OF_BOUND: u64 = 4;

/// The longest stall that is drawn for a scenario.
pub fn stall_max(scenario: &Scenario) -> Span {
    Span(scenario.failover_bound.nanos() / STALL_MAX_PART_OF_BOUND)
}

/// One design under one fault plan.
#[derive(Debug)]
pub struct ScenarioExperiment<'a> {
    scenario: &'a Scenario,
    variant: &'a Variant,
    host: &'a HostProfile,
    /// Which of the scenario's fault plans; none if it has none.
    fault_plan: Option<usize>,
    /// Runs in which every fault of the trial struck: the probe that the search reached what it is about.
    reached: AtomicU64,
}

impl<'a> ScenarioExperiment<'a> {
    /// Every fault plan of the scenario as an experiment with this design.
    pub fn all(scenario: &'a Scenario, variant: &'a Variant, host: &'a HostProfile) -> Vec<ScenarioExperiment<'a>> {
        let plans: Vec<Option<usize>> = match scenario.faults.len() {
            0 => vec![None],
            count => (0..count).map(Some).collect(),
        };
        plans.into_iter().map(|plan| ScenarioExperiment::new(scenario, variant, host, plan)).collect()
    }

    /// The scenario's fault plan of this index, or no fault at all.
    pub fn new(
        scenario: &'a Scenario,
        variant: &'a Variant,
        host: &'a HostProfile,
        fault_plan: Option<usize>,
    ) -> ScenarioExperiment<'a> {
        ScenarioExperiment { scenario, variant, host, fault_plan, reached: AtomicU64::new(0) }
    }

    /// The faults of the plan, in order.
    pub fn faults(&self) -> &'a [Fault] {
        self.fault_plan.map_or(&[], |plan| &self.scenario.faults[plan])
    }

    /// The faults that a trial chose from the plan.
    pub fn faults_of(&self, trial: &Trial) -> Vec<Fault> {
        trial.faults.iter().map(|index| self.faults()[*index as usize].clone()).collect()
    }

    /// Index of the fault plan in the scenario.
    pub fn fault_plan(&self) -> Option<usize> {
        self.fault_plan
    }

    /// Runs so far in which every fault of the trial struck.
    pub fn runs_that_reached_all_faults(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }

    /// Run a trial and keep everything it leaves behind.
    pub fn run_whole(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Run {
        let faults = self.faults_of(trial);
        let input = RunInput {
            scenario: self.scenario,
            variant: self.variant,
            host: self.host,
            faults: &faults,
            seed: trial.seed,
            plan: &trial.plan,
            record,
        };
        let run = run(simulator, input);
        if run.faults_struck as usize == faults.len() {
            self.reached.fetch_add(1, Ordering::Relaxed);
        }
        run
    }
}

impl Experiment for ScenarioExperiment<'_> {
    fn fault_count(&self) -> u32 {
        self.faults().len() as u32
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        self.run_whole(simulator, trial, record).outcome
    }
}
