//! L8 to L11: how long a checkpoint stops the guest, what share of its time it runs, and how long its clients wait.

use crate::{MS, PACKET_OVERHEAD, PAGE, SECOND, Setup, assert_near};
use colosim_models::metrics::Metrics;
use colosim_models::scenario::DelayFrom::{self, Request, Resume};
use colosim_models::steps::colo_primary;
use colosim_models::world::Run;
use colosim_sim::StepId;

fn guest() -> Setup {
    guest_with("")
}

/// 256 pages in each run, 1 Gbit/s; further fields of the guest.
fn guest_with(more: &str) -> Setup {
    Setup::new(&format!(
        r#"
        guest: (ram: "16 MiB", workload: EachRun(pages: 256), {more}),
        migration: (multifd_channels: 2, x_checkpoint_delay: "100 ms", max_bandwidth: "0"),
        link: (transport: Unix, rate: "1 Gbit/s", latency: "100 us", queue: "64 MiB"),
        stop: AfterCheckpoints(8),
        "#
    ))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn mean_pause(metrics: &Metrics) -> f64 {
    mean(metrics.checkpoints[1..].iter().map(|checkpoint| checkpoint.pause_ns as f64))
}

/// Share of the time between the first and the last request in which the guest ran.
fn run_share(metrics: &Metrics) -> f64 {
    let [paused @ .., _] = &metrics.checkpoints[..] else { panic!("no checkpoint") };
    let elapsed: u64 = metrics.checkpoints[1..].iter().map(|checkpoint| checkpoint.interval_ns).sum();
    let pauses: u64 = paused.iter().map(|checkpoint| checkpoint.pause_ns).sum();
    1.0 - pauses as f64 / elapsed as f64
}

/// L8: pause = save devices + (4096 D + S)/B + RTT + flush + load devices, where the flush is of the pages of both guests
/// (the same ones here). 3 %, and 40 µs for messages and headers.
#[test]
fn a_pause_is_the_sum_of_what_it_waits_for() {
    for (pages, rate_gbit, latency_us) in
        [(256, 1.0, 100.0), (2048, 1.0, 100.0), (2048, 5.0, 1000.0), (256, 5.0, 5000.0)]
    {
        let metrics = guest()
            .with("guest.workload.pages", pages)
            .with("link.rate", format!("{rate_gbit} Gbit/s"))
            .with("link.latency", format!("{latency_us} us"))
            .costs("colo_primary.save_devices", 300_000, 0)
            .costs("colo_incoming.load_devices", 700_000, 0)
            .costs("colo_flush.copy_run", 0, 500)
            .run();
        let pages = f64::from(pages);
        let bytes = pages * PAGE * (1.0 + PACKET_OVERHEAD) + 12_750.0;
        let law = 0.3 * MS + bytes * 8.0 / rate_gbit + 2.0 * latency_us * 1e3 + pages * 500.0 + 0.7 * MS;
        let measured = mean_pause(&metrics);
        let bound = 0.03 * law + 40_000.0;
        assert!(
            (measured - law).abs() < bound,
            "{pages} pages, {rate_gbit} Gbit/s, {latency_us} us: {measured} ns, law {law} ns"
        );
        for checkpoint in &metrics.checkpoints[1..] {
            assert_eq!(checkpoint.flush_pages, pages as u64);
            assert_near(checkpoint.flush_ns as f64, pages * 500.0, 0.02, "flush");
        }
    }
}

/// L8: the secondary stops half a round trip before the primary, and goes on half a round trip before it: its pause is as long.
#[test]
fn both_guests_stand_still_for_as_long() {
    for latency_us in [100.0, 2000.0] {
        let metrics = guest().with("link.latency", format!("{latency_us} us")).run();
        let secondary = mean(metrics.checkpoints[1..].iter().map(|checkpoint| checkpoint.secondary_pause_ns as f64));
        assert_near(secondary, mean_pause(&metrics), 0.02, "pause of the secondary");
    }
}

/// L9 of QEMU: the delay counts from request to request, so the run share is 1 - p/T, whatever p is below T.
#[test]
fn the_run_share_of_start_to_start_checkpoints() {
    for (pages, delay_ms) in [(256, 50.0), (256, 400.0), (1024, 100.0), (2048, 200.0)] {
        let metrics = guest()
            .with("guest.workload.pages", pages)
            .with("migration.x_checkpoint_delay", format!("{delay_ms} ms"))
            .run();
        for checkpoint in &metrics.checkpoints[1..] {
            assert_near(checkpoint.interval_ns as f64, delay_ms * MS, 1e-3, "interval");
        }
        assert_near(run_share(&metrics), 1.0 - mean_pause(&metrics) / (delay_ms * MS), 0.01, "run share");
    }
}

fn counting(from: DelayFrom) -> Setup {
    let mut setup = guest();
    setup.scenario.migration.checkpoint_delay_from = from;
    setup
}

/// L9: with p = p0 + k run and k = 4096 d/B for a guest that dirties d pages per second, the start-to-start share is
/// (1 - p0/T)/(1 + k), and that of Remus I/(p0 + (1 + k) I). p0 is the pause of an idle guest.
#[test]
fn the_run_share_of_a_guest_that_dirties_steadily() {
    let idle = mean_pause(&guest().with("guest.workload", "Idle").run());
    for (from, rate, delay_ms) in
        [(Request, 5_000.0, 100.0), (Request, 10_000.0, 100.0), (Resume, 5_000.0, 100.0), (Resume, 10_000.0, 60.0)]
    {
        let workload = format!(r#"Sequential(rate: "{rate} pages/s", working_set: "16 MiB")"#);
        let metrics = counting(from)
            .with("guest.workload", workload)
            .with("migration.x_checkpoint_delay", format!("{delay_ms} ms"))
            .with("stop", "AfterCheckpoints(20)")
            .run();
        let k = rate * PAGE * (1.0 + PACKET_OVERHEAD) * 8.0 / SECOND;
        let delay = delay_ms * MS;
        let law = match from {
            Request => (1.0 - idle / delay) / (1.0 + k),
            Resume => delay / (idle + (1.0 + k) * delay),
        };
        assert_near(run_share(&metrics), law, 0.02, &format!("{from:?}, {rate} pages/s"));
    }
}

/// L9, Remus' published line: if a checkpoint costs c and the guest runs for I between two, its work takes c/I longer: a line
/// in the rate of checkpoints, 26 % for each ten per second where c is 26 ms.
#[test]
fn the_overhead_of_run_then_stop_is_linear_in_the_rate_of_checkpoints() {
    let cost = |rate: f64| {
        let metrics = counting(Resume)
            .with("migration.x_checkpoint_delay", format!("{} us", (1e6 / rate) as u64))
            .costs("colo_primary.save_devices", 17_000_000, 0)
            .run();
        (1.0 / run_share(&metrics) - 1.0) / rate
    };
    let costs = [10.0, 20.0, 30.0, 40.0].map(cost);
    assert!(costs.iter().all(|cost| (0.024..0.028).contains(cost)), "{costs:?}");
    costs.windows(2).for_each(|pair| assert_near(pair[1], pair[0], 0.02, "cost of a checkpoint"));
}

/// Checkpoints like those of the published ping trace: 10.0 s from start to start, 2.39 s each.
fn long_pauses() -> Setup {
    guest()
        .with("guest.ram", "64 MiB")
        .with("guest.workload.pages", 7273)
        .with("link.rate", "100 Mbit/s")
        .with("migration.x_checkpoint_delay", "10 s")
        .with("stop", "AfterCheckpoints(4)")
}

/// L9 with the published ping trace: a checkpoint every 10.0 s that stops the guest for 2.39 s leaves it 76 %.
#[test]
fn a_period_of_ten_seconds_and_a_pause_of_two_and_a_half_leave_three_quarters() {
    let metrics = long_pauses().run();
    assert_near(mean_pause(&metrics), 2.39 * SECOND, 0.01, "pause");
    metrics.checkpoints[1..].iter().for_each(|c| assert_near(c.interval_ns as f64, 10.0 * SECOND, 1e-4, "period"));
    assert_near(run_share(&metrics), 0.761, 0.005, "run share");
}

/// From when to when the primary's guest stood still for a checkpoint, ns.
fn blackouts(run: &Run) -> Vec<(u64, u64)> {
    let times = |step: StepId| run.outcome.records.iter().filter(move |record| record.step == step).map(|r| r.time.0);
    times(colo_primary::STOP_VM).zip(times(colo_primary::RESUME_VM)).collect()
}

/// L11 with the published ping trace (2388.8 and 2371.7 ms, each followed by pings 1003 ms shorter): whoever asks the guest once a
/// second is answered at the end of the pause. The longest answer takes between p - 1 s and p, at every checkpoint the same to
/// within a tenth of a second, for the period is whole seconds; those behind it are shorter by a second each, and come together.
#[test]
fn a_ping_each_second_shows_a_pause_as_a_staircase_whose_steps_are_released_together() {
    let run = long_pauses().run_recorded();
    let blackouts = blackouts(&run);
    assert_eq!(blackouts.len(), 4);
    for phase_ns in [0, 250_000_000, 900_000_000] {
        let mut longest = Vec::new();
        for (from, to) in &blackouts {
            let first = phase_ns + (from - phase_ns).div_ceil(1_000_000_000) * 1_000_000_000;
            let answers: Vec<f64> = (first..*to).step_by(1_000_000_000).map(|asked| (to - asked) as f64).collect();
            let pause = (to - from) as f64;
            assert_near(pause, 2.39 * SECOND, 0.01, "pause");
            assert!((pause - SECOND..=pause).contains(&answers[0]), "{answers:?} in a pause of {pause} ns");
            assert!((2..=3).contains(&answers.len()) && answers[answers.len() - 1] < SECOND, "{answers:?}");
            longest.push(answers[0]);
        }
        longest.windows(2).for_each(|pair| assert!((pair[0] - pair[1]).abs() < 0.1 * SECOND, "{longest:?}"));
    }
}

/// A thousand packets a second to one client; the share in which the two guests differ makes m mismatches per second of run
/// time.
fn with_mismatches(share: f64) -> Setup {
    let output = format!(r#"output: Some((connections: 1, rate: "1000 packets/s", differ: {share:?}))"#);
    guest_with(&output).with("migration.x_checkpoint_delay", "200 ms").with("stop", "AfterCheckpoints(300)")
}

/// L10: mismatches are a Poisson process in run time: E[run] = (1 - e^(-mR))/m with R = T - p, and checkpoints come at
/// 1/(E[run] + E[p]), between 1/T without any and 1/p with ever more. 300 exponential times: 3 deviations are 17 %; the law's
/// time is continuous and a packet comes each millisecond, which adds half of one.
#[test]
fn mismatches_ask_for_checkpoints() {
    for mismatches_per_s in [0.0, 2.0, 10.0, 50.0] {
        let metrics = with_mismatches(mismatches_per_s / 1000.0).run();
        let elapsed = mean(metrics.checkpoints[1..].iter().map(|checkpoint| checkpoint.interval_ns as f64));
        let pause = mean_pause(&metrics);
        let reach = (200.0 * MS - pause) / SECOND;
        let run = match mismatches_per_s {
            0.0 => reach,
            m => (1.0 - f64::exp(-m * reach)) / m,
        };
        let law = run * SECOND + pause;
        let bound = if mismatches_per_s == 0.0 { 0.002 * law } else { 0.17 * law + 0.5 * MS };
        assert!((elapsed - law).abs() < bound, "{mismatches_per_s}/s: {elapsed} ns between requests, law {law} ns");
    }
}

/// L10's limit: if every packet differs, checkpoints come back to back; what is left between them is the millisecond to the
/// next packet, and the way of the secondary's one.
#[test]
fn if_every_packet_differs_checkpoints_come_back_to_back() {
    let metrics = with_mismatches(1.0).run();
    let interval = mean(metrics.checkpoints[1..].iter().map(|checkpoint| checkpoint.interval_ns as f64));
    let between = interval - mean_pause(&metrics);
    assert!((0.0..2.0 * MS).contains(&between), "{between} ns");
}

/// L11: a packet that both guests send waits for the later one of them only, which is at most the way from the secondary. The
/// SVM goes on first, so most wait for nothing at all.
#[test]
fn a_packet_that_both_guests_send_hardly_waits() {
    for latency_us in [100, 1000] {
        let metrics = with_mismatches(0.0).with("link.latency", format!("{latency_us} us")).run();
        assert!(metrics.packets_released > 10_000);
        assert!(metrics.held_p50_ns <= latency_us * 1_000 + 10_000, "{} ns", metrics.held_p50_ns);
    }
}

/// L11: a packet in which they differ waits until its checkpoint is stored: the rest of the round trip of the request, and the
/// pause without its flush and load.
#[test]
fn a_packet_in_which_they_differ_waits_for_its_checkpoint() {
    let metrics = with_mismatches(1.0)
        .costs("colo_incoming.load_devices", 4_000_000, 0)
        .costs("colo_flush.copy_run", 0, 2_000)
        .run();
    let stored = mean_pause(&metrics) - 4.0 * MS - 256.0 * 2_000.0;
    let request = 2.0 * 100_000.0;
    let law = request + stored;
    assert!((metrics.held_p50_ns as f64 - law).abs() < 0.5 * MS, "{} ns, law {law} ns", metrics.held_p50_ns);
}
