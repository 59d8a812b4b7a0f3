//! The scenario as a user writes it: what is simulated, which question it answers, which faults are tried.
//!
//! Parameters of QEMU carry QEMU's names and defaults (`qapi/migration.json`). Only the shape is here: reading is in
//! `parse.rs`, what values are possible in `validate.rs`.

use super::units::{Bandwidth, PacketRate, PageRate, Share, Size, Span, WriteRate};
use crate::variant::Overrides;
use crate::wire::multifd_packet;
use colosim_sim::link;
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

/// The guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    /// Size of the block `pc.ram`.
    pub ram: Size,
    /// Size of a second block, `vga.vram`, scanned after `pc.ram`; none if zero.
    #[serde(default)]
    pub video_ram: Size,
    /// Target page size.
    #[serde(default = "default_page_size")]
    pub page_size: Size,
    /// The start of `pc.ram` that is zero and never written: what is filled and the working set begin behind it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub untouched: Size,
    /// Part of RAM that is not zero when migration starts.
    #[serde(default = "default_filled")]
    pub filled: Share,
    /// What a page that is not zero is full of, which only a codec sees.
    #[serde(default, skip_serializing_if = "Contents::is_default")]
    pub contents: Contents,
    /// What the guest writes.
    #[serde(default)]
    pub workload: Workload,
    /// Was it stopped by its user before migration starts? Then it runs with COLO only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// What runs the guest's instructions.
    #[serde(default, skip_serializing_if = "Accel::is_default")]
    pub accel: Accel,
    /// A block of RAM whose length the two machines need not agree on; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resizable: Option<Resizable>,
    /// A disk, replicated as COLO does it; none unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// What it sends to clients, compared and held back as COLO does it; nothing unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// What a page that is not zero is full of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contents {
    /// One word of 64 bits, again and again.
    #[default]
    RepeatedWord,
    /// Pseudo-random words: nothing that a codec could shorten.
    Random,
}

impl Contents {
    fn is_default(&self) -> bool {
        *self == Contents::default()
    }
}

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accel {
    /// The process itself: nobody waits for a vCPU when its state is pushed or pulled.
    #[default]
    Tcg,
    /// The kernel: the BQL is free while the end of C23 waits for each vCPU to take its state.
    Kvm,
}

impl Accel {
    fn is_default(&self) -> bool {
        *self == Accel::default()
    }
}

/// A block that can be resized, as the ACPI tables are: `/rom@etc/acpi/tables`, the last in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resizable {
    /// Length on the primary.
    pub primary: Size,
    /// Length on the secondary before it learns of the primary's.
    pub secondary: Size,
    /// Length that it can have.
    pub max: Size,
}

/// A disk with block replication: quorum of a local disk and the secondary on the primary; active, hidden and secondary disk
/// on the secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Its length; a whole number of clusters of 64 KiB.
    pub size: Size,
    /// Writes of whole clusters by the guest while it runs, each cluster equally likely.
    pub rate: WriteRate,
}

/// What the guest sends to clients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// TCP connections with clients, each equally likely to send.
    pub connections: u32,
    /// Packets with a payload that the guest sends while it runs.
    pub rate: PacketRate,
    /// Share of packets in which the secondary's guest sends something else than the primary's.
    #[serde(default)]
    pub differ: Share,
}

fn default_page_size() -> Size {
    Size::from_bytes(4096)
}

fn default_filled() -> Share {
    Share::new(0.5)
}

