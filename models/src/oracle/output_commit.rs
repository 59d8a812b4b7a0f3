//! Output commit: what a client has seen is part of the state that goes on.
//!
//! A packet of the PVM that was released is covered if the PVM had sent it before the checkpoint whose devices the SVM has, or
//! if the SVM has sent the same since then and before the failover, unless the flush of a later checkpoint has begun (then what
//! it did is gone, and the devices of that checkpoint have to follow). If the primary goes on instead there is nothing to judge: all
//! that was released is its own.

use super::{CONNECTION_BROKEN, OUTPUT_NOT_COMMITTED, Oracle};
use crate::network_output::NetworkOutput;
use colosim_sim::{Cx, Violation};

impl Oracle {
    /// A failover of the secondary has ended.
    pub fn check_output(&self, cx: &Cx, output: &NetworkOutput) {
        if self.left_colo.borrow().is_none() {
            return;
        }
        let lost = output.lost();
        if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
            let detail = format!(
                "clients have seen {} packets, {} to {}, that are no part of the state that the secondary goes on from: its \
                 devices are those of checkpoint {}, and no guest with these has sent them",
                lost.len(),
                first.packet.number,
                last.packet.number,
                output.loaded()
            );
            cx.sim.report(Violation {
                kind: OUTPUT_NOT_COMMITTED,
                object: "network output".into(),
                culprit: first.released_by.clone(),
                cause: self.left_colo.borrow().clone(),
                detail,
            });
        }
        let broken = output.broken_connections();
        if !broken.is_empty() {
            self.once(cx, CONNECTION_BROKEN, "network output", self.left_colo.borrow().clone(), || {
                format!("the secondary's sequence numbers do not go on from those that clients {broken:?} have")
            });
        }
    }
}
