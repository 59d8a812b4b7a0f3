//! Running many trials on several workers, with a result that does not depend on how many there are.
//!
//! The runs of a search are one sequence: first the undisturbed run of each experiment, then the first trial of each experiment,
//! then the second of each, and so on, so that a budget is spread over all experiments alike. The sequence is cut into batches of
//! fixed size; the runs of a batch go to the workers, and what they found is collected in the order of the sequence. Budget and
//! interrupt are looked at between batches only.

use super::{Experiment, Rate, Strategy, Trial};
use crate::{Hazard, Outcome, Simulator, Violation};
use rayon::prelude::*;
use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs that are handed to the workers at once.
const BATCH_RUNS: usize = 32;

/// What to search, and how long.
pub struct Search<'a> {
    /// What is run, as each fault plan of a scenario.
    pub experiments: &'a [&'a dyn Experiment],
    /// How trials are chosen.
    pub strategy: &'a dyn Strategy,
    /// Seeds of the trials; the first one is that of the undisturbed runs too.
    pub seeds: Range<u64>,
    /// Worker threads; zero: as many as the machine has processors.
    pub jobs: usize,
    /// Start no further batch after this time.
    pub budget: Option<Duration>,
    /// Start no further batch once this is set.
    pub stop: &'a AtomicBool,
    /// Told after each batch.
    pub progress: &'a dyn Fn(Progress),
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs so far.
    pub runs: u64,
    /// Runs in all, if the strategy knows.
    pub runs_planned: Option<u64>,
    /// Steps of all runs so far.
    pub steps: u64,
    /// Distinct findings so far.
    pub findings: usize,
}

/// A violation, and the first trial that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// As the first trial showed it.
    pub violation: Violation,
    /// Index of that trial's experiment.
    pub experiment: usize,
    /// The first trial, in the order of the runs.
    pub trial: Trial,
    /// Its number in the order of the runs; 1 is the first.
    pub first_found_at_run: u64,
    /// How many runs of each experiment showed it.
    pub shown: Vec<u64>,
    /// Of these, how many were undisturbed runs: 0 or 1 for each experiment.
    pub shown_undisturbed: u64,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Distinct violations ([`Violation::is_same_finding`]), in the order in which they were found.
    pub findings: Vec<Finding>,
    /// Distinct hazards (object and both steps), in the order in which they were found.
    pub hazards: Vec<Hazard>,
    /// Runs made.
    pub runs: u64,
    /// Of these, for each experiment.
    pub runs_by_experiment: Vec<u64>,
    /// Steps of all runs.
    pub steps: u64,
    /// All trials that the strategy has for these seeds were run.
    pub complete: bool,
}

/// What is kept of one run.
struct Ran {
    steps: u64,
    violations: Vec<Violation>,
    hazards: Vec<Hazard>,
}

thread_local! {
    /// Each worker's own, so that what one run allocated is there for the next.
    static SIMULATOR: RefCell<Simulator> = RefCell::new(Simulator::new());
}

fn run(experiment: &dyn Experiment, trial: &Trial) -> Outcome {
    SIMULATOR.with_borrow_mut(|simulator| experiment.run(simulator, trial, false))
}

impl From<Outcome> for Ran {
    fn from(outcome: Outcome) -> Ran {
        Ran { steps: outcome.steps, violations: outcome.violations, hazards: outcome.hazards }
    }
}

impl Search<'_> {
    /// Do it.
    ///
    /// # Errors
    /// If the host does not start the worker threads.
    pub fn run(&self) -> io::Result<Report> {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(self.jobs).build().map_err(io::Error::other)?;
        let started = Instant::now();
        let mut report = Report { runs_by_experiment: vec![0; self.experiments.len()], ..Report::default() };

        let bases: Vec<Trial> = self.experiments.iter().map(|e| Trial::undisturbed(*e, self.seeds.start)).collect();
        let undisturbed: Vec<Outcome> =
            workers.install(|| self.experiments.par_iter().zip(&bases).map(|(e, trial)| run(*e, trial)).collect());
        for (index, outcome) in undisturbed.iter().enumerate() {
            report.add(index, &bases[index], Ran::from(outcome.clone()));
        }

        let mut trials: Vec<_> = bases
            .iter()
            .zip(&undisturbed)
            .map(|(base, outcome)| self.strategy.trials(base, outcome, self.seeds.clone()).fuse())
            .collect();
        let planned: Option<usize> = trials.iter().map(|t| t.size_hint().1).sum();
        let runs_planned = planned.map(|runs| (runs + bases.len()) as u64);
        let mut sequence = std::iter::from_fn(|| {
            let round: Vec<_> =
                trials.iter_mut().enumerate().filter_map(|(i, trials)| Some((i, trials.next()?))).collect();
            (!round.is_empty()).then_some(round)
        })
        .flatten();

        loop {
            (self.progress)(report.progress(runs_planned));
            let batch: Vec<(usize, Trial)> = sequence.by_ref().take(BATCH_RUNS).collect();
            if batch.is_empty() {
                report.complete = true;
                return Ok(report);
            }
            let out_of_time = self.budget.is_some_and(|budget| started.elapsed() >= budget);
            if out_of_time || self.stop.load(Ordering::Relaxed) {
                return Ok(report);
            }
            let run_one = |(index, trial): &(usize, Trial)| Ran::from(run(self.experiments[*index], trial));
            let ran: Vec<Ran> = workers.install(|| batch.par_iter().map(run_one).collect());
            for ((index, trial), ran) in batch.iter().zip(ran) {
                report.add(*index, trial, ran);
            }
        }
    }
}

impl Report {
    /// How many of the strategy's own trials, of all experiments, showed a finding; the undisturbed runs do not count.
    pub fn rate(&self, finding: &Finding) -> Rate {
        let undisturbed = self.runs_by_experiment.iter().filter(|runs| **runs > 0).count() as u64;
        Rate { hits: finding.shown.iter().sum::<u64>() - finding.shown_undisturbed, runs: self.runs - undisturbed }
    }

    fn progress(&self, runs_planned: Option<u64>) -> Progress {
        Progress { runs: self.runs, runs_planned, steps: self.steps, findings: self.findings.len() }
    }

    fn add(&mut self, experiment: usize, trial: &Trial, ran: Ran) {
        let is_undisturbed = self.runs_by_experiment[experiment] == 0;
        self.runs += 1;
        self.runs_by_experiment[experiment] += 1;
        self.steps += ran.steps;
        let mut seen_in_this_run = Vec::new();
        for violation in ran.violations {
            let known = self.findings.iter().position(|f| f.violation.is_same_finding(&violation));
            let index = known.unwrap_or_else(|| {
                self.findings.push(Finding {
                    violation,
                    experiment,
                    trial: trial.clone(),
                    first_found_at_run: self.runs,
                    shown: vec![0; self.runs_by_experiment.len()],
                    shown_undisturbed: 0,
                });
                self.findings.len() - 1
            });
            if !seen_in_this_run.contains(&index) {
                seen_in_this_run.push(index);
                self.findings[index].shown[experiment] += 1;
                self.findings[index].shown_undisturbed += u64::from(is_undisturbed);
            }
        }
        for hazard in ran.hazards {
            if !self.hazards.iter().any(|known| is_same_hazard(known, &hazard)) {
                self.hazards.push(hazard);
            }
        }
    }
}

fn is_same_hazard(a: &Hazard, b: &Hazard) -> bool {
    (&a.object, a.first.step, a.second.step) == (&b.object, b.first.step, b.second.step)
}
