//! Plans: what an adversary adds to an undisturbed run.
//!
//! The adversary never reorders events. It lets a named thread pause at its n-th visit of a named step, as a host's
//! scheduler may at any time; so every run under a plan is a timed run that could happen. A *stall* is such a pause of a
//! given length; a *hold* lasts until another thread has passed a named step, and so says what a stall is good for.

use serde::{Deserialize, Serialize};

/// A pause of one thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Name of the thread.
    pub thread: String,
    /// Name of the step before whose action it pauses.
    pub step: String,
    /// Which visit of that step by that thread; 1 is the first. Zero: before the thread has done any step; the name of the
    /// step is that of the model's first one then.
    pub visit: u32,
    /// Zero: it pauses before the action of that visit. Else: before its n-th wait (for a lock, a message, a time) since
    /// then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at_wait: u32,
    /// How long, in nanoseconds.
    pub span_ns: u64,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A point at which a thread can be delayed: one visit of one step by it, or a wait after that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// Name of the thread.
    pub thread: String,
    /// Name of the step.
    pub step: String,
    /// Which visit of that step by that thread; 1 is the first.
    pub visit: u32,
    /// Zero: the end of the step, with its action. Else: its n-th wait since then, with what comes after it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at_wait: u32,
}

/// A pause of one thread until another has passed a step: a logical stall.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Before whose action the thread pauses.
    pub at: Visit,
    /// After this and what comes up to the next such point is done, it goes on. It does not pause if that is done already.
    pub until: Visit,
    /// If that does not happen, it goes on after this time, in nanoseconds.
    pub longest_ns: u64,
}

/// From one step on, the host's noise is that of another seed: the same beginning, another continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// So many steps of the run go as without the fork. Stalls and holds at later ones are off.
    pub after_steps: u64,
    /// Seed of costs, preemptions and the network from then on; the host preempts threads by itself.
    pub seed: u64,
}

/// All pauses of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// In no particular order: each acts on its own.
    #[serde(default)]
    pub stalls: Vec<Stall>,
    /// In no particular order, as the stalls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// Does the host preempt threads by itself too, as its profile says? Without that the adversary's pauses are the only
    /// ones, and what a finding needs of them is exact.
    #[serde(default)]
    pub host_preempts: bool,
    /// Another continuation from some step on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
}

impl Plan {
    /// The plan in which no thread is ever paused.
    pub fn undisturbed() -> Plan {
        Plan::default()
    }

    /// The plan in which the host preempts threads as its profile says, and nobody else does.
    pub fn natural() -> Plan {
        Plan { host_preempts: true, ..Plan::default() }
    }

    /// The plan with these pauses and no others.
    pub fn of_stalls(stalls: Vec<Stall>) -> Plan {
        Plan { stalls, ..Plan::default() }
    }

    /// The plan with these holds and no other pauses.
    pub fn of_holds(holds: Vec<Hold>) -> Plan {
        Plan { holds, ..Plan::default() }
    }
}
