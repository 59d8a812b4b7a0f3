//! The multifd receive side (QEMU `migration/multifd.c`, `multifd-nocomp.c`, `multifd-zero-page.c`): N receive threads, the
//! loader's wait for them, their termination and clean-up.
//!
//! Step ids R, Y, X, K are those of the race documentation; see `steps.rs`.

use super::channel::MultifdChannel;
use super::multifd_colo::{multifd_colo_prepare_recv, multifd_colo_process_recv, prepares};
use super::ram_block::bit_of;
use super::{MigrationStatus, Secondary};
use crate::scenario::Compression;
use crate::steps::{multifd_recv as step, recv_cleanup, recv_sync, recv_terminate};
use crate::variant::HookRecord;
use crate::wire::codec::{CodecError, Decompressor};
use crate::wire::multifd_packet::{
    self, HEADER_LEN, Offsets, PacketHeader, RamCounts, block_idstr, packet_len, read_packet_header, read_packet_rest,
};
use crate::wire::{BlockTable, ReadError, WireError, read_announced};
use colosim_sim::link::Socket;
use colosim_sim::{Atomic, Cx, Memory, Mutex, Ordering, Plain, Semaphore, ThreadId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use thiserror::Error;

/// `multifd_recv_state`.
pub(super) struct MultifdRecvState {
    params: RefCell<Vec<Rc<MultifdRecvParams>>>,
    /// Posted by receive threads at a SYNC, waited for by the loader.
    sem_sync: Semaphore,
    /// Largest packet number seen; written by the loader.
    packet_num: Plain<u64>,
    exiting: Atomic<bool>,
}

/// `MultiFDRecvParams`: one channel.
struct MultifdRecvParams {
    id: u32,
    mutex: Mutex,
    /// Posted by the loader and by termination, waited for by the receive thread after a SYNC.
    sem_sync: Semaphore,
    socket: Socket,
    thread: Cell<Option<ThreadId>>,
    packet_num: Plain<u64>,
}

/// Where the pages of a packet go: `p->host`.
pub(super) enum Host {
    Guest,
    Cache(Memory),
}

/// What a receive thread knows of the packet it is working on.
pub(super) struct Packet {
    flags: multifd_packet::PacketFlags,
    counts: RamCounts,
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
enum RecvError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("page data: {0}")]
    Data(#[from] ReadError),
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
    let compression = match qemu.compression {
        Compression::None => multifd_packet::Compression::Nocomp,
        Compression::Zlib => multifd_packet::Compression::Zlib,
        Compression::Zstd => multifd_packet::Compression::Zstd,
    };
    let mut decompressor = Decompressor::new(compression).expect("all three methods are modelled");
    let mut channel = MultifdChannel { cx: &cx, socket: &p.socket };

    let error = loop {
        cx.step(step::CHECK_EXITING).await; // R0
        if recv.exiting.load(&cx, Ordering::Relaxed) {
            break None;
        }
        match unfill_packet(&cx, &qemu, &p, &mut channel, &mut packet).await {
            Ok(true) => {}
            Ok(false) => break None, // end of file before a packet: leaves without a word
            Err(error) => break Some(error),
        }
        if !packet.counts.is_empty() {
            if let Err(error) = recv_pages(&cx, &qemu, &mut channel, &mut packet, compression, &mut decompressor).await
            {
                break Some(error);
            }
            multifd_colo_process_recv(&cx, &qemu, &packet).await; // R8
        }
        if packet.flags.is_sync() {
            cx.step(step::POST_SYNC).await; // R9a
            recv.sem_sync.post(&cx);
            cx.step(step::WAIT_SYNC).await; // R9b
            p.sem_sync.wait(&cx).await;
        }
    };

    cx.step(step::EXIT).await; // RX
    if let Some(error) = error {
        multifd_recv_terminate_threads(&cx, &qemu, &recv, Some(format!("multifd {}: {error}", p.id))).await;
    }
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
    let used_length = qemu.layout.used_length(idstr).expect("the block was just found");
    let offsets = Offsets::decode(bytes, &packet.counts, used_length, page_size)?;
    let pages = |offsets: Vec<u64>| offsets.into_iter().map(|offset| (offset / page_size) as usize).collect();
    packet.normal = pages(offsets.normal);
    packet.zero = pages(offsets.zero);

    if prepares(qemu, HookRecord::InUnfill) {
        multifd_colo_prepare_recv(cx, qemu, packet).await; // R5e
    }
    Ok(())
}

/// R7: the receive method of the codec.
async fn recv_pages(
    cx: &Cx,
    qemu: &Secondary,
    channel: &mut MultifdChannel<'_>,
    packet: &mut Packet,
    compression: multifd_packet::Compression,
    decompressor: &mut Decompressor,
) -> Result<(), RecvError> {
    if prepares(qemu, HookRecord::BeforeRecv) {
        multifd_colo_prepare_recv(cx, qemu, packet).await;
    }
    qemu.page_arrives(cx);
    packet.flags.expect_compression(compression)?; // R7a
    multifd_recv_zero_page_process(cx, qemu, packet).await; // R7b
    match decompressor {
        Decompressor::Nocomp => multifd_nocomp_recv(cx, qemu, channel, packet).await,
        _ => multifd_codec_recv(cx, qemu, channel, packet, decompressor).await,
    }
}

/// `multifd_recv_zero_page_process`: a zero page that never came before is zero already; else it is cleared.
async fn multifd_recv_zero_page_process(cx: &Cx, qemu: &Secondary, packet: &Packet) {
    let block = &qemu.blocks[packet.block];
    for pages in packet.zero.chunks(qemu.pages_per_step()) {
        cx.step_on(step::ZERO_PAGES, pages.len() as u64).await;
        for page in pages {
            let receivedmap = block.receivedmap.dereference(cx).await;
            let (word, bit) = bit_of(*page);
            if receivedmap.load(cx, word) & bit != 0 {
                packet.write(cx, qemu, *page, 0);
            } else {
                receivedmap.fetch_or(cx, word, bit);
            }
        }
    }
}

/// `multifd_nocomp_recv`: mark all pages, then read them straight into their memory.
async fn multifd_nocomp_recv(
    cx: &Cx,
    qemu: &Secondary,
    channel: &mut MultifdChannel<'_>,
    packet: &Packet,
) -> Result<(), RecvError> {
    if packet.normal.is_empty() {
        return Ok(());
    }
    cx.step_on(step::MARK_RECEIVED, packet.normal.len() as u64).await; // R7c
    for page in &packet.normal {
        qemu.mark_received(cx, packet.block, *page).await;
    }
    for pages in packet.normal.chunks(qemu.pages_per_step()) {
        cx.step_on(step::READV_PAGES, pages.len() as u64).await; // R7d
        for page in pages {
            match channel.read_page(qemu.layout.page_size).await {
                Ok(content) => packet.write(cx, qemu, *page, qemu.content.word(&content)),
                Err(error) => {
                    if let ReadError::Eof { got: 1.. } | ReadError::Reset { got: 1.. } = error {
                        packet.tear(cx, qemu, *page);
                    }
                    return Err(error.into());
                }
            }
        }
    }
    Ok(())
}

/// `multifd_zlib_recv`, `multifd_zstd_recv`: the payload is read into a buffer of the thread, then page by page
/// decompressed into memory.
async fn multifd_codec_recv(
    cx: &Cx,
    qemu: &Secondary,
    channel: &mut MultifdChannel<'_>,
    packet: &Packet,
    decompressor: &mut Decompressor,
) -> Result<(), RecvError> {
    if packet.normal.is_empty() {
        return Ok(());
    }
    let length = u64::from(packet.counts.next_packet_size);
    cx.step_on(step::READ_PAYLOAD, length / qemu.layout.page_size).await;
    let payload = read_announced(channel, length).await?;
    let mut contents = Vec::with_capacity(packet.normal.len());
    decompressor.pages(&payload, packet.normal.len(), qemu.layout.page_size as usize, |_, bytes| {
        contents.push(qemu.content.word_of_bytes(bytes));
    })?;
    for (pages, contents) in packet.normal.chunks(qemu.pages_per_step()).zip(contents.chunks(qemu.pages_per_step())) {
        cx.step_on(step::READV_PAGES, pages.len() as u64).await;
        for (page, content) in pages.iter().zip(contents) {
            qemu.mark_received(cx, packet.block, *page).await;
            packet.write(cx, qemu, *page, *content);
        }
    }
    Ok(())
}

impl Packet {
    fn write(&self, cx: &Cx, qemu: &Secondary, page: usize, word: u64) {
        match &self.host {
            Host::Guest => qemu.write_guest(cx, self.block, page, word),
            Host::Cache(cache) => cache.write(cx, page, word),
        }
    }

    /// The stream ended inside a page: part of it is new, the rest is old.
    fn tear(&self, cx: &Cx, qemu: &Secondary, page: usize) {
        let old = match &self.host {
            Host::Guest => qemu.blocks[self.block].guest.read(cx, page),
            Host::Cache(cache) => cache.read(cx, page),
        };
        self.write(cx, qemu, page, super::PageContent::torn(old, u64::from(self.counts.next_packet_size)));
    }
}

impl MultifdChannel<'_> {
    async fn read_page(&mut self, page_bytes: u64) -> Result<colosim_sim::link::PageRead, ReadError> {
        self.socket.read_page(self.cx, page_bytes).await.map_err(super::channel::as_wire)
    }
}

