//! A connection that was idle for a retransmission time-out starts from its initial window again (RFC 5681, 4.1; RFC 6928): a burst of S
//! segments pays log2(S/10) round trips more or fewer than with its window kept, and N channels save log2 N of them.

use crate::common::{Bursts, CUBIC, RENO, SEGMENT, path};
use colosim_sim::Span;
use colosim_sim::link::Tcp;

/// Round trips that the last of a few bursts takes, each after five seconds of silence: 23 time-outs, enough to halve any window to ten.
fn round_trips(tcp: Tcp, channels: u64, segments: u64, round_trip: Span) -> f64 {
    let path = path(1_000_000_000_000, round_trip);
    let share = segments * SEGMENT / channels;
    let bursts = Bursts { tcp, path, channels, share, period: Span::millis(5_000), count: 12, seed: 1 };
    bursts.durations().last().expect("there are some") / (round_trip.0 as f64 * 1e-9)
}

/// Slow start sends 10, 20, 40, …: the round trips until all is sent, and half of one to arrive.
fn law(segments: u64) -> f64 {
    let rounds = (1..).find(|rounds| 10 * ((1u64 << rounds) - 1) >= segments).expect("the sum grows");
    f64::from(rounds) - 0.5
}

/// What the segments need on the path comes on top, and is below a hundredth of a round trip.
fn assert_law(took: f64, segments: u64) {
    let law = law(segments);
    assert!((law - 0.001..law + 0.02).contains(&took), "{segments} segments took {took:.3} round trips, not {law}");
}

#[test]
fn l15_a_burst_after_an_idle_time_doubles_its_way_up_from_ten_segments() {
    for tcp in [RENO, CUBIC] {
        for segments in [8, 30, 70, 150, 310, 1_270] {
            for millis in [1, 10, 50] {
                assert_law(round_trips(tcp, 1, segments, Span::millis(millis)), segments);
            }
        }
    }
}

#[test]
fn l15_n_channels_save_log2_n_round_trips() {
    // Each has its own ten segments.
    for channels in [1u64, 2, 4, 8] {
        let saved = law(1_270) - law(1_270 / channels);
        assert!((saved - (channels as f64).log2()).abs() <= 1.0);
        assert_law(round_trips(RENO, channels, 1_270, Span::millis(10)), 1_270 / channels);
    }
}

#[test]
fn l15_a_window_that_is_kept_sends_all_in_one_round_trip() {
    let tcp = Tcp { slow_start_after_idle: false, ..RENO };
    assert_law(round_trips(tcp, 1, 1_270, Span::millis(10)), 10);
}
