//! Published measurements of hosts that nobody here has: a profile is fitted to a part of a table and has to predict the rest.

use colosim_models::host_profile::{HostProfile, StepCost};
use colosim_models::metrics::Metrics;
use colosim_models::preset::preset;
use colosim_models::scenario::{Scenario, Span};
use colosim_models::steps::{colo_incoming, colo_primary};
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::{Plan, Simulator, StepId, Time};

fn simulate(scenario: &str, design: &str, host: &HostProfile) -> Run {
    let scenario = Scenario::from_ron(scenario, "published.rs").expect("a scenario");
    let variant = &preset(design).expect("a preset").variant;
    let plan = Plan::natural();
    let input = RunInput { scenario: &scenario, variant, host, faults: &[], seed: 0, plan: &plan, record: true };
    run(&mut Simulator::new(), input)
}

fn profile(name: &str) -> HostProfile {
    HostProfile::builtin(name).expect("a built-in profile")
}

#[track_caller]
fn assert_within(simulated: f64, published: f64, part: f64, what: &str) {
    let off = simulated / published - 1.0;
    assert!(off.abs() <= part, "{what}: {simulated:.2}, published {published:.2}: off by {:.1} %", 100.0 * off);
}

/// A row of the table of channels and codecs.
struct Codec {
    name: &'static str,
    /// Bytes of a page for each byte on the wire.
    ratio: f64,
    /// On 2, 4 and 8 channels.
    total_ms: [f64; 3],
    /// Is the migration thread, not the codec, what limits 8 channels?
    has_ceiling: bool,
}

const CODECS: [Codec; 4] = [
    Codec { name: "none", ratio: 1.0, total_ms: [7493.0, 5901.0, 5789.0], has_ceiling: true },
    Codec { name: "QPL with IAA", ratio: 1.95, total_ms: [7330.0, 5219.0, 5250.0], has_ceiling: true },
    Codec { name: "QPL in software", ratio: 2.0, total_ms: [73535.0, 37299.0, 18964.0], has_ceiling: false },
    Codec { name: "zstd", ratio: 2.87, total_ms: [78291.0, 39544.0, 20180.0], has_ceiling: false },
];

/// The published guest is so many times as large as the simulated one; it is idle, so time goes with its size.
const SCALE: f64 = 32.0;
/// Pages of the published guest.
const PAGES: f64 = 16_777_216.0;
/// The part of them that is not zero.
const FILLED: f64 = 0.9;

/// The profile with what this codec costs: per channel from 2 channels, the ceiling from 8. The simulated guest's pages of zeros are its
/// last, and go at the pace of the migration thread.
fn host_of(codec: &Codec) -> HostProfile {
    let mut host = profile("sapphire-rapids-100g");
    let per_page = |ns: f64| StepCost { per_page: Span::from_nanos(ns.round() as u64), ..StepCost::default() };
    let check = host.cost("multifd_send.prepare").per_page.nanos() as f64;
    if codec.has_ceiling {
        host.steps.insert("migration.find_page".into(), per_page(codec.total_ms[2] * 1e6 / PAGES));
    }
    let zeros_ns = PAGES * (1.0 - FILLED) * host.cost("migration.find_page").per_page.nanos() as f64;
    let channel = (codec.total_ms[0] * 1e6 - zeros_ns) * 2.0 / (PAGES * FILLED) - check;
    host.steps.insert("multifd_send.writev".into(), per_page(channel));
    host
}

/// Total time in the published guest's size, ms.
fn total_ms(codec: &Codec, host: &HostProfile, channels: u32) -> f64 {
    migrate(codec, host, channels).total_time_ns as f64 * 1e-6 * SCALE
}