impl Secondary {
    /// `ramblock_recv_bitmap_set_offset`.
    pub(super) async fn mark_received(&self, cx: &Cx, block: usize, page: usize) {
        let (word, bit) = bit_of(page);
        self.blocks[block].receivedmap.dereference(cx).await.fetch_or(cx, word, bit);
    }
}

/// `multifd_recv_sync_main`: Y. The loader waits until every channel has got to its SYNC, then lets them go on.
pub(super) async fn multifd_recv_sync_main(cx: &Cx, qemu: &Secondary) {
    if qemu.channels == 0 {
        return;
    }
    let recv = qemu.multifd_recv_state.dereference(cx).await;
    for _ in 0..qemu.channels {
        cx.step(recv_sync::WAIT_ALL).await; // Y1
        recv.sem_sync.wait(cx).await;
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
}

/// `multifd_recv_terminate_threads`: X. Tells every thread to leave and wakes it; waits for none.
async fn multifd_recv_terminate_threads(cx: &Cx, qemu: &Secondary, recv: &MultifdRecvState, error: Option<String>) {
    cx.step(recv_terminate::SET_EXITING).await; // X1
    if recv.exiting.exchange(cx, true) {
        return;
    }
    if let Some(error) = error {
        cx.step(recv_terminate::STORE_ERROR).await; // X2: into the outgoing object, mis->state stays
        qemu.error(error);
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

/// `multifd_recv_cleanup`: K. Joins every receive thread, then frees what they used.
pub(super) async fn multifd_recv_cleanup(cx: &Cx, qemu: &Secondary) {
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
    for p in &params {
        cx.step(recv_cleanup::FREE_CHANNELS).await; // K3
        p.socket.close();
    }
    cx.step(recv_cleanup::FREE_STATE).await; // K4
    qemu.multifd_recv_state.clear(cx);
}
