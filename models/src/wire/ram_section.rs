//! The payload of the "ram" section on the main channel: a list of be64 words, flags in the low bits.
//!
//! Follows `ram_load_precopy` and `ram_save_*` (`migration/ram.c`), section version 4. [`read_word`] makes the loader's
//! checks in the loader's order. Page contents after [`Word::Page`] are read by the caller, straight to where they go;
//! so is the check for a missing COLO cache, which concerns memory and not the format.
//!
//! Not modelled: the page size that postcopy adds to a block, and the guest address that `ignore-shared` adds; RDMA
//! hooks and compressed pages are refused.

use std::sync::Arc;

use super::source::{Source, push_counted_name, read_be16, read_be64, read_bytes, read_counted_name, read_u8};
use super::{BlockTable, WireError};

/// The version of the "ram" section.
pub const VERSION: u32 = 4;

const ZERO: u64 = 0x002;
const MEM_SIZE: u64 = 0x004;
const PAGE: u64 = 0x008;
const EOS: u64 = 0x010;
const CONTINUE: u64 = 0x020;
const XBZRLE: u64 = 0x040;
const HOOK: u64 = 0x080;
const MULTIFD_FLUSH: u64 = 0x200;

const XBZRLE_ENCODING: u8 = 1;

/// The block of the page word before, which a word with CONTINUE refers to. One for each direction of each stream;
/// it lives on across sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastBlock(Option<Arc<str>>);

impl LastBlock {
    /// The name of the block, if there was a page word.
    pub fn idstr(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// One entry of the block list after MEM_SIZE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    /// The name of the RAM block, such as "pc.ram"; at most 255 bytes.
    pub idstr: String,
    /// Its used length on the primary in bytes; the secondary resizes its own block to that.
    pub used_length: u64,
}

/// One word of the list, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// All RAM blocks; opens the START section.
    MemSize(Vec<BlockEntry>),
    /// A page of zeroes.
    Zero {
        /// The RAM block.
        block: Arc<str>,
        /// Byte offset in it.
        offset: u64,
    },
    /// A page whose contents follow: one page size of bytes, left for the caller to read or write.
    Page {
        /// The RAM block.
        block: Arc<str>,
        /// Byte offset in it.
        offset: u64,
    },
    /// A page as XBZRLE difference to what was sent before.
    Xbzrle {
        /// The RAM block.
        block: Arc<str>,
        /// Byte offset in it.
        offset: u64,
        /// The encoded difference, at most one page size of bytes.
        data: Vec<u8>,
    },
    /// MULTIFD_FLUSH: wait until every multifd channel has delivered its SYNC.
    Flush,
    /// EOS: the end of this section's payload.
    Eos,
}

/// Reads the next word. `page_size` is the target page size in bytes, a power of two.
///
/// # Errors
/// In the loader's order, for page words: [`WireError::ContinueWithoutBlock`], [`WireError::UnknownBlock`],
/// [`WireError::IllegalRamOffset`], then [`WireError::ZeroPageByte`], or [`WireError::XbzrleEncoding`] and
/// [`WireError::XbzrleLength`], or [`WireError::UnknownRamFlags`]. For others: [`WireError::BlockListTotal`],
/// [`WireError::RamHookUnsupported`], [`WireError::UnknownRamFlags`] (also for the retired flags FULL, 0x001, and
/// COMPRESS_PAGE, 0x100). [`WireError::Read`] and [`WireError::NameNotUtf8`] where the bytes are read.
///
/// # Panics
/// If `page_size` is not a power of two, or so small that it leaves no room for the flags (less than 1024).
pub async fn read_word<S: Source, T: BlockTable + ?Sized>(
    source: &mut S,
    last: &mut LastBlock,
    table: &T,
    page_size: u64,
) -> Result<Word, WireError> {
    check_page_size(page_size);
    let word = read_be64(source, "a word of the ram section").await?;
    let (flags, offset) = (word & (page_size - 1), word & !(page_size - 1));
    if flags & (ZERO | PAGE | XBZRLE) != 0 {
        let block = read_block(source, last, flags).await?;
        let used_length =
            table.used_length(&block).ok_or_else(|| WireError::UnknownBlock { idstr: block.to_string() })?;
        if offset >= used_length {
            return Err(WireError::IllegalRamOffset { idstr: block.to_string(), offset, used_length });
        }
        match flags & !CONTINUE {
            ZERO => return read_zero(source, block, offset).await,
            PAGE => return Ok(Word::Page { block, offset }),
            XBZRLE => return read_xbzrle(source, block, offset, page_size).await,
            _ => return Err(WireError::UnknownRamFlags { flags }),
        }
    }
    match flags & !CONTINUE {
        MEM_SIZE => Ok(Word::MemSize(read_block_list(source, offset).await?)),
        MULTIFD_FLUSH => Ok(Word::Flush),
        EOS => Ok(Word::Eos),
        HOOK => Err(WireError::RamHookUnsupported),
        _ => Err(WireError::UnknownRamFlags { flags }),
    }
}

