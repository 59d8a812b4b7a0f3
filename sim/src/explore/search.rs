//! Running many trials on several workers, with a result that does not depend on how many there are.
//!
//! The runs of a search are one sequence: first the undisturbed run of each experiment, then the first trial of each experiment,
//! then the second of each, and so on, so that a budget is spread over all experiments alike. The sequence is cut into batches of
//! whole rounds; the runs of a batch go to the workers, and what they found is collected in the order of the sequence. Budget and
//! interrupt are looked at between batches only.

use super::dpor_search::Reduced;
use super::resume::Origin;
use super::{Course, Coverage, Experiment, Rate, SearchState, Strategy, Trial};
use crate::{Hazard, Outcome, Simulator, Violation};
use rayon::prelude::*;
use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs that are handed to the workers at once, at the least, if there are so many.
const BATCH_RUNS: usize = 32;

/// A search that goes on for longer has its state saved now and then.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);

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
    /// The distinct interleavings of all runs.
    pub interleavings: Coverage,
    /// What the strategy `dpor` went through, if it was that.
    pub reduced: Option<Reduced>,
    /// All trials that the strategy has for these seeds were run.
    pub complete: bool,
}

/// A report, and where its findings and hazards are found again.
#[derive(Default)]
pub(super) struct Tally {
    pub report: Report,
    /// One for each finding.
    pub finding_origins: Vec<Origin>,
    /// One for each hazard.
    pub hazard_origins: Vec<Origin>,
}

thread_local! {
    /// Each worker's own, so that what one run allocated is there for the next.
    static SIMULATOR: RefCell<Simulator> = RefCell::new(Simulator::new());
}

pub(super) fn run(experiment: &dyn Experiment, trial: &Trial) -> Outcome {
    run_observed(experiment, trial, false)
}

fn run_observed(experiment: &dyn Experiment, trial: &Trial, needs_events: bool) -> Outcome {
    SIMULATOR.with_borrow_mut(|simulator| {
        simulator.record_events(needs_events);
        experiment.run(simulator, trial, false)
    })
}

impl Search<'_> {
    /// Do it, from the start to the end.
    ///
    /// # Errors
    /// If the host does not start the worker threads.
    pub fn run(&self) -> io::Result<Report> {
        self.run_from(None, &|_| {})
    }

    /// Do it from the beginning, or go on where an earlier search of the same experiments, strategy and seeds ended. The report
    /// is that of a search that nothing interrupted.
    ///
    /// `save` is given the state of the search when it ends before it is through, and every ten seconds or so.
    ///
    /// # Errors
    /// If the host does not start the worker threads. If `from` is not a state of this search, as far as that can be seen
    /// ([`io::ErrorKind::InvalidData`]).
    pub fn run_from(&self, from: Option<&SearchState>, save: &dyn Fn(&SearchState)) -> io::Result<Report> {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(self.jobs).build().map_err(io::Error::other)?;
        if let Some(dpor) = self.strategy.controls() {
            return self.run_dpor(dpor, &workers, from, save);
        }
        let run_one = {
            let (experiments, strategy) = (self.experiments, self.strategy);
            move |(index, trial): (usize, &Trial)| run_observed(experiments[index], trial, strategy.needs_events(trial))
        };
        let bases: Vec<Trial> = self.experiments.iter().map(|e| Trial::undisturbed(*e, self.seeds.start)).collect();
        let undisturbed: Vec<Outcome> = workers.install(|| bases.par_iter().enumerate().map(run_one).collect());
        let mut courses: Vec<_> = bases
            .iter()
            .zip(&undisturbed)
            .map(|(base, outcome)| self.strategy.trials(base, outcome, self.seeds.clone()))
            .collect();
        let mut tally = match from {
            Some(state) => {
                let tally = workers.install(|| state.tally(self.experiments))?;
                state.advance(&mut courses)?;
                tally
            }
            None => Tally::of_undisturbed(&bases, &undisturbed),
        };

        // What is restored is no part of what the budget is for: else a short one would never get beyond it.
        let started = Instant::now();
        let mut saved = started;
        loop {
            let left: Option<u64> = courses.iter().map(|course| course.trials_left()).sum();
            (self.progress)(tally.report.progress(left));
            let out_of_time = self.budget.is_some_and(|budget| started.elapsed() >= budget);
            let ends_early = out_of_time || self.stop.load(Ordering::Relaxed);
            // Taken before the courses give out what may not be run any more.
            let state = (ends_early || saved.elapsed() >= SAVE_INTERVAL).then(|| SearchState::of(&tally, &courses));
            let batch = next_batch(&mut courses);
            if batch.is_empty() {
                tally.report.complete = true;
                return Ok(tally.report);
            }
            if let Some(state) = state {
                save(&state);
                saved = Instant::now();
            }
            if ends_early {
                return Ok(tally.report);
            }
            let mut learn = |(index, trial): &(usize, Trial), outcome: &Outcome| {
                tally.add(*index, trial, outcome);
                courses[*index].learn(trial, outcome);
            };
            if self.jobs == 1 {
                // The pool's only worker would do no more than this thread, and hand over each outcome.
                batch.iter().for_each(|of_batch| learn(of_batch, &run_one((of_batch.0, &of_batch.1))));
            } else {
                let runs = batch.par_iter().map(|(index, trial)| run_one((*index, trial)));
                let outcomes: Vec<Outcome> = workers.install(|| runs.collect());
                batch.iter().zip(&outcomes).for_each(|(of_batch, outcome)| learn(of_batch, outcome));
            }
        }
    }
}

