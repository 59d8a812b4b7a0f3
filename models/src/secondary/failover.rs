//! Failover of the secondary (QEMU `migration/colo-failover.c`, `secondary_vm_do_failover` in `migration/colo.c`).
//!
//! While anybody waits for vCPUs the BQL is free: when a running VM is stopped (C11, F2), and, with KVM, when the vCPUs' state is
//! pulled before a checkpoint's RAM is loaded (C14) and pushed after its devices are (C23). In the last of these a failover finds
//! `vmstate_loading` set, and has to be asked for again by the COLO thread.
//!
//! **Not modelled**: a bottom half that a nested poll runs in the COLO thread (in C3, C7 and C11, where the disks are activated,
//! started, drained). Were it this one, the COLO thread would join itself in F12, and the process would abort.

use super::multifd_recv_sync::{multifd_recv_park, multifd_recv_shutdown};
use super::vm::RunState;
use super::{FailoverState, MigrationStatus, Secondary, Work};
use crate::scenario::Accel;
use crate::steps::{failover as step, monitor, yank};
use crate::variant::{FailoverMultifd, FailoverOrder, UserCont};
use colosim_sim::{Cx, StepId};

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

    qemu.stop_vm(cx, step::STOP_VM).await; // F2

    cx.step(step::CHECK_LOADING).await; // F3
    if qemu.vmstate_loading.read(cx) {
        qemu.failover_state.compare_exchange(cx, FailoverState::Active, FailoverState::Relaunch);
        return;
    }
    if qemu.variant.failover_order == FailoverOrder::ParkFirst {
        multifd_recv_park(cx, qemu).await;
    }

    cx.step(step::LEAVE_COLO_STATE).await; // F4
    qemu.state.compare_and_swap(cx, MigrationStatus::Colo, MigrationStatus::Completed);
    qemu.oracle.left_colo(cx);

    cx.step(step::STOP_REPLICATION).await; // F5
    if qemu.disk.get().is_some_and(|disk| disk.stop()) {
        qemu.post(cx, Work::CommitJob);
    }
    cx.step(step::NOTIFY_FILTERS).await; // F6
    qemu.output.get().inspect(|output| output.failover());

    cx.step(step::SHUTDOWN_MAIN).await; // F8
    qemu.main.shutdown();
    if qemu.variant.failover_multifd == FailoverMultifd::ShutdownInF8 {
        multifd_recv_shutdown(cx, qemu).await;
    }

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
    /// `vm_stop_force_state(COLO)`, with the BQL held. If the VM runs, the BQL is free while this thread waits for the vCPUs to
    /// pause, and once more before it returns.
    pub(super) async fn stop_vm(&self, cx: &Cx, step: StepId) {
        if !self.vm.begin_stop(cx) {
            cx.step(step).await;
            return;
        }
        self.bql.unlock(cx);
        cx.step(step).await;
        self.bql.lock(cx).await;
        self.vm.pause(cx, &self.blocks);
        self.disk.get().filter(|_| !self.vm.is_running(cx)).inspect(|disk| disk.vm_stops(cx.sim.now()));
        self.output.get().filter(|_| !self.vm.is_running(cx)).inspect(|output| output.svm.stop(cx));
        self.oracle.secondary_runs(self.vm.is_running(cx));
        self.bql.unlock(cx);
        self.bql.lock(cx).await;
    }

    /// Push or pull the state of all vCPUs. With KVM each vCPU's own thread does that, and the BQL is free meanwhile.
    pub(super) async fn synchronize_vcpus(&self, cx: &Cx, step: StepId) {
        if self.accel == Accel::Kvm {
            self.bql.unlock(cx);
            cx.step(step).await;
            self.bql.lock(cx).await;
        }
    }

    /// `vm_start`.
    pub(super) fn start_vm(&self, cx: &Cx) {
        self.oracle.secondary_starts(cx, self);
        self.vm.start(cx);
        self.disk.get().inspect(|disk| disk.vm_starts(cx.sim.now()));
        self.output.get().inspect(|output| output.svm.start(cx));
        self.oracle.secondary_runs(self.vm.is_running(cx));
    }

    /// Monitor command `cont`, dispatched by the main loop with the BQL held. For a VM that runs it does nothing; for one that
    /// waits for the end of its migration it is a promise to start it then, which COLO does anyway.
    pub(super) async fn user_cont(&self, cx: &Cx) {
        cx.step(monitor::CONT).await;
        match (self.vm.run_state(cx), self.variant.user_cont) {
            (RunState::Running | RunState::InMigrate, _) => {}
            (RunState::Colo, UserCont::Refused) => self.error("cont: the VM is in run state colo".into()),
            (RunState::Colo, UserCont::Allowed) => self.start_vm(cx),
        }
    }

    /// Monitor command `nbd-server-stop`, dispatched by the main loop with the BQL held.
    pub(super) async fn stop_nbd_server(&self, cx: &Cx) {
        cx.step(monitor::NBD_SERVER_STOP).await;
        self.disk.get().inspect(|disk| disk.stop_nbd_server());
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
