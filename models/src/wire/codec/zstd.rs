//! One zstd frame per channel that never ends, flushed after each packet. Follows `multifd-zstd.c`.
//!
//! The crate `ruzstd` works on whole frames, so both ends adapt it by what the format allows (RFC 8878, section 3.1.1):
//!
//! - **Decoding.** Its decoder keeps back one window of output until the frame ends. So the frame is ended, by an empty
//!   last block of our own, as soon as it was begun; the decoder goes on with further blocks all the same and then gives
//!   out everything. The window that later blocks refer to is put back as raw blocks, which change nothing but the
//!   window.
//! - **Encoding.** Its encoder makes one frame of each packet. Header and checksum are cut off and the last block is
//!   marked as not last, which leaves blocks that can follow in any frame: the encoder refers neither to tables nor to
//!   offsets of blocks of earlier packets. That costs some compression compared to libzstd; the bytes are well-formed.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::CodecError;

const BLOCK_HEADER_LEN: usize = 3;
const BLOCK_LEN_MAX: usize = 128 * 1024;
const LAST_BLOCK: u8 = 1;
const BLOCK_TYPE_RLE: u32 = 1;

const DESCRIPTOR_AT: usize = 4;
const SINGLE_SEGMENT: u8 = 1 << 5;
const CHECKSUM: u8 = 1 << 2;
const CHECKSUM_LEN: usize = 4;

/// Magic, a descriptor without any option, and a window of 128 KiB: what [`compress_to_vec`] refers back to at most.
const FRAME_HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];

/// The receiving end of a zstd stream.
pub struct ZstdDecompressor {
    frame: Option<Box<OpenFrame>>,
}

struct OpenFrame {
    decoder: FrameDecoder,
    window_size: usize,
    /// Bytes of window at the front of the decoder's buffer, which were given out before.
    window_len: usize,
}

impl ZstdDecompressor {
    pub(super) fn new() -> Self {
        ZstdDecompressor { frame: None }
    }

    pub(super) fn pages(
        &mut self,
        payload: &[u8],
        page_count: usize,
        page_size: usize,
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), CodecError> {
        let wanted = page_count * page_size;
        let mut output = Vec::new();
        let mut rest = payload;
        let mut decoded = Ok(());
        while decoded.is_ok() && !rest.is_empty() && output.len() <= wanted {
            decoded = self.decode_some(&mut rest, wanted, &mut output);
        }
        output.chunks_exact(page_size).take(page_count).enumerate().for_each(|(index, page)| each(index, page));
        let (page, got) = (output.len() / page_size, output.len() % page_size);
        decoded.map_err(|reason| CodecError::BadData { codec: "zstd", page, reason })?;
        if page < page_count {
            return Err(CodecError::ShortPage { page, got, page_size });
        }
        if output.len() > wanted || !rest.is_empty() {
            return Err(CodecError::PayloadTooLong { pages: page_count });
        }
        Ok(())
    }

    /// Decodes blocks of one frame, opening it if need be, until the payload ends, the frame ends, or there is more
    /// output than `wanted`. Output of blocks before a bad one counts.
    fn decode_some(&mut self, rest: &mut &[u8], wanted: usize, output: &mut Vec<u8>) -> Result<(), String> {
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => OpenFrame::open(rest)?,
        };
        let mut good = frame.decoder.can_collect();
        let mut ended = false;
        let mut decoded = Ok(());
        while !ended && !rest.is_empty() && output.len() + good - frame.window_len <= wanted {
            ended = rest[0] & LAST_BLOCK != 0;
            decoded = frame.decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).map(|_| ());
            if decoded.is_err() {
                break;
            }
            good = frame.decoder.can_collect();
        }
        let collected = frame.decoder.collect().unwrap_or_default();
        output.extend_from_slice(&collected[frame.window_len..good]);
        decoded.map_err(|error| error.to_string())?;
        if !ended {
            frame.restore_window(&collected)?;
            self.frame = Some(frame);
        }
        Ok(())
    }
}

impl OpenFrame {
    fn open(rest: &mut &[u8]) -> Result<Box<OpenFrame>, String> {
        let header = *rest;
        let mut decoder = FrameDecoder::new();
        decoder.reset(&mut *rest).map_err(|error| error.to_string())?;
        let mut end = vec![LAST_BLOCK, 0, 0];
        if header[DESCRIPTOR_AT] & CHECKSUM != 0 {
            end.extend_from_slice(&[0; CHECKSUM_LEN]);
        }
        decoder
            .decode_blocks(end.as_slice(), BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| error.to_string())?;
        let window_size = if header[DESCRIPTOR_AT] & SINGLE_SEGMENT != 0 {
            decoder.content_size()
        } else {
            let descriptor = header[DESCRIPTOR_AT + 1];
            let base = 1u64 << (10 + (descriptor >> 3));
            base + base / 8 * u64::from(descriptor & 7)
        };
        let window_size = usize::try_from(window_size).map_err(|error| error.to_string())?;
        Ok(Box::new(OpenFrame { decoder, window_size, window_len: 0 }))
    }

    fn restore_window(&mut self, collected: &[u8]) -> Result<(), String> {
        self.window_len = collected.len().min(self.window_size);
        let window = &collected[collected.len() - self.window_len..];
        let mut block = Vec::new();
        for content in window.chunks(BLOCK_LEN_MAX.min(self.window_size.max(1))) {
            block.clear();
            block.extend_from_slice(&(content.len() as u32 * 8).to_le_bytes()[..BLOCK_HEADER_LEN]);
            block.extend_from_slice(content);
            self.decoder
                .decode_blocks(block.as_slice(), BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// The sending end of a zstd stream.
pub struct ZstdCompressor {
    begun: bool,
}

impl ZstdCompressor {
    pub(super) fn new() -> Self {
        ZstdCompressor { begun: false }
    }

    pub(super) fn pages(&mut self, pages: &[&[u8]], out: &mut Vec<u8>) {
        if !self.begun {
            out.extend_from_slice(&FRAME_HEADER);
            self.begun = true;
        }
        let frame = compress_to_vec(pages.concat().as_slice(), CompressionLevel::Fastest);
        let mut rest = &frame[FRAME_HEADER.len()..];
        loop {
            let header = u32::from_le_bytes([rest[0], rest[1], rest[2], 0]);
            let (size, block_type) = (header as usize >> 3, header >> 1 & 3);
            let content = if block_type == BLOCK_TYPE_RLE { 1 } else { size };
            let (block, following) = rest.split_at(BLOCK_HEADER_LEN + content);
            out.push(block[0] & !LAST_BLOCK);
            out.extend_from_slice(&block[1..]);
            if block[0] & LAST_BLOCK != 0 {
                return;
            }
            rest = following;
        }
    }
}
