//! What the primary's guest sends, in whole runs of both machines.

use colosim_models::host_profile::HostProfile;
use colosim_models::oracle::asks_of;
use colosim_models::preset::preset;
use colosim_models::scenario::{Asks, Scenario, builtin};
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::{Plan, Simulator};

fn run_with(differ: &str, faults: &str) -> Run {
    let text = builtin("output-commit").expect("it is shipped");
    let scenario = Scenario::from_ron(text, "output-commit").unwrap();
    let scenario = scenario.set("guest.output.differ", differ).unwrap().set("faults", faults).unwrap();
    let host = HostProfile::builtin(&scenario.host).unwrap();
    let none = Vec::new();
    let input = RunInput {
        scenario: &scenario,
        variant: &preset("merged").expect("it is shipped").variant,
        host: &host,
        faults: scenario.faults.first().unwrap_or(&none),
        seed: 1,
        plan: &Plan::undisturbed(),
        record: false,
    };
    run(&mut Simulator::new(), input)
}

#[test]
fn guests_that_send_the_same_need_no_checkpoint_but_those_of_the_timer() {
    let metrics = run_with("0", "[]").metrics;
    assert_eq!(metrics.mismatch_checkpoints, 0);
    assert!(metrics.packets_released > 50, "{}", metrics.packets_released);
    assert!(metrics.checkpoints.iter().all(|checkpoint| checkpoint.interval_ns >= 10_000_000));
}

#[test]
fn a_packet_that_differs_is_held_until_a_checkpoint_that_it_asks_for() {
    let metrics = run_with("1", "[]").metrics;
    assert_eq!(metrics.mismatch_checkpoints, 4, "each of the four checkpoints");
    assert!(metrics.checkpoints.iter().all(|checkpoint| checkpoint.interval_ns < 10_000_000));
    assert!((1..20).contains(&metrics.packets_released), "{}", metrics.packets_released);
}

#[test]
fn after_a_failover_of_the_primary_its_output_stays_queued() {
    let run =
        run_with("0", r#"[[(at: SavingRam(checkpoint: 2), do: KillSecondary), (after: "1 ms", do: FailoverPrimary)]]"#);
    assert!(run.outcome.violations.iter().all(|violation| asks_of(violation.kind) != Asks::OutputCommit));
    assert!(run.metrics.packets_held > 0, "nobody tells the compare object");
}
