//! Taking the pages of a packet (QEMU `migration/multifd-nocomp.c`, `multifd-zero-page.c`, `multifd-zlib.c`, `multifd-zstd.c`):
//! R7 of a receive thread.
//!
//! Not modelled: qpl, uadk and qatzip, whose place of the receivedmap bits differs.

use super::channel::MultifdChannel;
use super::multifd_colo::{multifd_colo_prepare_recv, multifd_colo_process_recv, prepares};
use super::multifd_recv::{Host, Packet, RecvError};
use super::ram_block::bit_of;
use super::{PageContent, Secondary};
use crate::guest::runs_of;
use crate::steps::{multifd_codec, multifd_recv as step};
use crate::variant::{HookCopy, HookRecord, NocompZero, ReceivedmapSet, RecvTarget, ZeroShortcut};
use crate::wire::codec::Decompressor;
use crate::wire::{ReadError, multifd_packet, read_announced};
use colosim_sim::link::PagesRead;
use colosim_sim::{Counting, Cx};
use std::ops::Range;

/// R7: the receive method of the codec.
pub(super) async fn recv_pages(
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
    if matches!(decompressor, Decompressor::Nocomp) && prepares(qemu, HookRecord::InNocompRecv) {
        multifd_colo_prepare_recv(cx, qemu, packet).await;
    }
    packet.flags.expect_compression(compression)?; // R7a
    multifd_recv_zero_page_process(cx, qemu, packet).await; // R7b
    match decompressor {
        Decompressor::Nocomp => multifd_nocomp_recv(cx, qemu, channel, packet).await,
        _ => multifd_codec_recv(cx, qemu, channel, packet, decompressor).await,
    }
}

/// `multifd_recv_zero_page_process`: as QEMU has it, a zero page that never came before is zero already; else it is cleared.
async fn multifd_recv_zero_page_process(cx: &Cx, qemu: &Secondary, packet: &Packet) {
    let block = &qemu.blocks[packet.block];
    for pages in packet.zero.chunks(qemu.pages_per_step()) {
        cx.step_on(step::ZERO_PAGES, pages.len() as u64).await;
        for page in pages {
            let receivedmap = block.receivedmap.dereference(cx).await;
            let (word, bit) = bit_of(*page);
            let came_before = receivedmap.load(cx, word) & bit != 0;
            let clears = match qemu.variant.zero_shortcut {
                ZeroShortcut::ReceivedMap => came_before,
                ZeroShortcut::Always => true,
                ZeroShortcut::IfNonzero => packet.read(cx, qemu, *page) != 0,
            };
            if clears {
                packet.write(cx, qemu, *page, 0);
                if goes_to_both(qemu, packet) {
                    block.colo_cache.dereference(cx).await.write(cx, *page, 0);
                }
            }
            if !came_before {
                qemu.mark_received(cx, packet.block, *page..*page + 1).await;
            }
        }
    }
}

