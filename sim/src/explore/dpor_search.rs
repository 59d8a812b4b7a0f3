//! A search by [`Dpor`]: all interleavings of several experiments, as one sequence of runs.
//!
//! Each experiment is explored in portions of fixed size; the portions of a round go to the workers, and what they found is
//! collected in the order of the experiments. So the result does not depend on the number of workers, and a search that was
//! interrupted goes on from the states that were stored.
//!
//! A run that shows a violation or a hazard that was not known before is converted: the stalls that make each of its events as
//! late as it was are put into a timed run; if that is not the same order (connections have delays there), each late event is
//! held until the one before it is done. What shows the same is the finding's trial: a run that a real host can have. A hazard
//! that no such run shows is left out.

use super::resume::unusable;
use super::search::{Tally, is_same_hazard, run};
use super::{Dpor, DporState, Experiment, Report, Search, SearchState, Trial};
use crate::{EventRecord, Hazard, Hold, Outcome, Plan, Simulator, Span, Violation};
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Runs of one experiment between two looks at the clock.
const PORTION_RUNS: u64 = 64;

/// A hold of a converted run ends after this in any case.
const HOLD_LONGEST: Span = Span::millis(1_000);

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

/// What was found before.
#[derive(Clone)]
struct Known {
    violations: Vec<Violation>,
    hazards: Vec<Hazard>,
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
            let known = Known {
                violations: tally.report.findings.iter().map(|f| f.violation.clone()).collect(),
                hazards: tally.report.hazards.clone(),
            };
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
fn portion(dpor: Dpor, experiment: &dyn Experiment, base: &Trial, known: &Known, mut progress: DporState) -> Portion {
    let mut simulator = Simulator::new();
    let mut known = known.clone();
    let (mut ran, mut runs) = (Vec::new(), 0);
    dpor.explore(experiment, &mut simulator, base, &mut progress, &mut |mut outcome, _| {
        runs += 1;
        let is_new = |violation: &&Violation| known.violations.iter().all(|known| !known.is_same_finding(violation));
        let violations: Vec<Violation> = outcome.violations.iter().filter(is_new).cloned().collect();
        let is_new = |hazard: &&Hazard| known.hazards.iter().all(|known| !is_same_hazard(known, hazard));
        let hazards: Vec<Hazard> = outcome.hazards.iter().filter(is_new).cloned().collect();
        let new = Known { violations, hazards };
        let is_any_new = !new.violations.is_empty() || !new.hazards.is_empty();
        let timed = is_any_new.then(|| timed(experiment, base, &outcome, &new)).flatten();
        known.violations.extend(new.violations);
        known.hazards.extend(new.hazards);
        // Events are many, and a hazard counts where a timed run shows it.
        outcome.events.clear();
        outcome.hazards.clear();
        ran.push(timed.unwrap_or_else(|| (base.clone(), outcome)));
        runs < PORTION_RUNS
    });
    Portion { progress, ran }
}

/// The timed run that shows what a controlled one has shown; none if none is found.
fn timed(experiment: &dyn Experiment, base: &Trial, controlled: &Outcome, new: &Known) -> Option<(Trial, Outcome)> {
    let (names, steps) = (&controlled.thread_names, controlled.step_table);
    let stalls = controlled.events.iter().filter_map(|event| event.stall(names, steps)).collect();
    let pairs = controlled.events.windows(2).filter(|pair| pair[1].late > Span::ZERO && !pair[1].patient);
    let pairs = pairs.filter(|pair| pair[0].actor.thread() != pair[1].actor.thread());
    let hold = |pair: &[EventRecord]| Hold {
        at: pair[1].point(names, steps),
        until: pair[0].point(names, steps),
        longest_ns: HOLD_LONGEST.0,
    };
    let plans = [Plan::of_stalls(stalls), Plan::of_holds(pairs.map(hold).collect())];
    plans.into_iter().find_map(|plan| {
        let trial = Trial { plan, ..base.clone() };
        let outcome = run(experiment, &trial);
        let breaks = |violation: &Violation| outcome.violations.iter().any(|shown| shown.is_same_finding(violation));
        let has = |hazard: &Hazard| outcome.hazards.iter().any(|shown| is_same_hazard(shown, hazard));
        let shows = new.violations.iter().all(breaks) && (!new.violations.is_empty() || new.hazards.iter().all(has));
        shows.then_some((trial, outcome))
    })
}
