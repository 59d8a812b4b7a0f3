//! The scenario as a user writes it: what is simulated, which question it answers, which faults are tried.
//!
//! Parameters of QEMU carry QEMU's names and defaults (`qapi/migration.json`). Only the shape is here: reading is in
//! `parse.rs`, what values are possible in `validate.rs`.

use super::fault::{Fault, Place};
use super::guest::Guest;
use super::link::Link;
use super::units::{Bandwidth, Size, Span};
use crate::variant::Overrides;
use crate::wire::multifd_packet;
use serde::{Deserialize, Serialize};

/// A scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The question, in words.
    pub question: String,
    /// The oracles that the question is about. What others find is listed beside the verdict.
    #[serde(default)]
    pub asks: Vec<Asks>,
    /// The designs to compare.
    pub variants: Vec<VariantChoice>,
    /// The guest and what it does.
    pub guest: Guest,
    /// Migration parameters, under QEMU's names.
    #[serde(default)]
    pub migration: Migration,
    /// The network path between the hosts.
    #[serde(default)]
    pub link: Link,
    /// Name of a host profile, or path of one.
    #[serde(default = "default_host")]
    pub host: String,
    /// Step size of the model.
    #[serde(default)]
    pub granularity: Granularity,
    /// Fault plans, tried one after the other. None: a run without faults.
    #[serde(default)]
    pub faults: Vec<Vec<Fault>>,
    /// When a run ends.
    #[serde(default)]
    pub stop: Stop,
    /// Longest time from a failover request to "one side runs" before the run counts as a hang.
    #[serde(default = "default_failover_bound")]
    pub failover_bound: Span,
    /// The same question on a configuration so small that every interleaving can be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest: Option<Smallest>,
    /// A controlled run (strategy `dpor`) goes as an undisturbed one up to here, and then any way it can; from the start if
    /// there is no such place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explore_from: Option<Place>,
    /// Unordered accesses that were judged harmless. All others are reported as new. No part of the fingerprint: a
    /// judgement does not change what is run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub benign: Vec<Benign>,
    /// Fields that `colosim sweep` varies.
    #[serde(default)]
    pub sweep: Vec<Vary>,
}

fn default_host() -> String {
    "lab-loopback".into()
}

fn default_failover_bound() -> Span {
    Span::from_nanos(5_000_000_000)
}

/// Kinds of oracles a question can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Asks {
    /// Nothing is used before it is there or after it is gone: use after free, double free, NULL dereference, failed assertion.
    Lifetime,
    /// Nothing is accessed beyond its end.
    Bounds,
    /// After a checkpoint commits, secondary RAM and cache equal the primary's; after failover, guest RAM is a
    /// committed state.
    CommittedState,
    /// While a checkpoint is in flight the running secondary is untouched.
    SecondaryUntouched,
    /// The dirty bitmap covers every page in which cache and guest differ.
    DirtyBitmap,
    /// After failover the disk belongs to the same state as RAM and devices.
    DiskState,
    /// What a client has seen is part of the state that goes on.
    OutputCommit,
    /// After failover exactly one side runs.
    OneSideRuns,
    /// Whatever is asked for ends within its bound: no deadlock, no hang.
    Liveness,
}

impl Scenario {
    /// What is asked but has nothing here that it could be about, with what is missing. No search can say that it holds.
    pub fn not_modelled(&self) -> Vec<(Asks, &'static str)> {
        let missing = |asks: &Asks| match asks {
            Asks::DiskState if self.guest.disk.is_none() => Some((*asks, "the guest has no disk")),
            Asks::OutputCommit if self.guest.output.is_none() => Some((*asks, "the guest sends nothing to clients")),
            _ => None,
        };
        self.asks.iter().filter_map(missing).collect()
    }

    /// A plain migration to which nothing happens, and no oracle that the question is about: it asks how long, and a search has
    /// nothing to decide.
    pub fn asks_for_figures(&self) -> bool {
        self.asks.is_empty() && self.faults.is_empty() && !self.migration.x_colo
    }
}

/// A design: a preset, or a preset with switches changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantChoice {
    /// Name of the preset.
    pub preset: String,
    /// Switches changed in it.
    pub overrides: Overrides,
}