/// With the hooks inside the nocomp method and pages that go by the state: does a zero page of precopy go to the cache as well?
fn goes_to_both(qemu: &Secondary, packet: &Packet) -> bool {
    qemu.variant.hook_copy == HookCopy::InNocompRecv
        && qemu.variant.recv_target == RecvTarget::ByState
        && qemu.variant.nocomp_zero == NocompZero::Both
        && matches!(packet.host, Host::Guest)
        && qemu.is_precopy(packet.state_at_prepare)
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
    for pages in runs_of(&packet.normal) {
        qemu.mark_received(cx, packet.block, pages).await;
    }
    for pages in packet.normal.chunks(qemu.pages_per_step()) {
        cx.step_on(step::READV_PAGES, pages.len() as u64).await; // R7d
        for mut pages in runs_of(pages) {
            while !pages.is_empty() {
                let pages_max = qemu.content.pages_at_once(pages.len());
                match channel.read_pages(qemu.layout.page_size, pages_max, packet.is_tracked(qemu)).await {
                    Ok(read) => {
                        let (words, count) = qemu.content.words(&read);
                        packet.write_run(cx, qemu, pages.start..pages.start + count, words);
                        pages.start += count;
                    }
                    Err(error) => {
                        if let ReadError::Eof { got: 1.. } | ReadError::Reset { got: 1.. } = error {
                            packet.tear(cx, qemu, pages.start);
                        }
                        return Err(error.into());
                    }
                }
            }
        }
    }
    multifd_colo_process_recv(cx, qemu, packet, HookCopy::InNocompRecv).await;
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
    let decompress = match decompressor {
        Decompressor::Nocomp => None,
        Decompressor::Zlib(_) => Some(multifd_codec::DECOMPRESS_ZLIB),
        Decompressor::Zstd(_) => Some(multifd_codec::DECOMPRESS_ZSTD),
    };
    if let Some(decompress) = decompress {
        cx.step_on(decompress, packet.normal.len() as u64).await;
    }
    let mut contents = Vec::with_capacity(packet.normal.len());
    decompressor.pages(&payload, packet.normal.len(), qemu.layout.page_size as usize, |_, bytes| {
        contents.push(qemu.content.word_of_bytes(bytes));
    })?;
    for (pages, contents) in packet.normal.chunks(qemu.pages_per_step()).zip(contents.chunks(qemu.pages_per_step())) {
        cx.step_on(step::READV_PAGES, pages.len() as u64).await;
        for (page, content) in pages.iter().zip(contents) {
            qemu.mark_received(cx, packet.block, *page..*page + 1).await;
            packet.write(cx, qemu, *page, *content);
        }
    }
    Ok(())
}

impl Packet {
    fn write(&self, cx: &Cx, qemu: &Secondary, page: usize, word: u64) {
        self.write_run(cx, qemu, page..page + 1, Counting { first: word, step: 0 });
    }

    fn write_run(&self, cx: &Cx, qemu: &Secondary, pages: Range<usize>, words: Counting) {
        match &self.host {
            Host::Guest => qemu.write_guest(cx, self.block, pages, words),
            Host::Cache(cache) => cache.write_run(cx, pages, words),
        }
    }

    fn is_tracked(&self, qemu: &Secondary) -> bool {
        match &self.host {
            Host::Guest => qemu.blocks[self.block].guest.is_tracked(),
            Host::Cache(cache) => cache.is_tracked(),
        }
    }

    fn read(&self, cx: &Cx, qemu: &Secondary, page: usize) -> u64 {
        match &self.host {
            Host::Guest => qemu.blocks[self.block].guest.read(cx, page),
            Host::Cache(cache) => cache.read(cx, page),
        }
    }

    /// The stream ended inside a page: part of it is new, the rest is old.
    fn tear(&self, cx: &Cx, qemu: &Secondary, page: usize) {
        let old = self.read(cx, qemu, page);
        self.write(cx, qemu, page, PageContent::torn(old, u64::from(self.counts.next_packet_size)));
    }
}

impl MultifdChannel<'_> {
    /// Where nobody looks at single pages, they need not be taken one by one as they come in.
    async fn read_pages(
        &mut self,
        page_bytes: u64,
        pages_max: usize,
        one_by_one: bool,
    ) -> Result<PagesRead, ReadError> {
        let read = match one_by_one {
            true => self.socket.read_pages(self.cx, page_bytes, pages_max).await,
            false => self.socket.read_pages_by_train(self.cx, page_bytes, pages_max).await,
        };
        read.map_err(super::channel::as_wire)
    }
}

impl Secondary {
    /// `ramblock_recv_bitmap_set_offset`.
    pub(super) async fn mark_received(&self, cx: &Cx, block: usize, pages: Range<usize>) {
        let receivedmap = &self.blocks[block].receivedmap;
        match self.variant.receivedmap_set {
            ReceivedmapSet::Atomic => receivedmap.dereference(cx).await.fetch_set(cx, pages),
            ReceivedmapSet::Plain => {
                for page in pages {
                    let (word, bit) = bit_of(page);
                    let receivedmap = receivedmap.dereference(cx).await;
                    let before = receivedmap.load(cx, word);
                    cx.step(step::MARK_RECEIVED).await;
                    receivedmap.write(cx, word, before | bit);
                }
            }
        }
    }
}
