//! The loader of the "ram" section (QEMU `ram_load_precopy`): words of the main channel, one after the other.

use super::cache::{colo_init_ram_cache, colo_record_bitmap};
use super::channel::MainChannel;
use super::multifd_colo::WhoAsks;
use super::multifd_recv_sync::multifd_recv_sync_main;
use super::{MigrationStatus, PageContent, Secondary};
use crate::steps::ram_load as step;
use crate::variant::{CacheAlloc, LoaderStateReads, SyncReceiver};
use crate::wire::ram_section::{LastBlock, Word, read_word};
use crate::wire::{BlockTable, ReadError, WireError};
use colosim_sim::{Counting, Memory};

/// Load one section, to its EOS word; `is_start`: it is the START section.
pub(super) async fn ram_load(
    channel: &mut MainChannel<'_>,
    last: &mut LastBlock,
    is_start: bool,
) -> Result<(), WireError> {
    let (cx, qemu) = (channel.cx, channel.qemu);
    let page_size = qemu.layout.page_size;
    loop {
        cx.step(step::WORD).await; // L1
        if qemu.receive_failed.get() {
            return Err(WireError::ReceiveThreadsLeft);
        }
        match read_word(channel, last, qemu, page_size).await? {
            Word::MemSize(blocks) => {
                cx.step(step::MEM_SIZE).await; // L2
                for block in blocks {
                    let known = qemu.layout.block_index(&block.idstr).map(|index| &qemu.blocks[index]);
                    let pages = (block.used_length / page_size) as usize;
                    if !known.is_some_and(|known| known.resize(pages)) {
                        return Err(WireError::UnknownBlock { idstr: block.idstr });
                    }
                }
                if qemu.x_colo && qemu.variant.cache_alloc == CacheAlloc::AfterMemSize {
                    colo_init_ram_cache(cx, qemu).await;
                }
            }
            Word::Flush => {
                cx.step(step::FLUSH_WORD).await; // L3
                if is_start || qemu.variant.sync_receiver != SyncReceiver::Absent {
                    multifd_recv_sync_main(cx, qemu).await?;
                }
            }
            Word::Eos => {
                cx.step(step::EOS).await; // L4
                if qemu.variant.sync_receiver == SyncReceiver::PerSection {
                    multifd_recv_sync_main(cx, qemu).await?;
                }
                return Ok(());
            }
            Word::Zero { block, offset, .. } => {
                let target = choose_target(channel, &block, offset).await;
                // The word alone: there are no bytes of a page to take.
                cx.step_on(step::PAGE_WORD, 0).await; // L5
                // A page that is zero already is left alone, to spare the fault; the copy is made all the same.
                if target.read(channel) != 0 {
                    target.write(channel, 0);
                } else if let Some(backup) = &target.backup {
                    backup.write(cx, target.page, 0);
                }
            }
            Word::Page { block, offset } => {
                let target = choose_target(channel, &block, offset).await;
                cx.step_on(step::PAGE_WORD, 1).await; // L5
                match channel.read_page(page_size).await {
                    Ok(content) => target.write(channel, qemu.content.word(&content)),
                    Err(error) => {
                        if let ReadError::Eof { got: 1.. } | ReadError::Reset { got: 1.. } = error {
                            target.write(channel, PageContent::torn(target.read(channel), offset));
                        }
                        return Err(WireError::Read { reading: "a page of the ram section", error });
                    }
                }
            }
            Word::Xbzrle { .. } => return Err(WireError::UnknownRamFlags { flags: 0x40 }),
        }
    }
}

/// Offsets are checked against the length that a block has now.
impl BlockTable for Secondary {
    fn used_length(&self, idstr: &str) -> Option<u64> {
        self.layout.block_index(idstr).map(|block| self.used_length(block))
    }
}

/// Where the loader puts a page.
struct Target {
    block: usize,
    page: usize,
    /// The cache, in COLO state; else the guest.
    cache: Option<Memory>,
    /// In precopy of a COLO migration: the page is copied to the cache too.
    backup: Option<Memory>,
}

/// L5a and L5b: the two reads of the state for one page word.
async fn choose_target(channel: &MainChannel<'_>, idstr: &str, offset: u64) -> Target {
    let (cx, qemu) = (channel.cx, channel.qemu);
    let block = qemu.layout.block_index(idstr).expect("the word's block was looked up in the layout");
    let page = (offset / qemu.layout.page_size) as usize;
    qemu.page_arrives(cx);
    let mut target = Target { block, page, cache: None, backup: None };
    let wanted = qemu.is_colo_wanted(WhoAsks::Loader);
    cx.step(step::CHOOSE_TARGET).await; // L5a
    let in_colo = !qemu.is_precopy(qemu.state.read(cx));
    if wanted {
        let cache = qemu.blocks[block].colo_cache.get(cx);
        if in_colo {
            colo_record_bitmap(cx, qemu, &qemu.blocks[block], &[page], step::PAGE_WORD).await;
            target.cache = cache;
        } else {
            target.backup = cache;
        }
    }
    cx.step(step::MARK_RECEIVED).await; // L5b
    let in_colo = match qemu.variant.loader_state_reads {
        LoaderStateReads::Twice => qemu.state.read(cx) == MigrationStatus::Colo,
        LoaderStateReads::Once => in_colo,
    };
    if !in_colo {
        let bit_of_page = match &target.cache {
            // The index is computed from an address inside the cache: it lies outside of the bitmap.
            Some(_) => qemu.blocks[block].max_pages.next_multiple_of(64) + page,
            None => page,
        };
        qemu.mark_received(cx, block, bit_of_page..bit_of_page + 1).await;
    }
    target
}

impl Target {
    fn read(&self, channel: &MainChannel<'_>) -> u64 {
        match &self.cache {
            Some(cache) => cache.read(channel.cx, self.page),
            None => channel.qemu.blocks[self.block].guest.read(channel.cx, self.page),
        }
    }

    fn write(&self, channel: &MainChannel<'_>, word: u64) {
        match &self.cache {
            Some(cache) => cache.write(channel.cx, self.page, word),
            None => {
                let (page, words) = (self.page..self.page + 1, Counting { first: word, step: 0 });
                channel.qemu.write_guest(channel.cx, self.block, page, words);
            }
        }
        if let Some(backup) = &self.backup {
            backup.write(channel.cx, self.page, word);
        }
    }
}