fn migrate(codec: &Codec, host: &HostProfile, channels: u32) -> Metrics {
    let scenario = format!(
        "Scenario(question: \"\", variants: [\"merged\"], guest: (ram: \"2 GiB\", filled: {FILLED}, workload: Idle),
         migration: (multifd_channels: {channels}, x_colo: false, max_bandwidth: \"0\", downtime_limit: \"100 ms\"),
         link: (rate: \"{} Gbit/s\", latency: \"20 us\"), granularity: Packet, stop: AfterPrecopy)",
        (100.0 * codec.ratio).round(),
    );
    simulate(&scenario, "merged", host).metrics
}

#[test]
fn channels_and_codecs_are_predicted_from_two_channels_and_the_ceiling() {
    for codec in &CODECS {
        let host = host_of(codec);
        for (channels, published) in [2, 4, 8].into_iter().zip(codec.total_ms) {
            let simulated = total_ms(codec, &host, channels);
            assert_within(simulated, published, 0.05, &format!("{} on {channels} channels", codec.name));
        }
    }
}

/// The published rates times the published times are 58.1 to 58.3 GiB on any number of channels. The simulated guest has as many pages
/// as "90 % filled" says to the page, so its bytes are those of its pages, and the published ones within 1 %.
#[test]
fn bytes_on_the_wire_do_not_depend_on_the_channels() {
    let host = host_of(&CODECS[0]);
    let bytes = [2, 4, 8].map(|channels| migrate(&CODECS[0], &host, channels).transferred_bytes as f64);
    for bytes in bytes {
        assert_within(bytes, PAGES / SCALE * FILLED * 4096.0, 0.005, "pages");
        assert_within(bytes * SCALE / f64::from(1 << 30), 58.2, 0.01, "GiB");
    }
}

/// The codec of the profile itself is none.
#[test]
fn the_profile_of_the_table_is_the_one_that_its_comment_derives() {
    let (derived, written) = (host_of(&CODECS[0]), profile("sapphire-rapids-100g"));
    for step in ["multifd_send.writev", "migration.find_page"] {
        let [derived, written] = [&derived, &written].map(|host| host.cost(step).per_page.nanos());
        assert!(derived.abs_diff(written) <= 1, "{step}: {derived} ns, written {written} ns");
    }
}

/// Dirty pages of the published checkpoints as the profile's comment derives them: idle and load, mean and p99.
const DIRTY_PAGES: [[u32; 2]; 2] = [[304, 836], [2109, 7009]];
const PLAIN_MS: [[f64; 2]; 2] = [[4.50, 10.33], [24.30, 78.05]];
const MULTIFD_MS: [[f64; 2]; 2] = [[6.48, 10.41], [14.12, 31.27]];

/// How long the memory of a checkpoint takes from the primary to the secondary, ms.
fn transfer_ms(design: &str, pages: u32) -> f64 {
    let scenario = format!(
        "Scenario(question: \"\", variants: [\"merged\"],
         guest: (ram: \"128 MiB\", filled: 0.5, workload: EachRun(pages: {pages})),
         migration: (multifd_channels: 4, x_checkpoint_delay: \"600 ms\", max_bandwidth: \"0\"),
         link: (rate: \"9.4 Gbit/s\", latency: \"50 us\"), granularity: Packet, stop: AfterCheckpoints(4))"
    );
    let outcome = simulate(&scenario, design, &profile("xeon-10gbe")).outcome;
    let last = |step: StepId| -> Time {
        outcome.records.iter().rev().find(|record| record.step == step).expect("a checkpoint was taken").time
    };
    last(colo_incoming::UNLOCK_AFTER_LOAD).since(last(colo_primary::SAVE_RAM)).0 as f64 * 1e-6
}

/// A checkpoint's time grows with its pages, so the time of the mean is that of the mean pages, and that of p99 of p99's.
#[test]
fn multifd_is_worse_when_idle_better_under_load_and_gains_more_at_p99() {
    let times = |design| DIRTY_PAGES.map(|of| of.map(|pages| transfer_ms(design, pages)));
    let (plain, multifd) = (times("plain-ram.c"), times("merged"));

    for (simulated, published) in plain.as_flattened().iter().zip(PLAIN_MS.as_flattened()) {
        assert_within(*simulated, *published, 0.05, "plain");
    }
    assert_within(multifd[0][0], MULTIFD_MS[0][0], 0.05, "4 channels, idle mean");
    // Predicted; too short, for more of the coordination goes on beside the transfer than did there.
    assert_within(multifd[1][0], MULTIFD_MS[1][0], 0.20, "4 channels, load mean");
    assert_within(multifd[1][1], MULTIFD_MS[1][1], 0.20, "4 channels, load p99");

    let [idle, load] = [0, 1].map(|row: usize| [0, 1].map(|at: usize| plain[row][at] / multifd[row][at]));
    assert!(idle[0] < 1.0, "multifd gains when idle: {idle:?}");
    assert!(load[0] > 1.0, "multifd does not gain under load: {load:?}");
    assert!(load[1] > load[0], "the gain is smaller at p99: {load:?}");
}
