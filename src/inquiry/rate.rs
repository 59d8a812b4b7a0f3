//! How likely is a finding where nobody but the host itself disturbs?
//!
//! Each seed is one run with the faults of the finding's trial and the noise of the host profile, and no stall. Findings
//! with the same faults share the runs.

use super::Found;
use crate::files::scenario::{Chosen, Loaded};
use crate::progress::Progress;
use colosim_models::experiment::ScenarioExperiment;
use colosim_sim::explore::{Experiment, Rate, Trial};
use colosim_sim::{Plan, Simulator};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How to measure.
pub struct Measurement<'a> {
    /// One run for each.
    pub seeds: Range<u64>,
    /// Who makes the runs.
    pub workers: &'a ThreadPool,
    /// Set when the user has had enough.
    pub stop: &'a AtomicBool,
    /// Show no progress.
    pub quiet: bool,
}

impl Measurement<'_> {
    /// Measure every asked finding. After an interrupt those that are not measured yet stay so: half a sample would
    /// depend on when the interrupt came.
    pub fn of(&self, loaded: &Loaded, chosen: &Chosen, found: &mut [Found]) {
        let mut left: Vec<&mut Found> = found.iter_mut().filter(|found| found.asked).collect();
        while let Some(first) = left.first() {
            let (fault_plan, faults) = (first.fault_plan, first.trial.faults.clone());
            let (group, others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|f| f.fault_plan == fault_plan && f.trial.faults == faults);
            let experiment = ScenarioExperiment::new(&loaded.scenario, &chosen.variant, &loaded.host, fault_plan);
            self.of_group(&experiment, &faults, group);
            left = others;
        }
    }

    fn of_group(&self, experiment: &ScenarioExperiment<'_>, faults: &[u32], group: Vec<&mut Found>) {
        let violations: Vec<_> = group.iter().map(|found| found.violation.clone()).collect();
        let runs = self.seeds.end - self.seeds.start;
        let progress = Progress::new("undisturbed host", self.quiet);
        let done = AtomicU64::new(0);
        let one = |simulator: &mut Simulator, seed: u64| {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let trial = Trial { seed, faults: faults.to_vec(), plan: Plan::natural() };
            let outcome = experiment.run(simulator, &trial, false);
            progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, Some(runs), "runs".to_owned());
            let shown = |violation| outcome.violations.iter().any(|other| other.is_same_finding(violation));
            Some(violations.iter().map(shown).collect())
        };
        let seeds = self.seeds.clone().into_par_iter();
        let shown: Option<Vec<Vec<bool>>> =
            self.workers.install(|| seeds.map_init(Simulator::new, |simulator, seed| one(simulator, seed)).collect());
        let Some(shown) = shown else { return };
        for (i, found) in group.into_iter().enumerate() {
            found.rate = Some(Rate { hits: shown.iter().filter(|of_run| of_run[i]).count() as u64, runs });
        }
    }
}
