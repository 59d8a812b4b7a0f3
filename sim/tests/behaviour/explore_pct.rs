//! Priorities as stalls: how often bugs of known depth are hit, against the bound.
//!
//! Three threads, five steps. With S = 1 ms every stall is longer than the whole program, so the order of the stalls' ends is the
//! order of the events, and the chances can be worked out.

use crate::explore_sequence::{EVENTS, Sequence, THREADS, draw, search, undisturbed};
use colosim_sim::Span;
use colosim_sim::explore::{Pct, Rate};

const RUNS: u64 = 40_000;

fn pct(depth: u32) -> Pct {
    Pct { depth, span_max: Span::millis(1) }
}

fn rate(breaks: &'static [&'static str], depth: u32) -> Rate {
    let report = search(&Sequence::new(breaks), &pct(depth), 0..RUNS);
    let none = Rate { hits: 0, runs: RUNS };
    report.findings.first().map_or(none, |finding| report.rate(finding))
}

/// The chance is no less than the bound, and the measured rate is that of the chance, give or take three standard deviations.
fn assert_rate(breaks: &'static [&'static str], depth: u32, chance: f64) {
    let bound = pct(depth).chance_at_least(THREADS, EVENTS);
    assert!(chance >= bound * 0.999_999, "{chance} < {bound}");
    let (rate, expected) = (rate(breaks, depth), RUNS as f64 * chance);
    let deviation = (expected * (1.0 - chance)).sqrt();
    assert!((rate.hits as f64 - expected).abs() <= 3.0 * deviation, "{breaks:?} by pct:{depth}: {rate}, not {chance}");
    assert!(chance <= bound * 1.000_001 || rate.share() >= bound, "{breaks:?} by pct:{depth}: {rate}, bound {bound}");
}

#[test]
fn the_bound_is_that_of_the_paper() {
    assert_eq!(pct(1).chance_at_least(3, 5), 1.0 / 3.0);
    assert_eq!(pct(3).chance_at_least(2, 10), 0.005);
    assert_eq!(pct(0).chance_at_least(0, 0), 1.0);
    assert_eq!(Pct::threads_and_steps(&undisturbed(&Sequence::new(&[]))), (THREADS, EVENTS));
}

/// c last: exactly if c is the lowest.
#[test]
fn a_bug_of_depth_1_is_hit_as_often_as_the_bound_says() {
    assert_rate(&["a1", "a2", "b1", "b2", "c1"], 1, 1.0 / 3.0);
}

/// b1 between a1 and a2: the point is a2, and the lowest is b, whose share of S / 2 is over before, or c, but not a.
#[test]
fn a_bug_of_depth_2_is_hit_at_least_as_often_as_the_bound_says() {
    assert_rate(&["a1", "b1", "a2"], 2, 2.0 / 3.0 / 5.0);
}

/// With c in between as well, c must be the lowest: the bound is tight.
#[test]
fn the_bound_is_tight_for_depth_2() {
    assert_rate(&["a1", "b1", "c1", "a2"], 2, 1.0 / 15.0);
}

/// The points are b2, which outlasts the other, and a2; the lowest is b or c.
#[test]
fn a_bug_of_depth_3_is_hit_at_least_as_often_as_the_bound_says() {
    assert_rate(&["a1", "b1", "a2", "b2"], 3, 2.0 / 3.0 / 25.0);
    assert_rate(&["a1", "b1", "c1", "a2", "b2"], 3, 1.0 / 75.0);
}

#[test]
fn a_lesser_depth_does_not_reach_a_deeper_bug() {
    for (breaks, depth) in
        [(&["a1", "b1", "a2"][..], 1), (&["a1", "b1", "a2", "b2"], 1), (&["a1", "b1", "a2", "b2"], 2)]
    {
        assert_eq!(rate(breaks, depth).hits, 0, "{breaks:?} by pct:{depth}");
    }
}

/// Goal: a point outlasts all stalls of a higher priority together, whichever they are, and all of them stay below 2 S.
#[test]
fn each_point_outlasts_all_stalls_of_a_higher_priority_together() {
    let span_max = Span::millis(1).0;
    for trial in draw(&pct(4), &Sequence::new(&[]), 0..200) {
        let (lowest, points) = trial.plan.stalls.split_at(trial.plan.stalls.len() - 3);
        assert!((1..=2).contains(&lowest.len()) && lowest.iter().all(|stall| stall.thread == lowest[0].thread));
        let mut above: u64 = lowest.iter().map(|stall| stall.span_ns).sum();
        for point in points.iter().rev() {
            assert!(point.span_ns >= above && point.span_ns > 0, "{trial:?}");
            above += point.span_ns;
        }
        assert_eq!(points[0].span_ns, span_max);
        assert!(above <= 2 * span_max && !trial.plan.host_preempts);
    }
}

#[test]
fn a_seed_draws_the_same_trial_in_any_range() {
    let toy = Sequence::new(&[]);
    assert_eq!(draw(&pct(3), &toy, 0..20)[7..12], draw(&pct(3), &toy, 7..12));
}
