//! The COLO loop of the primary (QEMU `colo_process_checkpoint` in `migration/colo.c`), run by the migration thread: P2 to
//! P17, and one checkpoint: P20 to P37.
//!
//! A checkpoint is wanted when the timer is due, x-checkpoint-delay after the previous one was *asked for*, or when
//! colo-compare asks for it. Requests that come before P34 are part of the checkpoint under way.

use super::failover::colo_failover_requested;
use super::main_channel::FromSecondary;
use super::migration_thread::device_state;
use super::ram_save::qemu_savevm_live_state;
use super::{MigrationState, Primary};
use crate::metrics::Checkpoint;
use crate::scenario::{DelayFrom, Place};
use crate::steps::colo_primary as step;
use crate::variant::{ReadyWait, ReleasePoint};
use crate::wire::colo_message::{self, ColoMessage};
use crate::wire::stream::Item;
use colosim_sim::{Cx, Ordering, Span, Time};

/// No item of a stream starts with this byte.
const NO_ITEM: u8 = 0xff;

/// How a checkpoint failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The transaction returns a negative value: the loop ends.
    Returned,
    /// The error is printed, but the value returned is the 0 of P27: the loop goes on, with the PVM stopped.
    Printed,
}

/// `colo_process_checkpoint`. The BQL is not held.
pub(super) async fn colo_process_checkpoint(cx: &Cx, qemu: &Primary) {
    cx.step(step::ENTER).await; // P2
    qemu.failover_state.store(cx, super::FailoverState::None, Ordering::Relaxed);
    qemu.compare_notifier.set(true); // P4

    if wait_ready(cx, qemu).await.is_ok() {
        qemu.bql.lock(cx).await;
        cx.step(step::START_VM).await; // P7
        qemu.disk.get().inspect(|disk| disk.start_replication());
        qemu.start_vm(cx);
        qemu.bql.unlock(cx);
        qemu.recorder.borrow_mut().downtime_ns = cx.sim.now().since(qemu.downtime_start.get()).0;
        arm_timer(cx, qemu); // P8
        if qemu.variant.ready_wait == ReadyWait::No {
            qemu.checkpoint_event.set(cx);
        }
        checkpoint_loop(cx, qemu).await;
    }

    cx.step(step::EXIT_EVENT).await; // P14
    cx.step(step::WAIT_EXIT).await; // P15
    qemu.exit_event.wait_idle(cx).await;
    qemu.compare_notifier.set(false); // P16
    qemu.checkpoint_timer.disarm();
}

/// P5. The design that does not wait takes the secondary for ready, and for its first checkpoint also for stopped (P21, which
/// would make up for P5): it looks at neither answer before it waits for the next one.
async fn wait_ready(cx: &Cx, qemu: &Primary) -> Result<(), ()> {
    if qemu.variant.ready_wait == ReadyWait::No {
        qemu.unread.borrow_mut().extend([ColoMessage::CheckpointReady, ColoMessage::CheckpointReply]);
        return Ok(());
    }
    cx.step(step::WAIT_READY).await;
    receive(cx, qemu, ColoMessage::CheckpointReady).await
}

/// P9 to P13.
async fn checkpoint_loop(cx: &Cx, qemu: &Primary) {
    let in_colo = || qemu.state.load(cx, Ordering::Relaxed) == MigrationState::Colo;
    let mut previous_request = cx.sim.now();
    while in_colo() {
        if colo_failover_requested(cx, qemu) {
            return qemu.error("failover request"); // P10
        }
        cx.step(step::WAIT_EVENT).await; // P11
        qemu.checkpoint_event.wait_idle(cx).await;
        if !in_colo() {
            return; // P12
        }
        let request = cx.sim.now();
        let interval = request.since(previous_request);
        previous_request = request;
        if colo_do_checkpoint_transaction(cx, qemu, interval).await == Err(Broken::Returned) {
            return; // P13
        }
    }
}

