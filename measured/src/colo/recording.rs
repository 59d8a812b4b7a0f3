//! `colo.json`: checkpoints of a real QEMU, as its trace points saw them. The first two of each run are left out of it.

use crate::Detection;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// One run.
pub type Recording = crate::Recording<Config, Measured>;

/// What was run.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Size of the guest's RAM.
    pub ram_mib: u64,
    /// What is not zero of it.
    pub fill_mib: u64,
    /// What the guest writes to, in turn.
    pub ws_mib: u64,
    /// How fast.
    pub dirty_pages_per_s: u64,
    /// 1: a page that had no content gets some in one sweep and loses it in the next.
    pub guest_mode: u32,
    /// Bytes per second.
    pub max_bandwidth: u64,
    /// Pages on their own connections?
    pub multifd: bool,
    /// How many connections.
    pub channels: u32,
    /// Who looks for zero pages.
    pub zero_page_detection: Detection,
    /// What the connections are.
    pub transport: Transport,
    /// x-checkpoint-delay.
    pub checkpoint_delay_ms: u64,
}

/// What the connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP over the loopback interface.
    Tcp,
    /// UNIX sockets.
    Unix,
}

/// What was measured. Times in microseconds.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    /// Every checkpoint.
    pub checkpoints: Vec<Checkpoint>,
    /// Primary: stopped to running.
    pub pause_us: Summary,
    /// Secondary: stopped to running.
    pub secondary_pause_us: Summary,
    /// Request to request.
    pub interval_us: Summary,
    /// The copy from the cache to guest RAM.
    pub flush_us: Summary,
    /// Pages that it copied.
    pub flush_pages: Summary,
    /// Pages to send.
    pub dirty_pages: Summary,
    /// Time that the primary's guest ran, as a part of all time.
    pub run_fraction: f64,
}

/// The figures of all checkpoints in one.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// Half are at most this.
    pub p50: f64,
}

/// One checkpoint: what was passed when, microseconds since the primary sent its request; one clock for both sides.
#[derive(Debug, Clone, Deserialize)]
pub struct Checkpoint {
    /// On the primary.
    pub primary_us: BTreeMap<String, Passed>,
    /// On the secondary.
    pub secondary_us: BTreeMap<String, Passed>,
    /// Pages to send.
    pub dirty_pages: u64,
}

/// When a trace point was passed.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Passed {
    /// Once.
    Once(f64),
    /// Several times.
    Often(Vec<f64>),
}

impl Passed {
    /// The first time.
    pub fn first(&self) -> Option<f64> {
        match self {
            Passed::Once(at) => Some(*at),
            Passed::Often(all) => all.first().copied(),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Transport::Tcp => "tcp",
            Transport::Unix => "unix",
        })
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = self.transport;
        match self.multifd {
            true => write!(f, "{transport}, {} channels", self.channels)?,
            false => write!(f, "{transport}, plain")?,
        }
        write!(f, ", {} MiB, {} pages/s, each {} ms", self.ram_mib, self.dirty_pages_per_s, self.checkpoint_delay_ms)
    }
}
