//! Page data of multifd packets: as it is (nocomp), in zlib or in zstd.
//!
//! Follows `multifd-nocomp.c`, `multifd-zlib.c` and `multifd-zstd.c`: one stream per channel that lives on over all its
//! packets and is flushed after each. The receiver first reads the whole payload of `next_packet_size` bytes into a
//! private buffer, then decompresses page by page; pages before an error have reached memory.
//!
//! Departures from QEMU, which matter for broken streams only: payload that is left over after the last page is an error
//! here, while QEMU does not look. The receiver's private buffer has [`PAYLOAD_BUFFER_BYTES`] in QEMU, and a larger
//! `next_packet_size` is not checked against it but overruns it; whoever reads the payload has to decide what that does.
//!
//! Not modelled: qpl, uadk and qatzip, which need their hardware's formats.

mod zlib;
mod zstd;

use super::multifd_packet::Compression;

pub use zlib::{ZlibCompressor, ZlibDecompressor};
pub use zstd::{ZstdCompressor, ZstdDecompressor};

/// Size of the buffer in bytes into which QEMU's zlib and zstd receivers read a payload, without checking.
pub const PAYLOAD_BUFFER_BYTES: usize = 1024 * 1024;

/// Why a payload could not be decompressed into its pages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A packet without normal pages announced a payload; QEMU aborts on that.
    #[error("a payload of {found} bytes was announced for no normal pages, expected none")]
    PayloadWithoutPages {
        /// Length of the payload in bytes.
        found: usize,
    },
    /// The payload is no valid continuation of the stream.
    #[error("bad {codec} data in page {page}: {reason}")]
    BadData {
        /// "zlib" or "zstd".
        codec: &'static str,
        /// Index of the first page that did not come out whole.
        page: usize,
        /// What the decompressor says.
        reason: String,
    },
    /// The payload ended within a page.
    #[error("the payload ends in page {page} after {got} of its {page_size} bytes")]
    ShortPage {
        /// Index of the page.
        page: usize,
        /// Bytes of the page that came out.
        got: usize,
        /// Size of a page in bytes.
        page_size: usize,
    },
    /// The payload holds more than its pages.
    #[error("the payload holds more than its {pages} pages")]
    PayloadTooLong {
        /// Number of pages the packet announced.
        pages: usize,
    },
}

/// The receiving end of one channel's page data.
pub enum Decompressor {
    /// Page contents as they are.
    Nocomp,
    /// zlib.
    Zlib(ZlibDecompressor),
    /// zstd.
    Zstd(ZstdDecompressor),
}

impl Decompressor {
    /// At the start of a channel; `None` for a method that is not modelled.
    pub fn new(compression: Compression) -> Option<Decompressor> {
        match compression {
            Compression::Nocomp => Some(Decompressor::Nocomp),
            Compression::Zlib => Some(Decompressor::Zlib(ZlibDecompressor::new())),
            Compression::Zstd => Some(Decompressor::Zstd(ZstdDecompressor::new())),
            Compression::Qpl | Compression::Uadk | Compression::Qatzip => None,
        }
    }

    /// Decompresses the payload of the channel's next packet, and calls `each` with index and contents of every page
    /// that came out whole, in order.
    ///
    /// # Errors
    /// [`CodecError`]. The stream cannot be continued after one.
    ///
    /// # Panics
    /// If `page_size` is 0.
    pub fn pages(
        &mut self,
        payload: &[u8],
        page_count: usize,
        page_size: usize,
        mut each: impl FnMut(usize, &[u8]),
    ) -> Result<(), CodecError> {
        assert!(page_size > 0, "a page has at least one byte");
        if page_count == 0 {
            return match payload.len() {
                0 => Ok(()),
                found => Err(CodecError::PayloadWithoutPages { found }),
            };
        }
        match self {
            Decompressor::Nocomp => nocomp_pages(payload, page_count, page_size, &mut each),
            Decompressor::Zlib(zlib) => zlib.pages(payload, page_count, page_size, &mut each),
            Decompressor::Zstd(zstd) => zstd.pages(payload, page_count, page_size, &mut each),
        }
    }
}

fn nocomp_pages(
    payload: &[u8],
    page_count: usize,
    page_size: usize,
    each: &mut dyn FnMut(usize, &[u8]),
) -> Result<(), CodecError> {
    let whole = payload.chunks_exact(page_size).take(page_count);
    whole.enumerate().for_each(|(index, page)| each(index, page));
    let (page, got) = (payload.len() / page_size, payload.len() % page_size);
    match page {
        page if page < page_count => Err(CodecError::ShortPage { page, got, page_size }),
        page if page > page_count || got > 0 => Err(CodecError::PayloadTooLong { pages: page_count }),
        _ => Ok(()),
    }
}

/// The sending end of one channel's page data.
pub enum Compressor {
    /// Page contents as they are.
    Nocomp,
    /// zlib.
    Zlib(ZlibCompressor),
    /// zstd.
    Zstd(ZstdCompressor),
}

impl Compressor {
    /// At the start of a channel; `None` for a method that is not modelled.
    pub fn new(compression: Compression) -> Option<Compressor> {
        match compression {
            Compression::Nocomp => Some(Compressor::Nocomp),
            Compression::Zlib => Some(Compressor::Zlib(ZlibCompressor::new())),
            Compression::Zstd => Some(Compressor::Zstd(ZstdCompressor::new())),
            Compression::Qpl | Compression::Uadk | Compression::Qatzip => None,
        }
    }

    /// Appends the payload of the channel's next packet to `out`: `pages`, flushed so that the receiver gets them all.
    /// The bytes appended are the packet's `next_packet_size`; none for no pages.
    pub fn pages(&mut self, pages: &[&[u8]], out: &mut Vec<u8>) {
        if pages.is_empty() {
            return;
        }
        match self {
            Compressor::Nocomp => pages.iter().for_each(|page| out.extend_from_slice(page)),
            Compressor::Zlib(zlib) => zlib.pages(pages, out),
            Compressor::Zstd(zstd) => zstd.pages(pages, out),
        }
    }
}
