//! Links: duplex, reliable, ordered byte pipes, as sockets give them, on a shared path.
//!
//! ```text
//!  write ─▶ send buffer ─▶ sender ─▶ path: queue, rate, loss, latency, jitter ─▶ receiver ─▶ receive buffer ─▶ read
//!           (flow)         (window)  (shared by all flows of the direction)      (acknowledges)  (flow)
//! ```
//!
//! Bytes are never lost and never reordered; loss costs time, through what TCP does about it. N connections on one [`Path`] are N
//! flows that share its rate, first come, first served. What TCP does is modelled segment by segment where segments can be lost; where
//! nothing can tell, trains of segments go as one.
//!
//! | behaviour | where | source |
//! |---|---|---|
//! | slow start, congestion avoidance | `congestion` | RFC 5681, RFC 9438, HyStart |
//! | SACK recovery, proportional rate reduction | `sender` | RFC 6675, RFC 6937 |
//! | loss detection, tail-loss probe | `sender` | RFC 8985 |
//! | retransmission time-out | `round_trip`, `sender` | RFC 6298, Linux's floor of 200 ms |
//! | slow start after idle, no growth of an unused window | `congestion`, `sender` | RFC 5681 4.1, RFC 7661 |
//! | Nagle's algorithm | `sender` | RFC 896, with Minshall's change |
//! | delayed acknowledgement, quick at start | `receiver` | RFC 1122 4.2.3.2, Linux |
//! | receive window, send buffer | `flow` | RFC 9293, Linux |
//! | the sender's own interface holds back | `connection` | Linux, TCP Small Queues |
//! | loss alone and in bursts | `loss` | Gilbert 1960, Elliott 1963 |
//!
//! Content is real bytes; a run of one repeated 64-bit word is kept as that word and its length ([`Piece::Fill`]), and pages whose
//! words count up as the first word and the step ([`Piece::Pages`]), so that a page costs no more than a tag, and many no more
//! than one.
//!
//! **Not modelled**: connection set-up, reordering, loss of acknowledgements, receive segments merged before TCP sees them (GRO), growth
//! of the buffers (autotuning), pacing, ECN, BBR, a time-out that was not needed. Each flow draws its own losses: a burst hits one
//! flow.

mod acknowledgements;
mod arrivals;
mod batches;
mod congestion;
mod connection;
mod ending;
mod flow;
mod loss;
mod path;
mod receiver;
mod round_trip;
mod sender;
mod socket;
mod stream;
mod tcp;

pub use congestion::Congestion;
pub use flow::Transport;
pub use loss::Loss;
pub use path::{Path, PathConfig};
pub use socket::{PageRead, PagesRead, ReadError, Socket, WriteError, connect};
pub use stream::Piece;
pub use tcp::Tcp;
