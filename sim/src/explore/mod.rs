//! Exploration: many runs of the same program, in search of one in which something breaks.
//!
//! ```text
//!  experiments ─▶ undisturbed run ─▶ strategy ─▶ trials ─▶ search ─▶ findings ─▶ shrink ─▶ window
//!  (a model, all     counts how often  (stalls,   (seed,     (workers,   (first trial   (least    (shortest
//!   but the trial     each thread does  timed …)   faults,    batches)    of each)       trial)    stalls)
//!   fixed)            each step)                   plan)
//! ```
//!
//! A host may deschedule a thread at any moment, and a network may delay any byte; a real scheduler has no freedom beyond
//! that. So a trial never reorders events: it adds *stalls* to the run, and every trial is a timed run that could happen.
//!
//! # What a search proves
//! - **A finding is a proof that the program can break**: its trial is a timed run, and it can be run again.
//! - **No finding is no proof that it cannot.** [`Stalls`] and [`Timed`] draw at random; they say "not found in n runs", and
//!   with [`Rate`] how rare it is at most under the same draws. Races that need more stalls than a trial has, or stalls longer
//!   than the largest span, are out of reach, and so are faults that no experiment contains.
//! - **A hazard** (two conflicting accesses that nothing orders) is found from one run, whether or not it did harm. It is no
//!   proof of harm either: what keeps the two apart may be the protocol, in a way that is no synchronisation.
//! - **A search that ended early** says so (`complete` is false) and how many runs it made. [`Search::run_from`] goes on from its
//!   [`SearchState`].
//! - **[`Coverage`]** tells how many distinct interleavings the runs were, and whether new ones still come.
//!
//! The result depends on the experiments, the strategy and the seeds, and on nothing else: neither on the number of workers nor
//! on the machine. Where it was cut off by a budget, what was run is the beginning of the same sequence of runs.
//!
//! # Adding a strategy
//! A [`Strategy`] turns the undisturbed run of an experiment into a sequence of trials; one that enumerates ends its sequence
//! when it is through. Each is one file of this folder.

mod continued;
mod coverage;
mod dpor;
mod dpor_search;
mod exhaustive;
mod likelihood;
mod nearest;
mod order;
mod pct;
mod places;
mod resume;
mod reversals;
mod search;
mod shrink;
mod stalls;
mod swarm;
mod timed;
mod timed_plan;
mod verify;
mod window;

pub use continued::Continued;
pub use coverage::Coverage;
pub use dpor::{Dpor, DporState};
pub use dpor_search::Reduced;
pub use exhaustive::Exhaustive;
pub use likelihood::{LikelihoodPoint, decided_after, likelihood};
pub use nearest::{Nearest, nearest};
pub use order::{EventOrder, Race, Second};
pub use pct::Pct;
pub use resume::SearchState;
pub use search::{Finding, Progress, Report, Search};
pub use shrink::{Shrunk, shrink};
pub use stalls::Stalls;
pub use swarm::Swarm;
pub use timed::{Rate, Timed};
pub use timed_plan::{fewer_pauses, timed_plan};
pub use verify::{Determinism, Difference, NamedRecord, verify};
pub use window::{Window, windows};

use crate::{Outcome, Plan, Simulator, Violation};
use serde::{Deserialize, Serialize};

/// One run of an experiment: a seed, a choice of its faults, and the adversary's plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Which faults of the experiment strike, by index, ascending.
    pub faults: Vec<u32>,
    /// The adversary.
    pub plan: Plan,
}

impl Trial {
    /// The trial in which all faults of `experiment` strike and nothing else disturbs.
    pub fn undisturbed(experiment: &dyn Experiment, seed: u64) -> Trial {
        Trial { seed, faults: (0..experiment.fault_count()).collect(), plan: Plan::undisturbed() }
    }
}

/// Something that can be run again and again: a model with everything fixed but the trial.
pub trait Experiment: Sync {
    /// Faults that a trial can choose from.
    fn fault_count(&self) -> u32;
    /// Run it.
    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome;
}

/// A way of choosing trials.
pub trait Strategy: Sync {
    /// The trials of one experiment.
    ///
    /// `base` is the undisturbed trial with the first seed of `seeds` and `undisturbed` its outcome; the search has made that
    /// run already, and it is the first of its runs.
    fn trials<'a>(
        &'a self,
        base: &'a Trial,
        undisturbed: &'a Outcome,
        seeds: std::ops::Range<u64>,
    ) -> Box<dyn Course + 'a>;

    /// The runs are not disturbed but controlled: every interleaving of each experiment's undisturbed trial is explored, and
    /// there are no other trials.
    fn controls(&self) -> Option<Dpor> {
        None
    }

    /// Does it learn from the events of this trial's run ([`Outcome::events`])? The undisturbed run is asked about too.
    fn needs_events(&self, _trial: &Trial) -> bool {
        false
    }
}

/// The trials of one experiment, one after the other, and what comes of them.
pub trait Course {
    /// The next trial. `None`: there is none before the outcomes of those given out are known; if they are, the course is
    /// through.
    fn next_trial(&mut self) -> Option<Trial>;
    /// A trial has been run. Outcomes come in the order of the trials.
    fn learn(&mut self, _trial: &Trial, _outcome: &Outcome) {}
    /// How many trials are still to be given out, as far as that is known.
    fn trials_left(&self) -> Option<u64>;
    /// About how many trials there are in all, where that is not known from the start: for a search that would take too long.
    fn estimated_trials(&self) -> Option<u64> {
        None
    }
    /// What it has learned so far and how far it has come, as text; a new course of the same strategy that is given it goes on
    /// from there. `None`: its trials are known from the start, and one that has given out as many stands where this one does.
    /// Asked between batches, when the outcomes of all trials that were given out are known.
    fn memory(&self) -> Option<String> {
        None
    }
    /// Go on where the course with this memory stood.
    ///
    /// # Errors
    /// If it is not the memory of a course of this strategy: what is wrong with it.
    fn remember(&mut self, _memory: &str) -> Result<(), String> {
        Err("it has a memory, and the strategy learns nothing".to_owned())
    }
}

/// A course that learns nothing: trials known from the start.
impl<I: Iterator<Item = Trial>> Course for I {
    fn next_trial(&mut self) -> Option<Trial> {
        self.next()
    }

    fn trials_left(&self) -> Option<u64> {
        self.size_hint().1.map(|trials| trials as u64)
    }
}

/// Does the run that `trial` describes show the finding?
fn shows(experiment: &dyn Experiment, simulator: &mut Simulator, trial: &Trial, finding: &Violation) -> bool {
    experiment.run(simulator, trial, false).violations.iter().any(|v| v.is_same_finding(finding))
}
