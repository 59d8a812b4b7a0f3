//! Every knob of a scenario changes what is measured, in the direction it should.

use colosim_models::host_profile::HostProfile;
use colosim_models::metrics::Metrics;
use colosim_models::preset::preset;
use colosim_models::scenario::Scenario;
use colosim_models::world::{RunInput, run};
use colosim_sim::{Plan, Simulator};

const BASE: &str = r#"Scenario(
    question: "Does every knob matter?",
    variants: ["merged"],
    guest: (ram: "8 MiB", workload: Uniform(rate: "20000 pages/s", working_set: "4 MiB")),
    migration: (multifd_channels: 2, x_checkpoint_delay: "50 ms"),
    link: (no_delay: true, rate: "10 Gbit/s", latency: "50 us"),
    host: "lab-loopback-medians",
    granularity: Packet,
    stop: AfterCheckpoints(6),
)"#;

fn measured(knobs: &[(&str, &str)]) -> Metrics {
    let mut scenario = Scenario::from_ron(BASE, "base").unwrap();
    for (path, value) in knobs {
        scenario = scenario.set(path, value).unwrap();
    }
    let host = HostProfile::builtin(&scenario.host).unwrap();
    let input = RunInput {
        scenario: &scenario,
        variant: &preset("merged").unwrap().variant,
        host: &host,
        faults: &[],
        seed: 1,
        plan: &Plan::undisturbed(),
        record: false,
    };
    run(&mut Simulator::new(), input).metrics
}

fn mean_pause(metrics: &Metrics) -> u64 {
    metrics.checkpoints.iter().map(|c| c.pause_ns).sum::<u64>() / metrics.checkpoints.len() as u64
}

#[test]
fn latency_makes_pauses_longer() {
    // While the primary's guest is stopped, its RAM goes over and the acknowledgement comes back.
    let (near, far) = (mean_pause(&measured(&[])), mean_pause(&measured(&[("link.latency", "5 ms")])));
    assert!(far >= near + 2 * 4_750_000, "{near} {far}");
}

#[test]
fn a_slow_link_makes_pauses_longer() {
    let (fast, slow) = (mean_pause(&measured(&[])), mean_pause(&measured(&[("link.rate", "1 Gbit/s")])));
    assert!(slow > 2 * fast, "{fast} {slow}");
}

#[test]
fn loss_makes_pauses_longer_and_loses_no_byte() {
    let far = ("link.latency", "2 ms");
    let (clean, lossy) = (measured(&[far]), measured(&[far, ("link.loss", "3e-2")]));
    assert!(mean_pause(&lossy) > mean_pause(&clean));
    assert_eq!(lossy.checkpoints.len(), clean.checkpoints.len());
}

#[test]
fn jitter_changes_pauses() {
    assert_ne!(mean_pause(&measured(&[("link.jitter", "1 ms")])), mean_pause(&measured(&[])));
}

#[test]
fn channels_shorten_a_checkpoint_that_is_bound_by_the_window_of_one_connection() {
    let pause = |channels| {
        mean_pause(&measured(&[
            ("migration.multifd_channels", channels),
            ("link.send_buffer", "64 KiB"),
            ("link.receive_buffer", "64 KiB"),
            ("link.latency", "500 us"),
        ]))
    };
    let (one, four) = (pause("1"), pause("4"));
    assert!(2 * one > 3 * four, "{one} {four}");
}

#[test]
fn the_checkpoint_delay_is_start_to_start() {
    let metrics = measured(&[("migration.x_checkpoint_delay", "200 ms")]);
    assert!(metrics.checkpoints.iter().skip(1).all(|c| c.interval_ns.abs_diff(200_000_000) < 1_000_000));
}

#[test]
fn a_longer_delay_gathers_more_dirty_pages_and_costs_the_guest_less() {
    let (short, long) = (measured(&[]), measured(&[("migration.x_checkpoint_delay", "400 ms")]));
    let pages = |metrics: &Metrics| metrics.checkpoints.iter().map(|c| c.dirty_pages).max().unwrap();
    assert!(pages(&long) > pages(&short));
    let share = |metrics: &Metrics| metrics.guest_run_ns as f64 / metrics.elapsed_ns as f64;
    assert!(share(&long) > share(&short));
}
