//! Races of the COLO thread, the failover and the disks of the secondary.

use super::{Race, Sign};
use crate::oracle::{
    CONNECTION_BROKEN, LEAKED_ALLOCATION, OUTPUT_NOT_COMMITTED, SPLIT_BRAIN, STATE_DIFFERS, TORN_CHECKPOINT, TORN_DISK,
    WRITE_WHILE_RUNNING,
};
use colosim_sim::Kind;

/// Races 7, 17, 18 and 23 to 28.
pub(super) const RACES: &[Race] = &[
    Race {
        id: "7",
        name: "cache-leak-on-failed-load",
        kind: "leaked memory",
        what: "Cache, bitmaps and ram_state are freed once the COLO thread has been joined; a load that fails in precopy never \
               gets there.",
        scenario: "failed-load",
        changes: &[],
        signs: &[
            Sign::of(LEAKED_ALLOCATION, "colo_cache").at("incoming_destroy."),
            Sign::of(LEAKED_ALLOCATION, "bmap").at("incoming_destroy."),
            Sign::of(LEAKED_ALLOCATION, "ram_state").at("incoming_destroy."),
        ],
        found_in: &["series-v5", "reviewer-nocomp-hook", "plain-ram.c-10.x"],
        absent_in: &["merged", "merged-bql-held", "merged-fixed", "plain-ram.c"],
        evidence: "analysis",
    },
    Race {
        id: "17",
        name: "disk-ram-tear-at-received",
        kind: "torn checkpoint",
        what: "A failover between vmstate-received and the flag vmstate_loading commits the disk of the checkpoint before; the COLO \
               thread then finishes this one for RAM and devices.",
        scenario: "received-window",
        changes: &[],
        signs: &[
            Sign::of(TORN_DISK, "disk").after("failover.leave_colo_state"),
            // C24 reports the end of the backup job, so the rewriter is not told (C26).
            Sign::of(CONNECTION_BROKEN, "network output").after("failover.leave_colo_state"),
        ],
        found_in: &[
            "series-v5",
            "reviewer-nocomp-hook",
            "merged",
            "merged-bql-held",
            "plain-ram.c",
            "merged-fixed + received_ack: BeforeLoadingFlag",
        ],
        absent_in: &["merged-fixed"],
        evidence: "analysis",
    },
    Race {
        id: "18",
        name: "device-load-error-after-flush",
        kind: "torn checkpoint, output that is not committed",
        what: "RAM is flushed, then devices or disk fail: a later failover starts the guest with RAM that they do not belong to.",
        scenario: "load-error",
        changes: &[],
        signs: &[
            Sign::of(TORN_CHECKPOINT, "device state").after("failover.leave_colo_state"),
            Sign::of(TORN_DISK, "disk").after("failover.leave_colo_state"),
            // What the primary has released belongs to a state that is nowhere any more.
            Sign::of(OUTPUT_NOT_COMMITTED, "network output").at("colo_compare."),
            Sign::of(CONNECTION_BROKEN, "network output").after("failover.leave_colo_state"),
        ],
        found_in: &["series-v5", "reviewer-nocomp-hook", "merged", "merged-bql-held", "merged-fixed", "plain-ram.c"],
        absent_in: &[],
        evidence: "analysis; a known limit: it takes a second copy, or a load that can be undone",
    },
    Race {
        id: "25",
        name: "relaunch-dropped-on-error",
        kind: "hang without a way out",
        what: "A failover that came while the checkpoint was applied waits to be asked for again; the checkpoint then fails, and \
               the COLO thread leaves its loop before it looks.",
        scenario: "load-error",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "failover_state").at("colo_incoming.check_error")],
        found_in: &[
            "series-v5",
            "reviewer-nocomp-hook",
            "merged",
            "merged-bql-held",
            "plain-ram.c",
            "merged-fixed + relaunch_check: ErrorFirst",
        ],
        absent_in: &["merged-fixed"],
        evidence: "source (list, May 2020: the order of the two tests)",
    },
    Race {
        id: "23",
        name: "heartbeat-blocked-by-bql",
        kind: "hang until yank",
        what: "The COLO thread waits for the main socket with the BQL held, so the main loop cannot take the command to fail over.",
        scenario: "dead-main-channel",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "main")],
        found_in: &["series-v5", "reviewer-nocomp-hook", "merged-bql-held", "plain-ram.c-10.x"],
        absent_in: &["merged", "merged-fixed", "plain-ram.c"],
        evidence: "reported (documentation; list, 17 January 2026); measured (absent in 11.1.3)",
    },
    Race {
        id: "24",
        name: "failover-init-overwrites-request",
        kind: "lost request, hang",
        what: "A failover is accepted once the state is COLO; the COLO thread then initialises the failover state, and the \
               request is gone.",
        scenario: "failover-at-start",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "failover_state").at("colo_incoming.init_failover_state")],
        found_in: &[
            "series-v5",
            "reviewer-nocomp-hook",
            "merged",
            "merged-bql-held",
            "plain-ram.c",
            "merged-fixed + failover_init: AfterState",
        ],
        absent_in: &["merged-fixed"],
        evidence: "analysis",
    },
    Race {
        id: "26",
        name: "colo-thread-early-return",
        kind: "hang",
        what: "The disks cannot be activated and the COLO thread returns: no event, no message; the primary waits for ever for \
               the secondary to be ready, its guest stopped.",
        scenario: "failover-at-start",
        changes: &[],
        signs: &[Sign::of(Kind::HANG, "main").at("colo_primary.wait_ready")],
        found_in: &[
            "series-v5",
            "reviewer-nocomp-hook",
            "merged",
            "merged-bql-held",
            "plain-ram.c",
            "merged-fixed + early_return: Return",
        ],
        absent_in: &["merged-fixed"],
        evidence: "analysis",
    },
    Race {
        id: "27",
        name: "split-brain-two-heartbeats",
        kind: "split brain",
        what: "Each side is told that the other is gone, and both guests run. Only management can prevent that.",
        scenario: "partition",
        changes: &[],
        signs: &[Sign::of(SPLIT_BRAIN, "the guest")],
        found_in: &["series-v5", "reviewer-nocomp-hook", "merged", "merged-bql-held", "merged-fixed", "plain-ram.c"],
        absent_in: &[],
        evidence: "analysis; a known limit: no change inside QEMU can close it",
    },
    Race {
        id: "28",
        name: "cont-inside-checkpoint",
        kind: "torn checkpoint, flush into a running guest",
        what: "Inside a checkpoint the BQL is free now and then; `cont` starts the guest, and the cache is flushed under it.",
        scenario: "user-cont",
        changes: &[],
        signs: &[
            Sign::of(WRITE_WHILE_RUNNING, "guest RAM").at("colo_flush."),
            Sign::of(STATE_DIFFERS, "guest RAM").at("colo_incoming."),
        ],
        found_in: &["plain-ram.c-10.x", "series-v5 + user_cont: Allowed", "merged + user_cont: Allowed"],
        absent_in: &["merged", "merged-bql-held", "merged-fixed", "plain-ram.c"],
        evidence: "reported (commit afbba26fd3, January 2026)",
    },
];
