//! The multifd receive threads (QEMU `multifd_recv_thread` in `migration/multifd.c`): R0 to R9 for every packet. How its pages
//! are taken (R7) is in `multifd_recv_pages.rs`, how the threads are waited for and ended in `multifd_recv_sync.rs`.
//!
//! Step ids are those of the race documentation; see `steps.rs`.

use super::channel::MultifdChannel;
use super::multifd_colo::{multifd_colo_prepare_recv, multifd_colo_process_recv, prepares, record_packet};
use super::multifd_recv_pages::recv_pages;
use super::multifd_recv_sync::multifd_recv_terminate_threads;
use super::{MigrationStatus, Secondary};
use crate::steps::multifd_recv as step;
use crate::variant::{HookCopy, HookRecord, RecordTime, RecvEof, RecvExitKick};
use crate::wire::codec::{CodecError, Decompressor};
use crate::wire::multifd_packet::{
    self, HEADER_LEN, Offsets, PacketHeader, RamCounts, block_idstr, packet_len, read_packet_header, read_packet_rest,
};
use crate::wire::{ReadError, WireError};
use colosim_sim::link::Socket;
use colosim_sim::{Atomic, Cx, Memory, Mutex, Ordering, Plain, Semaphore, ThreadId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use thiserror::Error;

/// `multifd_recv_state`.
pub(super) struct MultifdRecvState {
    pub params: RefCell<Vec<Rc<MultifdRecvParams>>>,
    /// Posted by receive threads at a SYNC, waited for by the loader.
    pub sem_sync: Semaphore,
    /// Largest packet number seen; written by the loader.
    pub packet_num: Plain<u64>,
    pub exiting: Atomic<bool>,
}

/// `MultiFDRecvParams`: one channel.
pub(super) struct MultifdRecvParams {
    id: u32,
    pub mutex: Mutex,
    /// Posted by the loader and by termination, waited for by the receive thread after a SYNC.
    pub sem_sync: Semaphore,
    pub socket: Socket,
    pub thread: Cell<Option<ThreadId>>,
    pub packet_num: Plain<u64>,
}

/// Where the pages of a packet go: `p->host`.
pub(super) enum Host {
    Guest,
    Cache(Memory),
}

/// What a receive thread knows of the packet it is working on.
pub(super) struct Packet {
    pub flags: multifd_packet::PacketFlags,
    pub counts: RamCounts,
    /// Index of the block.
    pub block: usize,
    pub host: Host,
    /// Pages that come with data.
    pub normal: Vec<usize>,
    /// Pages that are zero.
    pub zero: Vec<usize>,
    /// The migration state that the prepare hook has read.
    pub state_at_prepare: MigrationStatus,
}

/// Why a receive thread gives up.
#[derive(Debug, Error)]
pub(super) enum RecvError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("page data: {0}")]
    Data(#[from] ReadError),
    #[error("the channel has ended")]
    Ended,
}

impl MultifdRecvState {
    /// `multifd_recv_setup`, done for the first connection.
    pub fn new(cx: &Cx) -> Rc<MultifdRecvState> {
        Rc::new(MultifdRecvState {
            params: RefCell::default(),
            sem_sync: Semaphore::new(&cx.sim, "multifd_recv_state->sem_sync", 0),
            packet_num: Plain::new(&cx.sim, "multifd_recv_state->packet_num", 0),
            exiting: Atomic::new(&cx.sim, false),
        })
    }
}

/// `multifd_recv_new_channel`, after the init packet was checked: the channel and its thread.
pub(super) fn multifd_recv_new_channel(
    cx: &Cx,
    qemu: &Rc<Secondary>,
    recv: &Rc<MultifdRecvState>,
    id: u32,
    socket: Socket,
) {
    let p = Rc::new(MultifdRecvParams {
        id,
        mutex: Mutex::new(&cx.sim, &format!("mutex of multifd channel {id}")),
        sem_sync: Semaphore::new(&cx.sim, &format!("sem_sync of multifd channel {id}"), 0),
        socket,
        thread: Cell::new(None),
        packet_num: Plain::new(&cx.sim, "p->packet_num", 0),
    });
    recv.params.borrow_mut().push(p.clone());
    let (qemu, recv) = (qemu.clone(), recv.clone());
    let thread = cx.sim.spawn(qemu.process, &format!("mig/dst/recv_{id}"), {
        let p = p.clone();
        |cx| multifd_recv_thread(cx, qemu, recv, p)
    });
    p.thread.set(Some(thread));
}

