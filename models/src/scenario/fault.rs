//! Faults: what strikes, where, and when.

use super::units::Span;
use serde::{Deserialize, Serialize};

/// One fault of a plan: strikes `after` this long after the place `at` was reached; without `at`, after the fault
/// before it (the first: after the start of the run).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The place that must be reached.
    #[serde(default)]
    pub at: Option<Place>,
    /// Delay from there.
    #[serde(default)]
    pub after: Option<Span>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A place of the run at which a fault can strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Place {
    /// The secondary takes the RAM of this checkpoint: its loader is inside C15 and the first page has arrived.
    LoadingRam {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary waits for the request of this checkpoint (C10).
    Idle {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The primary has sent the request of this checkpoint (P20).
    Requested {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The primary saves RAM for this checkpoint (P29).
    SavingRam {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary has stored this checkpoint and said so (C19).
    Received {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary flushes this checkpoint (C22).
    Flushing {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// A thread is about to do a step for the n-th time (1 is the first).
    Step {
        /// Name of the thread, as `multifdrecv_2`.
        thread: String,
        /// Name of the step, as `multifd_recv.copy_to_guest`.
        step: String,
        /// Which of the thread's visits.
        visit: u32,
    },
    /// A time since the start of the run.
    Time(Span),
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Action {
    /// SIGKILL: the process is gone, its sockets are closed by the kernel (reset if input was unread).
    KillPrimary,
    /// See `KillPrimary`.
    KillSecondary,
    /// SIGSTOP: no thread of the process runs, its kernel still acknowledges.
    FreezePrimary,
    /// See `FreezePrimary`.
    FreezeSecondary,
    /// Monitor command `yank` of instance "migration", out of band.
    YankPrimary,
    /// Monitor command `yank` of the block node that replicates the primary's disk, out of band.
    YankPrimaryDisk,
    /// See `YankPrimary`.
    YankSecondary,
    /// Monitor command `x-colo-lost-heartbeat`.
    FailoverPrimary,
    /// See `FailoverPrimary`.
    FailoverSecondary,
    /// No packet of the main connection arrives any more, in either direction; nobody is told.
    CutMain,
    /// No packet of one multifd connection arrives any more, in either direction; nobody is told.
    CutChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// No packet of any connection arrives any more, in either direction; nobody is told.
    CutAll,
    /// The main connection is reset.
    ResetMain,
    /// One multifd connection is reset.
    ResetChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// Something in the path breaks one multifd connection off: both ends get a reset at once, and what is under way is lost.
    BreakChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// The primary's end of one multifd connection is closed in order: what is under way arrives, then end of file.
    CloseChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// Nothing that the primary sends on the main connection arrives any more; the other direction works.
    CutMainToSecondary,
    /// Monitor command `cont` on the secondary.
    ContSecondary,
    /// From now on the secondary cannot activate its disks.
    FailDiskActivation,
    /// From now on the secondary's replication reports an error.
    FailReplication,
    /// From now on the primary's device state is one that the secondary cannot load.
    CorruptDeviceState,
}
