//! Block replication (QEMU `block/replication.c`, `block/quorum.c`), as COLO uses it.
//!
//! ```text
//!  primary                                             secondary
//!    PVM ── writes ──▶ quorum ──▶ local disk             SVM ── writes ──▶ active disk
//!                        │                                                   │ backed by
//!                        └──▶ replication node ═══ NBD ═══════════╗        hidden disk ◀── old clusters ─┐
//!                                                                 ║          │ backed by                │ backup job
//!                                                                 ╚════▶ secondary disk ────────────────┘
//! ```
//!
//! The SVM sees its own writes over the disk as it was at the last checkpoint. A checkpoint empties active and hidden disk; a
//! failover commits them into the secondary disk. The content of a cluster is a 64-bit tag that tells who wrote it.
//!
//! **Not modelled**: reads; writes that are not a whole cluster; more than one write of the PVM at a time; disks that differ at
//! the start, and writes before COLO (the replication node refuses them, the quorum outvotes it); TLS; a commit that fails
//! ([`Stage::FailoverFailed`] is there for what follows from it); the NBD server as part of the main loop (it is a thread of its
//! own here, which takes the BQL for each request).

mod nbd;
mod primary;
mod secondary;

pub use primary::PrimaryDisk;
pub use secondary::{ReplicationError, SecondaryDisk, commit_turn, nbd_server_thread};

use crate::guest::Side;
use crate::scenario::Disk;
use colosim_sim::Sim;
use colosim_sim::random::Stream;

/// Size of a cluster: what the backup job saves at once, and what the guest writes.
pub const CLUSTER_BYTES: u64 = 64 << 10;

/// Stage of a replication node (`BlockReplicationStage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not started.
    None,
    /// Started.
    Running,
    /// Stopped by a failover: active and hidden disk are being committed.
    Failover,
    /// That did not work.
    FailoverFailed,
    /// Stopped, or committed.
    Done,
}

/// Which cluster a guest writes next, and with what.
struct DiskWrites {
    stream: Stream,
    side: Side,
    clusters: u64,
    count: u64,
}

impl DiskWrites {
    fn new(sim: &Sim, disk: Disk, side: Side) -> DiskWrites {
        let object = match side {
            Side::Primary => "primary",
            Side::Secondary => "secondary",
        };
        DiskWrites { stream: sim.stream("disk", object), side, clusters: clusters(disk), count: 0 }
    }

    /// The next write: cluster and content.
    fn next(&mut self) -> (usize, u64) {
        self.count += 1;
        (self.stream.below(self.clusters) as usize, (self.side as u64) << 60 | self.count)
    }
}

fn clusters(disk: Disk) -> u64 {
    disk.size.bytes() / CLUSTER_BYTES
}
