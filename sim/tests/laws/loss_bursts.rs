//! TCP reacts to a burst of losses once: with the Gilbert model it is p r/(p + r), the bursts per segment, that stands for p in Mathis' law
//! (Gilbert 1960, Elliott 1963), as long as bursts are shorter than the window.

use crate::common::{AMPLE, RENO, SEGMENT, Stream, path};
use colosim_sim::Span;
use colosim_sim::link::{Loss, PathConfig};

const ROUND_TRIP: Span = Span::millis(20);

fn window(loss: Loss) -> f64 {
    let path = PathConfig { loss, ..path(100_000_000_000, ROUND_TRIP) };
    let stream = Stream {
        tcp: RENO,
        path,
        flows: 1,
        receive_buffer: AMPLE,
        warm_up: Span::millis(10_000),
        end: Span::millis(160_000),
        seed: 1,
    };
    stream.goodput() * ROUND_TRIP.0 as f64 * 1e-9 / (8 * SEGMENT) as f64
}

#[test]
fn l17_equal_loss_in_longer_bursts_costs_less_by_the_root_of_their_length() {
    for mean in [0.0003, 0.001] {
        for length in [1.0, 2.0, 4.0, 8.0] {
            let loss = Loss::bursts(mean, length).expect("such a chain exists");
            let ratio = window(loss) / (1.5 / loss.events_per_segment()).sqrt();
            assert!((0.90..1.15).contains(&ratio), "{mean} in bursts of {length}: {ratio:.3} of the law");
        }
    }
}

/// Where bursts are longer than the window, all that is under way is lost with them, and the time-outs eat up the gain.
#[test]
fn l17_bursts_longer_than_the_window_cost_time_outs() {
    let of = |length| window(Loss::bursts(0.01, length).expect("such a chain exists")) / (1.5 * length / 0.01).sqrt();
    let (short, long) = (of(1.0), of(64.0));
    assert!(long < 0.7 * short, "{long:.3} of the law with long bursts, {short:.3} without");
}
