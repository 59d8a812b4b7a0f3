//! L18: what holds at any load, loss or failure. The oracles watch every run; a run without a violation is one in which after each
//! commit the secondary's cache was the primary's RAM, no page that differs was unmarked, no output left before its state was
//! stored, and after failover exactly one side ran.

use crate::Setup;

fn guest() -> Setup {
    Setup::new(
        r#"
        asks: [],
        guest: (
            ram: "4 MiB", video_ram: "64 KiB",
            workload: Uniform(rate: "20000 pages/s", working_set: "2 MiB", zero_share: 0.2),
            output: Some((connections: 2, rate: "2000 packets/s", differ: 0.01)),
        ),
        migration: (multifd_channels: 2, x_checkpoint_delay: "20 ms", max_bandwidth: "0"),
        link: (transport: Unix, rate: "10 Gbit/s", latency: "50 us"),
        stop: AfterCheckpoints(12),
        "#,
    )
    .with("host", "uniform")
}

/// Every normal page of an idle guest is sent once, and no byte is counted that is no part of a packet or of the main channel.
#[test]
fn an_idle_guest_is_sent_exactly_once() {
    for (channels, filled) in [(1, 0.0), (2, 0.5), (8, 1.0)] {
        let metrics = guest()
            .with("guest.workload", "Idle")
            .with("guest.filled", format!("{filled:?}"))
            .with("migration.multifd_channels", channels)
            .run();
        let (pages, video) = (1024, 16);
        assert_eq!(metrics.normal + metrics.duplicate, pages + video, "{channels} channels, {filled} filled");
        assert!(metrics.multifd_bytes >= metrics.normal * 4096);
        assert!(metrics.transferred_bytes > metrics.multifd_bytes);
    }
}

/// Each checkpoint sends every page that is dirty, as a normal or as a zero one; the secondary flushes those and what its own
/// guest has written, and no more than there is.
#[test]
fn every_dirty_page_is_sent_and_flushed() {
    for loss in ["0", "1e-3", "2e-2"] {
        for channels in [1, 3, 8] {
            let metrics = guest().with("link.loss", loss).with("migration.multifd_channels", channels).run();
            assert_eq!(metrics.checkpoints.len(), 12);
            for checkpoint in &metrics.checkpoints {
                assert_eq!(checkpoint.normal_pages + checkpoint.zero_pages, checkpoint.dirty_pages);
                assert!(checkpoint.flush_pages >= checkpoint.dirty_pages && checkpoint.flush_pages <= 1024 + 16);
                assert!(checkpoint.multifd_bytes >= checkpoint.normal_pages * 4096);
                assert!(checkpoint.bytes > checkpoint.multifd_bytes);
            }
        }
    }
}

/// Whatever the path loses and the guest writes, nothing is violated.
#[test]
fn states_and_output_are_safe_at_any_load_and_loss() {
    let workloads = [
        "Idle",
        "EachRun(pages: 300)",
        r#"Sequential(rate: "50000 pages/s", working_set: "4 MiB", zero_share: 0.5)"#,
        r#"HotCold(rate: "50000 pages/s", working_set: "4 MiB", hot_set: 0.1, hot_writes: 0.9)"#,
    ];
    for workload in workloads {
        for loss in ["0", "1e-2"] {
            for codec in ["None", "Zstd"] {
                let mut setup = guest()
                    .with("guest.workload", workload)
                    .with("link.loss", loss)
                    .with("migration.multifd_compression", codec);
                setup.seed = 3;
                let run = setup.run_whole();
                assert_eq!(run.outcome.violations, [], "{workload}, loss {loss}, {codec}");
                assert!(run.metrics.packets_released > 0);
            }
        }
    }
}

/// Either side is killed at any of four places of a checkpoint, and the other asked to go on: it does, alone.
#[test]
fn one_side_runs_after_a_failure_anywhere_in_a_checkpoint() {
    for place in ["Idle", "Requested", "SavingRam", "Received"] {
        for (killed, survivor) in [("Primary", "Secondary"), ("Secondary", "Primary")] {
            let faults = format!(
                r#"[[(at: Some({place}(checkpoint: 3)), do: Kill{killed}), (after: Some("2 ms"), do: Failover{survivor})]]"#
            );
            let mut setup = guest().with("faults", faults).with("asks", "[OneSideRuns, Liveness]");
            setup.scenario.variants[0].preset = "merged-fixed".to_owned();
            let run = setup.run_whole();
            assert_eq!(run.faults_struck, 2, "{place}, {killed} killed");
            assert_eq!(run.outcome.violations, [], "{place}, {killed} killed");
            assert_eq!(run.metrics.failover_ns.is_some(), survivor == "Secondary", "{place}, {killed} killed");
        }
    }
}
