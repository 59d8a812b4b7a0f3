//! The migration bitmap: one bit for each page that still has to be sent (QEMU's `RAMBlock.bmap`, all blocks of it).

use super::layout::Layout;
use bitvec::order::Lsb0;
use bitvec::vec::BitVec;
use std::ops::Range;

/// Bits of one block, 64 pages to a word. Bits behind the last page are clear.
pub(super) type Bits = BitVec<u64, Lsb0>;

/// Pages to send, of all blocks.
#[derive(Debug, Clone)]
pub struct DirtyBitmap {
    blocks: Vec<Bits>,
    dirty_pages: u64,
}

impl DirtyBitmap {
    /// Every page has to be sent.
    pub fn new(layout: &Layout) -> DirtyBitmap {
        let blocks = layout.blocks.iter().map(|block| all_ones(block.pages)).collect();
        DirtyBitmap { blocks, dirty_pages: layout.pages() as u64 }
    }

    /// Pages to send (`migration_dirty_pages`).
    pub fn dirty_pages(&self) -> u64 {
        self.dirty_pages
    }

    /// Has this page to be sent?
    pub fn is_dirty(&self, block: usize, page: usize) -> bool {
        self.blocks[block][page]
    }

    /// The first page of `block` from `from` on that has to be sent. `from` may lie behind the last page.
    pub fn next_dirty(&self, block: usize, from: usize) -> Option<usize> {
        let words = self.blocks[block].as_raw_slice();
        let mut index = from / 64;
        let mut word = words.get(index)? & (!0 << (from % 64));
        while word == 0 {
            index += 1;
            word = *words.get(index)?;
        }
        Some(index * 64 + word.trailing_zeros() as usize)
    }

    /// How many pages from `page` on have to be sent without one between that has not, as far as one looks: up to `pages_max`.
    pub fn dirty_run(&self, block: usize, page: usize, pages_max: usize) -> usize {
        let words = self.blocks[block].as_raw_slice();
        let mut pages = 0;
        while pages < pages_max {
            let at = page + pages;
            let Some(word) = words.get(at / 64) else { break };
            let ones = (word >> (at % 64)).trailing_ones() as usize;
            pages += ones;
            if ones < 64 - at % 64 {
                break;
            }
        }
        pages.min(pages_max)
    }

    /// The page is about to be sent. Returns whether it had to be.
    pub fn clear(&mut self, block: usize, page: usize) -> bool {
        let was_dirty = self.blocks[block].replace(page, false);
        self.dirty_pages -= u64::from(was_dirty);
        was_dirty
    }

    /// These pages, all of which had to be sent, are about to be.
    pub fn clear_run(&mut self, block: usize, pages: Range<usize>) {
        self.dirty_pages -= pages.len() as u64;
        self.blocks[block][pages].fill(false);
    }

    /// Add the pages of a block's dirty log, and empty the log. Returns how many had not been dirty already.
    pub(super) fn merge(&mut self, block: usize, log: &mut Bits) -> u64 {
        let words = self.blocks[block].as_raw_mut_slice().iter_mut();
        let mut newly_dirty = 0;
        for (word, logged) in words.zip(log.as_raw_mut_slice()) {
            newly_dirty += u64::from((*logged & !*word).count_ones());
            *word |= std::mem::take(logged);
        }
        self.dirty_pages += newly_dirty;
        newly_dirty
    }
}

fn all_ones(pages: usize) -> Bits {
    let mut bits = Bits::from_vec(vec![!0; pages.div_ceil(64)]);
    bits.truncate(pages);
    bits.set_uninitialized(false);
    bits
}

/// An empty dirty log.
pub(super) fn all_zeros(pages: usize) -> Bits {
    let mut bits = Bits::from_vec(vec![0; pages.div_ceil(64)]);
    bits.truncate(pages);
    bits
}
