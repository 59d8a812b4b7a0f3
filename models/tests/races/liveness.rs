//! After the last fault the guest runs somewhere within the bound, or it is said who waits for what; but a side that waits
//! for the management, which was not asked, is not to blame.
//!
//! Goal: each row of the table in `oracle/liveness.rs`. Method: one run each of the smallest pair of machines, with one
//! fault plan that leads into the row.

use crate::search::{run_of_merged, scenario};
use colosim_models::oracle::asks_of;
use colosim_models::scenario::{Asks, Scenario};
use colosim_models::world::Run;
use colosim_sim::{Ended, Time, Violation};

const BOUND_NS: u64 = 500_000_000;

/// A run of `merged` with these faults. The device state is more than the buffers of a
/// connection hold whose reader is gone.
fn run_with(faults: &str) -> Run {
    let mut small: Scenario = scenario("cache-teardown");
    for (path, value) in [
        ("guest.ram", "64 KiB"),
        ("guest.workload", "EachRun(pages: 4)"),
        ("migration.multifd_channels", "2"),
        ("migration.x_checkpoint_delay", "10 ms"),
        ("migration.max_bandwidth", "0"),
        ("migration.device_state", "1 MiB"),
        ("link.send_buffer", "64 KiB"),
        ("link.receive_buffer", "64 KiB"),
        ("failover_bound", "500 ms"),
        ("faults", faults),
    ] {
        small = small.set(path, value).unwrap();
    }
    run_of_merged(&small)
}

fn hangs(run: &Run) -> Vec<&Violation> {
    run.outcome.violations.iter().filter(|violation| asks_of(violation.kind) == Asks::Liveness).collect()
}

#[test]
fn a_secondary_whose_primary_is_gone_waits_for_the_management_and_is_not_to_blame() {
    for action in ["KillPrimary", "FreezePrimary", "CutAll", "ResetMain", "YankSecondary"] {
        let run = run_with(&format!("[[(at: LoadingRam(checkpoint: 2), do: {action})]]"));
        assert_eq!(hangs(&run), Vec::<&_>::new(), "{action}");
    }
}

#[test]
fn a_primary_whose_secondary_is_gone_waits_for_the_management_and_is_not_to_blame() {
    for action in ["KillSecondary", "FreezeSecondary", "YankPrimary"] {
        let run = run_with(&format!("[[(at: SavingRam(checkpoint: 2), do: {action})]]"));
        assert_eq!(hangs(&run), Vec::<&_>::new(), "{action}");
    }
}

#[test]
fn a_precopy_whose_secondary_is_gone_lets_the_guest_go_on_where_it_was() {
    let stopped = r#"Step(thread: "mig/src/main", step: "migration.save_devices", visit: 1)"#;
    for at in [r#"Time("100 us")"#, stopped] {
        let run = run_with(&format!("[[(at: {at}, do: KillSecondary)]]"));
        assert_eq!(hangs(&run), Vec::<&_>::new(), "{at}");
        assert!(run.metrics.guest_run_ns > BOUND_NS / 2, "{at}: {}", run.metrics.guest_run_ns);
    }
}

#[test]
fn a_primary_that_stands_still_in_precopy_for_a_secondary_that_is_frozen_is_a_hang() {
    let at = r#"Step(thread: "mig/src/main", step: "migration.stop_vm", visit: 1)"#;
    let run = run_with(&format!("[[(at: {at}, do: FreezeSecondary)]]"));
    let hangs = hangs(&run);
    assert_eq!(hangs.len(), 1, "{hangs:?}");
    assert_eq!((hangs[0].kind.0, &*hangs[0].culprit.thread), ("hang", "mig/src/main"));
    assert!(
        hangs[0].detail.contains("no failover is possible outside of COLO; mig/src/main waits"),
        "{}",
        hangs[0].detail
    );
    assert_eq!(run.outcome.ended, Ended::Finished);
    assert!((BOUND_NS..3 * BOUND_NS).contains(&run.outcome.time.0), "{:?}", run.outcome.time);
}

#[test]
fn a_failover_that_is_refused_does_not_excuse_a_guest_that_stands_still() {
    let at = r#"Step(thread: "mig/src/main", step: "migration.stop_vm", visit: 1)"#;
    let run = run_with(&format!(r#"[[(at: {at}, do: FreezeSecondary), (after: "1 ms", do: FailoverPrimary)]]"#));
    let hangs = hangs(&run);
    assert_eq!(hangs.len(), 1, "{hangs:?}");
    assert!(hangs[0].detail.contains("the primary refused a failover, for it was not in COLO"), "{}", hangs[0].detail);
}

#[test]
fn a_failover_that_is_refused_in_a_run_that_goes_on_is_no_finding() {
    let run = run_with(r#"[[(at: Time("100 us"), do: FailoverSecondary), (do: FailoverPrimary)]]"#);
    assert_eq!(hangs(&run), Vec::<&_>::new());
    assert_eq!((run.outcome.ended, run.metrics.checkpoints.len()), (Ended::Finished, 5));
}

#[test]
fn a_guest_that_the_faults_have_taken_away_is_nobodys_fault() {
    // Precopy is not over: the secondary has a part of the guest, the primary is gone.
    for action in ["KillPrimary", "FreezePrimary"] {
        let run =
            run_with(&format!(r#"[[(at: Time("100 us"), do: {action}), (after: "1 ms", do: FailoverSecondary)]]"#));
        assert_eq!(hangs(&run), Vec::<&_>::new(), "{action}");
        assert!(run.outcome.time < Time(4 * BOUND_NS));
    }
}
