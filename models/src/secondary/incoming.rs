//! The incoming side's main thread (QEMU `migration/migration.c`, `migration/savevm.c`): connections, the loading
//! coroutine, and the bottom half that ends it all.

use super::cache::{colo_init_ram_cache, colo_release_ram_cache};
use super::channel::{MainChannel, as_wire};
use super::colo::colo_process_incoming_thread;
use super::multifd_recv::{MultifdRecvState, multifd_recv_new_channel};
use super::multifd_recv_sync::{multifd_recv_cleanup, multifd_recv_shutdown};
use super::ram_load::ram_load;
use super::{MigrationStatus, Secondary, Work};
use crate::guest::SavedGuest;
use crate::steps::{failover, incoming as step, incoming_bh, incoming_destroy};
use crate::variant::{CacheAlloc, CacheRelease, EnabledPredicate, ReceivedmapRelease, VmRestart};
use crate::wire::WireError;
use crate::wire::command::Command;
use crate::wire::multifd_init::{INIT_LEN, MultifdInit};
use crate::wire::ram_section::LastBlock;
use crate::wire::return_path::{ReturnPathMessage, encode_message};
use crate::wire::stream::{self, Item};
use colosim_sim::link::{Piece, Socket};
use colosim_sim::{Cx, Kind, Memory};
use std::rc::Rc;

/// What is read of the main channel goes through a buffer of this size (QEMUFile's `IO_BUF_SIZE`).
const BUFFER_BYTES: u64 = 32 * 1024;

/// The uuid of a machine that was given none.
const UUID: [u8; 16] = [0; 16];

/// The main thread: takes connections, loads, and then runs the main loop for ever.
pub(super) async fn main_thread(cx: Cx, qemu: Rc<Secondary>) {
    qemu.bql.lock(&cx).await;
    let accepted = accept_connections(&cx, &qemu).await;
    match accepted {
        Ok(()) => process_incoming_migration_co(&cx, &qemu).await,
        Err(error) => fail(&cx, &qemu, error).await,
    }
    qemu.run_main_loop(&cx, || false).await;
}

/// Section 4.2: every multifd connection gets its receive thread before the coroutine starts.
async fn accept_connections(cx: &Cx, qemu: &Rc<Secondary>) -> Result<(), WireError> {
    if qemu.channels == 0 {
        return Ok(());
    }
    let recv = MultifdRecvState::new(cx);
    qemu.multifd_recv_state.set(cx, recv.clone());
    let mut present = vec![false; qemu.channels as usize + 1];
    let mut connected = 0;
    for socket in &qemu.multifd {
        cx.step(step::ACCEPT).await;
        if connected == qemu.channels {
            // The incoming side has all that it was configured for.
            socket.close();
            continue;
        }
        let init = read_init(cx, socket).await?;
        init.verify(UUID, qemu.channels as u8, qemu.variant.channel_id_check)?;
        if u32::from(init.id) == qemu.channels {
            let detail = format!("params[{}] is looked at, and there are {} channels", init.id, qemu.channels);
            cx.violate(Kind::OUT_OF_BOUNDS, "multifd_recv_state->params", None, detail);
            cx.halt().await
        }
        if std::mem::replace(&mut present[usize::from(init.id)], true) {
            return Err(WireError::ChannelAlreadySetUp { id: init.id });
        }
        multifd_recv_new_channel(cx, qemu, &recv, u32::from(init.id), socket.clone());
        connected += 1;
    }
    Ok(())
}

async fn read_init(cx: &Cx, socket: &Socket) -> Result<MultifdInit, WireError> {
    let mut bytes = [0; INIT_LEN];
    let reading = "the init packet of a multifd channel";
    socket.read_exact(cx, &mut bytes).await.map_err(|error| WireError::Read { reading, error: as_wire(error) })?;
    MultifdInit::decode(&bytes)
}