fn check_page_size(page_size: u64) {
    assert!(
        page_size.is_power_of_two() && page_size > MULTIFD_FLUSH,
        "{page_size} is no page size that leaves room for flags"
    );
}

async fn read_block<S: Source>(source: &mut S, last: &mut LastBlock, flags: u64) -> Result<Arc<str>, WireError> {
    if flags & CONTINUE == 0 {
        last.0 = Some(read_counted_name(source, "the name of a RAM block").await?.into());
    }
    last.0.clone().ok_or(WireError::ContinueWithoutBlock)
}

async fn read_zero<S: Source>(source: &mut S, block: Arc<str>, offset: u64) -> Result<Word, WireError> {
    match read_u8(source, "the byte of a zero page").await? {
        0 => Ok(Word::Zero { block, offset }),
        found => Err(WireError::ZeroPageByte { idstr: block.to_string(), offset, found }),
    }
}

async fn read_xbzrle<S: Source>(
    source: &mut S,
    block: Arc<str>,
    offset: u64,
    page_size: u64,
) -> Result<Word, WireError> {
    let found = read_u8(source, "the header of an XBZRLE page").await?;
    if found != XBZRLE_ENCODING {
        return Err(WireError::XbzrleEncoding { found });
    }
    let length = u64::from(read_be16(source, "the header of an XBZRLE page").await?);
    if length > page_size {
        return Err(WireError::XbzrleLength { found: length, limit: page_size });
    }
    let data = read_bytes(source, length, "an XBZRLE page").await?;
    Ok(Word::Xbzrle { block, offset, data })
}

async fn read_block_list<S: Source>(source: &mut S, total: u64) -> Result<Vec<BlockEntry>, WireError> {
    let mut blocks = Vec::new();
    let mut left = total;
    while left > 0 {
        let idstr = read_counted_name(source, "the name of a RAM block").await?;
        let used_length = read_be64(source, "the length of a RAM block").await?;
        left = left.checked_sub(used_length).ok_or_else(|| WireError::BlockListTotal {
            idstr: idstr.clone(),
            used_length,
            left,
        })?;
        blocks.push(BlockEntry { idstr, used_length });
    }
    Ok(blocks)
}

/// Writes a word. The contents of a [`Word::Page`] are the caller's to append.
///
/// # Panics
/// If an offset or the total of the block list is not a multiple of `page_size`, the last block of a list is empty (its
/// entry would follow the end of the list), a name has more than 255 bytes, or XBZRLE data more than 65535.
pub fn encode_word(out: &mut Vec<u8>, last: &mut LastBlock, word: &Word, page_size: u64) {
    match word {
        Word::MemSize(blocks) => {
            assert!(
                blocks.last().is_none_or(|block| block.used_length > 0),
                "the last block of a list must not be empty"
            );
            let total: u64 = blocks.iter().map(|block| block.used_length).sum();
            push_word(out, total, MEM_SIZE, page_size);
            for block in blocks {
                push_counted_name(out, &block.idstr);
                out.extend_from_slice(&block.used_length.to_be_bytes());
            }
        }
        Word::Zero { block, offset } => {
            push_page_word(out, last, block, *offset, ZERO, page_size);
            out.push(0);
        }
        Word::Page { block, offset } => push_page_word(out, last, block, *offset, PAGE, page_size),
        Word::Xbzrle { block, offset, data } => {
            push_page_word(out, last, block, *offset, XBZRLE, page_size);
            out.push(XBZRLE_ENCODING);
            let length = u16::try_from(data.len()).expect("an XBZRLE page has at most 65535 bytes");
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(data);
        }
        Word::Flush => push_word(out, 0, MULTIFD_FLUSH, page_size),
        Word::Eos => push_word(out, 0, EOS, page_size),
    }
}

fn push_page_word(out: &mut Vec<u8>, last: &mut LastBlock, block: &Arc<str>, offset: u64, flag: u64, page_size: u64) {
    if last.0.as_ref() == Some(block) {
        push_word(out, offset, flag | CONTINUE, page_size);
        return;
    }
    push_word(out, offset, flag, page_size);
    push_counted_name(out, block);
    last.0 = Some(Arc::clone(block));
}

fn push_word(out: &mut Vec<u8>, high: u64, flags: u64, page_size: u64) {
    check_page_size(page_size);
    assert!(high & (page_size - 1) == 0, "{high:#x} is not a multiple of the page size {page_size}");
    out.extend_from_slice(&(high | flags).to_be_bytes());
}
