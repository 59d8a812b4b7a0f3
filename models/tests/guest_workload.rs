//! What a guest writes: law L2 (unique dirty pages), rates without drift, contents, determinism.

use colosim_models::guest::{DirtyBitmap, GuestRam, GuestWriter, Layout, Side};
use colosim_models::scenario::{self, PageRate, Share, Size, Workload};
use colosim_sim::random::Stream;
use colosim_sim::{Span, Time};
use std::collections::BTreeSet;

const PAGE: u64 = 4096;
const SECOND: u64 = 1_000_000_000;

fn guest(pages: u64, workload: Workload) -> scenario::Guest {
    scenario::Guest {
        ram: Size::from_bytes(pages * PAGE),
        video_ram: Size::default(),
        page_size: Size::from_bytes(PAGE),
        untouched: Size::default(),
        contents: scenario::Contents::default(),
        filled: Share::new(0.5),
        workload,
        paused: false,
        accel: scenario::Accel::Tcg,
        resizable: None,
        disk: None,
        output: None,
    }
}

fn uniform(rate: u64, pages: u64, zero_share: f64) -> Workload {
    Workload::Uniform {
        rate: PageRate::from_per_second(rate),
        working_set: Size::from_bytes(pages * PAGE),
        zero_share: Share::new(zero_share),
    }
}

fn sequential(rate: u64, pages: u64) -> Workload {
    Workload::Sequential {
        rate: PageRate::from_per_second(rate),
        working_set: Size::from_bytes(pages * PAGE),
        start: Size::default(),
        zero_share: Share::default(),
    }
}

fn writer(guest: &scenario::Guest, seed: u64, side: Side) -> GuestWriter {
    GuestWriter::new(&guest.workload, &Layout::new(guest, side), Stream::new(seed, "workload", "test"), side)
}

fn ram(guest: &scenario::Guest, seed: u64) -> GuestRam {
    GuestRam::new(&Layout::new(guest, Side::Primary), guest.filled, writer(guest, seed, Side::Primary))
}

/// Pages that are dirty after the guest has run for `time`, if none was before.
fn unique_dirty_pages(guest: &scenario::Guest, seed: u64, time: u64) -> u64 {
    let layout = Layout::new(guest, Side::Primary);
    let mut bitmap = DirtyBitmap::new(&layout);
    (0..layout.blocks[0].pages).for_each(|page| assert!(bitmap.clear(0, page)));
    let mut ram = ram(guest, seed);
    ram.start(Time::ZERO);
    let newly_dirty = ram.sync_dirty_log(Time(time), &mut bitmap);
    assert_eq!(newly_dirty, bitmap.dirty_pages());
    newly_dirty
}

#[test]
fn a_sequential_guest_dirties_one_page_per_write_until_its_working_set_is_dirty() {
    let guest = guest(4096, sequential(10_000, 1000));
    for (time, expected) in [(0, 0), (SECOND / 100, 100), (SECOND / 20, 500), (SECOND / 10, 1000), (SECOND, 1000)] {
        assert_eq!(unique_dirty_pages(&guest, 1, time), expected, "after {time} ns");
    }
}

/// n writes to W pages leave W (1 - (1 - 1/W)^n) dirty in the mean; the standard deviation is below that of as many
/// independent pages, sqrt(W q (1 - q)) with q the share of dirty ones.
#[test]
fn a_uniform_guest_dirties_as_many_pages_as_the_law_says() {
    const PAGES: u64 = 4000;
    let guest = guest(8192, uniform(20_000, PAGES, 0.0));
    for milliseconds in [10u64, 50, 200, 500] {
        let writes = 20 * milliseconds;
        let clean = (1.0 - 1.0 / PAGES as f64).powi(writes as i32);
        let expected = PAGES as f64 * (1.0 - clean);
        let sigma = (PAGES as f64 * clean * (1.0 - clean)).sqrt();
        for seed in 0..8 {
            let dirty = unique_dirty_pages(&guest, seed, milliseconds * SECOND / 1000) as f64;
            assert!((dirty - expected).abs() < 5.0 * sigma, "{dirty} dirty pages, expected {expected} ± {sigma}");
        }
    }
}

#[test]
fn a_hot_and_cold_guest_writes_each_part_as_often_as_asked() {
    let workload = Workload::HotCold {
        rate: PageRate::from_per_second(100_000),
        working_set: Size::from_bytes(1000 * PAGE),
        hot_set: Share::new(0.1),
        hot_writes: Share::new(0.9),
        zero_share: Share::default(),
    };
    let mut writer = writer(&guest(4096, workload), 3, Side::Primary);
    writer.start(Time::ZERO);
    let (mut hot, mut cold) = (0u32, 0u32);
    writer.advance(Time(SECOND), &mut |block, page, _| {
        assert!(block == 0 && page < 1000);
        *(if page < 100 { &mut hot } else { &mut cold }) += 1;
    });
    assert_eq!(hot + cold, 100_000);
    // sigma = sqrt(100000 * 0.9 * 0.1) = 95
    assert!(hot.abs_diff(90_000) < 475, "{hot} hot writes");
}

