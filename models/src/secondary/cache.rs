//! The COLO cache: allocation, release, and the bitmap of what must be flushed from it (QEMU `migration/ram.c`).

use super::{RamBlock, Secondary};
use crate::secondary::ram_block::bit_of;
use crate::steps::{colo_init_ram_cache as init, colo_release_ram_cache as release};
use crate::variant::{BitmapLock, CacheSize};
use colosim_sim::{Cx, Memory, Mutex, Plain, StepId};

/// `ram_state` of an incoming COLO migration.
#[derive(Clone)]
pub(super) struct RamState {
    /// Protects every block's bmap and the count.
    pub bitmap_mutex: Mutex,
    /// `migration_dirty_pages`: bits set in all bmaps.
    pub dirty_pages: Plain<u64>,
    /// The memory that the mutex and the count live in.
    allocation: Memory,
}

impl RamState {
    /// Lock the bitmaps. The mutex is part of the allocation, so locking touches it.
    pub async fn lock_bitmaps(&self, cx: &Cx) {
        self.allocation.load(cx, 0);
        self.bitmap_mutex.lock(cx).await;
        self.allocation.load(cx, 0);
    }

    /// Unlock the bitmaps.
    pub fn unlock_bitmaps(&self, cx: &Cx) {
        self.allocation.load(cx, 0);
        self.bitmap_mutex.unlock(cx);
    }
}

/// `colo_init_ram_cache`: for each block a cache of zeros and a bitmap of zeros. Main thread, BQL held.
pub(super) async fn colo_init_ram_cache(cx: &Cx, qemu: &Secondary) {
    for block in &qemu.blocks {
        let pages = match qemu.variant.cache_size {
            CacheSize::UsedLength => block.used_pages(),
            CacheSize::MaxLength => block.max_pages,
        };
        cx.step_on(init::MAP_CACHE, pages as u64).await;
        block.colo_cache.set(cx, Memory::allocate(&cx.sim, "colo_cache", pages));
    }
    for block in &qemu.blocks {
        cx.step(init::NEW_BMAP).await;
        block.bmap.set(cx, Memory::allocate_bitmap(&cx.sim, "bmap", block.max_pages));
    }
    cx.step(init::NEW_RAM_STATE).await;
    let total: usize = qemu.blocks.iter().map(RamBlock::used_pages).sum();
    let ram_state = RamState {
        bitmap_mutex: Mutex::new(&cx.sim, "bitmap_mutex"),
        dirty_pages: Plain::new(&cx.sim, "migration_dirty_pages", total as u64),
        allocation: Memory::allocate(&cx.sim, "ram_state", 1),
    };
    qemu.ram_state.set(cx, ram_state);
    qemu.colo_enabled.set(true);
}

/// `colo_release_ram_cache`. BQL held; nothing is done about receive threads.
pub(super) async fn colo_release_ram_cache(cx: &Cx, qemu: &Secondary) {
    cx.step(release::STOP_DIRTY_LOG).await;
    for block in &qemu.blocks {
        cx.step(release::FREE_BMAP).await;
        if let Some(bmap) = block.bmap.clear(cx) {
            bmap.free(cx);
        }
    }
    for block in &qemu.blocks {
        cx.step(release::FREE_CACHE).await;
        if let Some(cache) = block.colo_cache.clear(cx) {
            cache.free(cx);
        }
    }
    cx.step(release::FREE_RAM_STATE).await;
    if let Some(ram_state) = qemu.ram_state.clear(cx) {
        ram_state.allocation.free(cx);
    }
}

/// `colo_record_bitmap`: these pages of the cache have to be flushed. Each list is one visit of `step`, or each page,
/// by the granularity; the mutex is taken as the variant says.
pub(super) async fn colo_record_bitmap(cx: &Cx, qemu: &Secondary, block: &RamBlock, pages: &[usize], step: StepId) {
    cx.step_on(step, pages.len() as u64).await;
    match qemu.variant.bitmap_lock {
        BitmapLock::PerList => {
            let ram_state = qemu.ram_state.dereference(cx).await;
            ram_state.lock_bitmaps(cx).await;
            for page in pages {
                set_bit(cx, &ram_state, &block.bmap.dereference(cx).await, *page);
            }
            ram_state.unlock_bitmaps(cx);
        }
        BitmapLock::None => {
            for page in pages {
                let bmap = block.bmap.dereference(cx).await;
                let (word, bit) = bit_of(*page);
                let before = bmap.read(cx, word);
                cx.step(step).await;
                bmap.write(cx, word, before | bit);
                if before & bit == 0 {
                    let dirty_pages = &qemu.ram_state.dereference(cx).await.dirty_pages;
                    dirty_pages.write(cx, dirty_pages.read(cx) + 1);
                }
            }
        }
        BitmapLock::PerPage => {
            for page in pages {
                let ram_state = qemu.ram_state.dereference(cx).await;
                ram_state.lock_bitmaps(cx).await;
                set_bit(cx, &ram_state, &block.bmap.dereference(cx).await, *page);
                ram_state.unlock_bitmaps(cx);
            }
        }
    }
}

/// Set one bit and count it if it was clear.
pub(super) fn set_bit(cx: &Cx, ram_state: &RamState, bmap: &Memory, page: usize) {
    let (word, bit) = bit_of(page);
    let before = bmap.read(cx, word);
    if before & bit == 0 {
        bmap.write(cx, word, before | bit);
        ram_state.dirty_pages.write(cx, ram_state.dirty_pages.read(cx) + 1);
    }
}

impl Secondary {
    /// What has been allocated for the incoming migration and not been freed, each with its length. For oracles.
    pub(crate) fn allocations(&self) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        let mut look = |object, memory: Option<Memory>| found.extend(memory.map(|memory| (object, memory.len())));
        self.blocks.iter().for_each(|block| look("colo_cache", block.colo_cache.peek()));
        self.blocks.iter().for_each(|block| look("bmap", block.bmap.peek()));
        self.blocks.iter().for_each(|block| look("receivedmap", block.receivedmap.peek()));
        look("ram_state", self.ram_state.peek().map(|ram_state| ram_state.allocation));
        found
    }
}
