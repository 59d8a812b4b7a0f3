//! A window is worth one round trip: rate ≤ window / RTT.

use crate::common::{AMPLE, RENO, SEGMENT, Stream, path};
use colosim_sim::Span;

fn goodput(rate: u64, round_trip: Span, receive_buffer: u64) -> f64 {
    let warm_up = Span(40 * round_trip.0);
    let end = Span(warm_up.0 + 200 * round_trip.0);
    Stream { tcp: RENO, path: path(rate, round_trip), flows: 1, receive_buffer, warm_up, end, seed: 1 }.goodput()
}

/// Whole segments and the steps in which the reader reads take from it, but no more than a tenth.
#[test]
fn l12_a_receive_buffer_gives_its_length_per_round_trip_and_never_more() {
    for micros in [200, 1_000, 10_000, 50_000] {
        for segments in [16, 64, 256] {
            let window = segments * SEGMENT;
            let law = window as f64 * 8e6 / micros as f64;
            let goodput = goodput(100_000_000_000, Span::micros(micros), window);
            let ratio = goodput / law;
            assert!((0.90..=1.001).contains(&ratio), "{segments} segments, {micros} µs: {ratio:.3} of the law");
        }
    }
}

#[test]
fn l12_a_window_of_the_bandwidth_delay_product_fills_the_link() {
    for (rate, micros) in [(1_000_000_000, 1_000), (100_000_000, 20_000), (10_000_000_000, 200)] {
        let payload = rate as f64 * 1448.0 / 1500.0;
        let utilisation = goodput(rate, Span::micros(micros), AMPLE) / payload;
        assert!((0.99..=1.001).contains(&utilisation), "{rate} bit/s, {micros} µs: {utilisation:.4}");
    }
}
