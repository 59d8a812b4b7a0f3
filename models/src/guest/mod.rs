//! The guest: its RAM blocks, what it writes while it runs, and how the primary learns which pages it wrote.
//!
//! ```text
//!  workload::GuestWriter ──writes──▶ ram::GuestRam ──dirty log──▶ dirty_bitmap::DirtyBitmap ──▶ primary::ram_save
//!        (both sides)                 (primary)
//! ```
//!
//! A page's content is one 64-bit tag, different for every write; zero is a page of zeros. Nothing here is an event of the
//! simulation: what the guest did is worked out when somebody looks.
//!
//! **Not modelled**: vCPUs, devices, hypervisors that clear their dirty log in chunks (KVM's manual protection), huge pages.

mod dirty_bitmap;
mod layout;
mod ram;
mod run_clock;
mod workload;

/// The one device of the simulated guest, as its section names it. Its state begins with the number of the checkpoint.
pub(crate) const DEVICE: &str = "device/0";

pub use dirty_bitmap::DirtyBitmap;
pub(crate) use layout::runs_of;
pub use layout::{Block, Layout, PageAddress, page_runs};
pub use ram::GuestRam;
pub(crate) use run_clock::RunClock;
pub use workload::{GuestWriter, INITIAL_TAGS, Side};
