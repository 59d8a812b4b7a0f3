//! One race, written three times: for colosim, for shuttle and for loom.
//!
//! ```text
//!            ┌─▶ queue (capacity 2) ─▶ receiver 0: [pop] [check that the cache is there] [use it], once for each message
//!  sender ───┤
//!     │      └─▶ queue (capacity 2) ─▶ receiver 1: the same
//!     │ end of stream
//!     ▼
//!  main: wait for it · some more steps · (fixed: join the receivers) · [free the cache]
//! ```
//!
//! It is the shape of the race that this project is about. A cache that goes away between check and use breaks the program; the
//! more steps the main thread does before it frees the cache, the longer a receiver has to be held up for that. A queue is a
//! mutex and two condition variables, and so is (with one) the end of the stream.
//!
//! All three have the same threads, locks and accesses. What differs is where others may run: shuttle and loom switch threads
//! at each synchronisation and each atomic access; colosim's threads spend virtual time in named steps, here one before each
//! lock, one in each critical section and one for each access of the cache. The main thread's further steps are accesses of an
//! atomic variable of its own under shuttle and loom. Yields would not do: PCT gives a thread that yields the lowest priority,
//! so the main thread would be last for ever and the race nearly out of reach.

pub mod colosim;
pub mod loom;
pub mod shuttle;

/// How many messages a queue holds.
pub const CAPACITY: usize = 2;
/// Receivers, each with a queue of its own.
pub const RECEIVERS: usize = 2;

/// Which program of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Messages for each receiver.
    pub messages: usize,
    /// Steps of the main thread between the end of the stream and the release of the cache.
    pub delay_steps: usize,
    /// The main thread joins the receivers before it frees the cache; else the program has the race.
    pub joins: bool,
}
