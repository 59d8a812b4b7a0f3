//! A RAM block of the secondary: guest RAM and what COLO and multifd keep beside it.

use crate::guest::Block;
use colosim_sim::{Memory, Pointer, Sim};
use std::cell::Cell;

/// One `RAMBlock`.
pub struct RamBlock {
    /// Name on the wire.
    pub idstr: String,
    /// Length in pages, now (`used_length`).
    used: Cell<usize>,
    /// Length in pages that it can have (`max_length`); that of `guest`.
    pub max_pages: usize,
    is_resizable: bool,
    /// `host`: what the guest sees.
    pub guest: Memory,
    /// The second copy: the primary's RAM as of the last checkpoint.
    pub colo_cache: Pointer<Memory>,
    /// Pages to flush from the cache, one bit each; 64 pages to a word.
    pub bmap: Pointer<Memory>,
    /// Pages that have arrived at least once, one bit each; 64 pages to a word.
    pub receivedmap: Pointer<Memory>,
}

impl RamBlock {
    /// A block of zeros without cache or bitmaps.
    pub fn new(sim: &Sim, block: &Block) -> RamBlock {
        RamBlock {
            idstr: block.idstr.clone(),
            used: Cell::new(block.pages),
            max_pages: block.max_pages,
            is_resizable: block.is_resizable,
            guest: Memory::allocate(sim, "guest RAM", block.max_pages),
            colo_cache: Pointer::null(sim, "block->colo_cache"),
            bmap: Pointer::null(sim, "block->bmap"),
            receivedmap: Pointer::null(sim, "block->receivedmap"),
        }
    }

    /// Length in pages, now.
    pub fn used_pages(&self) -> usize {
        self.used.get()
    }

    /// `qemu_ram_resize`: only a block that can be resized takes another length, up to its maximum. Returns whether it has this
    /// one then.
    pub fn resize(&self, pages: usize) -> bool {
        let fits = pages == self.used.get() || (self.is_resizable && pages <= self.max_pages);
        if fits {
            self.used.set(pages);
        }
        fits
    }
}

/// Where the bit of a page is: the word and its mask.
pub(super) fn bit_of(page: usize) -> (usize, u64) {
    (page / 64, 1 << (page % 64))
}
