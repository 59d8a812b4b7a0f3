//! The loader's wait for the receive threads, their termination and clean-up (QEMU `migration/multifd.c`): Y, X, K.

use super::Secondary;
use super::multifd_recv::MultifdRecvState;
use crate::steps::{recv_cleanup, recv_sync, recv_terminate};
use crate::variant::{RecvErrorState, RecvSyncWait};
use crate::wire::WireError;
use colosim_sim::{Cx, Ordering};

/// `multifd_recv_sync_main`: Y. The loader waits until every channel has got to its SYNC, then lets them go on.
///
/// # Errors
/// Only with `recv_sync_wait: ChecksExiting`: the receive threads are on their way out.
pub(super) async fn multifd_recv_sync_main(cx: &Cx, qemu: &Secondary) -> Result<(), WireError> {
    if qemu.channels == 0 {
        return Ok(());
    }
    let recv = qemu.multifd_recv_state.dereference(cx).await;
    for _ in 0..qemu.channels {
        cx.step(recv_sync::WAIT_ALL).await; // Y1
        recv.sem_sync.wait(cx).await;
        if qemu.variant.recv_sync_wait == RecvSyncWait::ChecksExiting && recv.exiting.load(cx, Ordering::Relaxed) {
            return Err(WireError::ReceiveThreadsLeft);
        }
    }
    let params = recv.params.borrow().clone();
    for p in &params {
        cx.step(recv_sync::COLLECT).await; // Y2
        p.mutex.lock(cx).await;
        let seen = p.packet_num.read(cx).max(recv.packet_num.read(cx));
        recv.packet_num.write(cx, seen);
        p.mutex.unlock(cx);
        cx.step(recv_sync::RELEASE).await; // Y3
        p.sem_sync.post(cx);
    }
    Ok(())
}

/// `multifd_recv_terminate_threads`: X. Tells every thread to leave and wakes it; waits for none.
pub(super) async fn multifd_recv_terminate_threads(
    cx: &Cx,
    qemu: &Secondary,
    recv: &MultifdRecvState,
    error: Option<String>,
) {
    cx.step(recv_terminate::SET_EXITING).await; // X1
    if recv.exiting.exchange(cx, true) {
        return;
    }
    if let Some(error) = error {
        cx.step(recv_terminate::STORE_ERROR).await; // X2: into the outgoing object, mis->state stays
        qemu.error(error);
        if qemu.variant.recv_error_state == RecvErrorState::IncomingToo {
            qemu.receive_failed.set(true);
        }
    }
    let params = recv.params.borrow().clone();
    for p in &params {
        cx.step(recv_terminate::SHUTDOWN_CHANNELS).await; // X3
        p.sem_sync.post(cx);
        p.socket.shutdown();
    }
}

/// `multifd_recv_shutdown`: X without an error.
pub(super) async fn multifd_recv_shutdown(cx: &Cx, qemu: &Secondary) {
    if let Some(recv) = qemu.multifd_recv_state.get(cx) {
        multifd_recv_terminate_threads(cx, qemu, &recv, None).await;
    }
}

/// The first half of K: K1, K2. Every receive thread is told to leave and joined; nothing is freed.
pub(super) async fn multifd_recv_park(cx: &Cx, qemu: &Secondary) {
    let Some(recv) = qemu.multifd_recv_state.get(cx) else { return };
    cx.step(recv_cleanup::TERMINATE).await; // K1
    multifd_recv_terminate_threads(cx, qemu, &recv, None).await;
    let params = recv.params.borrow().clone();
    for p in &params {
        cx.step(recv_cleanup::JOIN).await; // K2
        if let Some(thread) = p.thread.get() {
            cx.join(thread).await;
        }
    }
}

/// `multifd_recv_cleanup`: K. Joins every receive thread, then frees what they used.
pub(super) async fn multifd_recv_cleanup(cx: &Cx, qemu: &Secondary) {
    multifd_recv_park(cx, qemu).await;
    let Some(recv) = qemu.multifd_recv_state.get(cx) else { return };
    let params = recv.params.borrow().clone();
    for p in &params {
        cx.step(recv_cleanup::FREE_CHANNELS).await; // K3
        p.socket.close();
    }
    cx.step(recv_cleanup::FREE_STATE).await; // K4
    qemu.multifd_recv_state.clear(cx);
}
