//! `colo_flush_ram_cache` (QEMU `migration/ram.c`): what a whole checkpoint brought, from the cache into the guest.

use super::cache::set_bit;
use super::{RamBlock, Secondary};
use crate::steps::colo_flush as step;
use colosim_sim::{Cx, Memory, Span};
use std::ops::Range;

/// What the flush did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flushed {
    /// Pages copied.
    pub pages: u64,
    /// Between the trace points `colo_flush_ram_cache_begin` and `colo_flush_ram_cache_end`: G4 to G7.
    pub time: Span,
}

/// G1 to G7. BQL held, SVM stopped.
pub(super) async fn colo_flush_ram_cache(cx: &Cx, qemu: &Secondary) -> Flushed {
    let all_pages: usize = qemu.blocks.iter().map(RamBlock::used_pages).sum();
    cx.step_on(step::SYNC_DIRTY_LOG, all_pages as u64).await; // G1
    let ram_state = qemu.ram_state.dereference(cx).await;
    ram_state.lock_bitmaps(cx).await; // G2

    cx.step(step::MERGE_GUEST_DIRTY).await; // G3
    for (block, page) in qemu.vm.take_dirty_log(cx.sim.now(), &qemu.blocks) {
        set_bit(cx, &ram_state, &qemu.blocks[block].bmap.dereference(cx).await, page);
    }
    qemu.oracle.before_flush(cx, qemu);

    let began = cx.sim.now(); // G4
    let mut pages_copied = 0;
    for block in &qemu.blocks {
        let bmap = block.bmap.dereference(cx).await;
        let cache = block.colo_cache.dereference(cx).await;
        let mut from = 0;
        while let Some(run) = next_run(cx, &bmap, block, from) {
            let pages = run.len() as u64;
            cx.step_on(step::CLEAR_BITS, pages).await; // G5
            clear_run(cx, &bmap, run.clone());
            // Two threads that count without a lock can miss one another's pages.
            ram_state.dirty_pages.write(cx, ram_state.dirty_pages.read(cx).saturating_sub(pages));
            cx.step_on(step::COPY_RUN, pages).await; // G6
            for page in run.clone() {
                block.guest.write(cx, page, cache.read(cx, page));
            }
            pages_copied += pages;
            from = run.end;
        }
    }
    ram_state.unlock_bitmaps(cx); // G7
    Flushed { pages: pages_copied, time: cx.sim.now().since(began) }
}

/// The next run of set bits at or after page `from`.
fn next_run(cx: &Cx, bmap: &Memory, block: &RamBlock, from: usize) -> Option<Range<usize>> {
    let pages = block.used_pages();
    let start = next_bit(cx, bmap, pages, from, true)?;
    let end = next_bit(cx, bmap, pages, start, false).unwrap_or(pages);
    Some(start..end)
}

/// The next page at or after `from` whose bit has this value.
fn next_bit(cx: &Cx, bmap: &Memory, pages: usize, from: usize, value: bool) -> Option<usize> {
    let mut page = from;
    while page < pages {
        let word = bmap.read(cx, page / 64);
        let wanted = (if value { word } else { !word }) >> (page % 64);
        if wanted != 0 {
            let found = page + wanted.trailing_zeros() as usize;
            return (found < pages).then_some(found);
        }
        page = (page / 64 + 1) * 64;
    }
    None
}

fn clear_run(cx: &Cx, bmap: &Memory, run: Range<usize>) {
    let mut page = run.start;
    while page < run.end {
        let word = page / 64;
        let end = run.end.min((word + 1) * 64);
        let mask = (u64::MAX << (page % 64)) & (u64::MAX >> (63 - (end - 1) % 64));
        bmap.write(cx, word, bmap.read(cx, word) & !mask);
        page = end;
    }
}