/// `colo_do_checkpoint_transaction`: P20 to P37.
async fn colo_do_checkpoint_transaction(cx: &Cx, qemu: &Primary, interval: Span) -> Result<(), Broken> {
    let number = begin_measuring(qemu, interval);
    let before = Snapshot::of(qemu);

    cx.step(step::SEND_REQUEST).await; // P20
    send(cx, qemu, ColoMessage::CheckpointRequest).await?;
    qemu.milestones.reach(cx, Place::Requested { checkpoint: number });
    cx.step(step::WAIT_REPLY).await; // P21
    if qemu.unread.borrow().is_empty() {
        receive(cx, qemu, ColoMessage::CheckpointReply).await.map_err(|_| Broken::Returned)?;
    }

    let stopped = stop_vm_for_checkpoint(cx, qemu, number).await?; // P23
    if colo_failover_requested(cx, qemu) {
        return Err(Broken::Returned); // P24
    }

    qemu.bql.lock(cx).await;
    cx.step(step::REPLICATION_CHECKPOINT).await; // P25
    cx.step(step::SEND_VMSTATE_SEND).await; // P26
    let sent = send(cx, qemu, ColoMessage::VmstateSend).await;
    let mut blob = Vec::new();
    if sent.is_ok() {
        cx.step(step::SAVE_DEVICES).await; // P27
        blob = device_state(qemu, number);
        if let (true, Some(end)) = (qemu.device_state_is_corrupt.get(), blob.last_mut()) {
            *end = NO_ITEM; // where the byte EOF should be
        }
    }
    qemu.bql.unlock(cx);
    sent?;

    cx.step(step::SAVE_RAM).await; // P29: its result is ignored, an error shows as one of the channel
    qemu.milestones.reach(cx, Place::SavingRam { checkpoint: number });
    qemu_savevm_live_state(cx, qemu).await;
    qemu.file.put_item(&Item::Eof);

    cx.step(step::SEND_SIZE).await; // P31
    send(cx, qemu, ColoMessage::VmstateSize).await.map_err(|_| Broken::Printed)?;
    qemu.file.put(|out| out.extend_from_slice(&(blob.len() as u64).to_be_bytes()));
    qemu.file.flush(cx, qemu).await;
    if qemu.file.has_error() {
        qemu.error("cannot send the size of the device state");
        return Err(Broken::Printed);
    }
    cx.step(step::SEND_BLOB).await; // P32
    qemu.file.put_buffer(cx, qemu, &blob).await;
    qemu.file.flush(cx, qemu).await;
    if qemu.file.has_error() {
        qemu.error("cannot send the device state");
        return Err(Broken::Returned);
    }

    if qemu.variant.release_point == ReleasePoint::AfterSent {
        release_output(cx, qemu).await;
    }

    cx.step(step::WAIT_RECEIVED).await; // P33
    receive(cx, qemu, ColoMessage::VmstateReceived).await.map_err(|_| Broken::Printed)?;
    cx.step(step::RESET_EVENT).await; // P34
    qemu.checkpoint_event.reset(cx);
    if qemu.variant.release_point == ReleasePoint::AfterReceived {
        release_output(cx, qemu).await;
    }
    cx.step(step::WAIT_LOADED).await; // P36
    receive(cx, qemu, ColoMessage::VmstateLoaded).await.map_err(|_| Broken::Printed)?;
    if qemu.variant.release_point == ReleasePoint::AfterLoaded {
        release_output(cx, qemu).await;
    }

    qemu.bql.lock(cx).await;
    cx.step(step::RESUME_VM).await; // P37
    qemu.start_vm(cx);
    if qemu.migration.checkpoint_delay_from == DelayFrom::Resume {
        arm_timer(cx, qemu);
    }
    qemu.bql.unlock(cx);
    finish_measuring(cx, qemu, number, stopped, before);
    Ok(())
}

/// P35: `colo_notify_compares_event(CHECKPOINT)`.
async fn release_output(cx: &Cx, qemu: &Primary) {
    cx.step(step::RELEASE_OUTPUT).await;
    if let Some(output) = qemu.output.get() {
        output.compare.checkpoint(cx).await;
    }
}

/// P23: stop the VM, unless failover was asked for. Returns when it stopped.
async fn stop_vm_for_checkpoint(cx: &Cx, qemu: &Primary, number: u32) -> Result<Time, Broken> {
    qemu.bql.lock(cx).await;
    if colo_failover_requested(cx, qemu) {
        qemu.bql.unlock(cx);
        return Err(Broken::Returned);
    }
    cx.step(step::STOP_VM).await;
    qemu.stop_vm(cx);
    qemu.drain_disk(cx).await;
    qemu.tell_checkpoint_state(number);
    let stopped = cx.sim.now();
    qemu.bql.unlock(cx);
    Ok(stopped)
}