#[test]
fn a_rate_that_does_not_divide_a_second_keeps_its_remainder() {
    let guest = guest(64, sequential(7, 64));
    let mut writer = writer(&guest, 1, Side::Primary);
    let mut now = Time::ZERO;
    // Running for 100 ns and stopping for 1 us, ten million times, is one second of run time.
    let mut writes = 0;
    for _ in 0..10_000_000 {
        writer.start(now);
        now += Span(100);
        writer.advance(now, &mut |_, _, _| writes += 1);
        writer.stop(now);
        now += Span(1000);
    }
    assert_eq!(writer.run_time(now), Span(SECOND));
    assert_eq!((writes, writer.writes()), (7, 7));
}

#[test]
fn how_often_somebody_looks_changes_nothing() {
    let guest = guest(1024, uniform(123_457, 512, 0.25));
    let sequence = |step: u64| {
        let mut writer = writer(&guest, 5, Side::Primary);
        let mut writes = Vec::new();
        writer.start(Time::ZERO);
        let looks = (1..).map(|i| i * step).take_while(|now| *now < SECOND / 10).chain([SECOND / 10]);
        looks.for_each(|now| writer.advance(Time(now), &mut |block, page, tag| writes.push((block, page, tag))));
        writes
    };
    let whole = sequence(SECOND);
    assert_eq!(whole.len(), 12_345);
    assert_eq!(whole, sequence(777));
}

#[test]
fn a_stopped_guest_writes_nothing() {
    let mut ram = ram(&guest(1024, uniform(1_000_000, 1024, 0.0)), 1);
    ram.advance(Time(SECOND));
    assert_eq!(ram.writes(), 0);
    ram.start(Time(SECOND));
    ram.stop(Time(2 * SECOND));
    assert_eq!((ram.writes(), ram.is_running()), (1_000_000, false));
    ram.advance(Time(3 * SECOND));
    assert_eq!((ram.writes(), ram.run_time(Time(3 * SECOND))), (1_000_000, Span(SECOND)));
}

#[test]
fn every_write_leaves_a_content_of_its_own_and_the_two_sides_never_the_same() {
    let guest = guest(1024, uniform(100_000, 1024, 0.3));
    let tags = |side| {
        let mut writer = writer(&guest, 9, side);
        let mut tags = Vec::new();
        writer.start(Time::ZERO);
        writer.advance(Time(SECOND), &mut |_, _, tag| tags.push(tag));
        tags
    };
    let both: Vec<u64> = tags(Side::Primary).into_iter().chain(tags(Side::Secondary)).collect();
    let zeros = both.iter().filter(|tag| **tag == 0).count();
    // sigma = sqrt(200000 * 0.3 * 0.7) = 205
    assert!(zeros.abs_diff(60_000) < 1025, "{zeros} zero pages");
    let initial = ram(&guest, 1);
    let initial = initial.blocks()[0].iter();
    let contents: Vec<u64> = both.into_iter().chain(initial).filter(|tag| *tag != 0).collect();
    let distinct: BTreeSet<u64> = contents.iter().copied().collect();
    assert_eq!(distinct.len(), contents.len());
    assert!(contents.iter().all(|tag| tag >> 63 == 0), "bit 63 is for torn pages");
}

#[test]
fn the_filled_share_of_ram_is_filled_from_the_first_page_on() {
    let guest = scenario::Guest {
        video_ram: Size::from_bytes(100 * PAGE),
        filled: Share::new(0.75),
        ..guest(100, Workload::Idle)
    };
    let ram = ram(&guest, 1);
    let filled: Vec<usize> =
        ram.blocks().iter().map(|b| b.iter().take_while(|content| *content != 0).count()).collect();
    assert_eq!(filled, [100, 50]);
    assert!(ram.blocks().iter().flat_map(|b| b.iter()).filter(|content| *content != 0).count() == 150);
}

#[test]
fn a_bitmap_starts_with_every_page_and_ends_with_its_last_page() {
    let layout = Layout::new(&guest(100, Workload::Idle), Side::Primary);
    let mut bitmap = DirtyBitmap::new(&layout);
    assert_eq!(bitmap.dirty_pages(), 100);
    assert_eq!(
        (bitmap.next_dirty(0, 0), bitmap.next_dirty(0, 99), bitmap.next_dirty(0, 100)),
        (Some(0), Some(99), None)
    );
    assert_eq!(bitmap.next_dirty(0, 5000), None);
    (0..99).for_each(|page| assert!(bitmap.clear(0, page)));
    assert!(!bitmap.clear(0, 0), "the page was clean already");
    assert_eq!((bitmap.dirty_pages(), bitmap.next_dirty(0, 0), bitmap.is_dirty(0, 99)), (1, Some(99), true));
    assert!(bitmap.clear(0, 99));
    assert_eq!((bitmap.dirty_pages(), bitmap.next_dirty(0, 0)), (0, None));
}
