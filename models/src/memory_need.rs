//! How much memory a run takes at its peak, told before it is made.
//!
//! What is regular costs next to nothing ([`Contents`]): pages as they were when migration started, and copies of them. Room is
//! needed for pages that the workload writes in no order, once for every version that is kept; for bitmaps; for what is on its
//! way; and, up to [`TRACKED_PAGES_MAX`] pages, for who accessed each page last.
//!
//! Not counted: what a search keeps, and the trace if it is recorded.

use crate::guest::{Layout, Side};
use crate::scenario::{Granularity, Scenario, Workload};
use crate::variant::{Multifd, Variant};
use colosim_sim::link::Piece;
use colosim_sim::{Contents, Memory};

#[cfg(doc)]
use colosim_sim::TRACKED_PAGES_MAX;

/// What the program has in memory without a guest, measured as the peak of a run with 64 KiB of RAM on Linux (7.6 MiB).
const PROGRAM_BYTES: u64 = 7_900_000;
/// Versions of a page that a plain migration keeps: the primary's and the secondary's.
const VERSIONS_OF_PRECOPY: u64 = 2;
/// With COLO, beside them: the primary's as of the last checkpoint, the cache's, and guest and cache as last committed.
const VERSIONS_OF_COLO: u64 = 6;

/// The memory of a run, by what takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// What takes it, and bytes.
    pub parts: Vec<(&'static str, u64)>,
}

impl MemoryNeed {
    /// Of one run of this scenario with this design.
    pub fn new(scenario: &Scenario, variant: &Variant) -> MemoryNeed {
        let pages = Layout::new(&scenario.guest, Side::Primary).pages() as u64;
        let page_bytes = scenario.guest.page_size.bytes();
        let has_colo = scenario.migration.x_colo;
        let versions = if has_colo { VERSIONS_OF_COLO } else { VERSIONS_OF_PRECOPY };
        // The states at the end of precopy are kept in either case.
        let copies = if has_colo { VERSIONS_OF_COLO } else { 2 * VERSIONS_OF_PRECOPY };
        let irregular = irregular_pages(&scenario.guest.workload, page_bytes).min(pages);
        let (index, _) = Contents::bytes(pages);
        let (at_least, at_most) = Contents::bytes(irregular);

        let bitmap = pages.div_ceil(64) * 8;
        // The primary's dirty log and migration bitmap, the secondary's receivedmap; with COLO its bmap.
        let bitmaps = if has_colo { 4 } else { 3 };
        let tracked = Memory::tracking_bytes(pages) * if has_colo { 2 } else { 1 };

        let channels = match variant.multifd {
            Multifd::On => u64::from(scenario.migration.multifd_channels),
            Multifd::Off => 0,
        };
        let link = &scenario.link;
        let of_connection = link.send_buffer.bytes() + link.receive_buffer.bytes();
        let pieces = (channels + 1) * of_connection.min(pages * page_bytes) / page_bytes;
        // A packet's piece is cut where the path cuts it; each page is one.
        let piece_bytes = 2 * size_of::<Piece>() as u64;
        let per_page_steps = match scenario.granularity {
            Granularity::Page => pages * STEPS_OF_A_PAGE / STEPS_OF_A_HASH * 8,
            Granularity::Packet => 0,
        };
        let parts = vec![
            ("the program", PROGRAM_BYTES),
            ("guest RAM, cache and committed states", copies * index + versions * (at_most - at_least)),
            ("bitmaps", bitmaps * bitmap),
            ("accesses of single pages", tracked),
            ("data on its way", pieces * piece_bytes),
            ("device state", 4 * scenario.migration.device_state.bytes()),
            ("the trace's hash", per_page_steps),
        ];
        MemoryNeed { parts }
    }

    /// All of it, in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Steps that a page takes on both sides together, and steps to one kept hash.
const STEPS_OF_A_PAGE: u64 = 4;
const STEPS_OF_A_HASH: u64 = colosim_sim::CHECKPOINT_INTERVAL;

/// Pages that hold words in no order after a while: with writes in address order only few do.
fn irregular_pages(workload: &Workload, page_bytes: u64) -> u64 {
    match workload {
        Workload::Idle | Workload::EachRun { .. } | Workload::Sequential { .. } => 0,
        Workload::Uniform { working_set, .. } | Workload::HotCold { working_set, .. } => {
            working_set.bytes() / page_bytes
        }
    }
}
