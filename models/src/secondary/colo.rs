//! The COLO thread of the secondary (QEMU `colo_process_incoming_thread`): C1 to C36.
//!
//! **Not modelled**: bottom halves that nested polls run in this thread (see `failover`), and C2, which only a process that is a
//! COLO primary as well could fail.

use super::channel::MainChannel;
use super::failover::failover_request_active;
use super::flush::{Flushed, colo_flush_ram_cache};
use super::incoming::qemu_loadvm_state_main;
use super::{DeviceState, FailoverState, MigrationStatus, Secondary};
use crate::guest::SavedGuest;
use crate::replication::ReplicationError;
use crate::scenario::Place;
use crate::steps::{colo_incoming as step, vcpu};
use crate::variant::{CheckpointLoadBql, ColoEntry, EarlyReturn, FailoverInit, ReceivedAck, RelaunchCheck};
use crate::wire::colo_message::{self, ColoMessage};
use crate::wire::ram_section::LastBlock;
use crate::wire::stream::{self, Item};
use crate::wire::{SliceSource, WireError, now};
use colosim_sim::link::Piece;
use colosim_sim::{Cx, Ordering};
use std::rc::Rc;
use thiserror::Error;

/// Why COLO could not be entered, or a checkpoint failed.
#[derive(Debug, Error)]
enum CheckpointError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("cannot send the COLO message {0}")]
    Send(&'static str),
    #[error(transparent)]
    Replication(#[from] ReplicationError),
    #[error("the disks cannot be activated")]
    Disks,
}

/// `colo_process_incoming_thread`.
pub(super) async fn colo_process_incoming_thread(cx: Cx, qemu: Rc<Secondary>, mut last: LastBlock) {
    let mut result = match enter_colo(&cx, &qemu).await {
        Err(error @ CheckpointError::Disks) if qemu.variant.early_return == EarlyReturn::Return => {
            return qemu.error(error.to_string()); // no event, no wait
        }
        entered => entered,
    };

    while result.is_ok() && qemu.state.read(&cx) == MigrationStatus::Colo {
        qemu.milestones.reach(&cx, Place::Idle { checkpoint: qemu.checkpoint.get() + 1 });
        cx.step(step::WAIT_REQUEST).await; // C10
        let mut channel = MainChannel { cx: &cx, qemu: &qemu, socket: &qemu.main, yields: false };
        result = match colo_message::read_request(&mut channel).await {
            Ok(()) if qemu.receive_failed.get() => Err(WireError::ReceiveThreadsLeft.into()),
            Ok(()) => colo_incoming_process_checkpoint(&cx, &qemu, &mut channel, &mut last).await,
            Err(error) => Err(error.into()),
        };

        if qemu.variant.relaunch_check == RelaunchCheck::ErrorFirst {
            cx.step(step::CHECK_ERROR).await; // C30
            if result.is_err() {
                qemu.oracle.loop_left(&cx, qemu.failover_state.peek());
                break;
            }
        }
        cx.step(step::RELAUNCH).await; // C31
        if qemu.failover_state.compare_exchange(&cx, FailoverState::Relaunch, FailoverState::None) {
            failover_request_active(&cx, &qemu).await;
            break;
        }
        if qemu.variant.relaunch_check == RelaunchCheck::RelaunchFirst {
            cx.step(step::CHECK_ERROR).await; // C30
            if result.is_err() {
                break;
            }
        }
        cx.step(step::CHECK_FAILOVER).await; // C32
        if qemu.failover_state.load(&cx, Ordering::AcquireRelease) != FailoverState::None {
            qemu.error("failover request".into());
            break;
        }
    }

    if let Err(error) = result {
        qemu.error(error.to_string());
    }
    cx.step(step::SEND_EXIT_EVENT).await; // C33
    cx.step(step::WAIT_FAILOVER_DONE).await; // C35
    qemu.failover_done.wait_idle(&cx).await; // until the management asks for failover
}

/// C1 to C8: from the end of precopy to the guest that runs and waits for checkpoints.
async fn enter_colo(cx: &Cx, qemu: &Secondary) -> Result<(), CheckpointError> {
    if qemu.variant.failover_init == FailoverInit::BeforeState {
        failover_init_state(cx, qemu).await;
    }
    if qemu.variant.colo_entry == ColoEntry::BitmapFirst {
        start_dirty_log(cx, qemu).await;
    }
    cx.step(step::ENTER_COLO_STATE).await; // C1: no lock, before anything else
    qemu.state.compare_and_swap(cx, MigrationStatus::Active, MigrationStatus::Colo);
    qemu.oracle.colo_entered(cx, qemu);

    cx.step(step::ACTIVATE_DISKS).await; // C3
    qemu.bql.lock(cx).await;
    qemu.bql.unlock(cx);
    if qemu.faults.disk_activation.get() {
        return Err(CheckpointError::Disks);
    }
    if qemu.variant.failover_init == FailoverInit::AfterState {
        failover_init_state(cx, qemu).await;
    }
    if qemu.variant.colo_entry == ColoEntry::StateFirst {
        start_dirty_log(cx, qemu).await;
    }

    cx.step(step::START_VM).await; // C7
    qemu.bql.lock(cx).await;
    qemu.disk.get().inspect(|disk| disk.start());
    qemu.start_vm(cx);
    qemu.bql.unlock(cx);

    cx.step(step::SEND_READY).await; // C8
    send(cx, qemu, ColoMessage::CheckpointReady).await
}

/// C4: `failover_init_state`, a plain store.
async fn failover_init_state(cx: &Cx, qemu: &Secondary) {
    cx.step(step::INIT_FAILOVER_STATE).await;
    qemu.oracle.failover_initialised(cx, qemu.failover_state.peek());
    qemu.failover_state.store(cx, FailoverState::None, Ordering::Relaxed);
}

/// C5, `colo_incoming_start_dirty_log`: every bitmap is cleared, from now on the SVM's writes are logged.
async fn start_dirty_log(cx: &Cx, qemu: &Secondary) {
    cx.step(step::START_DIRTY_LOG).await;
    qemu.bql.lock(cx).await;
    for block in &qemu.blocks {
        let bmap = block.bmap.dereference(cx).await;
        for word in 0..bmap.len() {
            bmap.write(cx, word, 0);
        }
    }
    qemu.vm.take_dirty_log(cx.sim.now(), &qemu.blocks);
    qemu.ram_state.dereference(cx).await.dirty_pages.write(cx, 0);
    qemu.bql.unlock(cx);
}

/// `colo_incoming_process_checkpoint`: C11 to C29.
async fn colo_incoming_process_checkpoint(
    cx: &Cx,
    qemu: &Rc<Secondary>,
    channel: &mut MainChannel<'_>,
    last: &mut LastBlock,
) -> Result<(), CheckpointError> {
    let checkpoint = qemu.checkpoint.get() + 1;

    qemu.bql.lock(cx).await;
    qemu.stop_vm(cx, step::STOP_VM).await; // C11
    qemu.bql.unlock(cx);
    let stopped = cx.sim.now();

    cx.step(step::SEND_REPLY).await; // C12
    send(cx, qemu, ColoMessage::CheckpointReply).await?;

    cx.step(step::WAIT_VMSTATE_SEND).await; // C13
    colo_message::read_expected(channel, ColoMessage::VmstateSend).await?;

    cx.step(step::LOCK_FOR_LOAD).await; // C14
    qemu.bql.lock(cx).await;
    qemu.synchronize_vcpus(cx, vcpu::PULL_STATE).await;
    if qemu.variant.checkpoint_load_bql == CheckpointLoadBql::Dropped {
        qemu.bql.unlock(cx);
    }
    cx.step(step::LOAD_RAM).await; // C15
    qemu.checkpoint.set(checkpoint);
    let loaded = qemu_loadvm_state_main(channel, last).await;
    cx.step(step::UNLOCK_AFTER_LOAD).await; // C16
    if qemu.variant.checkpoint_load_bql == CheckpointLoadBql::Held {
        qemu.bql.unlock(cx);
    }
    loaded?;

    cx.step(step::READ_SIZE).await; // C17
    let size = colo_message::read_vmstate_size(channel).await?;
    cx.step(step::READ_BLOB).await; // C18
    let blob = colo_message::read_vmstate_blob(channel, size).await?;

    if qemu.variant.received_ack == ReceivedAck::BeforeLoadingFlag {
        send_received(cx, qemu, checkpoint).await?; // C19
    }
    cx.step(step::LOCK_FOR_FLUSH).await; // C20
    qemu.bql.lock(cx).await;
    cx.step(step::SET_LOADING).await; // C21
    qemu.vmstate_loading.write(cx, true);
    let applied = apply_checkpoint(cx, qemu, checkpoint, &blob).await;
    if applied.is_ok() {
        cx.step(step::CLEAR_LOADING_START_VM).await; // C27
    }
    qemu.vmstate_loading.write(cx, false);
    if applied.is_ok() {
        qemu.start_vm(cx);
    }
    qemu.bql.unlock(cx);
    let flushed = applied?;
    if let Some(entry) = qemu.recorder.borrow_mut().checkpoints.get_mut(checkpoint as usize - 1) {
        entry.secondary_pause_ns = cx.sim.now().since(stopped).0;
        entry.flush_ns = flushed.time.0;
        entry.flush_pages = flushed.pages;
    }

    cx.step(step::CHECK_RELAUNCH).await; // C28
    if qemu.failover_state.load(cx, Ordering::AcquireRelease) == FailoverState::Relaunch {
        return Ok(());
    }
    cx.step(step::SEND_LOADED).await; // C29
    send(cx, qemu, ColoMessage::VmstateLoaded).await
}

/// C22 to C26: the checkpoint becomes the state of the VM. The BQL is held and `vmstate_loading` is true. An error leaves behind
/// what was done before it.
async fn apply_checkpoint(cx: &Cx, qemu: &Secondary, checkpoint: u32, blob: &[u8]) -> Result<Flushed, CheckpointError> {
    if qemu.variant.received_ack == ReceivedAck::AfterLoadingFlag {
        send_received(cx, qemu, checkpoint).await?; // C19
    }
    cx.step(step::FLUSH).await; // C22
    qemu.output.get().inspect(|output| output.svm.overwrite());
    qemu.milestones.reach(cx, Place::Flushing { checkpoint });
    let flushed = colo_flush_ram_cache(cx, qemu).await;

    cx.step(step::LOAD_DEVICES).await; // C23
    qemu.oracle.committed(cx, qemu, checkpoint);
    qemu.devices.set(DeviceState::Half { checkpoint });
    let saved = load_device_state(blob)?;
    qemu.vm.load(cx.sim.now(), &qemu.blocks, saved);
    let loaded = saved.map_or(checkpoint, |saved| saved.checkpoint);
    qemu.devices.set(DeviceState::Whole { checkpoint: loaded });
    qemu.output.get().inspect(|output| output.load(cx, loaded));
    qemu.synchronize_vcpus(cx, vcpu::PUSH_STATE).await;

    cx.step(step::REPLICATION_ERROR).await; // C24
    if let Some(disk) = qemu.disk.get() {
        disk.get_error(qemu.faults.replication.get())?;
    }
    cx.step(step::REPLICATION_CHECKPOINT).await; // C25
    if let Some(disk) = qemu.disk.get() {
        disk.do_checkpoint(checkpoint)?;
    }
    cx.step(step::NOTIFY_FILTERS).await; // C26
    qemu.output.get().inspect(|output| output.filters.checkpoint());
    Ok(flushed)
}

/// C19: from here on the primary takes the checkpoint for stored.
async fn send_received(cx: &Cx, qemu: &Secondary, checkpoint: u32) -> Result<(), CheckpointError> {
    cx.step(step::SEND_RECEIVED).await;
    send(cx, qemu, ColoMessage::VmstateReceived).await?;
    qemu.milestones.reach(cx, Place::Received { checkpoint });
    Ok(())
}

async fn send(cx: &Cx, qemu: &Secondary, message: ColoMessage) -> Result<(), CheckpointError> {
    let bytes = Piece::Bytes(message.encode()[..].into());
    qemu.main.write(cx, [bytes]).await.map_err(|_| CheckpointError::Send(message.name()))
}

/// The device blob is a list of full sections and the byte EOF. What is in them is the devices' affair; of that
/// of the simulated primary, what is saved of its guest is returned.
fn load_device_state(blob: &[u8]) -> Result<Option<SavedGuest>, WireError> {
    let mut source = SliceSource::new(blob);
    let mut first = None;
    let mut saved = None;
    loop {
        match now(stream::read_item(&mut source, first.take()))? {
            Item::SectionFull(header) => {
                let (payload, next) = now(stream::read_opaque_payload(&mut source, &header))?;
                first = Some(next);
                saved = saved.or(SavedGuest::decode(&header.idstr, &payload));
            }
            Item::Eof => return Ok(saved),
            Item::SectionStart(_) => return Err(WireError::UnknownItem { found: 1 }),
            _ => return Err(WireError::FooterMissing { section_id: 0, found: 0 }),
        }
    }
}
