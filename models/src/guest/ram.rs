//! The primary's guest RAM and the hypervisor's dirty log of it.
//!
//! The log is on from the start, as good as QEMU's, which is switched on with a migration bitmap of all ones. It is read
//! and cleared at once for all pages; clearing in chunks, as KVM can, is not modelled.

use super::dirty_bitmap::{Bits, DirtyBitmap, all_zeros};
use super::layout::{Layout, PageAddress};
use super::workload::{GuestWriter, INITIAL_TAGS};
use crate::scenario::Share;
use colosim_sim::{Contents, Span, Time};

/// RAM of the PVM.
#[derive(Debug, Clone)]
pub struct GuestRam {
    writer: GuestWriter,
    blocks: Vec<Contents>,
    log: Vec<Bits>,
}

impl GuestRam {
    /// RAM of a guest that is stopped. A share of it, from the first page on that it touches, is `filled` with
    /// contents of their own; the rest is zero.
    pub fn new(layout: &Layout, filled: Share, writer: GuestWriter) -> GuestRam {
        let filled_pages = (layout.pages() as f64 * filled.value()).round() as usize;
        let filled = layout.first_touched..layout.first_touched + filled_pages;
        let mut number = 0;
        let mut block_of = |pages: usize| {
            let mut contents = Contents::zeros(pages);
            let of_block = filled.start.max(number)..filled.end.min(number + pages);
            if !of_block.is_empty() {
                let first = of_block.start;
                contents.set_run(first - number..of_block.end - number, INITIAL_TAGS.skip(first));
            }
            number += pages;
            contents
        };
        GuestRam {
            writer,
            blocks: layout.blocks.iter().map(|block| block_of(block.pages)).collect(),
            log: layout.blocks.iter().map(|block| all_zeros(block.pages)).collect(),
        }
    }

    /// `vm_start`. Nothing happens if it runs already.
    pub fn start(&mut self, now: Time) {
        self.writer.start(now);
    }

    /// `vm_stop`.
    pub fn stop(&mut self, now: Time) {
        self.advance(now);
        self.writer.stop(now);
    }

    /// Does the guest run?
    pub fn is_running(&self) -> bool {
        self.writer.is_running()
    }

    /// How long the guest has run.
    pub fn run_time(&self, now: Time) -> Span {
        self.writer.run_time(now)
    }

    /// From now on the guest runs at this many percent less than its speed.
    pub fn throttle(&mut self, now: Time, percent: u32) {
        self.advance(now);
        self.writer.throttle(now, percent);
    }

    /// The page that the guest writes next, as of the last look, where they come in order.
    pub fn next_page(&self) -> u64 {
        self.writer.next_page()
    }

    /// Page writes of the guest so far, as of the last look.
    pub fn writes(&self) -> u64 {
        self.writer.writes()
    }

    /// Let everything that the guest wrote until `now` be in its RAM.
    pub fn advance(&mut self, now: Time) {
        let (blocks, log) = (&mut self.blocks, &mut self.log);
        self.writer.advance(now, &mut |block, page, content| {
            blocks[block].set(page, content);
            log[block].as_raw_mut_slice()[page / 64] |= 1 << (page % 64);
        });
    }

    /// Content of a page at this moment.
    pub fn content(&mut self, now: Time, address: PageAddress) -> u64 {
        self.advance(now);
        self.blocks[address.block].get(address.page)
    }

    /// Contents of a block at this moment.
    pub fn contents(&mut self, now: Time, block: usize) -> &Contents {
        self.advance(now);
        &self.blocks[block]
    }

    /// Contents of all blocks, as of the last look.
    pub fn blocks(&self) -> &[Contents] {
        &self.blocks
    }

    /// Move the dirty log into the migration bitmap. Returns the number of newly dirty pages.
    pub fn sync_dirty_log(&mut self, now: Time, into: &mut DirtyBitmap) -> u64 {
        self.advance(now);
        self.log.iter_mut().enumerate().map(|(block, log)| into.merge(block, log)).sum()
    }
}
