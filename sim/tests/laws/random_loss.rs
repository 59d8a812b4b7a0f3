//! What random loss leaves of a flow: the square-root law of Reno (Mathis, Semke, Mahdavi and Ott, CCR 1997) and the law of CUBIC (RFC 9438,
//! section 5.1), which is that of Reno where that is larger.

use crate::common::{AMPLE, CUBIC, PACKET, RENO, SEGMENT, Stream, path};
use colosim_sim::Span;
use colosim_sim::link::{Loss, PathConfig, Tcp};

/// Segments per round trip.
fn mathis(p: f64) -> f64 {
    (1.5 / p).sqrt()
}

fn cubic(p: f64, round_trip_s: f64) -> f64 {
    1.054 * (round_trip_s / p).powf(0.75)
}

/// Segments per round trip over so many losses.
fn window(tcp: Tcp, p: f64, round_trip: Span, events: f64) -> f64 {
    let law = mathis(p).max(cubic(p, round_trip.0 as f64 * 1e-9));
    let round_trips = events / p / law;
    let (warm_up, end) = (round_trips * 0.1, round_trips * 1.1);
    // A rate at which a window of the law's size takes a hundredth of a round trip: no queue to speak of.
    let rate = law * PACKET as f64 * 8.0 * 100.0 * 1e9 / round_trip.0 as f64;
    let span = |round_trips: f64| Span((round_trips * round_trip.0 as f64) as u64);
    let path = PathConfig { loss: Loss::Bernoulli(p), ..path(rate as u64, round_trip) };
    let stream = Stream { tcp, path, flows: 1, receive_buffer: AMPLE, warm_up: span(warm_up), end: span(end), seed: 1 };
    stream.goodput() * round_trip.0 as f64 * 1e-9 / (8 * SEGMENT) as f64
}

/// Within 5 % where the law is said to be good. At 1 %, with a window of 12, a recovery's round trip is a tenth of the time between
/// losses, which the law leaves out.
#[test]
fn l13_reno_under_random_loss_has_the_window_of_mathis() {
    for p in [3e-4, 1e-3, 3e-3, 1e-2] {
        for millis in [1, 10, 50] {
            let ratio = window(RENO, p, Span::millis(millis), 2000.0) / mathis(p);
            let bounds = if p < 1e-2 { 0.95..1.05 } else { 0.88..1.0 };
            assert!(bounds.contains(&ratio), "p {p}, {millis} ms: {ratio:.3} of the law");
        }
    }
}

/// The law is of evenly spaced losses. At random distances CUBIC's convex growth gains more in the long gaps than it loses in the short
/// ones; and the growth of its region friendly to Reno is rounded to whole acknowledgements, which small windows feel most.
#[test]
fn l13_cubic_under_random_loss_has_its_law_or_renos() {
    for (p, millis) in
        [(1e-4, 10), (3e-4, 10), (1e-3, 10), (1e-2, 10), (1e-4, 100), (3e-4, 100), (1e-3, 100), (1e-2, 100)]
    {
        let law = mathis(p).max(cubic(p, millis as f64 * 1e-3));
        let ratio = window(CUBIC, p, Span::millis(millis), (p * 1e6).clamp(100.0, 400.0)) / law;
        let bounds = if p < 1e-2 { 0.90..1.22 } else { 0.78..1.05 };
        assert!(bounds.contains(&ratio), "p {p}, {millis} ms: {ratio:.3} of the law");
    }
}

/// Below a few jiffies the growth is not the curve's: it stays what it was for the rest of a jiffy, which is several round trips.
#[test]
fn l13_on_a_lan_cubic_has_the_window_of_reno_within_the_grain_of_its_clock() {
    for p in [1e-3, 1e-2] {
        let ratio = window(CUBIC, p, Span::millis(1), 400.0) / mathis(p);
        assert!((0.55..1.5).contains(&ratio), "p {p}: {ratio:.3} of the law");
    }
}

#[test]
fn l13_n_flows_carry_n_times_as_much() {
    let one = parallel(1);
    for flows in [2, 4, 8] {
        let ratio = parallel(flows) / one / f64::from(flows);
        assert!((0.90..1.10).contains(&ratio), "{flows} flows: {ratio:.3} of {flows} times one");
    }
}

/// Payload bits per second of flows that lose one segment in a thousand on a wide link.
fn parallel(flows: u32) -> f64 {
    let path = PathConfig { loss: Loss::Bernoulli(1e-3), ..path(100_000_000_000, Span::millis(10)) };
    let (warm_up, end) = (Span::millis(5_000), Span::millis(60_000));
    Stream { tcp: RENO, path, flows, receive_buffer: AMPLE, warm_up, end, seed: 1 }.goodput()
}