/// What the guest writes while it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Workload {
    /// Nothing.
    #[default]
    Idle,
    /// Pages of the working set, each equally likely.
    Uniform {
        /// Page writes per second.
        rate: PageRate,
        /// Size of the working set, from the start of `pc.ram`.
        working_set: Size,
        /// Share of writes that leave a zero page.
        #[serde(default)]
        zero_share: Share,
    },
    /// So many pages from the start of `pc.ram`, in address order, each time the guest is started. What is written does not
    /// depend on how long it runs.
    EachRun {
        /// Pages.
        pages: u32,
    },
    /// The working set in address order, again and again.
    Sequential {
        /// Page writes per second.
        rate: PageRate,
        /// Size of the working set, from the start of `pc.ram`.
        working_set: Size,
        /// Where in the working set it has got to when migration starts.
        #[serde(default, skip_serializing_if = "is_nothing")]
        start: Size,
        /// Share of writes that leave a zero page.
        #[serde(default)]
        zero_share: Share,
    },
    /// A hot part takes most of the writes.
    HotCold {
        /// Page writes per second.
        rate: PageRate,
        /// Size of the working set, from the start of `pc.ram`.
        working_set: Size,
        /// Share of the working set that is hot.
        hot_set: Share,
        /// Share of the writes that go to the hot part.
        hot_writes: Share,
        /// Share of writes that leave a zero page.
        #[serde(default)]
        zero_share: Share,
    },
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

fn is_nothing(size: &Size) -> bool {
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

fn is_false(value: &bool) -> bool {
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

/// The network path; every channel is a flow on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// What the connections are.
    pub transport: Transport,
    /// Bit rate of the path, each direction.
    pub rate: Bandwidth,
    /// One-way delay.
    pub latency: Span,
    /// Largest extra delay, drawn uniformly for each batch of segments; order is kept.
    pub jitter: Span,
    /// Loss of segments. A loss costs time, never bytes.
    pub loss: Loss,
    /// Length of the drop-tail queue in the network. None: the bottleneck is the sender's own interface, which makes the sender wait
    /// and drops nothing.
    pub queue: Option<Size>,
    /// Socket send buffer of each connection.
    pub send_buffer: Size,
    /// Socket receive buffer of each connection.
    pub receive_buffer: Size,
    /// Congestion control of TCP.
    pub congestion: Congestion,
    /// CUBIC ends slow start when a queue builds up, before a loss.
    pub hystart: bool,
    /// Segments that a new connection may send before anything is acknowledged.
    pub initial_window: u32,
    /// A connection that was idle for a retransmission time-out starts from `initial_window` again (Linux:
    /// `tcp_slow_start_after_idle`).
    pub slow_start_after_idle: bool,
    /// TCP_NODELAY on the main connection too. QEMU sets it on the multifd channels only: with `false`, as QEMU has it, a short
    /// message waits for the delayed acknowledgement of the one before, 40 to 44 ms, once or twice a checkpoint. The scenarios of
    /// races have `true`: what they look for does not need these waits.
    pub no_delay: bool,
    /// Longest time that an acknowledgement waits for data to go with it (Linux: 40 ms).
    pub delayed_ack: Span,
    /// Grain of the kernel's timers: 4 ms at HZ=250.
    pub jiffy: Span,
    /// Payload of a full segment: 1448 bytes over Ethernet, 65483 on the loopback interface.
    pub segment: Size,
}

/// Congestion control of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Congestion {
    /// RFC 9438, the default of Linux.
    Cubic,
    /// RFC 5681.
    Reno,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            transport: Transport::Tcp,
            rate: Bandwidth::from_bits_per_second(10_000_000_000),
            latency: Span::from_nanos(50_000),
            jitter: Span::from_nanos(0),
            loss: Loss::None,
            queue: None,
            // What Linux grows the buffers of a loopback or LAN connection to (tcp_wmem, tcp_rmem).
            send_buffer: Size::from_bytes(5 << 19),
            receive_buffer: Size::from_bytes(6 << 20),
            congestion: Congestion::Cubic,
            hystart: true,
            initial_window: 10,
            slow_start_after_idle: true,
            no_delay: false,
            delayed_ack: Span::from_nanos(40_000_000),
            jiffy: Span::from_nanos(4_000_000),
            segment: Size::from_bytes(1448),
        }
    }
}

/// What the connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// TCP: data that arrives after the reader's own shutdown is answered with a reset.
    Tcp,
    /// UNIX stream sockets: the writer gets EPIPE at once.
    Unix,
}

