//! The COLO thread of the secondary (QEMU `colo_process_incoming_thread`): C1 to C36.

use super::channel::MainChannel;
use super::failover::failover_request_active;
use super::flush::colo_flush_ram_cache;
use super::incoming::qemu_loadvm_state_main;
use super::{FailoverState, MigrationStatus, Secondary};
use crate::scenario::Place;
use crate::steps::colo_incoming as step;
use crate::variant::CheckpointLoadBql;
use crate::wire::colo_message::{self, ColoMessage};
use crate::wire::ram_section::LastBlock;
use crate::wire::stream::{self, Item};
use crate::wire::{SliceSource, WireError, now};
use colosim_sim::link::Piece;
use colosim_sim::{Cx, Ordering};
use std::rc::Rc;
use thiserror::Error;

/// Why a checkpoint failed.
#[derive(Debug, Error)]
enum CheckpointError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("cannot send the COLO message {0}")]
    Send(&'static str),
}

/// `colo_process_incoming_thread`.
pub(super) async fn colo_process_incoming_thread(cx: Cx, qemu: Rc<Secondary>, mut last: LastBlock) {
    cx.step(step::ENTER_COLO_STATE).await; // C1: no lock, before anything else
    qemu.state.compare_and_swap(&cx, MigrationStatus::Active, MigrationStatus::Colo);
    qemu.oracle.colo_entered(&cx, &qemu);

    cx.step(step::ACTIVATE_DISKS).await; // C3
    qemu.bql.lock(&cx).await;
    qemu.bql.unlock(&cx);

    cx.step(step::INIT_FAILOVER_STATE).await; // C4
    qemu.failover_state.store(&cx, FailoverState::None, Ordering::Relaxed);

    cx.step(step::START_DIRTY_LOG).await; // C5: zeroes every bmap
    qemu.bql.lock(&cx).await;
    start_dirty_log(&cx, &qemu).await;
    qemu.bql.unlock(&cx);

    cx.step(step::START_VM).await; // C7
    qemu.bql.lock(&cx).await;
    qemu.start_vm(&cx);
    qemu.bql.unlock(&cx);

    cx.step(step::SEND_READY).await; // C8
    let mut result = send(&cx, &qemu, ColoMessage::CheckpointReady).await;

    while result.is_ok() && qemu.state.read(&cx) == MigrationStatus::Colo {
        qemu.milestones.reach(&cx, Place::Idle { checkpoint: qemu.checkpoint.get() + 1 });
        cx.step(step::WAIT_REQUEST).await; // C10
        let mut channel = MainChannel { cx: &cx, qemu: &qemu, socket: &qemu.main, yields: false };
        result = match colo_message::read_request(&mut channel).await {
            Ok(()) => colo_incoming_process_checkpoint(&cx, &qemu, &mut channel, &mut last).await,
            Err(error) => Err(error.into()),
        };

        cx.step(step::CHECK_ERROR).await; // C30
        if result.is_err() {
            break;
        }
        cx.step(step::RELAUNCH).await; // C31
        if qemu.failover_state.compare_exchange(&cx, FailoverState::Relaunch, FailoverState::None) {
            failover_request_active(&cx, &qemu).await;
            break;
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

/// `colo_incoming_start_dirty_log`: every bitmap is cleared, from now on the SVM's writes are logged.
async fn start_dirty_log(cx: &Cx, qemu: &Secondary) {
    for block in &qemu.blocks {
        let bmap = block.bmap.dereference(cx).await;
        for word in 0..bmap.len() {
            bmap.write(cx, word, 0);
        }
    }
    qemu.vm.take_dirty_log();
    qemu.ram_state.dereference(cx).await.dirty_pages.write(cx, 0);
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
    cx.step(step::STOP_VM).await; // C11
    qemu.stop_vm(cx);
    qemu.bql.unlock(cx);
    let stopped = cx.sim.now();

    cx.step(step::SEND_REPLY).await; // C12
    send(cx, qemu, ColoMessage::CheckpointReply).await?;

    cx.step(step::WAIT_VMSTATE_SEND).await; // C13
    colo_message::read_expected(channel, ColoMessage::VmstateSend).await?;

    cx.step(step::LOCK_FOR_LOAD).await; // C14
    qemu.bql.lock(cx).await;
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

    cx.step(step::SEND_RECEIVED).await; // C19: from here on the primary takes the checkpoint for stored
    send(cx, qemu, ColoMessage::VmstateReceived).await?;
    qemu.milestones.reach(cx, Place::Received { checkpoint });

    cx.step(step::LOCK_FOR_FLUSH).await; // C20
    qemu.bql.lock(cx).await;
    cx.step(step::SET_LOADING).await; // C21
    qemu.vmstate_loading.write(cx, true);
    cx.step(step::FLUSH).await; // C22
    qemu.milestones.reach(cx, Place::Flushing { checkpoint });
    let flush_began = cx.sim.now();
    let flush_pages = colo_flush_ram_cache(cx, qemu).await;
    let flush_ns = cx.sim.now().since(flush_began).0;

    cx.step(step::LOAD_DEVICES).await; // C23
    if let Err(error) = load_device_state(&blob) {
        qemu.vmstate_loading.write(cx, false);
        qemu.bql.unlock(cx);
        return Err(error.into());
    }
    qemu.oracle.committed(cx, qemu, checkpoint);

    cx.step(step::REPLICATION_ERROR).await; // C24
    cx.step(step::REPLICATION_CHECKPOINT).await; // C25
    cx.step(step::NOTIFY_FILTERS).await; // C26
    cx.step(step::CLEAR_LOADING_START_VM).await; // C27
    qemu.vmstate_loading.write(cx, false);
    qemu.start_vm(cx);
    qemu.bql.unlock(cx);
    if let Some(entry) = qemu.recorder.borrow_mut().checkpoints.get_mut(checkpoint as usize - 1) {
        entry.secondary_pause_ns = cx.sim.now().since(stopped).0;
        entry.flush_ns = flush_ns;
        entry.flush_pages = flush_pages;
    }

    cx.step(step::CHECK_RELAUNCH).await; // C28
    if qemu.failover_state.load(cx, Ordering::AcquireRelease) == FailoverState::Relaunch {
        return Ok(());
    }
    cx.step(step::SEND_LOADED).await; // C29
    send(cx, qemu, ColoMessage::VmstateLoaded).await
}

async fn send(cx: &Cx, qemu: &Secondary, message: ColoMessage) -> Result<(), CheckpointError> {
    let bytes = Piece::Bytes(message.encode()[..].into());
    qemu.main.write(cx, [bytes]).await.map_err(|_| CheckpointError::Send(message.name()))
}

/// The device blob is a list of full sections and the byte EOF; what is in them is the devices' affair.
fn load_device_state(blob: &[u8]) -> Result<(), WireError> {
    let mut source = SliceSource::new(blob);
    let mut first = None;
    loop {
        match now(stream::read_item(&mut source, first.take()))? {
            Item::SectionFull(header) => {
                let (_, next) = now(stream::read_opaque_payload(&mut source, &header))?;
                first = Some(next);
            }
            Item::Eof => return Ok(()),
            Item::SectionStart(_) => return Err(WireError::UnknownItem { found: 1 }),
            _ => return Err(WireError::FooterMissing { section_id: 0, found: 0 }),
        }
    }
}
