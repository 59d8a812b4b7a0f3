//! Failover of the primary (QEMU `failover_request_active`, `colo_failover_bh`, `primary_vm_do_failover`): the secondary is gone,
//! the PVM goes on alone. H1 to H7, in the main loop with the BQL held.
//!
//! If only the main socket is shut (H4), a thread that is stuck in a multifd socket stays there unless management yanks first.
//!
//! No compare object is told: what the PVM has sent and colo-compare holds stays there until management deletes the objects.

use super::colo::colo_checkpoint_notify;
use super::main_loop::Work;
use super::{FailoverState, MigrationState, Primary};
use crate::steps::{failover, primary_failover as step};
use crate::variant::PrimaryFailover;
use colosim_sim::{Cx, Ordering};

/// Monitor command `x-colo-lost-heartbeat`: F0.
pub(super) async fn lost_heartbeat(cx: &Cx, qemu: &Primary) {
    if qemu.state.load(cx, Ordering::Relaxed) != MigrationState::Colo {
        return qemu.error("the VM is not in COLO mode");
    }
    cx.step(failover::REQUEST).await;
    if !qemu.failover_state.compare_exchange(cx, FailoverState::None, FailoverState::Require) {
        return qemu.error("a failover is under way already");
    }
    qemu.post(cx, Work::FailoverBh);
}

/// `colo_failover_bh`: F1.
pub(super) async fn colo_failover_bh(cx: &Cx, qemu: &Primary) {
    cx.step(failover::ACTIVATE).await;
    if !qemu.failover_state.compare_exchange(cx, FailoverState::Require, FailoverState::Active) {
        return qemu.error("no failover was asked for");
    }
    primary_vm_do_failover(cx, qemu).await;
}

/// `primary_vm_do_failover`.
async fn primary_vm_do_failover(cx: &Cx, qemu: &Primary) {
    cx.step(step::STOP_VM).await; // H1
    if qemu.is_vm_running() {
        qemu.stop_vm(cx);
    }
    qemu.drain_disk(cx).await;
    cx.step(step::LEAVE_COLO_STATE).await; // H2
    qemu.state.compare_exchange(cx, MigrationState::Colo, MigrationState::Completed);
    cx.step(step::KICK).await; // H3
    colo_checkpoint_notify(cx, qemu);
    cx.step(step::SHUTDOWN_MAIN).await; // H4
    qemu.file.socket.shutdown();
    if qemu.variant.primary_failover == PrimaryFailover::AllChannels {
        qemu.multifd.channels.iter().for_each(|channel| channel.socket.shutdown());
    }
    cx.step(step::COMPLETE).await; // H5
    if !qemu.failover_state.compare_exchange(cx, FailoverState::Active, FailoverState::Completed) {
        return qemu.error("failover is not under way any more");
    }
    cx.step(step::STOP_REPLICATION).await; // H6
    qemu.disk.get().inspect(|disk| disk.stop_replication());
    cx.step(step::POST_EXIT).await; // H7
    qemu.exit_event.set(cx);
}

/// Has somebody asked for failover?
pub(super) fn colo_failover_requested(cx: &Cx, qemu: &Primary) -> bool {
    qemu.failover_state.load(cx, Ordering::AcquireRelease) != FailoverState::None
}
