//! Failover of the secondary (QEMU `migration/colo-failover.c`, `secondary_vm_do_failover` in `migration/colo.c`).

use super::{FailoverState, MigrationStatus, Secondary, Work};
use crate::steps::{failover as step, monitor, yank};
use crate::variant::UserCont;
use colosim_sim::Cx;

/// `x-colo-lost-heartbeat`, dispatched by the main loop with the BQL held.
pub(super) async fn lost_heartbeat(cx: &Cx, qemu: &Secondary) {
    if qemu.state.read(cx) != MigrationStatus::Colo {
        qemu.error("x-colo-lost-heartbeat: VM is not in COLO mode".into());
        return;
    }
    failover_request_active(cx, qemu).await;
}

/// F0: NONE to REQUIRE, and the bottom half is scheduled.
pub(super) async fn failover_request_active(cx: &Cx, qemu: &Secondary) {
    cx.step(step::REQUEST).await;
    if !qemu.failover_state.compare_exchange(cx, FailoverState::None, FailoverState::Require) {
        qemu.error("COLO failover is already active".into());
        return;
    }
    qemu.post(cx, Work::FailoverBh);
}

/// F1 to F11, in the main thread with the BQL held.
pub(super) async fn colo_failover_bh(cx: &Cx, qemu: &Secondary) {
    cx.step(step::ACTIVATE).await; // F1
    if !qemu.failover_state.compare_exchange(cx, FailoverState::Require, FailoverState::Active) {
        qemu.error("unknown error for failover".into());
        return;
    }

    cx.step(step::STOP_VM).await; // F2
    qemu.stop_vm(cx);

    cx.step(step::CHECK_LOADING).await; // F3
    if qemu.vmstate_loading.read(cx) {
        qemu.failover_state.compare_exchange(cx, FailoverState::Active, FailoverState::Relaunch);
        return;
    }

    cx.step(step::LEAVE_COLO_STATE).await; // F4
    qemu.state.compare_and_swap(cx, MigrationStatus::Colo, MigrationStatus::Completed);
    qemu.oracle.left_colo(cx);

    cx.step(step::STOP_REPLICATION).await; // F5
    cx.step(step::NOTIFY_FILTERS).await; // F6

    cx.step(step::SHUTDOWN_MAIN).await; // F8: the multifd sockets stay open
    qemu.main.shutdown();

    cx.step(step::COMPLETE).await; // F9
    if !qemu.failover_state.compare_exchange(cx, FailoverState::Active, FailoverState::Completed) {
        qemu.error("incorrect state during failover".into());
        return;
    }
    cx.step(step::SET_DONE).await; // F10
    qemu.failover_done.set(cx);
    cx.step(step::ENTER_COROUTINE).await; // F11: the coroutine goes on when this bottom half returns
    qemu.coroutine_entered.set(true);
}

impl Secondary {
    /// `vm_stop_force_state(COLO)`.
    pub(super) fn stop_vm(&self, cx: &Cx) {
        self.vm.stop(cx, &self.blocks);
        self.oracle.secondary_runs(self.vm.is_running(cx));
    }

    /// `vm_start`.
    pub(super) fn start_vm(&self, cx: &Cx) {
        self.vm.start(cx);
        self.oracle.secondary_runs(self.vm.is_running(cx));
    }

    /// Monitor command `cont`, dispatched by the main loop with the BQL held. The VM stands in run state "colo" inside a
    /// checkpoint only.
    pub(super) async fn user_cont(&self, cx: &Cx) {
        cx.step(monitor::CONT).await;
        if self.variant.user_cont == UserCont::Refused && self.state.read(cx) == MigrationStatus::Colo {
            return self.error("cont: the VM is in COLO".into());
        }
        self.start_vm(cx);
    }

    /// Monitor command `yank` of instance "migration", out of band: shuts every registered socket, the last registered
    /// first. It tells no thread and sets no flag.
    pub async fn yank(&self, cx: &Cx) {
        for socket in self.multifd.iter().rev().chain([&self.main]) {
            cx.step(yank::SHUTDOWN).await;
            socket.shutdown();
        }
    }
}
