//! One zlib stream per channel, with a sync flush after each packet. Follows `multifd-zlib.c`.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::CodecError;

/// QEMU's default for `multifd-zlib-level`.
const LEVEL: u32 = 1;
/// Room to make in the output before each call of the compressor, in bytes.
const OUTPUT_STEP: usize = 64 * 1024;

/// The receiving end of a zlib stream.
pub struct ZlibDecompressor {
    stream: Decompress,
}

impl ZlibDecompressor {
    pub(super) fn new() -> Self {
        ZlibDecompressor { stream: Decompress::new(true) }
    }

    pub(super) fn pages(
        &mut self,
        payload: &[u8],
        page_count: usize,
        page_size: usize,
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), CodecError> {
        let mut rest = payload;
        let mut page = vec![0; page_size];
        for index in 0..page_count {
            let got = self.inflate(&mut rest, &mut page, index)?;
            if got < page_size {
                return Err(CodecError::ShortPage { page: index, got, page_size });
            }
            each(index, &page);
        }
        // The flush marker may still be unread, and output may wait inside the decompressor: more than the pages shows.
        let more = self.inflate(&mut rest, &mut [0], page_count)?;
        if more > 0 || !rest.is_empty() {
            return Err(CodecError::PayloadTooLong { pages: page_count });
        }
        Ok(())
    }

    /// Fills `output` as far as `rest` goes and returns how far that was.
    fn inflate(&mut self, rest: &mut &[u8], output: &mut [u8], page: usize) -> Result<usize, CodecError> {
        let mut got = 0;
        while got < output.len() {
            let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
            self.stream
                .decompress(rest, &mut output[got..], FlushDecompress::Sync)
                .map_err(|error| CodecError::BadData { codec: "zlib", page, reason: error.to_string() })?;
            let (consumed, produced) = (self.stream.total_in() - in_before, self.stream.total_out() - out_before);
            if consumed == 0 && produced == 0 {
                break;
            }
            *rest = &rest[consumed as usize..];
            got += produced as usize;
        }
        Ok(got)
    }
}

/// The sending end of a zlib stream.
pub struct ZlibCompressor {
    stream: Compress,
}

impl ZlibCompressor {
    pub(super) fn new() -> Self {
        ZlibCompressor { stream: Compress::new(Compression::new(LEVEL), true) }
    }

    pub(super) fn pages(&mut self, pages: &[&[u8]], out: &mut Vec<u8>) {
        pages.iter().for_each(|page| self.feed(page, out));
        // A flush that fills its output may be cut before its marker; a second marker would do no harm.
        while !self.call(&mut [].as_slice(), FlushCompress::Sync, out) {
            self.feed(&[], out);
        }
    }

    /// Takes in `page` and puts out what is pending.
    fn feed(&mut self, page: &[u8], out: &mut Vec<u8>) {
        let mut rest = page;
        while !self.call(&mut rest, FlushCompress::None, out) || !rest.is_empty() {}
    }

    /// Calls the compressor once. True if it left room in the output, so that nothing is pending.
    fn call(&mut self, rest: &mut &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> bool {
        out.reserve(OUTPUT_STEP);
        let before = self.stream.total_in();
        self.stream.compress_vec(rest, out, flush).expect("a stream that was not finished takes more input");
        *rest = &rest[(self.stream.total_in() - before) as usize..];
        out.len() < out.capacity()
    }
}
