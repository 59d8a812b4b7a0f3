//! The nearest run that passes: what has to be different, at the least, for the finding to be gone.
//!
//! Next to a minimal failing run lies one that goes well: one pause is a little shorter, and the race is won. Where the two part
//! is where the race is. Of several such runs the one that agrees longest with the failing one is the nearest.
//!
//! **Not modelled**: two changes at once, and a pause that is made longer. The trial is taken to be minimal
//! ([`shrink`](super::shrink)) and its stalls to be as short as they may be ([`windows`](super::windows)).

use super::verify::first_difference;
use super::{Difference, Experiment, Trial, Window};
use crate::{Outcome, Simulator, Violation};
use std::ops::RangeInclusive;

/// Seeds that are tried where the trial has nothing that could be left out.
const OTHER_SEEDS: RangeInclusive<u64> = 1..=20;

/// A trial that does not show the finding, next to one that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// It.
    pub trial: Trial,
    /// Where its run, the second, parts from the failing one, the first.
    pub differs_at: Difference,
}

/// The trial nearest to `trial`, which shows `finding`, that does not. `windows` are those of the trial's stalls, in their order.
///
/// Each stall in turn is given the longest span that was seen not to suffice, or left out if there is none; each hold in turn is
/// left out. If none of that helps or there is no pause at all, the last fault is left out; then the same is tried with other
/// seeds, 1 to 20, of the run or of its fork if it has one. `None` if the finding is there in all of them, or not even in `trial`. Keeps up to three traces in memory.
pub fn nearest(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &Trial,
    windows: &[Window],
    finding: &Violation,
) -> Option<Nearest> {
    let shows = |outcome: &Outcome| outcome.violations.iter().any(|v| v.is_same_finding(finding));
    let failing = experiment.run(simulator, trial, true);
    if !shows(&failing) {
        return None;
    }
    let mut passing = |trial: Trial| {
        let outcome = experiment.run(simulator, &trial, true);
        (!shows(&outcome)).then(|| Nearest { trial, differs_at: first_difference(&failing, &outcome) })
    };
    let mut nearest: Option<Nearest> = None;
    for other in with_one_pause_less(trial, windows).into_iter().filter_map(&mut passing) {
        if nearest.as_ref().is_none_or(|nearest| nearest.differs_at.step < other.differs_at.step) {
            nearest = Some(other);
        }
    }
    nearest
        .or_else(|| without_last_fault(trial).and_then(&mut passing))
        .or_else(|| with_other_seeds(trial).find_map(&mut passing))
}

fn with_one_pause_less(trial: &Trial, windows: &[Window]) -> Vec<Trial> {
    let stalls = (0..trial.plan.stalls.len()).map(|i| {
        let mut other = trial.clone();
        match windows.get(i).and_then(|window| window.too_short_ns) {
            Some(span_ns) => other.plan.stalls[i].span_ns = span_ns,
            None => drop(other.plan.stalls.remove(i)),
        }
        other
    });
    let holds = (0..trial.plan.holds.len()).map(|i| {
        let mut other = trial.clone();
        other.plan.holds.remove(i);
        other
    });
    stalls.chain(holds).collect()
}

fn without_last_fault(trial: &Trial) -> Option<Trial> {
    let mut other = trial.clone();
    other.faults.pop().map(|_| other)
}

fn with_other_seeds(trial: &Trial) -> impl Iterator<Item = Trial> {
    OTHER_SEEDS.map(|seed| {
        let mut other = trial.clone();
        match &mut other.plan.fork {
            Some(fork) => fork.seed = seed,
            None => other.seed = seed,
        }
        other
    })
}
