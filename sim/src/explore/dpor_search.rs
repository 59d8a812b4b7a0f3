//! A search by [`Dpor`]: all interleavings of several experiments, as one sequence of runs.
//!
//! Each experiment is explored in portions of fixed size; the portions of a round go to the workers, and what they found is
//! collected in the order of the experiments. So the result does not depend on the number of workers, and a search that was
//! interrupted goes on from the states that were stored.
//!
//! A run in which something breaks that was not known before is converted: the stalls that make each of its events as late as
//! it was are put into a timed run. If that shows the violation, it is the finding's trial: a run that a real host can have.

use super::resume::unusable;
use super::search::{Tally, run};
use super::{Dpor, DporState, Experiment, Report, Search, SearchState, Trial};
use crate::{Outcome, Plan, Simulator, Violation};
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Runs of one experiment between two looks at the clock.
const PORTION_RUNS: u64 = 64;

/// What a search by `dpor` went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reduced {
    /// Interleavings, no two of them equivalent up to what was touched.
    pub interleavings: u64,
    /// Runs that were given up since they became equivalent to others.
    pub given_up: u64,
    /// The most choices in one run.
    pub deepest: u64,
}

struct Portion {
    progress: DporState,
    ran: Vec<(Trial, Outcome)>,
}

impl Search<'_> {
    /// Explore all interleavings of each experiment's undisturbed trial.
    pub(super) fn run_dpor(
        &self,
        dpor: Dpor,
        workers: &ThreadPool,
        from: Option<&SearchState>,
        save: &dyn Fn(&SearchState),
    ) -> io::Result<Report> {
        let bases: Vec<Trial> = self.experiments.iter().map(|e| Trial::undisturbed(*e, self.seeds.start)).collect();
        let mut states = vec![DporState::default(); bases.len()];
        let mut tally = match from {
            Some(state) => {
                for (own, memory) in states.iter_mut().zip(state.memories()) {
                    let memory = memory.as_deref().unwrap_or_default();
                    *own = serde_json::from_str(memory).map_err(|error| unusable(&error.to_string()))?;
                }
                workers.install(|| state.tally(self.experiments))?
            }
            None => {
                let runs = self.experiments.par_iter().zip(&bases).map(|(experiment, base)| run(*experiment, base));
                let undisturbed: Vec<Outcome> = workers.install(|| runs.collect());
                Tally::of_undisturbed(&bases, &undisturbed)
            }
        };
        let started = Instant::now();
        loop {
            tally.report.reduced = Some(reduced(&states));
            (self.progress)(tally.report.progress(None));
            if states.iter().all(|state| state.complete) {
                tally.report.complete = true;
                return Ok(tally.report);
            }
            let out_of_time = self.budget.is_some_and(|budget| started.elapsed() >= budget);
            if out_of_time || self.stop.load(Ordering::Relaxed) {
                let memories = states.iter().map(|state| serde_json::to_string(state).ok()).collect();
                save(&SearchState::with_memories(&tally, memories));
                return Ok(tally.report);
            }
            let known: Vec<Violation> = tally.report.findings.iter().map(|f| f.violation.clone()).collect();
            let due: Vec<usize> = (0..states.len()).filter(|i| !states[*i].complete).collect();
            let begun: Vec<(usize, DporState)> = due.iter().map(|i| (*i, std::mem::take(&mut states[*i]))).collect();
            let go_on = |(i, progress)| (i, portion(dpor, self.experiments[i], &bases[i], &known, progress));
            let portions: Vec<(usize, Portion)> = workers.install(|| begun.into_par_iter().map(go_on).collect());
            for (i, portion) in portions {
                states[i] = portion.progress;
                for (trial, outcome) in &portion.ran {
                    tally.add(i, trial, outcome);
                }
            }
        }
    }
}

fn reduced(states: &[DporState]) -> Reduced {
    Reduced {
        interleavings: states.iter().map(|state| state.interleavings).sum(),
        given_up: states.iter().map(|state| state.given_up).sum(),
        deepest: states.iter().map(|state| state.deepest).max().unwrap_or(0),
    }
}

/// The next runs of one experiment.
fn portion(
    dpor: Dpor,
    experiment: &dyn Experiment,
    base: &Trial,
    known: &[Violation],
    mut progress: DporState,
) -> Portion {
    let mut simulator = Simulator::new();
    let mut known = known.to_vec();
    let (mut ran, mut runs) = (Vec::new(), 0);
    dpor.explore(experiment, &mut simulator, base, &mut progress, &mut |outcome, _| {
        runs += 1;
        let is_new = |violation: &&Violation| known.iter().all(|known| !known.is_same_finding(violation));
        let new: Vec<Violation> = outcome.violations.iter().filter(is_new).cloned().collect();
        let timed = (!new.is_empty()).then(|| timed(experiment, base, outcome, &new)).flatten();
        known.extend(new);
        ran.push(timed.unwrap_or_else(|| (base.clone(), without_events(outcome))));
        runs < PORTION_RUNS
    });
    Portion { progress, ran }
}

/// The timed run with the stalls that make the events of a controlled one as late as they were; none if it does not show
/// all of the violations.
fn timed(
    experiment: &dyn Experiment,
    base: &Trial,
    controlled: &Outcome,
    violations: &[Violation],
) -> Option<(Trial, Outcome)> {
    let stall = |event: &crate::EventRecord| event.stall(&controlled.thread_names, controlled.step_table);
    let plan = Plan::of_stalls(controlled.events.iter().filter_map(stall).collect());
    let trial = Trial { plan, ..base.clone() };
    let outcome = run(experiment, &trial);
    let shows = |violation: &Violation| outcome.violations.iter().any(|shown| shown.is_same_finding(violation));
    violations.iter().all(shows).then_some((trial, outcome))
}

/// What is counted of a run; its events are many.
fn without_events(outcome: &Outcome) -> Outcome {
    let Outcome { ended, time, steps, hash, interleaving, step_table, .. } = *outcome;
    Outcome {
        ended,
        time,
        steps,
        hash,
        interleaving,
        step_table,
        violations: outcome.violations.clone(),
        hazards: outcome.hazards.clone(),
        visits: Vec::new(),
        holds: Vec::new(),
        events: Vec::new(),
        blocked: Vec::new(),
        records: Vec::new(),
        thread_names: Vec::new(),
        hash_checkpoints: Vec::new(),
    }
}