/// `multifd_recv_thread`: R0 to R9 for every packet.
async fn multifd_recv_thread(cx: Cx, qemu: Rc<Secondary>, recv: Rc<MultifdRecvState>, p: Rc<MultifdRecvParams>) {
    let mut packet = Packet {
        flags: multifd_packet::PacketFlags(0),
        counts: RamCounts::default(),
        block: 0,
        host: Host::Guest,
        normal: Vec::new(),
        zero: Vec::new(),
        state_at_prepare: MigrationStatus::Setup,
    };
    let compression = qemu.compression.on_the_wire();
    let mut decompressor = Decompressor::new(compression).expect("all three methods are modelled");
    let mut channel = MultifdChannel { cx: &cx, socket: &p.socket };

    let error = loop {
        cx.step(step::CHECK_EXITING).await; // R0
        if recv.exiting.load(&cx, Ordering::Relaxed) {
            break None;
        }
        match unfill_packet(&cx, &qemu, &p, &mut channel, &mut packet).await {
            Ok(true) => {}
            Ok(false) => break end_of_stream(&cx, &qemu, &recv),
            Err(error) => break Some(error),
        }
        if !packet.counts.is_empty() {
            if let Err(error) = recv_pages(&cx, &qemu, &mut channel, &mut packet, compression, &mut decompressor).await
            {
                break Some(error);
            }
            if qemu.variant.record_time == RecordTime::AfterData {
                record_packet(&cx, &qemu, &packet).await;
            }
            multifd_colo_process_recv(&cx, &qemu, &packet, HookCopy::AfterRecv).await; // R8
        }
        if packet.flags.is_sync() {
            cx.step(step::POST_SYNC).await; // R9a
            recv.sem_sync.post(&cx);
            cx.step(step::WAIT_SYNC).await; // R9b
            p.sem_sync.wait(&cx).await;
        }
    };

    cx.step(step::EXIT).await; // RX
    let kicks = match qemu.variant.recv_exit_kick {
        RecvExitKick::None => false,
        RecvExitKick::OnError => error.is_some(),
        RecvExitKick::Always => true,
    };
    if let Some(error) = error {
        multifd_recv_terminate_threads(&cx, &qemu, &recv, Some(format!("multifd {}: {error}", p.id))).await;
    }
    if kicks {
        cx.step(step::KICK).await;
        recv.sem_sync.post(&cx);
    }
}

/// End of file before a packet. As the design has it, the thread leaves without a word, or, unless all are told to leave, with an
/// error.
fn end_of_stream(cx: &Cx, qemu: &Secondary, recv: &MultifdRecvState) -> Option<RecvError> {
    let is_error = qemu.variant.recv_eof == RecvEof::AsError && !recv.exiting.load(cx, Ordering::Relaxed);
    is_error.then_some(RecvError::Ended)
}

/// R1 to R6: take one packet's header and say what is in it. False: the stream has ended.
async fn unfill_packet(
    cx: &Cx,
    qemu: &Secondary,
    p: &MultifdRecvParams,
    channel: &mut MultifdChannel<'_>,
    packet: &mut Packet,
) -> Result<bool, RecvError> {
    let page_size = qemu.layout.page_size;

    cx.step(step::READ_HEADER).await; // R1
    let Some(header) = read_packet_header(channel).await? else { return Ok(false) };

    cx.step(step::PARSE_HEADER).await; // R2
    packet.flags = PacketHeader::decode(&header)?.flags;

    cx.step(step::READ_PACKET).await; // R3
    let mut bytes = vec![0; packet_len(page_size)];
    bytes[..HEADER_LEN].copy_from_slice(&header);
    read_packet_rest(channel, &mut bytes[HEADER_LEN..]).await?;

    cx.step(step::LOCK).await; // R4
    p.mutex.lock(cx).await;
    let unfilled = multifd_ram_unfill_packet(cx, qemu, p, packet, &bytes, page_size).await; // R5
    cx.step(step::UNLOCK).await; // R6
    p.mutex.unlock(cx);
    unfilled.map(|()| true)
}

/// `multifd_ram_unfill_packet`: R5.
async fn multifd_ram_unfill_packet(
    cx: &Cx,
    qemu: &Secondary,
    p: &MultifdRecvParams,
    packet: &mut Packet,
    bytes: &[u8],
    page_size: u64,
) -> Result<(), RecvError> {
    packet.counts = RamCounts::decode(bytes, multifd_packet::slots(page_size))?;
    p.packet_num.write(cx, packet.counts.packet_num);
    if packet.counts.is_empty() {
        return Ok(());
    }

    cx.step(step::FIND_BLOCK).await; // R5c
    let idstr = block_idstr(bytes)?;
    packet.block = qemu.layout.block_index(idstr).ok_or_else(|| WireError::UnknownBlock { idstr: idstr.to_owned() })?;
    packet.host = Host::Guest;

    cx.step(step::FILL_OFFSETS).await; // R5d
    let used_length = qemu.used_length(packet.block);
    let offsets = Offsets::decode(bytes, &packet.counts, used_length, page_size)?;
    // A page's size is a power of two; to divide by it as any number takes long, for so many.
    let shift = page_size.trailing_zeros();
    let pages = |offsets: Vec<u64>| offsets.into_iter().map(|offset| (offset >> shift) as usize).collect();
    packet.normal = pages(offsets.normal);
    packet.zero = pages(offsets.zero);

    if prepares(qemu, HookRecord::InUnfill) {
        multifd_colo_prepare_recv(cx, qemu, packet).await; // R5e
    }
    Ok(())
}
