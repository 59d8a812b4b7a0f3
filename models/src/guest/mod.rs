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
mod page_bytes;
mod ram;
mod run_clock;
mod saved;
mod workload;

pub use dirty_bitmap::DirtyBitmap;
pub use layout::{Block, Layout, PageAddress, page_runs};
pub(crate) use page_bytes::{page_bytes, word_of_random_page};
pub use ram::GuestRam;
pub(crate) use run_clock::RunClock;
pub(crate) use saved::{DEVICE, SavedGuest};
pub use workload::{GuestWriter, Side, initial_tag};
