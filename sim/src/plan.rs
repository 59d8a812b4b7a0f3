//! Plans: what an adversary adds to an undisturbed run.
//!
//! The adversary never reorders events. It lets a named thread pause at its n-th visit of a named step, as a host's
//! scheduler may at any time; so every run under a plan is a timed run that could happen.

use serde::{Deserialize, Serialize};

/// A pause of one thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Name of the thread.
    pub thread: String,
    /// Name of the step before whose action it pauses.
    pub step: String,
    /// Which visit of that step by that thread; 1 is the first.
    pub visit: u32,
    /// How long, in nanoseconds.
    pub span_ns: u64,
}

/// All pauses of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// In no particular order: each acts on its own.
    pub stalls: Vec<Stall>,
    /// Does the host preempt threads by itself too, as its profile says? Without that the adversary's pauses are the only
    /// ones, and what a finding needs of them is exact.
    #[serde(default)]
    pub host_preempts: bool,
}

impl Plan {
    /// The plan in which no thread is ever paused.
    pub fn undisturbed() -> Plan {
        Plan::default()
    }

    /// The plan in which the host preempts threads as its profile says, and nobody else does.
    pub fn natural() -> Plan {
        Plan { stalls: Vec::new(), host_preempts: true }
    }
}
