//! Nothing is left behind: when the incoming side is destroyed, so is what it allocated.

use super::{LEAKED_ALLOCATION, Oracle};
use crate::secondary::Secondary;
use colosim_sim::Cx;

impl Oracle {
    /// The incoming side has been destroyed, and the process goes on.
    pub(crate) fn destroyed(&self, cx: &Cx, qemu: &Secondary) {
        let mut left = qemu.allocations();
        left.dedup_by_key(|(object, _)| *object);
        for (object, words) in left {
            cx.violate(LEAKED_ALLOCATION, object, None, format!("{object} ({words} words) outlives the incoming side"));
        }
    }
}
