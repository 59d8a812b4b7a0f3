//! What a run measures, under the names of `query-migrate` where QEMU has one. Times are virtual nanoseconds.

use colosim_sim::Span;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;

/// Measurements of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// From the command to the end of precopy.
    pub total_time_ns: u64,
    /// From the start of the migration thread to the end of the set-up.
    pub setup_time_ns: u64,
    /// From just before the VM was stopped at the end of precopy until it ran again (COLO: on the secondary and the primary).
    pub downtime_ns: u64,
    /// Bytes written to all channels in precopy.
    pub transferred_bytes: u64,
    /// Bytes written to the multifd channels in precopy.
    pub multifd_bytes: u64,
    /// Normal pages sent in precopy.
    pub normal: u64,
    /// Zero pages sent in precopy.
    pub duplicate: u64,
    /// Dirty syncs in precopy; as in QEMU 11.1.3 without the one of the completion.
    pub dirty_sync_count: u64,
    /// Rounds of precopy in which pages were sent.
    pub rounds: u64,
    /// Pages that the guest wrote while it ran on the primary.
    pub guest_page_writes: u64,
    /// Time the primary's guest ran, since migration began.
    pub guest_run_ns: u64,
    /// Time since migration began, until the run's end or the primary's.
    pub elapsed_ns: u64,
    /// Every checkpoint that the primary finished, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// From the failover request to the secondary's guest running.
    pub failover_ns: Option<u64>,
    /// Pages in the secondary's guest that belong to no committed state after failover.
    pub leaked_pages: u64,
    /// Checkpoints that were asked for since the two guests sent different packets.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mismatch_checkpoints: u64,
    /// Packets that clients have got.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_released: u64,
    /// Packets of the primary's guest that are held back when the run ends.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets_held: u64,
    /// The most by which auto-converge slowed the guest down, percent (`cpu-throttle-percentage`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cpu_throttle_percentage: u64,
    /// How long the compare object held each packet of the primary's guest that clients have got, ns: median.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_p50_ns: u64,
    /// 99th percentile of that, nearest rank.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_p99_ns: u64,
    /// Mean of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_mean_ns: u64,
}

impl Metrics {
    /// Sum up how long packets were held.
    pub(crate) fn count_held(&mut self, mut held: Vec<Span>) {
        held.sort_unstable();
        let Some(last) = held.len().checked_sub(1) else { return };
        let rank = |percent: usize| held[(held.len() * percent).div_ceil(100).max(1) - 1].0;
        (self.held_p50_ns, self.held_p99_ns) = (rank(50), rank(99));
        self.held_mean_ns = held.iter().map(|span| span.0).sum::<u64>() / (last as u64 + 1);
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Since the previous request.
    pub interval_ns: u64,
    /// Primary: stopped to running.
    pub pause_ns: u64,
    /// Secondary: stopped to running.
    pub secondary_pause_ns: u64,
    /// The flush, without the dirty sync before it: G4 to G7, as QEMU's trace points delimit it.
    pub flush_ns: u64,
    /// Pages copied from the cache to the guest.
    pub flush_pages: u64,
    /// Pages to send.
    pub dirty_pages: u64,
    /// Normal pages sent.
    pub normal_pages: u64,
    /// Zero pages sent.
    pub zero_pages: u64,
    /// Data packets.
    pub packets: u64,
    /// Bytes on the multifd channels.
    pub multifd_bytes: u64,
    /// Bytes on all channels.
    pub bytes: u64,
}

/// The measurements of a run that is under way; both sides write into it.
pub type Recorder = Rc<RefCell<Metrics>>;
