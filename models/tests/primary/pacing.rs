//! When the primary does what: rate limit, switchover, checkpoints start to start, failover.

use crate::run::{Seen, Setup, run, uniform};
use colosim_models::primary::MigrationState;
use colosim_models::scenario::{Bandwidth, Share, Size, Span as Length, Workload};
use colosim_sim::{Ended, Span, Time};

const MIB: u64 = 1 << 20;

fn precopy(setup: Setup) -> Seen {
    run(setup, |cx, primary| async move { primary.precopy_done.wait(&cx, "precopy").await })
}

/// 64 MiB, all of it filled. One channel: what the send threads are writing does not count for the limit yet.
fn full_guest(workload: Workload) -> Setup {
    let mut setup = Setup::new(workload);
    setup.migration.multifd_channels = 1;
    setup.guest.ram = Size::from_bytes(64 * MIB);
    setup.guest.filled = Share::new(1.0);
    setup
}

/// 100 MiB/s are 10 MiB in each window of 100 ms: 64 MiB take six windows and a part, of which the last 10 MiB could be sent
/// at switchover if the limit on the downtime allowed it.
#[test]
fn max_bandwidth_limits_precopy() {
    let mut setup = full_guest(Workload::Idle);
    setup.migration.max_bandwidth = Bandwidth::from_bits_per_second(8 * 100 * MIB);
    setup.migration.downtime_limit = Length::from_nanos(1_000_000);
    let seen = precopy(setup);
    let milliseconds = seen.metrics.total_time_ns / 1_000_000;
    assert!((550..=700).contains(&milliseconds), "{milliseconds} ms");
    assert!(seen.metrics.transferred_bytes > 64 * MIB);
}

#[test]
fn without_max_bandwidth_the_link_is_the_limit() {
    let mut setup = full_guest(Workload::Idle);
    setup.migration.max_bandwidth = Bandwidth::default();
    setup.migration.downtime_limit = Length::from_nanos(1_000_000);
    let seen = precopy(setup);
    let milliseconds = seen.metrics.total_time_ns / 1_000_000;
    // 64 MiB at 10 Gbit/s are 54 ms.
    assert!((50..=110).contains(&milliseconds), "{milliseconds} ms");
}

/// The threshold is what the last window would have sent in downtime-limit: 10 MiB x 300 ms / 100 ms = 30 MiB.
#[test]
fn downtime_limit_decides_when_the_vm_is_stopped() {
    let switchover = |downtime_ms: u64| {
        let mut setup = full_guest(Workload::Idle);
        setup.migration.max_bandwidth = Bandwidth::from_bits_per_second(8 * 100 * MIB);
        setup.migration.downtime_limit = Length::from_nanos(downtime_ms * 1_000_000);
        let seen = precopy(setup);
        (seen.metrics.total_time_ns / 1_000_000, seen.metrics.downtime_ns / 1_000)
    };
    let (patient_ms, patient_downtime_us) = switchover(1);
    let (hasty_ms, hasty_downtime_us) = switchover(300);
    assert!(hasty_ms < patient_ms - 150, "{hasty_ms} ms with 300 ms of downtime, {patient_ms} ms with 1 ms");
    assert!(hasty_downtime_us > 10 * patient_downtime_us, "{hasty_downtime_us} us, {patient_downtime_us} us");
}

#[test]
fn a_guest_that_writes_faster_than_the_limit_is_never_stopped() {
    let mut setup = full_guest(uniform(100_000, 64 * MIB, 0.0));
    setup.migration.max_bandwidth = Bandwidth::from_bits_per_second(8 * 100 * MIB);
    setup.migration.downtime_limit = Length::from_nanos(100_000_000);
    let seen = run(setup, |cx, _| async move { cx.sleep_until(Time(5_000_000_000)).await });
    assert_eq!(seen.primary.state(), MigrationState::Active);
    assert!(seen.primary.is_vm_running());
}

#[test]
fn precopy_without_colo_leaves_the_vm_stopped_and_ends_every_stream() {
    let mut setup = full_guest(Workload::Idle);
    setup.migration.x_colo = false;
    let seen = precopy(setup);
    assert_eq!(seen.primary.state(), MigrationState::Completed);
    assert!(!seen.primary.is_vm_running() && !seen.observed.running.get());
    seen.assert_states_arrived();
    assert!(*seen.primary.errors.borrow() == Vec::<String>::new());
}

/// The timer is armed when a checkpoint is asked for: the secondary's load is part of the interval.
#[test]
fn checkpoints_are_asked_for_start_to_start() {
    let mut setup = Setup::new(uniform(50_000, 4 * MIB, 0.0));
    setup.load_time = Span::millis(8);
    let seen = run(setup, |cx, primary| async move { primary.checkpoints(&cx, 5).await });
    let times = seen.log.request_times();
    for pair in times.windows(2) {
        let interval = pair[1].since(pair[0]).0;
        assert!(interval.abs_diff(20_000_000) < 10_000, "{interval} ns");
    }
    for checkpoint in &seen.metrics.checkpoints {
        assert!(checkpoint.pause_ns > 8_000_000 && checkpoint.pause_ns < 12_000_000, "{} ns", checkpoint.pause_ns);
        assert!(checkpoint.interval_ns.abs_diff(20_000_000) < 50_000, "{} ns", checkpoint.interval_ns);
    }
}

