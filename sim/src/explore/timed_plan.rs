//! From a plan of holds, or of very many stalls, to one of few timed stalls.
//!
//! A hold says what a thread waits for; a stall of the same length at the same point does the same to the run, and its span can be
//! measured and shortened. How long each hold lasted is known from a run. Two events at the same time come in the order in which
//! they were scheduled, so a stall may have to last a little longer than the hold did.

use super::{Experiment, Trial, shows};
use crate::{HoldEnd, Simulator, Stall, Violation};

/// Turn the holds of `trial` into stalls, if a trial with stalls only shows `finding` too. Makes up to five runs.
pub fn timed_plan(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &Trial,
    finding: &Violation,
) -> Option<Trial> {
    if trial.plan.holds.is_empty() {
        return None;
    }
    let ends = experiment.run(simulator, trial, false).holds;
    let longer: [fn(u64) -> u64; 4] = [
        |span_ns| span_ns.saturating_add(1),
        |span_ns| span_ns.saturating_add(1_000),
        |span_ns| span_ns.saturating_add(span_ns / 100 + 1),
        |span_ns| span_ns.saturating_mul(2),
    ];
    longer
        .into_iter()
        .map(|longer| with_stalls(trial, &ends, longer))
        .find(|timed| shows(experiment, simulator, timed, finding))
}

/// The same trial with stalls in place of the holds that had an effect.
fn with_stalls(trial: &Trial, ends: &[HoldEnd], longer: fn(u64) -> u64) -> Trial {
    let mut timed = trial.clone();
    let holds = std::mem::take(&mut timed.plan.holds);
    for (hold, end) in holds.into_iter().zip(ends) {
        let span_ns = match end {
            HoldEnd::NotReached | HoldEnd::NotNeeded => continue,
            HoldEnd::Released(span) => longer(span.0),
            HoldEnd::Holding | HoldEnd::Expired => hold.longest_ns,
        };
        let at = hold.at;
        timed.plan.stalls.push(Stall {
            thread: at.thread,
            step: at.step,
            visit: at.visit,
            at_wait: at.at_wait,
            span_ns,
        });
    }
    timed
}

/// Leave out stalls of `trial`, which shows `finding`, in large pieces first: halves, quarters and so on down to single ones (delta
/// debugging by complements: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", TSE 2002). For plans of
/// hundreds of stalls, before [`shrink`](super::shrink); with at most `runs_max` runs.
pub fn fewer_pauses(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &Trial,
    finding: &Violation,
    runs_max: u64,
) -> Trial {
    let mut smallest = trial.clone();
    let mut runs_left = runs_max;
    let mut piece = smallest.plan.stalls.len().div_ceil(2);
    while piece > 0 {
        let before = smallest.plan.stalls.len();
        let mut from = 0;
        while from < smallest.plan.stalls.len() {
            if runs_left == 0 {
                return smallest;
            }
            runs_left -= 1;
            let mut less = smallest.clone();
            let upto = (from + piece).min(less.plan.stalls.len());
            less.plan.stalls.drain(from..upto);
            if shows(experiment, simulator, &less, finding) {
                smallest = less;
            } else {
                from = upto;
            }
        }
        // What went may let others go; at the end, until no single one can.
        let again = piece == 1 && smallest.plan.stalls.len() < before;
        piece = if again { 1 } else { piece / 2 };
    }
    smallest
}
