//! What can be wrong with a run.

use crate::step::StepId;
use crate::time::Time;

/// Kinds of violations. The kernel's own are listed here; a model adds those of its oracles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str);

impl Kind {
    /// Memory was accessed after it was freed.
    pub const USE_AFTER_FREE: Kind = Kind("use-after-free");
    /// Memory was freed twice.
    pub const DOUBLE_FREE: Kind = Kind("double-free");
    /// Memory was accessed beyond its end.
    pub const OUT_OF_BOUNDS: Kind = Kind("out-of-bounds");
    /// A pointer that is NULL was followed.
    pub const NULL_DEREFERENCE: Kind = Kind("null-dereference");
    /// An assertion of the simulated program failed: the process aborts.
    pub const ASSERTION: Kind = Kind("assertion");
    /// Threads wait for each other, or for what nobody can do any more.
    pub const DEADLOCK: Kind = Kind("deadlock");
    /// A thread goes round and round while nothing else can happen.
    pub const LIVELOCK: Kind = Kind("livelock");
    /// A thread waits for longer than its bound.
    pub const HANG: Kind = Kind("hang");

    /// Does the simulated process end here? What comes after is undefined behaviour, so the run stops.
    pub fn is_fatal(self) -> bool {
        [Kind::USE_AFTER_FREE, Kind::DOUBLE_FREE, Kind::OUT_OF_BOUNDS, Kind::NULL_DEREFERENCE, Kind::ASSERTION]
            .contains(&self)
    }
}

/// A thread at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the thread.
    pub thread: String,
    /// The step it did last.
    pub step: StepId,
    /// Which visit of that step; 1 is the first.
    pub visit: u32,
    /// When it did it.
    pub at: Time,
}

/// Something that must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What kind.
    pub kind: Kind,
    /// The object it happened to, as `colo_cache`.
    pub object: String,
    /// Who did it.
    pub culprit: Place,
    /// Who made it wrong before, as the thread that freed the memory.
    pub cause: Option<Place>,
    /// One sentence with the particulars.
    pub detail: String,
}

impl Violation {
    /// Two violations are the same finding if kind, object and steps agree.
    pub fn is_same_finding(&self, other: &Violation) -> bool {
        self.kind == other.kind
            && self.object == other.object
            && self.culprit.step == other.culprit.step
            && self.cause.as_ref().map(|c| c.step) == other.cause.as_ref().map(|c| c.step)
    }
}

/// Two conflicting accesses that no synchronisation orders, in a run where they did no harm (yet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HazardKey {
    /// Index of the object's name, in the order in which the run's objects were made.
    pub object: u32,
    /// Step of the earlier access.
    pub first: StepId,
    /// Step of the later access.
    pub second: StepId,
}

/// A hazard with the threads that showed it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hazard {
    /// The object both accessed.
    pub object: String,
    /// The earlier access.
    pub first: Place,
    /// The later access.
    pub second: Place,
    /// "write after read" and the like.
    pub conflict: &'static str,
}
