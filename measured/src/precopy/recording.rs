//! `precopy.json`: precopy migrations of a real QEMU, as `query-migrate` summed them up.

use crate::Detection;
use serde::Deserialize;
use std::fmt;

/// One migration.
pub type Recording = crate::Recording<Config, Measured>;

/// What was run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Config {
    /// Size of the guest's RAM.
    pub ram_mib: u64,
    /// What is not zero of it.
    pub fill_mib: u64,
    /// What the guest writes to, in turn.
    pub ws_mib: u64,
    /// How fast.
    pub dirty_pages_per_s: u64,
    /// 0: a byte of a page that has content; 1: in one sweep a page gets content, in the next it loses it, unless it was
    /// filled; 2: the whole page.
    #[serde(default)]
    pub guest_mode: u32,
    /// 0: pseudo-random; 1: one word, repeated over the page.
    #[serde(default)]
    pub fill_mode: u32,
    /// Bytes per second.
    pub max_bandwidth: u64,
    /// `downtime-limit`.
    pub downtime_limit_ms: u64,
    /// Pages on their own connections?
    pub multifd: bool,
    /// How many connections.
    pub channels: u32,
    /// Who looks for zero pages.
    pub zero_page_detection: Detection,
    /// What the connections compress with.
    #[serde(default)]
    pub compression: Compression,
    /// Capability `return-path`.
    #[serde(default)]
    pub return_path: bool,
    /// From the guest's start to when its rate was counted, before the migration.
    #[serde(default = "default_start_delay_ms")]
    pub guest_start_delay_ms: u64,
    /// Capability `auto-converge`.
    #[serde(default)]
    pub auto_converge: bool,
}

fn default_start_delay_ms() -> u64 {
    50
}

/// `multifd-compression`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Pages as they are.
    #[default]
    None,
    /// Deflate.
    Zlib,
    /// Zstandard.
    Zstd,
}

/// What was measured.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    /// Did it complete? If not, it was stopped by its user.
    pub converged: bool,
    /// The last reply of `query-migrate`.
    pub query_migrate: QueryMigrate,
    /// Trace points of the source.
    #[serde(default)]
    pub trace: Trace,
}

/// Trace points of the source.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Trace {
    /// Milliseconds since the set-up state, and what was passed.
    #[serde(default)]
    pub downtime_checkpoints: Vec<(f64, String)>,
    /// Milliseconds since the set-up state, bytes of the window of the rate limit that ends there, its length in milliseconds, and
    /// the bytes that may be left to stop the VM.
    #[serde(default)]
    pub windows: Vec<(f64, u64, u64, u64)>,
}

impl Trace {
    /// By how much the least of the windows that were used up is smaller than the largest: a fraction.
    pub fn window_spread(&self) -> f64 {
        let Some(largest) = self.windows.iter().map(|window| window.1).max() else { return 0.0 };
        let used_up = self.windows.iter().map(|window| window.1).filter(|bytes| bytes * 10 >= largest * 9);
        used_up.min().map_or(0.0, |least| 1.0 - least as f64 / largest as f64)
    }
}

impl Measured {
    /// Milliseconds: from the trace points, which are finer than what `query-migrate` says.
    pub fn downtime_ms(&self) -> Option<f64> {
        let at =
            |name: &str| self.trace.downtime_checkpoints.iter().find(|(_, passed)| passed == name).map(|(at, _)| *at);
        match (at("src-downtime-start"), at("src-downtime-end")) {
            (Some(start), Some(end)) => Some(end - start),
            _ => self.query_migrate.downtime.map(|ms| ms as f64),
        }
    }
}

/// The reply of `query-migrate`. Times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueryMigrate {
    /// From the command.
    pub total_time: u64,
    /// Of a migration that completed.
    #[serde(default)]
    pub downtime: Option<u64>,
    /// Pages and bytes.
    pub ram: Ram,
}

/// The part `ram` of that reply.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ram {
    /// Bytes on all channels.
    pub transferred: u64,
    /// Pages with content.
    pub normal: u64,
    /// Zero pages.
    pub duplicate: u64,
    /// Rounds.
    pub dirty_sync_count: u64,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.multifd {
            true => write!(f, "{} channels", self.channels)?,
            false => f.write_str("plain")?,
        }
        match self.compression {
            Compression::None => {}
            Compression::Zlib => f.write_str(" zlib")?,
            Compression::Zstd => f.write_str(" zstd")?,
        }
        match self.zero_page_detection {
            Detection::Multifd => {}
            Detection::Legacy => f.write_str(", zero pages legacy")?,
            Detection::None => f.write_str(", zero pages none")?,
        }
        let Config { ram_mib, fill_mib, ws_mib, dirty_pages_per_s, max_bandwidth, downtime_limit_ms, .. } = self;
        write!(f, ", {ram_mib} MiB ({fill_mib} filled), {dirty_pages_per_s} pages/s in {ws_mib} MiB")?;
        write!(f, ", {} MiB/s, {downtime_limit_ms} ms", max_bandwidth >> 20)?;
        if self.return_path {
            f.write_str(", return path")?;
        }
        if self.auto_converge {
            f.write_str(", auto-converge")?;
        }
        Ok(())
    }
}