/// `colo_checkpoint_notify`, from any thread: a checkpoint is wanted now, and the next one x-checkpoint-delay from now.
pub(super) fn colo_checkpoint_notify(cx: &Cx, qemu: &Primary) {
    qemu.checkpoint_event.set(cx);
    let number = qemu.recorder.borrow().checkpoints.len() as u32 + 1;
    // A timer that is free to be due at any time would never come to an end.
    let is_next_due = qemu.migration.checkpoint_delay_from == DelayFrom::Request;
    if is_next_due && !(cx.sim.is_controlled() && qemu.checkpoints_max.is_some_and(|max| number >= max)) {
        arm_timer(cx, qemu);
    }
}

/// The main loop was woken for the timer.
pub(super) fn checkpoint_timer_expired(cx: &Cx, qemu: &Primary) {
    if qemu.checkpoint_timer.take_due(cx.sim.now()) {
        colo_checkpoint_notify(cx, qemu);
    }
}

fn arm_timer(cx: &Cx, qemu: &Primary) {
    qemu.checkpoint_timer.arm(cx, Span(qemu.migration.x_checkpoint_delay.nanos()));
}

/// `colo_send_message`.
async fn send(cx: &Cx, qemu: &Primary, message: ColoMessage) -> Result<(), Broken> {
    qemu.file.put(|out| out.extend_from_slice(&message.encode()));
    qemu.file.flush(cx, qemu).await;
    if qemu.file.has_error() {
        qemu.error(format!("cannot send the COLO message {message}"));
        return Err(Broken::Returned);
    }
    Ok(())
}

/// `colo_receive_check_message`. The error is printed.
async fn receive(cx: &Cx, qemu: &Primary, message: ColoMessage) -> Result<(), ()> {
    let mut source = FromSecondary { cx, socket: &qemu.file.socket };
    let unread = qemu.unread.take();
    for message in unread.into_iter().chain([message]) {
        colo_message::read_expected(&mut source, message).await.map_err(|error| qemu.error(error.to_string()))?;
    }
    Ok(())
}

/// Counters at the start of a checkpoint.
struct Snapshot {
    normal: u64,
    zero: u64,
    packets: u64,
    multifd_bytes: u64,
    bytes: u64,
}

impl Snapshot {
    fn of(qemu: &Primary) -> Snapshot {
        Snapshot {
            normal: qemu.counters.normal.get(),
            zero: qemu.counters.duplicate.get(),
            packets: qemu.counters.packets.get(),
            multifd_bytes: qemu.multifd.bytes.get(),
            bytes: qemu.transferred_bytes(),
        }
    }
}

/// An entry for the checkpoint that begins; its number. Both sides count requests, so it is the secondary's entry too.
fn begin_measuring(qemu: &Primary, interval: Span) -> u32 {
    let checkpoints = &mut qemu.recorder.borrow_mut().checkpoints;
    checkpoints.push(Checkpoint { interval_ns: interval.0, ..Checkpoint::default() });
    checkpoints.len() as u32
}

fn finish_measuring(cx: &Cx, qemu: &Primary, number: u32, stopped: Time, before: Snapshot) {
    let after = Snapshot::of(qemu);
    let mut recorder = qemu.recorder.borrow_mut();
    let checkpoint = &mut recorder.checkpoints[number as usize - 1];
    checkpoint.pause_ns = cx.sim.now().since(stopped).0;
    checkpoint.dirty_pages = qemu.ram_state.last_pass_pages.get();
    checkpoint.normal_pages = after.normal - before.normal;
    checkpoint.zero_pages = after.zero - before.zero;
    checkpoint.packets = after.packets - before.packets;
    checkpoint.multifd_bytes = after.multifd_bytes - before.multifd_bytes;
    checkpoint.bytes = after.bytes - before.bytes;
    drop(recorder);
    qemu.checkpoints_done.set(number);
    qemu.checkpoint_signal(&cx.sim, number).give(cx);
}
