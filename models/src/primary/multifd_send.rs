//! The multifd send threads (QEMU `multifd_send_thread` in `migration/multifd.c`, `multifd-nocomp.c`, `multifd-zero-page.c`):
//! steps S1 to S13 and SX.
//!
//! ```text
//!  migration thread                      send thread i
//!    wait channels_ready ◀──────────────── S2 post channels_ready
//!    swap data, pending_job, post sem ───▶ S3, S6 zero pages, packet ─▶ S7 write ─▶ S10
//!    pending_sync, post sem ─────────────▶ S3, S11 write SYNC
//!    wait sem_sync ◀────────────────────── S13 post sem_sync
//! ```
//!
//! Without compression the pages that leave are those of the moment of the write (S7), with it those of S6, where QEMU
//! copies them first.

use super::{MigrationState, Primary};
use crate::guest::{page_bytes, runs_of};
use crate::scenario::{Compression, Granularity, ZeroPageDetection};
use crate::steps::{multifd_codec, multifd_send as step};
use crate::variant::SendExitKick;
use crate::wire::codec::Compressor;
use crate::wire::multifd_init::MultifdInit;
use crate::wire::multifd_packet::{Offsets, RamPacket, packet_len};
use colosim_sim::link::{Piece, Socket, WriteError};
use colosim_sim::{Atomic, Contents, Cx, Mutex, Ordering, Semaphore, Sim};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// The uuid of a machine that was given none.
const UUID: [u8; 16] = [0; 16];

/// Pages that travel together (`MultiFDSendData` of type RAM).
#[derive(Debug, Default)]
pub(super) struct SendData {
    /// The block of all its pages.
    pub block: usize,
    /// The pages; after zero-page detection normal ones first.
    pub pages: Vec<usize>,
}

/// One channel (`MultiFDSendParams`).
pub(super) struct Channel {
    pub socket: Socket,
    pub sem: Semaphore,
    pub sem_sync: Semaphore,
    pub pending_job: Atomic<bool>,
    /// A SYNC packet is wanted (`MULTIFD_SYNC_ALL`).
    pub pending_sync: Atomic<bool>,
    pub data: RefCell<SendData>,
}

/// `multifd_send_state`.
pub(super) struct MultifdSendState {
    pub channels: Vec<Channel>,
    /// `multifd_send_mutex`.
    pub mutex: Mutex,
    pub channels_ready: Semaphore,
    pub exiting: Atomic<bool>,
    /// Where the search for an idle channel starts.
    pub next_channel: Cell<usize>,
    /// Bytes written to all channels, `multifd-bytes`.
    pub bytes: Cell<u64>,
    /// What the migration thread fills (`multifd_ram_send`).
    pub queued: RefCell<SendData>,
    packet_num: Cell<u64>,
}

impl MultifdSendState {
    pub fn new(sim: &Sim, sockets: Vec<Socket>) -> MultifdSendState {
        let channel = |(id, socket)| Channel {
            socket,
            sem: Semaphore::new(sim, &format!("sem of send channel {id}"), 0),
            sem_sync: Semaphore::new(sim, &format!("sem_sync of send channel {id}"), 0),
            pending_job: Atomic::new(sim, false),
            pending_sync: Atomic::new(sim, false),
            data: RefCell::default(),
        };
        MultifdSendState {
            channels: sockets.into_iter().enumerate().map(channel).collect(),
            mutex: Mutex::new(sim, "multifd_send_mutex"),
            channels_ready: Semaphore::new(sim, "channels_ready", 0),
            exiting: Atomic::new(sim, false),
            next_channel: Cell::new(0),
            bytes: Cell::new(0),
            queued: RefCell::default(),
            packet_num: Cell::new(0),
        }
    }

    fn take_packet_num(&self) -> u64 {
        self.packet_num.replace(self.packet_num.get() + 1)
    }
}

