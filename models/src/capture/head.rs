//! The head of a recorded main stream: the RAM blocks of the machine.

use super::Recording;
use crate::guest::{Block, Layout};
use crate::wire::codec::CodecError;
use crate::wire::ram_section::{BlockEntry, LastBlock, Word, read_word};
use crate::wire::stream::{Item, read_header, read_item};
use crate::wire::{SliceSource, WireError, now};
use std::collections::BTreeMap;
use thiserror::Error;

pub(super) const PAGE_BYTES: u64 = 4096;

/// The RAM block that recordings have page hashes of.
const COMPARED_BLOCK: &str = "pc.ram";

/// The most RAM that a recorded machine may have, all blocks together, in bytes: a replay keeps two words for each page and
/// who touched them last.
pub const RAM_BYTES_MAX: u64 = 16 << 30;

/// Why a recording cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// The bytes before the list of RAM blocks, or the list itself.
    #[error("the head of the main stream: {0}")]
    Head(#[from] WireError),
    /// The first section of RAM begins with something else.
    #[error("the first section of the main stream does not begin with the list of RAM blocks")]
    NoBlockList,
    /// The list lacks the block whose pages are compared.
    #[error("the main stream lists no RAM block called \"{COMPARED_BLOCK}\"")]
    NoComparedBlock,
    /// A packet of the unfinished checkpoint cannot be decompressed.
    #[error("multifd packet {packet_num}: {error}")]
    Payload {
        /// Its number.
        packet_num: u64,
        /// Why.
        error: CodecError,
    },
    /// A page that the recording calls uncommitted has content that did not come in the unfinished checkpoint.
    #[error(
        "page {page} of {COMPARED_BLOCK} is listed as uncommitted, but its content is committed, or no packet of the \
         unfinished checkpoint carries it"
    )]
    NotCarried {
        /// The first such page.
        page: usize,
    },
    /// The machine is too large.
    #[error("the main stream lists {bytes} bytes of RAM, expected at most {RAM_BYTES_MAX}")]
    TooMuchRam {
        /// Length of all blocks.
        bytes: u64,
    },
}

/// The RAM blocks of a recorded machine.
#[derive(Debug)]
pub(super) struct Head {
    /// All of them.
    pub layout: Layout,
    /// Index of the one that is compared.
    pub compared_block: usize,
}

/// The RAM blocks, from the MEM_SIZE list at the head of the main stream.
pub(super) fn head_of(recording: &Recording) -> Result<Head, ReplayError> {
    let bytes = recording.main().map_or(&[][..], |main| &main.sent.bytes);
    let mut source = SliceSource::new(bytes);
    now(read_header(&mut source))?;
    while !matches!(now(read_item(&mut source, None))?, Item::SectionStart(_)) {}
    let unknown: BTreeMap<String, u64> = BTreeMap::new();
    let Word::MemSize(entries) = now(read_word(&mut source, &mut LastBlock::default(), &unknown, PAGE_BYTES))? else {
        return Err(ReplayError::NoBlockList);
    };
    let bytes = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.used_length));
    if bytes > RAM_BYTES_MAX {
        return Err(ReplayError::TooMuchRam { bytes });
    }
    let block = |entry: BlockEntry| {
        let pages = (entry.used_length / PAGE_BYTES) as usize;
        Block { pages, max_pages: pages, is_resizable: false, idstr: entry.idstr }
    };
    let layout = Layout { page_size: PAGE_BYTES, blocks: entries.into_iter().map(block).collect(), first_touched: 0 };
    let compared_block = layout.block_index(COMPARED_BLOCK).ok_or(ReplayError::NoComparedBlock)?;
    Ok(Head { layout, compared_block })
}
