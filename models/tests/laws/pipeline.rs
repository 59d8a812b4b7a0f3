//! L7, L16 and the published zero-page pipeline: who is the bottleneck of multifd.

use crate::{PACKET_OVERHEAD, PAGE, SECOND, Setup, assert_near};
use colosim_models::host_profile::Preemption;
use colosim_models::scenario::Span;

const PAGES: f64 = 16_384.0;

fn bulk() -> Setup {
    Setup::new(
        r#"
        guest: (ram: "64 MiB", filled: 1.0),
        migration: (multifd_channels: 2, x_colo: false, max_bandwidth: "0", downtime_limit: "1 ms"),
        link: (transport: Unix, queue: "64 MiB", rate: "400 Gbit/s", latency: "10 us"),
        stop: AfterPrecopy,
        "#,
    )
}

/// L7: pages/s = min(scan, N × send, link, N × receive). 4 %: a pipeline of 512 packets takes as long as a few more to fill and
/// to drain, and what is in the sockets at the end is not waited for.
#[test]
fn multifd_is_as_fast_as_its_slowest_stage() {
    let (scan_ns, send_ns, receive_ns) = (300, 1_000, 1_600);
    for channels in [1.0, 2.0, 4.0, 8.0] {
        for link_gbit in [400.0, 10.0] {
            let metrics = bulk()
                .with("guest.ram", "256 MiB")
                .with("migration.multifd_channels", channels)
                .with("link.rate", format!("{link_gbit} Gbit/s"))
                .with("link.receive_buffer", "600 KiB")
                .with("link.send_buffer", "600 KiB")
                .costs("migration.find_page", 0, scan_ns)
                .costs("multifd_send.writev", 0, send_ns)
                .costs("multifd_recv.readv_pages", 0, receive_ns)
                .run();
            let link = link_gbit * 1e9 / 8.0 / (PAGE * (1.0 + PACKET_OVERHEAD));
            let stages =
                [1e9 / scan_ns as f64, channels * 1e9 / send_ns as f64, channels * 1e9 / receive_ns as f64, link];
            let law = stages.into_iter().fold(f64::INFINITY, f64::min);
            let pages_per_s = 4.0 * PAGES * SECOND / metrics.total_time_ns as f64;
            assert_near(pages_per_s, law, 0.04, &format!("{channels} channels, {link_gbit} Gbit/s"));
        }
    }
}

/// L7: a packet of 128 pages carries 1344 bytes beside them, 0.26 %; with the packets of a few syncs it is less than 0.27 %.
#[test]
fn packets_cost_a_quarter_of_a_percent() {
    let metrics = bulk().run();
    let overhead = metrics.multifd_bytes as f64 / (PAGES * PAGE) - 1.0;
    assert!((PACKET_OVERHEAD..0.0027).contains(&overhead), "{overhead}");
}

/// The zero-page series of February 2024 (100 GB of zero pages, Xeon 8457C), in ns for each page: 367 where the migration thread
/// checks, and 236, 177, 158 where 1, 2, 4 send threads do. Two stages, 158 of scanning and 209 of checking, of which a send
/// thread makes 236, say max(158, 236/N); the hand-over with two threads is not in it: 12 %.
#[test]
fn the_zero_page_pipeline_is_as_fast_as_published() {
    let zero_pages = |detection: &str, channels: u32| {
        let metrics = bulk()
            .with("guest.filled", "0.0")
            .with("migration.zero_page_detection", detection)
            .with("migration.multifd_channels", channels)
            .costs("migration.find_page", 0, 158)
            .costs("migration.zero_check", 0, 209)
            .costs("multifd_send.prepare", 0, 236)
            .run();
        metrics.total_time_ns as f64 / PAGES
    };
    for (detection, channels, published) in
        [("Legacy", 4, 367.0), ("Multifd", 1, 236.0), ("Multifd", 2, 177.0), ("Multifd", 4, 158.0)]
    {
        assert_near(zero_pages(detection, channels), published, 0.12, &format!("{detection}, {channels} channels"));
    }
}

/// L16: a checkpoint is done when the last of N channels is: P(all in time) = P(one in time)^N. One packet for each channel, each
/// of which is interrupted with probability 1 - e^(-1/10) while it is sent; 300 checkpoints, 3 deviations are 0.09.
#[test]
fn a_checkpoint_waits_for_the_slowest_channel() {
    for channels in [1, 4, 8] {
        let mut setup = Setup::new(
            r#"
            guest: (ram: "8 MiB", workload: EachRun(pages: 128)),
            migration: (multifd_channels: 1, x_checkpoint_delay: "60 ms", max_bandwidth: "0"),
            link: (transport: Unix, queue: "64 MiB", rate: "400 Gbit/s", latency: "10 us"),
            stop: AfterCheckpoints(301),
            "#,
        )
        .with("migration.multifd_channels", channels)
        .with("guest.workload.pages", 128 * channels)
        .costs("multifd_send.writev", 0, 8_000);
        let mean_interval = Span::from_nanos(128 * 8_000 * 10);
        setup.host.noise.preemption = Some(Preemption { mean_interval, mean_length: Span::from_nanos(20_000_000) });
        let metrics = setup.run();
        let in_time = metrics.checkpoints[1..].iter().filter(|checkpoint| checkpoint.pause_ns < 1_400_000).count();
        let (share, law) = (in_time as f64 / 300.0, f64::exp(-f64::from(channels) / 10.0));
        assert!((share - law).abs() < 0.09, "{channels} channels: {share}, law {law}");
    }
}
