//! The RAM blocks of the machine (QEMU's `RAMBlock` list, largest first), the same on both sides but for one that can be
//! resized.

use super::Side;
use crate::scenario;
use crate::wire::BlockTable;
use std::ops::Range;

/// One RAM block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Name on the wire, as `pc.ram`.
    pub idstr: String,
    /// Length in pages.
    pub pages: usize,
    /// Length in pages that it can have.
    pub max_pages: usize,
    /// Can its length change at all?
    pub is_resizable: bool,
}

/// All RAM blocks, in the order in which they are scanned and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Target page size in bytes.
    pub page_size: u64,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The first page of the first block that the guest has filled and writes to.
    pub first_touched: usize,
}

/// A page of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageAddress {
    /// Index of the block in the layout.
    pub block: usize,
    /// Index of the page in the block.
    pub page: usize,
}

/// Pages as runs: block, first page, last page.
pub fn page_runs(pages: impl IntoIterator<Item = (usize, usize)>) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (block, page) in pages {
        match runs.last_mut() {
            Some((b, _, end)) if *b == block && *end + 1 == page => *end = page,
            _ => runs.push((block, page, page)),
        }
    }
    runs
}

/// The same pages as runs of pages that follow each other, in this order.
pub(crate) fn runs_of(pages: &[usize]) -> impl Iterator<Item = Range<usize>> + '_ {
    pages.chunk_by(|page, next| page + 1 == *next).map(|run| run[0]..run[0] + run.len())
}

impl Layout {
    /// The blocks of a scenario's guest on one side: `pc.ram`, `vga.vram` if it has video RAM, and the block that can be
    /// resized, if it has one.
    pub fn new(guest: &scenario::Guest, side: Side) -> Layout {
        let page_size = guest.page_size.bytes();
        let pages = |bytes: u64| (bytes / page_size) as usize;
        let block = |idstr: &str, bytes| Block {
            idstr: idstr.to_owned(),
            pages: pages(bytes),
            max_pages: pages(bytes),
            is_resizable: false,
        };
        let mut blocks = vec![block("pc.ram", guest.ram.bytes())];
        if guest.video_ram.bytes() > 0 {
            blocks.push(block("vga.vram", guest.video_ram.bytes()));
        }
        if let Some(resizable) = guest.resizable {
            let used = match side {
                Side::Primary => resizable.primary,
                Side::Secondary => resizable.secondary,
            };
            let idstr = "/rom@etc/acpi/tables".to_owned();
            blocks.push(Block {
                idstr,
                pages: pages(used.bytes()),
                max_pages: pages(resizable.max.bytes()),
                is_resizable: true,
            });
        }
        Layout { page_size, blocks, first_touched: pages(guest.untouched.bytes()) }
    }

    /// Index of the block with this name.
    pub fn block_index(&self, idstr: &str) -> Option<usize> {
        self.blocks.iter().position(|block| block.idstr == idstr)
    }

    /// Length of all blocks in pages.
    pub fn pages(&self) -> usize {
        self.blocks.iter().map(|block| block.pages).sum()
    }

    /// Byte offset of a page in its block.
    pub fn offset(&self, page: usize) -> u64 {
        page as u64 * self.page_size
    }
}

impl BlockTable for Layout {
    fn used_length(&self, idstr: &str) -> Option<u64> {
        self.block_index(idstr).map(|block| self.offset(self.blocks[block].pages))
    }
}
