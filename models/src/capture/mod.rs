//! Recorded migrations of a real QEMU: their bytes run through the same receive threads and the same loader as a simulation's.
//!
//! ```text
//!  recording: bytes and times of each connection
//!     │  feeder per connection: bytes at their times, held back while the simulated secondary owes an answer
//!     ▼
//!  colosim_sim::link ─▶ secondary (as in a simulation) ─▶ states ─▶ verdict: as the real one's?
//! ```
//!
//! A *state* is guest RAM, and the cache, after precopy and after each whole checkpoint. Interrupted recordings end as the
//! real run ended: inside a checkpoint, or in a wait that nothing ends. Where the real guest had pages of an unfinished
//! checkpoint after its failover, `explain` searches for a plan under which the simulated one has exactly these.

mod explain;
mod head;
mod packets;
mod replay;
mod uncommitted;
mod verdict;

pub use explain::{Explanation, SEEDS, explain};
pub use head::{RAM_BYTES_MAX, ReplayError};
pub use packets::{Epoch, MainItem, RecordedPacket, epochs, main_items, packets};
pub use replay::{Replay, replay};
pub use uncommitted::{Uncommitted, leaked, uncommitted};
pub use verdict::{MemoryVerdict, Verdict, judge};

use crate::scenario::Compression;
use crate::variant::SyncReceiver;
use std::collections::BTreeSet;

/// A recorded migration.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// COLO, or precopy only.
    pub colo: bool,
    /// Payload compression.
    pub compression: Compression,
    /// On which words the real secondary synchronised.
    pub sync_receiver: SyncReceiver,
    /// The connections, in the order in which they were made.
    pub connections: Vec<Connection>,
    /// When the real secondary was yanked, microseconds.
    pub yank_us: Option<u64>,
    /// When it was told to fail over, microseconds.
    pub failover_us: Option<u64>,
    /// How the real run ended.
    pub ended: Ends,
    /// SHA-256, in hexadecimal, of the list of page hashes of `pc.ram` in each state that the real secondary reached.
    pub states: Vec<String>,
    /// Memories that were read out of the real processes: name, and 8 bytes for each page of `pc.ram`.
    pub memories: Vec<(String, Vec<u64>)>,
    /// Pages of `pc.ram` in the secondary's memory that no checkpoint committed and its guest did not write; none: nobody
    /// told them apart.
    pub uncommitted: Option<BTreeSet<usize>>,
}

/// One recorded connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// As the recording calls it: `main`, `multifd-0`.
    pub name: String,
    /// What the primary sent.
    pub sent: Stream,
    /// What the secondary answered.
    pub answered: Stream,
}

/// One direction of a recorded connection.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// When they came: microseconds, and how many bytes had come by then.
    pub chunks_us: Vec<(u64, u64)>,
    /// When the stream ended, microseconds.
    pub end_us: Option<u64>,
}

impl Stream {
    /// When the byte of this index had come, microseconds; for one that never came, the end of time.
    fn time_of_byte(&self, index: u64) -> u64 {
        let chunk = self.chunks_us.partition_point(|(_, bytes)| *bytes <= index);
        self.chunks_us.get(chunk).map_or(u64::MAX / 1_000, |(at, _)| *at)
    }

    /// Bytes that had come before this time.
    fn bytes_before(&self, time_us: u64) -> u64 {
        let before = self.chunks_us.partition_point(|(at, _)| *at < time_us);
        self.chunks_us[..before].last().map_or(0, |(_, bytes)| *bytes)
    }
}

impl Recording {
    /// The main connection.
    pub fn main(&self) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.name == "main")
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// After precopy, or between two checkpoints.
    Whole,
    /// Inside a checkpoint, which was never committed.
    InCheckpoint,
    /// In a wait that nothing ends.
    Hangs,
}

impl Ends {
    /// As written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Ends::Whole => "whole",
            Ends::InCheckpoint => "in-checkpoint",
            Ends::Hangs => "hangs",
        }
    }
}
