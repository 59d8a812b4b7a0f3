//! Measured k of n beside the simulated rate.
//!
//! A group agrees if its k is not outside the central 95 % of the binomial distribution for some rate that the simulated
//! runs are compatible with (their Wilson interval at 95 %). Each group is judged by itself: nothing is allowed for there being
//! many. A group that the simulation never gets to does not agree.

use colosim_sim::explore::Rate;

/// What lies outside of the central part, both sides together.
pub const ERROR: f64 = 0.05;

/// Does k of n fit to the simulated rate?
pub fn fits(k: u64, n: u64, simulated: Rate) -> bool {
    let (low, high) = simulated.interval();
    n == 0 || (simulated.runs > 0 && at_least(k, n, high) > ERROR / 2.0 && at_most(k, n, low) > ERROR / 2.0)
}

/// Chance of at most k hits.
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    (0..=k).map(|i| exactly(i, n, p)).sum()
}

/// Chance of at least k hits.
fn at_least(k: u64, n: u64, p: f64) -> f64 {
    (k..=n).map(|i| exactly(i, n, p)).sum()
}

fn exactly(k: u64, n: u64, p: f64) -> f64 {
    let ways = (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
    ways * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
}

/// Least, median and largest of some values.
pub fn spread<T: Copy + PartialOrd>(values: &[T]) -> Option<[T; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("a measurement is a number"));
    Some([*sorted.first()?, sorted[sorted.len() / 2], *sorted.last()?])
}