/// Loss of segments. Written as a variant, or as a plain number: 0 is `None`, p is `Bernoulli(p)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Loss {
    /// None.
    None,
    /// Each segment independently with this probability.
    Bernoulli(f64),
    /// In bursts: of each connection, a chain of two states that moves with each segment; in the bad one all is lost, in the good one
    /// nothing.
    GilbertElliott {
        /// The share of segments that is lost.
        loss: f64,
        /// Mean number of segments lost in a row.
        burst: f64,
    },
}

impl Loss {
    /// As the path of the link model loses segments; `None` if no chain of two states has this loss and burst.
    pub fn of_path(self) -> Option<link::Loss> {
        match self {
            Loss::None => Some(link::Loss::None),
            Loss::Bernoulli(probability) => Some(link::Loss::Bernoulli(probability)),
            Loss::GilbertElliott { loss, burst } => link::Loss::bursts(loss, burst),
        }
    }
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

/// One fault of a plan: strikes `after` this long after the place `at` was reached; without `at`, after the fault
/// before it (the first: after the start of the run).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The place that must be reached.
    #[serde(default)]
    pub at: Option<Place>,
    /// Delay from there.
    #[serde(default)]
    pub after: Option<Span>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A place of the run at which a fault can strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Place {
    /// The secondary takes the RAM of this checkpoint: its loader is inside C15 and the first page has arrived.
    LoadingRam {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary waits for the request of this checkpoint (C10).
    Idle {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The primary has sent the request of this checkpoint (P20).
    Requested {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The primary saves RAM for this checkpoint (P29).
    SavingRam {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary has stored this checkpoint and said so (C19).
    Received {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// The secondary flushes this checkpoint (C22).
    Flushing {
        /// Number of the checkpoint, 1 is the first.
        checkpoint: u32,
    },
    /// A thread is about to do a step for the n-th time (1 is the first).
    Step {
        /// Name of the thread, as `multifdrecv_2`.
        thread: String,
        /// Name of the step, as `multifd_recv.copy_to_guest`.
        step: String,
        /// Which of the thread's visits.
        visit: u32,
    },
    /// A time since the start of the run.
    Time(Span),
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Action {
    /// SIGKILL: the process is gone, its sockets are closed by the kernel (reset if input was unread).
    KillPrimary,
    /// See `KillPrimary`.
    KillSecondary,
    /// SIGSTOP: no thread of the process runs, its kernel still acknowledges.
    FreezePrimary,
    /// See `FreezePrimary`.
    FreezeSecondary,
    /// Monitor command `yank` of instance "migration", out of band.
    YankPrimary,
    /// Monitor command `yank` of the block node that replicates the primary's disk, out of band.
    YankPrimaryDisk,
    /// See `YankPrimary`.
    YankSecondary,
    /// Monitor command `x-colo-lost-heartbeat`.
    FailoverPrimary,
    /// See `FailoverPrimary`.
    FailoverSecondary,
    /// No packet of the main connection arrives any more, in either direction; nobody is told.
    CutMain,
    /// No packet of one multifd connection arrives any more, in either direction; nobody is told.
    CutChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// No packet of any connection arrives any more, in either direction; nobody is told.
    CutAll,
    /// The main connection is reset.
    ResetMain,
    /// One multifd connection is reset.
    ResetChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// Something in the path breaks one multifd connection off: both ends get a reset at once, and what is under way is lost.
    BreakChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// The primary's end of one multifd connection is closed in order: what is under way arrives, then end of file.
    CloseChannel {
        /// Number of the channel, 0 is the first.
        channel: u32,
    },
    /// Nothing that the primary sends on the main connection arrives any more; the other direction works.
    CutMainToSecondary,
    /// Monitor command `cont` on the secondary.
    ContSecondary,
    /// From now on the secondary cannot activate its disks.
    FailDiskActivation,
    /// From now on the secondary's replication reports an error.
    FailReplication,
    /// From now on the primary's device state is one that the secondary cannot load.
    CorruptDeviceState,
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