/// `multifd_send_thread` of channel `id`.
pub(super) async fn multifd_send_thread(cx: Cx, qemu: Rc<Primary>, id: usize) {
    let state = &qemu.multifd;
    let channel = &state.channels[id];
    let mut compressor = compressor(qemu.migration.multifd_compression);

    cx.step(step::WRITE_INIT).await; // S1
    let init = MultifdInit { uuid: UUID, id: id as u8 }.encode();
    let mut result = write(&cx, &qemu, channel, vec![Piece::Bytes(init[..].into())]).await;

    while result.is_ok() {
        cx.step(step::POST_READY).await; // S2
        state.channels_ready.post(&cx);
        cx.step(step::WAIT_JOB).await; // S3
        channel.sem.wait_idle(&cx).await;
        cx.step(step::CHECK_EXITING).await; // S4
        if state.exiting.load(&cx, Ordering::Relaxed) {
            if qemu.variant.send_exit_kick == SendExitKick::Always {
                kick_migration_thread(&cx, state, channel);
            }
            return;
        }
        // S5: a job goes before a sync.
        result = match channel.pending_job.load(&cx, Ordering::AcquireRelease) {
            true => send_job(&cx, &qemu, channel, &mut compressor).await,
            false => send_sync(&cx, &qemu, channel).await,
        };
    }

    cx.step(step::ERROR).await; // SX
    if !state.exiting.exchange(&cx, true) {
        qemu.error(format!("cannot write to {}", channel.socket.name()));
        for from in [MigrationState::Setup, MigrationState::Device, MigrationState::Active] {
            qemu.state.compare_exchange(&cx, from, MigrationState::Failed);
        }
    }
    kick_migration_thread(&cx, state, channel);
}

/// What the migration thread may be waiting for, of a thread that will not do it any more.
fn kick_migration_thread(cx: &Cx, state: &MultifdSendState, channel: &Channel) {
    channel.sem_sync.post(cx);
    state.channels_ready.post(cx);
}

/// S6 to S10: send the pages of a job.
async fn send_job(cx: &Cx, qemu: &Primary, channel: &Channel, compressor: &mut Compressor) -> Result<(), WriteError> {
    let page_size = qemu.layout.page_size;
    let count = channel.data.borrow().pages.len();
    cx.step_on(step::PREPARE, count as u64).await; // S6
    let (block, normal, zero) = zero_page_detect(cx, qemu, &mut channel.data.borrow_mut());
    qemu.counters.normal.set(qemu.counters.normal.get() + normal.len() as u64);
    qemu.counters.duplicate.set(qemu.counters.duplicate.get() + zero.len() as u64);
    match qemu.migration.multifd_compression {
        Compression::None => {}
        Compression::Zlib => cx.step_on(multifd_codec::COMPRESS_ZLIB, normal.len() as u64).await,
        Compression::Zstd => cx.step_on(multifd_codec::COMPRESS_ZSTD, normal.len() as u64).await,
    }
    let payload = match compressor {
        Compressor::Nocomp => None,
        codec => Some(compress(cx, qemu, codec, block, &normal)),
    };
    let payload_len = payload.as_ref().map_or(normal.len() as u64 * page_size, |payload| payload.len() as u64);
    let offset = |page: &usize| qemu.layout.offset(*page);
    let offsets = Offsets { normal: normal.iter().map(offset).collect(), zero: zero.iter().map(offset).collect() };
    let packet = RamPacket::data(
        qemu.migration.multifd_compression.on_the_wire(),
        qemu.multifd.take_packet_num(),
        &qemu.layout.blocks[block].idstr,
        offsets,
        payload_len as u32,
        page_size,
    );

    cx.step_on(step::WRITEV, payload_len.div_ceil(page_size)).await; // S7
    let mut pieces = vec![encode(&packet, page_size)];
    match payload {
        Some(payload) => pieces.push(Piece::Bytes(payload.into())),
        None => {
            let mut ram = qemu.ram.borrow_mut();
            let contents = ram.contents(cx.sim.now(), block);
            // Where a scheduler chooses, it chooses before each page that is read.
            if qemu.granularity == Granularity::Packet && !cx.sim.is_controlled() {
                runs_of(&normal).for_each(|run| pieces.extend(in_one_piece_each(contents, run, page_size)));
            } else {
                pieces.extend(normal.iter().map(|page| Piece::Fill { word: contents.get(*page), bytes: page_size }));
            }
        }
    }
    write(cx, qemu, channel, pieces).await?;
    qemu.counters.packets.set(qemu.counters.packets.get() + 1);

    cx.step(step::JOB_DONE).await; // S9, S10
    channel.data.borrow_mut().pages.clear();
    channel.pending_job.store(cx, false, Ordering::AcquireRelease);
    Ok(())
}