/// One trial of each experiment in turn, as long as there are some and the batch has room.
fn next_batch(courses: &mut [Box<dyn Course + '_>]) -> Vec<(usize, Trial)> {
    let mut batch = Vec::new();
    loop {
        let before = batch.len();
        for (index, course) in courses.iter_mut().enumerate() {
            if let Some(trial) = course.next_trial() {
                batch.push((index, trial));
            }
        }
        if batch.len() == before || batch.len() >= BATCH_RUNS {
            return batch;
        }
    }
}

impl Report {
    /// How many of the strategy's own trials, of all experiments, showed a finding; the undisturbed runs do not count.
    pub fn rate(&self, finding: &Finding) -> Rate {
        let undisturbed = self.runs_by_experiment.iter().filter(|runs| **runs > 0).count() as u64;
        Rate { hits: finding.shown.iter().sum::<u64>() - finding.shown_undisturbed, runs: self.runs - undisturbed }
    }

    pub(super) fn progress(&self, left: Option<u64>) -> Progress {
        let runs_planned = left.map(|left| self.runs + left);
        Progress { runs: self.runs, runs_planned, steps: self.steps, findings: self.findings.len() }
    }
}

impl Tally {
    pub(super) fn of_undisturbed(bases: &[Trial], undisturbed: &[Outcome]) -> Tally {
        let mut tally = Tally::default();
        tally.report.runs_by_experiment = vec![0; bases.len()];
        for (index, (trial, outcome)) in bases.iter().zip(undisturbed).enumerate() {
            tally.add(index, trial, outcome);
        }
        tally
    }

    pub(super) fn add(&mut self, experiment: usize, trial: &Trial, outcome: &Outcome) {
        let report = &mut self.report;
        let is_undisturbed = report.runs_by_experiment[experiment] == 0;
        report.runs += 1;
        report.runs_by_experiment[experiment] += 1;
        report.steps += outcome.steps;
        report.interleavings.add(outcome.interleaving);
        let mut seen_in_this_run = Vec::new();
        for (nth, violation) in outcome.violations.iter().enumerate() {
            let known = report.findings.iter().position(|f| f.violation.is_same_finding(violation));
            let index = known.unwrap_or_else(|| {
                self.finding_origins.push(Origin { experiment, trial: trial.clone(), index: nth });
                report.findings.push(Finding {
                    violation: violation.clone(),
                    experiment,
                    trial: trial.clone(),
                    first_found_at_run: report.runs,
                    shown: vec![0; report.runs_by_experiment.len()],
                    shown_undisturbed: 0,
                });
                report.findings.len() - 1
            });
            if !seen_in_this_run.contains(&index) {
                seen_in_this_run.push(index);
                report.findings[index].shown[experiment] += 1;
                report.findings[index].shown_undisturbed += u64::from(is_undisturbed);
            }
        }
        for (nth, hazard) in outcome.hazards.iter().enumerate() {
            if !report.hazards.iter().any(|known| is_same_hazard(known, hazard)) {
                self.hazard_origins.push(Origin { experiment, trial: trial.clone(), index: nth });
                report.hazards.push(hazard.clone());
            }
        }
    }
}

pub(super) fn is_same_hazard(a: &Hazard, b: &Hazard) -> bool {
    (&a.object, a.first.step, a.second.step) == (&b.object, b.first.step, b.second.step)
}
