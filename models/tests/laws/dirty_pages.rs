//! L2, L4: how many pages are dirty, and how many of them need not be.

use crate::{PAGE, SECOND, Setup, assert_near};
use colosim_models::guest::{DirtyBitmap, GuestRam, GuestWriter, Layout, PageAddress, Side};
use colosim_models::metrics::Metrics;
use colosim_sim::Time;
use colosim_sim::random::Stream;

fn guest() -> Setup {
    Setup::new(
        r#"
        guest: (ram: "32 MiB"),
        migration: (multifd_channels: 2, x_checkpoint_delay: "100 ms", max_bandwidth: "0"),
        link: (transport: Unix, rate: "10 Gbit/s", latency: "50 us"),
        stop: AfterCheckpoints(12),
        "#,
    )
}

/// Mean of the pages of a checkpoint, and of the time in which they were written; without the first.
fn means(metrics: &Metrics) -> (f64, f64) {
    let (mut pages, mut seconds) = (0.0, 0.0);
    for pair in metrics.checkpoints.windows(2) {
        pages += pair[1].dirty_pages as f64;
        seconds += (pair[1].interval_ns - pair[0].pause_ns) as f64 / SECOND;
    }
    let count = metrics.checkpoints.len() as f64 - 1.0;
    (pages / count, seconds / count)
}

/// L2: random writes at rate r into W pages make W (1 - e^(-rt/W)) of them dirty; 2 % for eleven samples of at least 200
/// pages, and for the time between the request and the stop.
#[test]
fn unique_dirty_pages_of_random_writes_saturate() {
    for (rate, working_set_mib) in [(5_000.0, 4.0), (20_000.0, 4.0), (20_000.0, 16.0), (80_000.0, 4.0)] {
        let workload = format!(r#"Uniform(rate: "{rate} pages/s", working_set: "{working_set_mib} MiB")"#);
        let (pages, seconds) = means(&guest().with("guest.workload", &workload).run());
        let set = working_set_mib * f64::from(1 << 20) / PAGE;
        assert_near(pages, set * (1.0 - (-rate * seconds / set).exp()), 0.02, &workload);
    }
}

/// L2: a sweep dirties min(W, r t).
#[test]
fn unique_dirty_pages_of_a_sweep_are_those_that_it_came_by() {
    for (rate, working_set_mib) in [(5_000.0, 16.0), (20_000.0, 16.0), (80_000.0, 16.0)] {
        let workload = format!(r#"Sequential(rate: "{rate} pages/s", working_set: "{working_set_mib} MiB")"#);
        let (pages, seconds) = means(&guest().with("guest.workload", &workload).run());
        let set: f64 = working_set_mib * f64::from(1 << 20) / PAGE;
        assert_near(pages, set.min(rate * seconds), 0.02, &workload);
    }
}

/// L2: hot and cold pages saturate each on their own.
#[test]
fn unique_dirty_pages_of_hot_and_cold_pages_add_up() {
    let workload = r#"HotCold(rate: "20000 pages/s", working_set: "16 MiB", hot_set: 0.1, hot_writes: 0.8)"#;
    let (pages, seconds) = means(&guest().with("guest.workload", workload).run());
    let unique = |set: f64, rate: f64| set * (1.0 - (-rate * seconds / set).exp());
    let law = unique(410.0, 16_000.0) + unique(3_686.0, 4_000.0);
    assert_near(pages, law, 0.02, workload);
}

/// L4: of the pages that a first sweep over all pages leaves marked, a share was written only before it was sent:
/// [(1 - e^-a)/a - e^-a]/(1 - e^-a) with a writes per page during the sweep. 8192 pages: 0.02 is two and a half deviations.
#[test]
fn part_of_the_pages_marked_in_a_sweep_need_not_be_sent_again() {
    for (writes_per_page, printed) in [(0.05, 0.5), (1.0, 0.42), (2.0, 0.34), (5.0, 0.19)] {
        let pages = 8192;
        let rate = writes_per_page * pages as f64;
        let workload = format!(r#"Uniform(rate: "{rate:.0} pages/s", working_set: "32 MiB")"#);
        let guest = guest().with("guest.workload", workload).scenario.guest;
        let layout = Layout::new(&guest, Side::Primary);
        let stream = Stream::new(7, "workload", "test");
        let mut ram =
            GuestRam::new(&layout, guest.filled, GuestWriter::new(&guest.workload, &layout, stream, Side::Primary));
        let mut bitmap = DirtyBitmap::new(&layout);
        ram.start(Time::ZERO);
        let sent: Vec<u64> = (0..pages)
            .map(|page| {
                bitmap.clear(0, page);
                ram.content(Time(page as u64 * 1_000_000_000 / pages as u64), PageAddress { block: 0, page })
            })
            .collect();
        let marked = ram.sync_dirty_log(Time(1_000_000_000), &mut bitmap) as f64;
        let now = &ram.blocks()[0];
        let needed = now.iter().zip(&sent).filter(|(now, sent)| now != *sent).count() as f64;
        let (a, none) = (writes_per_page, f64::exp(-writes_per_page));
        let law = ((1.0 - none) / a - none) / (1.0 - none);
        assert!((law - printed).abs() < 0.01, "{law} is not the law's {printed}");
        assert!(
            (1.0 - needed / marked - law).abs() < if a < 0.1 { 0.06 } else { 0.02 },
            "a = {a}: {needed} of {marked}"
        );
    }
}
