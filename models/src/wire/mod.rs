//! The wire formats of a QEMU migration, as real bytes and in both directions.
//!
//! What the simulated primary sends is encoded here, what the simulated secondary reads is decoded here, and the same
//! decoder reads recorded streams of a real QEMU. Every integer on the wire is big-endian.
//!
//! ```text
//!  main channel, primary to secondary            multifd channel i, primary to secondary
//!  ┌ stream: header, items, footers              ┌ multifd_init: 64 bytes, once
//!  │   ├ command                                 └ multifd_packet: header, RAM or SYNC packet, page data
//!  │   └ ram_section: words of the "ram" section       ├ device_state_packet: VFIO's kind of packet
//!  └ colo_message: after precopy                       └ codec: page data in zlib or zstd
//!  main channel, secondary to primary
//!    return_path, then colo_message
//! ```
//!
//! Decoders do no input or output of their own. Those that have a stream to follow read from a [`Source`], which is a
//! simulated socket (each read may wait) or a byte slice ([`SliceSource`], run with [`now`]); those of fixed-size
//! structures take the bytes. Whatever the bytes are, decoding ends in a value or a [`WireError`], never in a panic,
//! and no announced length is trusted with memory before its bytes have arrived.
//!
//! ```
//! use colosim_models::wire::{SliceSource, now, stream};
//!
//! let mut bytes = Vec::new();
//! stream::encode_header(&mut bytes);
//! stream::encode_item(&mut bytes, &stream::Item::Eof);
//! let mut source = SliceSource::new(&bytes);
//! now(stream::read_header(&mut source))?;
//! assert_eq!(now(stream::read_item(&mut source, None))?, stream::Item::Eof);
//! # Ok::<(), colosim_models::wire::WireError>(())
//! ```
//!
//! # Not modelled
//! Postcopy beyond carrying its commands as bytes, mapped-ram files, RDMA hooks, TLS, vmstate subsections, and the
//! contents of device state, which stay opaque.

pub mod codec;
pub mod colo_message;
pub mod command;
pub mod device_state_packet;
mod error;
pub mod multifd_init;
pub mod multifd_packet;
pub mod ram_section;
pub mod return_path;
mod source;
pub mod stream;

pub use error::WireError;
pub use source::{READ_CHUNK_BYTES, ReadError, SliceSource, Source, now, read_announced};

/// What decoding needs to know of a machine's RAM blocks.
pub trait BlockTable {
    /// Used length in bytes of the RAM block called `idstr`; `None` if there is no such block.
    fn used_length(&self, idstr: &str) -> Option<u64>;
}

impl BlockTable for [(&str, u64)] {
    fn used_length(&self, idstr: &str) -> Option<u64> {
        self.iter().find(|(name, _)| *name == idstr).map(|(_, used_length)| *used_length)
    }
}

impl<const N: usize> BlockTable for [(&str, u64); N] {
    fn used_length(&self, idstr: &str) -> Option<u64> {
        self.as_slice().used_length(idstr)
    }
}

impl BlockTable for std::collections::BTreeMap<String, u64> {
    fn used_length(&self, idstr: &str) -> Option<u64> {
        self.get(idstr).copied()
    }
}
