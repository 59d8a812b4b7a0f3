//! What a sweep leaves behind: the input of every chart, as it is read from `sweep.json`.
//!
//! A reader of the JSON needs `serde_json`'s feature `float_roundtrip`: without it the last digit of a number may
//! change, and with it the bytes of a chart.
//!
//! A sweep runs one scenario under one variant for every value of one field (`x`), optionally for every value of a
//! second field (`series`), with several seeds each. One [`SweepPoint`] is one run.

use serde::{Deserialize, Serialize};

/// All runs of one sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepResults {
    /// Name of the scenario, `checkpoint-delay`.
    pub scenario: String,
    /// The question that the scenario asks; may be empty.
    pub question: String,
    /// Name of the variant that ran, `merged`.
    pub variant: String,
    /// The field whose values lie along the x axis.
    pub x: Field,
    /// The field that tells the lines apart, where there is one.
    pub series: Option<Field>,
    /// One entry for each run, in any order.
    pub points: Vec<SweepPoint>,
}

/// A field of the scenario that the sweep varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Path in the scenario, `migration.x_checkpoint_delay`.
    pub path: String,
    /// Name on the axis, QEMU's where QEMU has one: `x-checkpoint-delay`.
    pub label: String,
    /// Unit of the values.
    pub unit: Unit,
}

/// The base unit of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A span of time, ns.
    Nanoseconds,
    /// An amount of memory or data, bytes.
    Bytes,
    /// A data rate, bit/s.
    BitsPerSecond,
    /// A rate of dirtied or sent pages, 1/s.
    PagesPerSecond,
    /// A share, 0 to 1.
    Ratio,
    /// A number of things.
    Count,
    /// A number without a unit.
    None,
}

/// One run of the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Value of the x field in its base unit.
    pub x: f64,
    /// The same value as the user wrote it, `100 ms`.
    pub x_text: String,
    /// Value of the series field as the user wrote it, `4`; empty where the sweep has no series.
    pub series: String,
    /// Seed of the run.
    pub seed: u64,
    /// What the run was given.
    #[serde(default)]
    pub conditions: Conditions,
    /// What was measured.
    pub metrics: Metrics,
}

/// What one run measured, in virtual time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Work that the guest got done, as a share of what it does undisturbed, 0 to 1.
    pub guest_progress: f64,
    /// Mean rate on the wire, Gbit/s.
    pub throughput_gbit_per_s: f64,
    /// Checkpoints committed.
    pub checkpoints: u64,
    /// Median pause of the guest at a checkpoint, ns; 0 without a checkpoint.
    pub pause_p50_ns: u64,
    /// 99th percentile of the pauses, ns; 0 without a checkpoint.
    pub pause_p99_ns: u64,
    /// Length of the migration, ns (`total-time` of `query-migrate`).
    pub total_time_ns: u64,
    /// Pause at the switch into COLO, ns (`downtime` of `query-migrate`).
    pub downtime_ns: u64,
    /// Bytes that precopy wrote to all channels (`transferred`).
    pub transferred_bytes: u64,
    /// Pages that precopy sent, zero pages among them (`normal`, `duplicate`).
    pub pages: u64,
    /// Rounds of precopy in which pages were sent.
    pub rounds: u64,
    /// Packets that clients got; 0 for a guest without clients.
    pub packets_released: u64,
    /// Time that such a packet was held back, ns: mean.
    pub held_mean_ns: u64,
    /// 99th percentile of that time, ns.
    pub held_p99_ns: u64,
}

/// What a run was given, as far as the closed forms of [`law`](crate::law) need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Guest RAM that precopy has to send, without zero pages; bytes.
    pub ram_bytes: u64,
    /// Page size, bytes.
    pub page_bytes: u64,
    /// Pages that the guest writes, 1/s; 0 if it writes none, or does so by another pattern than a sweep through its
    /// working set.
    pub swept_pages_per_s: u64,
    /// Its working set, bytes.
    pub working_set_bytes: u64,
    /// `downtime-limit`, ns.
    pub downtime_limit_ns: u64,
    /// What of a migration can leave in a second: the lower one of `max-bandwidth` and the path's rate without headers,
    /// bit/s.
    pub rate_bits_per_s: u64,
    /// Both ways along the path, ns, without queueing.
    pub round_trip_ns: u64,
    /// Share of the segments that the path loses in the long run.
    pub loss: f64,
    /// Bursts of losses per segment, what TCP reacts to: `loss` where each segment is lost independently, less where losses come in
    /// bursts.
    pub loss_events: f64,
    /// Payload of a full segment, bytes.
    pub segment_bytes: u64,
    /// Connections that carry pages.
    pub flows: u64,
}
