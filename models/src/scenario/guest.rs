//! The guest: its RAM and what it does to it, its devices, its disk, its clients.

use super::schema::{is_false, is_nothing};
use super::units::{PacketRate, PageRate, Share, Size, WriteRate};
use serde::{Deserialize, Serialize};

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
