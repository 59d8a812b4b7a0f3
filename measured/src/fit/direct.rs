//! Costs that two trace points delimit.

use super::groups::{Group, Part};
use crate::colo::{Checkpoint, Recording};
use colosim_models::host_profile::HostProfile;

/// A delayed acknowledgement takes this long at least, microseconds: 40 ms (Linux), less a tick.
pub(super) const STALL_US: f64 = 36_000.0;

/// Flushes of fewer pages say little about what a page costs.
const FLUSHED_PAGES_MIN: f64 = 100.0;

/// Where a trace point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Primary,
    Secondary,
}
use Side::{Primary, Secondary};

/// Two trace points of one thread, and the steps in between.
#[derive(Debug)]
pub(super) struct Interval {
    side: Side,
    from: &'static str,
    to: &'static str,
    pub group: Group,
}

const fn interval(
    side: Side,
    from: &'static str,
    to: &'static str,
    source: &'static str,
    steps: &'static [&'static str],
) -> Interval {
    Interval { side, from, to, group: Group { steps, part: Part::Fixed, source } }
}

/// The trace points are QEMU's of `migration/colo.c` and `migration/ram.c`.
pub(super) static DIRECT: [Interval; 12] = [
    interval(Primary, "checkpoint-reply", "stopped", "reply to VM stopped", &["colo_primary.stop_vm"]),
    interval(Primary, "stopped", "vmstate-send", "VM stopped to vmstate-send", &["colo_primary.send_vmstate_send"]),
    interval(
        Primary,
        "vmstate-send",
        "ram-save-begin",
        "vmstate-send to ram-save-begin",
        &["colo_primary.save_devices", "migration.dirty_sync"],
    ),
    interval(Primary, "ram-save-end", "vmstate-size", "ram-save-end to vmstate-size", &["colo_primary.send_size"]),
    interval(Primary, "vmstate-loaded", "running", "vmstate-loaded to VM running", &["colo_primary.resume_vm"]),
    interval(Secondary, "checkpoint-request", "stopped", "request to VM stopped", &["colo_incoming.stop_vm"]),
    interval(Secondary, "stopped", "checkpoint-reply", "VM stopped to reply", &["colo_incoming.send_reply"]),
    interval(
        Secondary,
        "ram-load-complete",
        "vmstate-size",
        "ram-load-complete to vmstate-size",
        &["colo_incoming.read_size"],
    ),
    interval(
        Secondary,
        "vmstate-size",
        "vmstate-received",
        "vmstate-size to vmstate-received",
        &["colo_incoming.read_blob", "colo_incoming.send_received"],
    ),
    interval(
        Secondary,
        "vmstate-received",
        "flush-begin",
        "vmstate-received to flush-begin",
        &["colo_flush.sync_dirty_log", "colo_flush.merge_guest_dirty"],
    ),
    interval(
        Secondary,
        "flush-end",
        "running",
        "flush-end to VM running",
        &["colo_incoming.load_devices", "colo_incoming.clear_loading_start_vm"],
    ),
    interval(Secondary, "running", "vmstate-loaded", "VM running to vmstate-loaded", &["colo_incoming.send_loaded"]),
];

pub(super) static PER_FLUSHED_PAGE: Group =
    Group { steps: &["colo_flush.copy_run"], part: Part::PerPage, source: "flush-begin to flush-end, per page" };

/// Take every cost that is measured as it is.
pub(super) fn measure(profile: &mut HostProfile, recordings: &[&Recording]) {
    let checkpoints = || recordings.iter().flat_map(|recording| &recording.result.checkpoints);
    for interval in &DIRECT {
        let spans = checkpoints().filter_map(|checkpoint| interval.of(checkpoint)).filter(|us| *us < STALL_US);
        if let Some(us) = trimmed_mean(spans) {
            interval.group.set_sum(profile, us * 1e3);
        }
    }
    let flushes = checkpoints().filter_map(flush).filter(|(_, pages)| *pages >= FLUSHED_PAGES_MIN);
    if let Some(us) = trimmed_mean(flushes.map(|(us, pages)| us / pages)) {
        PER_FLUSHED_PAGE.set_sum(profile, us * 1e3);
    }
}

impl Interval {
    fn of(&self, checkpoint: &Checkpoint) -> Option<f64> {
        let passed = match self.side {
            Primary => &checkpoint.primary_us,
            Secondary => &checkpoint.secondary_us,
        };
        Some(passed.get(self.to)?.first()? - passed.get(self.from)?.first()?)
    }
}

/// Microseconds and pages.
fn flush(checkpoint: &Checkpoint) -> Option<(f64, f64)> {
    let at = |name| checkpoint.secondary_us.get(name)?.first();
    Some((at("flush-end")? - at("flush-begin")?, at("flush-pages")?))
}

/// The mean without the tenth at each end: what is rare and long is the host's noise, of which a profile has its own account.
/// None of nothing.
pub(super) fn trimmed_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let tenth = values.len() / 10;
    let middle = &values[tenth..values.len() - tenth];
    (!middle.is_empty()).then(|| middle.iter().sum::<f64>() / middle.len() as f64)
}