/// `process_incoming_migration_co`: load; with COLO hand over to the COLO thread and wait for failover; then the bottom half.
async fn process_incoming_migration_co(cx: &Cx, qemu: &Rc<Secondary>) {
    cx.step(step::START).await;
    if qemu.x_colo && qemu.variant.cache_alloc == CacheAlloc::CoroutineStart {
        colo_init_ram_cache(cx, qemu).await;
    }
    qemu.state.compare_and_swap(cx, MigrationStatus::Setup, MigrationStatus::Active);
    let last = match qemu_loadvm_state(cx, qemu).await {
        Ok(last) => last,
        Err(error) => return fail(cx, qemu, error).await,
    };
    qemu.oracle.precopy_loaded(cx, qemu);
    if qemu.return_path_open.get() {
        send_return_path(cx, qemu, ReturnPathMessage::Shut(0)).await;
    }
    if qemu.x_colo {
        colo_incoming_co(cx, qemu, last).await;
    }
    qemu.post(cx, Work::IncomingBh); // F14
}

/// `colo_incoming_co`: the COLO thread runs until failover; this coroutine is parked meanwhile.
async fn colo_incoming_co(cx: &Cx, qemu: &Rc<Secondary>, last: LastBlock) {
    let thread = {
        let qemu = qemu.clone();
        cx.sim.spawn(qemu.process, "mig/dst/colo", |cx| colo_process_incoming_thread(cx, qemu, last))
    };
    qemu.run_main_loop(cx, || qemu.coroutine_entered.get()).await;

    if qemu.variant.cache_release == CacheRelease::BeforeColoJoin {
        colo_release_ram_cache(cx, qemu).await;
    }
    cx.step(failover::JOIN_COLO_THREAD).await; // F12
    qemu.bql.unlock(cx);
    cx.join(thread).await;
    qemu.bql.lock(cx).await;
    if qemu.variant.cache_release == CacheRelease::AfterColoJoin {
        colo_release_ram_cache(cx, qemu).await; // F13
    }
}

/// `qemu_loadvm_state`: header, set-up, sections, and the description at the end.
async fn qemu_loadvm_state(cx: &Cx, qemu: &Rc<Secondary>) -> Result<LastBlock, WireError> {
    qemu.main.set_read_ahead(BUFFER_BYTES);
    let mut channel = MainChannel { cx, qemu, socket: &qemu.main, yields: true };
    stream::read_header(&mut channel).await?;
    for block in &qemu.blocks {
        block.receivedmap.set(cx, Memory::allocate_bitmap(&cx.sim, "receivedmap", block.max_pages));
    }
    let mut last = LastBlock::default();
    let loaded = qemu_loadvm_state_main(&mut channel, &mut last).await;
    if qemu.variant.receivedmap_release == ReceivedmapRelease::EndOfLoad {
        release_receivedmap(cx, qemu).await;
    }
    loaded?;
    if let Item::VmDescription { .. } = stream::read_item(&mut channel, None).await? {
        return Ok(last);
    }
    Err(WireError::UnknownItem { found: 0 })
}

/// `qemu_loadvm_state_main`: items until the byte EOF.
pub(super) async fn qemu_loadvm_state_main(
    channel: &mut MainChannel<'_>,
    last: &mut LastBlock,
) -> Result<(), WireError> {
    let (cx, qemu) = (channel.cx, channel.qemu);
    let mut ram_section = 1;
    let mut first = None;
    loop {
        cx.step(step::SECTION).await;
        match stream::read_item(channel, first.take()).await? {
            Item::Eof => return Ok(()),
            Item::Configuration { .. } => {}
            Item::Command(command) => obey(cx, qemu, command).await,
            Item::SectionStart(header) if header.idstr == "ram" => {
                ram_section = header.section_id;
                ram_load(channel, last, true).await?;
                stream::read_footer(channel, ram_section).await?;
            }
            Item::SectionPart { section_id } | Item::SectionEnd { section_id } if section_id == ram_section => {
                ram_load(channel, last, false).await?;
                stream::read_footer(channel, ram_section).await?;
            }
            Item::SectionFull(header) | Item::SectionStart(header) => {
                let (payload, next) = stream::read_opaque_payload(channel, &header).await?;
                qemu.vm.load(cx.sim.now(), &qemu.blocks, SavedGuest::decode(&header.idstr, &payload));
                first = Some(next);
            }
            Item::SectionPart { .. } => return Err(WireError::UnknownItem { found: 2 }),
            Item::SectionEnd { .. } => return Err(WireError::UnknownItem { found: 3 }),
            Item::VmDescription { .. } => return Err(WireError::UnknownItem { found: 6 }),
        }
    }
}

