//! Steps: the named points at which a simulated thread spends time and others may interleave.
//!
//! A model lists its steps once, as a table of [`StepInfo`]; a [`StepId`] is an index into it. Names are stable: witness
//! files, tests and readers use them.

/// A step of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u16);

impl StepId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a step stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepInfo {
    /// Stable name, as `multifd_recv.copy_to_guest`.
    pub name: &'static str,
    /// The simulated program's function that does it, and where documentation numbers it.
    pub stands_for: &'static str,
}

/// What a step costs on an undisturbed host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCost {
    /// Nanoseconds for each visit.
    pub fixed_ns: u64,
    /// Nanoseconds for each unit of work (a page, for most).
    pub per_unit_ns: u64,
}

/// How a host's costs vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Each cost is drawn uniformly from the stated one ± this many thousandths.
    pub spread_permille: u32,
    /// Mean CPU time of a thread between two preemptions, nanoseconds; zero: never preempted.
    pub preemption_interval_ns: u64,
    /// Mean length of a preemption, nanoseconds, exponentially distributed.
    pub preemption_length_ns: u64,
}
