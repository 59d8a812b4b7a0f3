//! The primary's disk waits for the secondary's: what that does to a failover of the primary.
//!
//! A guest write is complete when both disks have answered, and a VM is stopped only when its writes are. A secondary that is
//! frozen never answers, and nobody is told.

use crate::search::{run_of_merged, scenario};
use colosim_sim::Kind;

/// The objects that a run with these faults hangs at.
fn hangs_at(faults: &str) -> Vec<String> {
    let scenario = scenario("received-window").set("faults", faults).unwrap();
    let run = run_of_merged(&scenario);
    run.outcome.violations.into_iter().filter(|v| v.kind == Kind::HANG).map(|v| v.object).collect()
}

#[test]
fn a_frozen_secondary_holds_the_failover_of_a_primary_with_a_disk() {
    let faults = "[[(at: Idle(checkpoint: 2), do: FreezeSecondary), (after: \"3 ms\", do: FailoverPrimary)]]";
    assert_eq!(hangs_at(faults), ["nbd"]);
}

#[test]
fn a_yank_of_the_disk_lets_that_failover_go_on() {
    let faults = "[[(at: Idle(checkpoint: 2), do: FreezeSecondary), (after: \"3 ms\", do: FailoverPrimary), \
                  (after: \"3 ms\", do: YankPrimaryDisk)]]";
    assert_eq!(hangs_at(faults), Vec::<String>::new());
}
