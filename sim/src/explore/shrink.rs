//! From a trial that shows a finding to a smaller one that still does.
//!
//! Greedy, as the last stage of delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", TSE
//! 2002), for a trial has a handful of parts: leave out one stall or fault at a time, begin again whenever one could go, end when
//! none can (the trial is then 1-minimal), and at last move each stall to an earlier visit of its step, so that the story is short.
//! The seed stays: a finding may need the noise that came with it. Spans are shortened by [`windows`](super::windows).

use super::{Experiment, Trial, shows};
use crate::{Simulator, Violation};

/// A trial that was made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest trial that was found; it shows the finding if the one to begin with did.
    pub trial: Trial,
    /// Runs it took.
    pub runs: u64,
    /// No single stall or fault can be left out. False if the runs were used up before that was known, or if the trial did not
    /// show the finding in the first place.
    pub is_minimal: bool,
}

/// Make `trial` smaller as long as it still shows `finding`, with at most `runs_max` runs.
pub fn shrink(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &Trial,
    finding: &Violation,
    runs_max: u64,
) -> Shrunk {
    let mut attempt = Attempts { experiment, simulator, finding, runs: 0, runs_max };
    let mut smallest = trial.clone();
    let mut is_minimal = attempt.shows(trial) == Some(true);
    if is_minimal {
        is_minimal = drop_parts(&mut attempt, &mut smallest);
        move_to_earlier_visits(&mut attempt, &mut smallest);
    }
    Shrunk { trial: smallest, runs: attempt.runs, is_minimal }
}

struct Attempts<'a> {
    experiment: &'a dyn Experiment,
    simulator: &'a mut Simulator,
    finding: &'a Violation,
    runs: u64,
    runs_max: u64,
}

impl Attempts<'_> {
    /// `None` when the runs are used up.
    fn shows(&mut self, trial: &Trial) -> Option<bool> {
        if self.runs == self.runs_max {
            return None;
        }
        self.runs += 1;
        Some(shows(self.experiment, self.simulator, trial, self.finding))
    }
}

/// Whether it came to an end before the runs were used up.
fn drop_parts(attempt: &mut Attempts<'_>, smallest: &mut Trial) -> bool {
    'again: loop {
        for trial in without_one_part(smallest) {
            match attempt.shows(&trial) {
                None => return false,
                Some(false) => {}
                Some(true) => {
                    *smallest = trial;
                    continue 'again;
                }
            }
        }
        return true;
    }
}

/// All trials that have one stall less, then all that have one fault less.
fn without_one_part(trial: &Trial) -> Vec<Trial> {
    let stalls = (0..trial.plan.stalls.len()).map(|i| {
        let mut less = trial.clone();
        less.plan.stalls.remove(i);
        less
    });
    let faults = (0..trial.faults.len()).map(|i| {
        let mut less = trial.clone();
        less.faults.remove(i);
        less
    });
    stalls.chain(faults).collect()
}

/// The first of visit 1, 2, 4, 8 … that shows the finding too.
fn move_to_earlier_visits(attempt: &mut Attempts<'_>, smallest: &mut Trial) {
    for i in 0..smallest.plan.stalls.len() {
        let visit = smallest.plan.stalls[i].visit;
        for earlier in (0..u32::BITS).map(|power| 1 << power).take_while(|earlier| *earlier < visit) {
            let mut trial = smallest.clone();
            trial.plan.stalls[i].visit = earlier;
            match attempt.shows(&trial) {
                None => return,
                Some(false) => {}
                Some(true) => {
                    *smallest = trial;
                    break;
                }
            }
        }
    }
}