/// What the stream's commands make the loader do.
async fn obey(cx: &Cx, qemu: &Secondary, command: Command) {
    match command {
        Command::OpenReturnPath => qemu.return_path_open.set(true),
        Command::Ping { value } if qemu.return_path_open.get() => {
            send_return_path(cx, qemu, ReturnPathMessage::Pong(value)).await;
        }
        Command::EnableColo if qemu.x_colo && qemu.variant.cache_alloc == CacheAlloc::EnableColoCommand => {
            colo_init_ram_cache(cx, qemu).await;
        }
        _ => {}
    }
}

async fn send_return_path(cx: &Cx, qemu: &Secondary, message: ReturnPathMessage) {
    let mut bytes = Vec::new();
    encode_message(&mut bytes, &message);
    if qemu.main.write(cx, [Piece::Bytes(bytes.into())]).await.is_err() {
        qemu.error("the return path is broken".into());
    }
}

/// Loading failed before COLO: section 2.3, item 7. With exit-on-error the process ends.
async fn fail(cx: &Cx, qemu: &Rc<Secondary>, error: WireError) {
    cx.step(step::FAIL).await;
    qemu.error(format!("load of migration failed: {error}"));
    qemu.state.compare_and_swap(cx, MigrationStatus::Active, MigrationStatus::Failed);
    migration_incoming_state_destroy(cx, qemu).await;
    if qemu.exit_on_error {
        qemu.oracle.secondary_exited();
        cx.sim.kill(cx.process());
    } else {
        qemu.oracle.destroyed(cx, qemu);
    }
}

/// `process_incoming_migration_bh`: B1 to B6, in the main thread with the BQL held.
pub(super) async fn process_incoming_migration_bh(cx: &Cx, qemu: &Secondary) {
    cx.step(incoming_bh::ANNOUNCE).await; // B1
    cx.step(incoming_bh::SHUTDOWN_MULTIFD).await; // B2
    multifd_recv_shutdown(cx, qemu).await;
    if qemu.variant.vm_restart == VmRestart::AfterMultifdJoin {
        multifd_recv_cleanup(cx, qemu).await;
    }
    cx.step(incoming_bh::START_VM).await; // B4
    if qemu.variant.enabled_predicate != EnabledPredicate::Capability && !qemu.target_is_live {
        qemu.colo_enabled.set(false); // migration_incoming_disable_colo
    }
    qemu.start_vm(cx);
    qemu.oracle.secondary_resumed(cx);
    cx.step(incoming_bh::COMPLETE).await; // B5
    qemu.state.compare_and_swap(cx, MigrationStatus::Active, MigrationStatus::Completed);
    migration_incoming_state_destroy(cx, qemu).await; // B6
    qemu.oracle.destroyed(cx, qemu);
}

/// `migration_incoming_state_destroy`: the receive threads are joined first.
async fn migration_incoming_state_destroy(cx: &Cx, qemu: &Secondary) {
    cx.step(incoming_destroy::JOIN_MULTIFD).await; // B6a
    multifd_recv_cleanup(cx, qemu).await;
    if qemu.x_colo && qemu.variant.cache_release == CacheRelease::AfterMultifdJoin {
        cx.step(incoming_destroy::RELEASE_CACHE).await; // B6b
        colo_release_ram_cache(cx, qemu).await;
    }
    release_receivedmap(cx, qemu).await; // B6c
    cx.step(incoming_destroy::CLOSE_CHANNEL).await; // B6d
    qemu.main.close();
    qemu.over.give(cx);
}

/// `ram_load_cleanup`.
async fn release_receivedmap(cx: &Cx, qemu: &Secondary) {
    cx.step(incoming_destroy::RELEASE_RECEIVEDMAP).await;
    for block in &qemu.blocks {
        if let Some(receivedmap) = block.receivedmap.clear(cx) {
            receivedmap.free(cx);
        }
    }
}