/// Migration parameters and capabilities, under QEMU's names and with its defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Migration {
    /// Number of multifd channels, 1 to 255.
    pub multifd_channels: u32,
    /// The primary's number of multifd channels, if it is configured with another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_multifd_channels: Option<u32>,
    /// Payload compression of multifd packets.
    pub multifd_compression: Compression,
    /// Who looks for zero pages.
    pub zero_page_detection: ZeroPageDetection,
    /// Limit outside the switchover; zero: none. Not applied while the VM is stopped.
    pub max_bandwidth: Bandwidth,
    /// Longest pause that precopy may plan for.
    pub downtime_limit: Span,
    /// Slow the guest down, step by step, if it dirties RAM too fast for precopy to end (capability auto-converge)?
    #[serde(skip_serializing_if = "is_false")]
    pub auto_converge: bool,
    /// COLO: start of a checkpoint to start of the next.
    pub x_checkpoint_delay: Span,
    /// COLO: what that delay is counted from.
    #[serde(skip_serializing_if = "DelayFrom::is_default")]
    pub checkpoint_delay_from: DelayFrom,
    /// COLO after precopy (capability x-colo)? Without: plain precopy.
    pub x_colo: bool,
    /// Size of the device state that follows RAM.
    pub device_state: Size,
    /// Length of the description of the device state in JSON that ends precopy; none of its own if zero.
    #[serde(skip_serializing_if = "is_nothing")]
    pub vm_description: Size,
    /// Does the secondary's process end when loading fails (exit-on-error)?
    #[serde(skip_serializing_if = "is_true")]
    pub exit_on_error: bool,
}

pub(super) fn is_nothing(size: &Size) -> bool {
    size.bytes() == 0
}

/// What x-checkpoint-delay is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DelayFrom {
    /// The request of a checkpoint, as QEMU does: its pause is part of the delay.
    #[default]
    Request,
    /// The end of a checkpoint: the guest runs for so long and is then stopped, as Remus does (Cully et al., NSDI 2008). No
    /// version of QEMU has this.
    Resume,
}

impl DelayFrom {
    fn is_default(&self) -> bool {
        *self == DelayFrom::default()
    }
}

pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Default for Migration {
    fn default() -> Migration {
        Migration {
            multifd_channels: 2,
            primary_multifd_channels: None,
            multifd_compression: Compression::None,
            zero_page_detection: ZeroPageDetection::Multifd,
            // 128 MiB/s
            max_bandwidth: Bandwidth::from_bits_per_second(8 * (128 << 20)),
            downtime_limit: Span::from_nanos(300_000_000),
            auto_converge: false,
            x_checkpoint_delay: Span::from_nanos(20_000_000_000),
            checkpoint_delay_from: DelayFrom::Request,
            x_colo: true,
            // What a small `pc` guest without disk and network card sends.
            device_state: Size::from_bytes(12_750),
            vm_description: Size::from_bytes(0),
            exit_on_error: true,
        }
    }
}

/// multifd-compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Pages as they are.
    None,
    /// One deflate stream per channel, flushed at the end of each packet.
    Zlib,
    /// One zstd frame per channel, flushed at the end of each packet.
    Zstd,
}

impl Compression {
    /// The method as packets name it.
    pub(crate) fn on_the_wire(self) -> multifd_packet::Compression {
        match self {
            Compression::None => multifd_packet::Compression::Nocomp,
            Compression::Zlib => multifd_packet::Compression::Zlib,
            Compression::Zstd => multifd_packet::Compression::Zstd,
        }
    }
}

/// zero-page-detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZeroPageDetection {
    /// Not at all: every page is sent as a normal one.
    None,
    /// The migration thread, with ZERO words on the main channel.
    Legacy,
    /// The send threads, in the packet.
    Multifd,
}

/// Step size of the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granularity {
    /// Each page access is a step: for races.
    #[default]
    Page,
    /// Each phase of a packet is a step: for throughput.
    Packet,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// After precopy.
    AfterPrecopy,
    /// After this many checkpoints, or when failover is over.
    AfterCheckpoints(u32),
    /// At this time.
    AtTime(Span),
}

impl Default for Stop {
    fn default() -> Stop {
        Stop::AfterCheckpoints(5)
    }
}

/// How a scenario is made small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smallest {
    /// Fields that differ, one after the other.
    pub changes: Vec<Change>,
    /// [`Scenario::explore_from`] of the small scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explore_from: Option<Place>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Dotted path of the field, as for `--set`.
    pub path: String,
    /// Its value, as for `--set`.
    pub value: String,
}

/// Two accesses that nothing orders, judged: they do no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benign {
    /// Name of the object that both access, as `colo_cache`.
    pub object: String,
    /// Names of the two steps, in any order; twice the same if two threads do it.
    pub steps: (String, String),
    /// Why they do no harm.
    pub reason: String,
}

impl Benign {
    /// Is this the judgement of accesses to `object` by these two steps, whichever came first?
    pub fn is_about(&self, object: &str, first: &str, second: &str) -> bool {
        let (a, b) = (self.steps.0.as_str(), self.steps.1.as_str());
        self.object == object && ((a, b) == (first, second) || (b, a) == (first, second))
    }
}

/// A field that a sweep varies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vary {
    /// Path of the field, as `link.loss`.
    pub path: String,
    /// Its values.
    pub values: Vec<SweepValue>,
}

/// A value of a swept field: a number, or what one would write after `--set path=`.
#[derive(Debug, Clone, PartialEq)]
pub enum SweepValue {
    /// Written as a number; finite.
    Number(f64),
    /// Written as a string (`"50 ms"`, `"Bernoulli(1e-3)"`) or as any other value (`Bernoulli(1e-3)`).
    Text(String),
}