/// The timer fires within each checkpoint, after 20 ms. Until P34 the request is absorbed; here it comes after P34, so the
/// next checkpoint starts as soon as the guest runs again.
#[test]
fn a_request_after_the_event_was_reset_starts_the_next_checkpoint_at_once() {
    let mut setup = Setup::new(uniform(50_000, 4 * MIB, 0.0));
    setup.load_time = Span::millis(25);
    let seen = run(setup, |cx, primary| async move { primary.checkpoints(&cx, 4).await });
    for pair in seen.metrics.checkpoints.windows(2) {
        let run_ns = pair[1].interval_ns - pair[0].pause_ns;
        assert!(run_ns < 1_000_000, "{run_ns} ns between two checkpoints");
    }
}

#[test]
fn guest_run_time_is_what_the_pauses_leave() {
    let mut setup = Setup::new(uniform(50_000, 4 * MIB, 0.0));
    setup.load_time = Span::millis(8);
    let seen = run(setup, |cx, primary| async move { primary.checkpoints(&cx, 5).await });
    let metrics = &seen.metrics;
    let paused: u64 = metrics.checkpoints.iter().map(|c| c.pause_ns).sum::<u64>() + metrics.downtime_ns;
    assert!((metrics.elapsed_ns - paused).abs_diff(metrics.guest_run_ns) < 2_000);
    assert_eq!(metrics.guest_page_writes, metrics.guest_run_ns * 50_000 / 1_000_000_000);
    assert_eq!(metrics.checkpoints.len(), 5);
}

#[test]
fn a_failover_between_checkpoints_lets_the_primary_go_on_alone() {
    let seen = run(Setup::new(uniform(50_000, 4 * MIB, 0.0)), |cx, primary| async move {
        primary.checkpoints(&cx, 2).await;
        cx.sleep(Span::millis(3)).await;
        primary.lost_heartbeat(&cx);
        primary.failed_over.wait(&cx, "failover").await;
    });
    assert!(seen.primary.is_vm_running() && seen.observed.running.get());
    assert_eq!(seen.primary.state(), MigrationState::Completed);
    assert_eq!(seen.metrics.checkpoints.len(), 2);
    assert_eq!(seen.outcome.ended, Ended::Finished);
}

/// The secondary is frozen while its sockets are too small for what is to come, and its kernel acknowledges all the same.
fn frozen_in_a_checkpoint(yank: bool) -> Seen {
    let mut setup = Setup::new(uniform(500_000, 64 * MIB, 0.0));
    setup.guest.ram = Size::from_bytes(64 * MIB);
    setup.migration.x_checkpoint_delay = Length::from_nanos(200_000_000);
    setup.migration.max_bandwidth = Bandwidth::default();
    setup.migration.downtime_limit = Length::from_nanos(2_000_000_000);
    setup.freeze_at = Some(Time(330_000_000));
    run(setup, move |cx, primary| async move {
        primary.precopy_done.wait(&cx, "precopy").await;
        cx.sleep(Span::millis(500)).await;
        if yank {
            primary.yank(&cx);
        }
        primary.lost_heartbeat(&cx);
        primary.failed_over.wait_deadline(&cx, "failover", cx.sim.now() + Span::millis(5_000)).await;
    })
}

#[test]
fn a_frozen_secondary_with_full_sockets_keeps_the_primary_from_failing_over_unless_it_is_yanked() {
    let stuck = frozen_in_a_checkpoint(false);
    assert!(!stuck.primary.failed_over.is_given(), "the secondary was frozen too late: mend the test");
    assert!(!stuck.primary.is_vm_running());
    let yanked = frozen_in_a_checkpoint(true);
    assert!(yanked.primary.failed_over.is_given());
    assert!(yanked.primary.is_vm_running());
}

#[test]
fn a_yank_in_precopy_ends_the_migration_and_the_vm_runs_on() {
    let mut setup = full_guest(Workload::Idle);
    setup.migration.downtime_limit = Length::from_nanos(1_000_000);
    let seen = run(setup, |cx, primary| async move {
        cx.sleep(Span::millis(30)).await;
        primary.yank(&cx);
        primary.precopy_done.wait(&cx, "precopy").await;
    });
    assert_eq!(seen.primary.state(), MigrationState::Failed);
    assert!(seen.primary.is_vm_running());
}

#[test]
fn a_heartbeat_lost_in_precopy_is_refused() {
    let seen = run(full_guest(Workload::Idle), |cx, primary| async move {
        cx.sleep(Span::millis(10)).await;
        primary.lost_heartbeat(&cx);
        cx.sleep(Span::millis(10)).await;
    });
    assert_eq!(*seen.primary.errors.borrow(), ["the VM is not in COLO mode"]);
    assert_eq!(seen.primary.state(), MigrationState::Active);
}
