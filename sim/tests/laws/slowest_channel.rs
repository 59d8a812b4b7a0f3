//! A checkpoint ends with the last of its N channels: P(all done by t) = F(t)^N, F that of one channel.

use crate::common::{Bursts, RENO, SEGMENT, path};
use colosim_sim::Span;
use colosim_sim::link::{Loss, PathConfig};

fn durations(channels: u64, loss: f64) -> Vec<f64> {
    let path = PathConfig { loss: Loss::Bernoulli(loss), ..path(1_000_000_000_000, Span::millis(10)) };
    let bursts =
        Bursts { tcp: RENO, path, channels, share: 8 * SEGMENT, period: Span::millis(1_000), count: 4_000, seed: 1 };
    let mut durations = bursts.durations();
    durations.sort_by(f64::total_cmp);
    durations
}

/// The share of the sorted durations that is at most `t`.
fn share(sorted: &[f64], t: f64) -> f64 {
    sorted.partition_point(|&d| d <= t) as f64 / sorted.len() as f64
}

/// Where F^8 is one half, 4000 bursts tell F to within 0.0044, and F^8 is 4.4 times as steep; with what 4000 others tell of F^8 itself that is a
/// standard deviation of 0.02.
#[test]
fn l16_the_last_of_n_channels_has_the_distribution_of_one_to_the_power_of_n() {
    for loss in [0.003, 0.02] {
        let one = durations(1, loss);
        for channels in [2, 4, 8] {
            let all = durations(channels, loss);
            // Half a millisecond beside the multiples of the round trip: N bursts take a little longer on the path than one.
            let distance = (0..1_000)
                .map(|millis| f64::from(millis) * 1e-3 + 0.5e-3)
                .map(|t| (share(&all, t) - share(&one, t).powi(channels as i32)).abs())
                .fold(0.0, f64::max);
            assert!(distance < 0.05, "{channels} channels at {loss}: {distance:.4} off");
        }
    }
}

/// A time-out is what hits a checkpoint hardest: one in `1 - (1 - q)^N` has one.
#[test]
fn l16_more_channels_meet_more_time_outs() {
    let hit = |channels| 1.0 - share(&durations(channels, 0.02), 0.2);
    let q = hit(1);
    assert!(q > 0.005, "{q} of the bursts of one channel met a time-out");
    for channels in [4, 8] {
        let (hit, law) = (hit(channels), 1.0 - (1.0 - q).powi(channels as i32));
        assert!((hit / law - 1.0).abs() < 0.3, "{channels} channels: {hit:.3}, the law says {law:.3}");
    }
}