/// S11 to S13: send a SYNC packet.
async fn send_sync(cx: &Cx, qemu: &Primary, channel: &Channel) -> Result<(), WriteError> {
    let wanted = channel.pending_sync.load(cx, Ordering::Relaxed);
    cx.assert(wanted, "pending_sync", "a send thread was woken for neither a job nor a sync");
    cx.step(step::WRITE_SYNC).await; // S11
    let packet = RamPacket::sync(qemu.multifd.take_packet_num());
    write(cx, qemu, channel, vec![encode(&packet, qemu.layout.page_size)]).await?;
    channel.pending_sync.store(cx, false, Ordering::Relaxed); // S12
    cx.step(step::POST_SYNC).await; // S13
    channel.sem_sync.post(cx);
    Ok(())
}

/// S7, S8: write, and count what was written.
async fn write(cx: &Cx, qemu: &Primary, channel: &Channel, pieces: Vec<Piece>) -> Result<(), WriteError> {
    let bytes: u64 = pieces.iter().map(Piece::len).sum();
    channel.socket.write(cx, pieces).await?;
    qemu.multifd.bytes.set(qemu.multifd.bytes.get() + bytes);
    Ok(())
}

/// `multifd_send_zero_page_detect`: normal pages to the front, zero pages to the back, in the order in which the swap of the
/// two ends leaves them. Returns the block, the normal and the zero pages.
fn zero_page_detect(cx: &Cx, qemu: &Primary, data: &mut SendData) -> (usize, Vec<usize>, Vec<usize>) {
    let (block, pages) = (data.block, &mut data.pages);
    if qemu.zero_page_detection() != ZeroPageDetection::Multifd {
        return (block, pages.clone(), Vec::new());
    }
    let mut ram = qemu.ram.borrow_mut();
    let contents = ram.contents(cx.sim.now(), block);
    if !runs_of(pages).any(|run| contents.contains(run, 0)) {
        return (block, pages.clone(), Vec::new());
    }
    let (mut normal, mut end) = (0, pages.len());
    while normal < end {
        if contents.get(pages[normal]) == 0 {
            end -= 1;
            pages.swap(normal, end);
        } else {
            normal += 1;
        }
    }
    (block, pages[..normal].to_vec(), pages[normal..].to_vec())
}

/// The contents of these pages in as few pieces as they are known at a glance.
fn in_one_piece_each(
    contents: &Contents,
    mut pages: Range<usize>,
    page_bytes: u64,
) -> impl Iterator<Item = Piece> + '_ {
    std::iter::from_fn(move || {
        let (mut words, mut count) = (!pages.is_empty()).then(|| contents.run_at(pages.clone()))?;
        pages.start += count;
        while !pages.is_empty() {
            let (next, more) = contents.run_at(pages.clone());
            // One page does not tell how its word goes on.
            if count == 1 {
                words.step = next.first.wrapping_sub(words.first);
            }
            if next.first != words.at(count) || (more > 1 && next.step != words.step) {
                break;
            }
            (count, pages.start) = (count + more, pages.start + more);
        }
        Some(Piece::Pages { words, pages: count as u64, page_bytes })
    })
}

fn compress(cx: &Cx, qemu: &Primary, compressor: &mut Compressor, block: usize, pages: &[usize]) -> Vec<u8> {
    let words = qemu.layout.page_size as usize / 8;
    let mut ram = qemu.ram.borrow_mut();
    let words_of = ram.contents(cx.sim.now(), block);
    let expand = |page: &usize| page_bytes(words_of.get(*page), qemu.contents, words);
    let contents: Vec<Vec<u8>> = pages.iter().map(expand).collect();
    let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let mut payload = Vec::new();
    compressor.pages(&contents, &mut payload);
    payload
}

fn encode(packet: &RamPacket, page_size: u64) -> Piece {
    let mut bytes = Vec::with_capacity(packet_len(page_size));
    packet.encode(&mut bytes, page_size);
    Piece::Bytes(bytes.into())
}

fn compressor(compression: Compression) -> Compressor {
    Compressor::new(compression.on_the_wire()).expect("every codec of a scenario is modelled")
}
