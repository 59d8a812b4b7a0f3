//! N flows on one drop-tail link with hardly a queue: utilisation 1 - 1/(1 + aN), a = (1 + b)/(1 - b), if each loss hits one flow, and no more
//! than that of one flow if it hits all (Altman, Barman, Tuffin and Vojnović, "Parallel TCP sockets", INFOCOM 2006).

use crate::common::{AMPLE, CUBIC, PACKET, RENO, SEGMENT, Stream, path};
use colosim_sim::Span;
use colosim_sim::link::{PathConfig, Tcp};

const RATE: u64 = 100_000_000;
const ROUND_TRIP: Span = Span::millis(24);

fn utilisation(tcp: Tcp, flows: u32, queue: u64) -> f64 {
    let path = PathConfig { queue_bytes: queue * PACKET, ..path(RATE, ROUND_TRIP) };
    let (warm_up, end) = (Span::millis(10_000), Span::millis(40_000));
    let stream = Stream { tcp, path, flows, receive_buffer: AMPLE, warm_up, end, seed: 1 };
    stream.goodput() / (RATE as f64 * SEGMENT as f64 / PACKET as f64)
}

/// Losses are neither all at once nor one by one, so the utilisation lies between that of one flow and the law's; the queue, a tenth of the
/// bandwidth-delay product, adds as much at most.
#[test]
fn l14_flows_share_a_drop_tail_link_between_the_law_of_synchronised_and_of_single_losses() {
    const QUEUE: u64 = 20;
    for (tcp, b) in [(RENO, 0.5), (CUBIC, 0.7)] {
        let a = (1.0 + b) / (1.0 - b);
        let law = |flows: u32| 1.0 - 1.0 / (1.0 + a * f64::from(flows));
        let mut before = 0.0;
        for flows in [1, 2, 3, 4, 8] {
            let utilisation = utilisation(tcp, flows, QUEUE);
            let (least, most) = (law(1), (law(flows) + 0.1).min(1.001));
            assert!(
                (least..most).contains(&utilisation),
                "{flows} flows: {utilisation:.3} not in {least:.3}..{most:.3}"
            );
            assert!(utilisation > before - 0.01, "{flows} flows: {utilisation:.3} after {before:.3} with fewer");
            before = utilisation;
        }
    }
}
