//! Links: duplex, reliable, ordered byte pipes, as sockets give them, on a shared path.
//!
//! ```text
//!  write ─▶ send buffer ─▶ path: queue, rate, loss, latency, jitter ─▶ receive buffer ─▶ read
//!           (flow)         (shared by all flows of the direction)      (flow)
//! ```
//!
//! Bytes are never lost and never reordered; loss costs the time of a retransmission. A writer waits while its send buffer is
//! full; a flow sends no more than the receive buffer of the other end holds. N connections on one [`Path`] are N flows
//! that share its rate, first come, first served, in batches of at most 64 KiB.
//!
//! Content is real bytes; a run of one repeated 64-bit word is kept as that word and its length ([`Piece::Fill`]), so that a
//! page costs no more than a tag.
//!
//! A connection can be told to let small segments and acknowledgements wait ([`Interactive`]), as TCP does without TCP_NODELAY.
//!
//! **Not modelled**: congestion windows, slow start; a link is as if its flows had found their share of the rate already.

#[allow(dead_code, reason = "the transport that uses it follows")]
mod congestion;
mod flow;
#[allow(dead_code, reason = "the transport that uses it follows")]
mod loss;
mod path;
#[allow(dead_code, reason = "the transport that uses it follows")]
mod round_trip;
mod socket;

pub use congestion::Congestion;
pub use flow::{Interactive, Piece, Transport};
pub use loss::Loss;
pub use path::{Path, PathConfig};
pub use socket::{PageRead, ReadError, Socket, WriteError, connect};
