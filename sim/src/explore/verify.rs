//! Is a run a function of its trial? Run it twice and name the first step that differs.

use super::{Experiment, Trial};
use crate::{Outcome, Simulator, Time};
use std::fmt;

/// The two runs of a trial, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Determinism {
    /// Both have the same trace.
    Same {
        /// Hash of the trace.
        hash: u64,
        /// Steps of each run.
        steps: u64,
    },
    /// They differ.
    Differs(Difference),
}

/// Where two runs of a trial part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Number of the first step that differs; 0 is the first of the run.
    pub step: u64,
    /// The last step that both have in common, if there is one.
    pub before: Option<NamedRecord>,
    /// The step in the first run; `None` if that run has ended before.
    pub first: Option<NamedRecord>,
    /// The step in the second run; `None` if that run has ended before.
    pub second: Option<NamedRecord>,
}

/// A record of a trace with names, so that it can be read without the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRecord {
    /// When its action took place.
    pub time: Time,
    /// Name of the thread.
    pub thread: String,
    /// Name of the step.
    pub step: &'static str,
    /// Which visit of the step by the thread; 1 is the first.
    pub visit: u32,
    /// The hash chain's value after it.
    pub hash: u64,
}

impl NamedRecord {
    fn of(outcome: &Outcome, index: usize) -> Option<NamedRecord> {
        let record = outcome.records.get(index)?;
        Some(NamedRecord {
            time: record.time,
            thread: outcome.thread_names[record.thread.index()].clone(),
            step: outcome.step_table[record.step.index()].name,
            visit: record.visit,
            hash: record.hash,
        })
    }

    fn is_same_step(&self, other: &NamedRecord) -> bool {
        (self.time, &self.thread, self.step, self.visit) == (other.time, &other.thread, other.step, other.visit)
    }
}

impl fmt::Display for NamedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns {} {} (visit {})", self.time.0, self.thread, self.step, self.visit)
    }
}

impl fmt::Display for Determinism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Determinism::Same { hash, steps } => {
                write!(f, "two runs gave the same trace: {steps} steps, hash {hash:016x}")
            }
            Determinism::Differs(difference) => difference.fmt(f),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |record: &Option<NamedRecord>| match record {
            Some(record) => record.to_string(),
            None => "the run has ended".to_owned(),
        };
        writeln!(f, "two runs of the same trial differ, first at step {}:", self.step)?;
        writeln!(f, "  first run:  {}", show(&self.first))?;
        write!(f, "  second run: {}", show(&self.second))?;
        if let (Some(first), Some(second)) = (&self.first, &self.second)
            && first.is_same_step(second)
        {
            write!(f, "\n  the steps are the same; what was written or reported before them is not")?;
        }
        if self.first.is_none() && self.second.is_none() {
            write!(f, "\n  what was written or reported after the last step is not the same")?;
        }
        match &self.before {
            Some(before) => write!(f, "\n  the last step in common: {before}"),
            None => write!(f, "\n  the runs differ from the start: look at what the model does before its threads run"),
        }
    }
}

/// Run `trial` twice and compare the traces. Keeps both traces in memory.
pub fn verify(experiment: &dyn Experiment, simulator: &mut Simulator, trial: &Trial) -> Determinism {
    let first = experiment.run(simulator, trial, true);
    let second = experiment.run(simulator, trial, true);
    if first.hash == second.hash && first.steps == second.steps {
        return Determinism::Same { hash: first.hash, steps: first.steps };
    }
    Determinism::Differs(first_difference(&first, &second))
}

/// Where two runs part whose traces were recorded and differ.
pub(super) fn first_difference(first: &Outcome, second: &Outcome) -> Difference {
    let pairs = first.records.iter().zip(&second.records);
    let in_common = pairs.take_while(|(a, b)| a == b).count();
    Difference {
        step: in_common as u64,
        before: in_common.checked_sub(1).and_then(|last| NamedRecord::of(first, last)),
        first: NamedRecord::of(first, in_common),
        second: NamedRecord::of(second, in_common),
    }
}
