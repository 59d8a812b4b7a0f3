//! One checkpoint: a guest that goes on after failover has RAM, devices and disk of the same one.
//!
//! The number alone tells, whatever the contents: a guest whose disk is of another checkpoint may happen to find the same bytes
//! there, and be wrong about what it has written.

use super::{Oracle, TORN_CHECKPOINT, TORN_DISK};
use crate::secondary::{DeviceState, Secondary};
use colosim_sim::Cx;

impl Oracle {
    /// The SVM is started; after failover, it must be from a whole checkpoint.
    pub(crate) fn secondary_starts(&self, cx: &Cx, qemu: &Secondary) {
        let Some(ram) = self.committed.borrow().as_ref().map(|state| state.number) else { return };
        if self.left_colo.borrow().is_none() {
            return;
        }
        let cause = self.left_colo.borrow().clone();
        let devices = match qemu.devices.get() {
            DeviceState::Whole { checkpoint } if checkpoint == ram => None,
            DeviceState::Whole { checkpoint } => Some(format!("those of checkpoint {checkpoint}")),
            DeviceState::Half { checkpoint } => Some(format!("half those of checkpoint {checkpoint}, half older")),
        };
        if let Some(devices) = devices {
            self.once(cx, TORN_CHECKPOINT, "device state", cause.clone(), || {
                format!("the guest is started with the RAM of checkpoint {ram} and devices that are {devices}")
            });
        }
        let Some(disk) = qemu.disk.get() else { return };
        let of = disk.checkpoint();
        let differing =
            self.committed_disk.borrow().as_ref().map_or(0, |disk_of_ram| disk.differing(cx.sim.now(), disk_of_ram));
        if of != ram || differing > 0 {
            self.once(cx, TORN_DISK, "disk", cause, || {
                format!(
                    "the guest is started with the RAM of checkpoint {ram} and the disk of checkpoint {of}; {differing} \
                     clusters differ from the primary's at the former"
                )
            });
        }
    }
}
