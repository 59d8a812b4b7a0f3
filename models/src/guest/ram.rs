//! The primary's guest RAM and the hypervisor's dirty log of it.
//!
//! The log is on from the start, as good as QEMU's, which is switched on with a migration bitmap of all ones. It is read
//! and cleared at once for all pages; clearing in chunks, as KVM can, is not modelled.

use super::dirty_bitmap::{Bits, DirtyBitmap, all_zeros};
use super::layout::{Layout, PageAddress};
use super::workload::{GuestWriter, initial_tag};
use crate::scenario::Share;
use colosim_sim::{Span, Time};

/// RAM of the PVM.
#[derive(Debug, Clone)]
pub struct GuestRam {
    writer: GuestWriter,
    blocks: Vec<Vec<u64>>,
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
            let contents =
                (number..number + pages).map(|n| if filled.contains(&n) { initial_tag(n) } else { 0 }).collect();
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

    /// Page writes of the guest so far, as of the last look.
    pub fn writes(&self) -> u64 {
        self.writer.writes()
    }

    /// Let everything that the guest wrote until `now` be in its RAM.
    pub fn advance(&mut self, now: Time) {
        let (blocks, log) = (&mut self.blocks, &mut self.log);
        self.writer.advance(now, &mut |block, page, content| {
            blocks[block][page] = content;
            log[block].as_raw_mut_slice()[page / 64] |= 1 << (page % 64);
        });
    }

    /// Content of a page at this moment.
    pub fn content(&mut self, now: Time, address: PageAddress) -> u64 {
        self.advance(now);
        self.blocks[address.block][address.page]
    }

    /// Contents of all blocks, as of the last look.
    pub fn blocks(&self) -> impl Iterator<Item = &[u64]> {
        self.blocks.iter().map(Vec::as_slice)
    }

    /// Move the dirty log into the migration bitmap. Returns the number of newly dirty pages.
    pub fn sync_dirty_log(&mut self, now: Time, into: &mut DirtyBitmap) -> u64 {
        self.advance(now);
        self.log.iter_mut().enumerate().map(|(block, log)| into.merge(block, log)).sum()
    }
}
