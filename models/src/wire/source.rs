//! Where decoders read from: a stream that delivers exactly the bytes asked for, or says how it ended.
//!
//! Stands for QEMU's `QEMUFile` (main channel) and `QIOChannel` (multifd channels). Not modelled here: the sticky error
//! of a `QEMUFile` and its buffering, which belong to the thread that owns the file.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::WireError;

/// The most memory set aside for bytes that were announced but have not arrived yet.
pub const READ_CHUNK_BYTES: usize = 64 * 1024;

/// How a read ended that could not be satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The peer closed its side in order.
    #[error("end of stream after {got} bytes")]
    Eof {
        /// Bytes of this read that had arrived; 0 means the stream ended between two reads.
        got: usize,
    },
    /// The connection is gone: reset by the peer, or shut down by this side.
    #[error("connection lost after {got} bytes")]
    Reset {
        /// Bytes of this read that had arrived.
        got: usize,
    },
}

impl ReadError {
    fn after(self, before: usize) -> ReadError {
        match self {
            ReadError::Eof { got } => ReadError::Eof { got: before + got },
            ReadError::Reset { got } => ReadError::Reset { got: before + got },
        }
    }
}

/// A stream that can be read exactly.
#[expect(async_fn_in_trait, reason = "a run lives on one thread, so its futures need not be Send")]
pub trait Source {
    /// Fills `bytes` completely, waiting as long as it takes. An empty `bytes` succeeds at once.
    ///
    /// # Errors
    /// The stream ended or broke first; the bytes that had arrived are consumed.
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError>;
}

impl<S: Source> Source for &mut S {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_exact(bytes).await
    }
}

/// A [`Source`] over bytes in memory. Its futures are ready at the first poll, so [`now`] can run any decoder over it.
#[derive(Debug, Clone)]
pub struct SliceSource<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> SliceSource<'a> {
    /// A source that delivers `bytes` and then ends.
    pub fn new(bytes: &'a [u8]) -> Self {
        SliceSource { bytes, position: 0 }
    }

    /// Bytes delivered so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes not delivered yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }
}

impl Source for SliceSource<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        let rest = self.rest();
        if rest.len() < bytes.len() {
            self.position = self.bytes.len();
            return Err(ReadError::Eof { got: rest.len() });
        }
        bytes.copy_from_slice(&rest[..bytes.len()]);
        self.position += bytes.len();
        Ok(())
    }
}

/// Runs a future whose source never makes it wait, such as any decoder over a [`SliceSource`].
///
/// # Panics
/// If the future is not ready at its first poll.
pub fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future run with now() had to wait; its source must always be ready"),
    }
}

/// Reads `length` bytes whose number the peer announced, growing as they arrive, at most [`READ_CHUNK_BYTES`] ahead.
///
/// # Errors
/// The stream ended or broke first, with the number of announced bytes that had arrived.
pub async fn read_announced<S: Source>(source: &mut S, length: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let before = bytes.len();
        let chunk = (length - before as u64).min(READ_CHUNK_BYTES as u64) as usize;
        bytes.resize(before + chunk, 0);
        source.read_exact(&mut bytes[before..]).await.map_err(|error| error.after(before))?;
    }
    Ok(bytes)
}

/// Reads a structure of fixed size; `reading` names it in the error.
pub(super) async fn read_array<const N: usize, S: Source>(
    source: &mut S,
    reading: &'static str,
) -> Result<[u8; N], WireError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).await.map_err(|error| WireError::Read { reading, error })?;
    Ok(bytes)
}

pub(super) async fn read_u8<S: Source>(source: &mut S, reading: &'static str) -> Result<u8, WireError> {
    Ok(read_array::<1, S>(source, reading).await?[0])
}

pub(super) async fn read_be16<S: Source>(source: &mut S, reading: &'static str) -> Result<u16, WireError> {
    Ok(u16::from_be_bytes(read_array(source, reading).await?))
}

pub(super) async fn read_be32<S: Source>(source: &mut S, reading: &'static str) -> Result<u32, WireError> {
    Ok(u32::from_be_bytes(read_array(source, reading).await?))
}

pub(super) async fn read_be64<S: Source>(source: &mut S, reading: &'static str) -> Result<u64, WireError> {
    Ok(u64::from_be_bytes(read_array(source, reading).await?))
}

/// Reads `length` announced bytes; `reading` names them in the error.
pub(super) async fn read_bytes<S: Source>(
    source: &mut S,
    length: u64,
    reading: &'static str,
) -> Result<Vec<u8>, WireError> {
    read_announced(source, length).await.map_err(|error| WireError::Read { reading, error })
}

/// Reads a name as QEMU writes it: one byte with the length, then the name. A name that is not UTF-8 is an error here
/// because nothing that this crate simulates could be called so.
pub(super) async fn read_counted_name<S: Source>(source: &mut S, reading: &'static str) -> Result<String, WireError> {
    let length = read_u8(source, reading).await?;
    let bytes = read_bytes(source, u64::from(length), reading).await?;
    String::from_utf8(bytes).map_err(|error| WireError::NameNotUtf8 { reading, bytes: error.into_bytes() })
}

/// Writes what [`read_counted_name`] reads.
pub(super) fn push_counted_name(out: &mut Vec<u8>, name: &str) {
    let length = u8::try_from(name.len()).expect("a name on the wire has at most 255 bytes");
    out.push(length);
    out.extend_from_slice(name.as_bytes());
}
