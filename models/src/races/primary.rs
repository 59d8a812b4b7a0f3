//! Races of the primary and what its clients see.

use super::{Race, Sign};
use crate::oracle::OUTPUT_NOT_COMMITTED;
use colosim_sim::Kind;

/// Races 21 and 22, and the mutants of the primary.
pub(super) const RACES: &[Race] = &[
    Race {
        id: "21",
        name: "send-sync-hang-sibling-exit",
        kind: "hang",
        what: "A send thread that is woken for its SYNC sees that all are told to leave, since a sibling failed, and leaves \
               without the post that the migration thread waits for.",
        scenario: "primary-failover",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "sem_sync of send channel").at("multifd_queue.")],
        found_in: &["series-v5", "merged", "merged-bql-held", "merged-fixed + send_exit_kick: OnError"],
        absent_in: &["plain-ram.c", "multifd-v10", "merged-fixed", "merged-fixed + primary_failover: MainOnly"],
        evidence: "reported (changelog of v10, title), source (dd67c149e2)",
    },
    Race {
        id: "22",
        name: "primary-failover-stuck-in-send",
        kind: "hang",
        what: "A send thread cannot write, since the secondary is frozen, and the failover shuts the main socket only: the \
               migration thread waits for the send thread, and the guest stays stopped.",
        scenario: "primary-failover",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "multifd_").at("multifd_send.")],
        found_in: &["series-v5", "merged", "merged-bql-held", "merged-fixed + primary_failover: MainOnly"],
        absent_in: &["plain-ram.c", "merged-fixed", "merged-fixed + send_exit_kick: OnError"],
        evidence: "analysis; measured: not hit in 24 failovers",
    },
    Race {
        id: "",
        name: "output-released-before-stored",
        kind: "output-commit violation",
        what: "What the guest has sent is released when the checkpoint is sent, not when it is stored: the primary fails, and the \
               secondary goes on from the checkpoint before.",
        scenario: "output-commit",
        changes: &[],
        signs: &[Sign::of(OUTPUT_NOT_COMMITTED, "network output").at("colo_compare.flush")],
        found_in: &["merged + release_point: AfterSent", "series-v5 + release_point: AfterSent"],
        absent_in: &[
            "plain-ram.c",
            "series-v5",
            "merged",
            "merged-bql-held",
            "merged-fixed",
            "merged + release_point: AfterLoaded",
        ],
        evidence: "analysis (mutant)",
    },
];
