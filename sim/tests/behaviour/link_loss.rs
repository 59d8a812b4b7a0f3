//! What a full queue costs a TCP connection, where only the last of what was sent is dropped.

use crate::common::{Log, run};
use crate::link_path::{BYTE_PER_NS, IDEAL, bytes};
use colosim_sim::Span;
use colosim_sim::link::{Path, PathConfig, Tcp, Transport, connect};

const SEGMENT: usize = 1448;
const LATENCY: Span = Span::millis(1);

/// When each write of so many segments has arrived whole, and how many segments were dropped and sent again. A write waits until the one
/// before has arrived; the queue holds `queue` segments.
fn arrivals(queue: u64, writes: &[usize]) -> (Vec<u64>, u64, u64) {
    let queue_bytes = queue * (SEGMENT as u64 + 52);
    let path = Path::new(PathConfig { rate_bits_per_s: BYTE_PER_NS, latency: LATENCY, queue_bytes, ..IDEAL });
    let log = Log::default();
    run(|sim, process| {
        let back = Path::new(PathConfig { latency: LATENCY, ..IDEAL });
        let ends = ((process, &path), (process, &back));
        let tcp = Transport::Tcp(Tcp::ethernet());
        let (first, second) = connect(sim, "link", ends.0, ends.1, tcp, 1 << 30, 1 << 30);
        let (sent, received) = (writes.to_vec(), writes.to_vec());
        sim.spawn(process, "writer", |cx| async move {
            for segments in sent {
                first.write(&cx, [bytes(segments * SEGMENT)]).await.unwrap();
                first.read_exact(&cx, &mut [0]).await.unwrap();
            }
        });
        let log = log.clone();
        sim.spawn(process, "reader", |cx| async move {
            for segments in received {
                second.read_exact(&cx, &mut vec![0; segments * SEGMENT]).await.unwrap();
                log.add(&cx, "");
                second.write(&cx, [bytes(1)]).await.unwrap();
            }
        });
    });
    (log.take().into_iter().map(|(at, _)| at).collect(), path.dropped(), path.retransmissions())
}

#[test]
fn a_queue_that_holds_the_window_drops_nothing() {
    let (at, dropped, again) = arrivals(10, &[1, 10]);
    assert_eq!((dropped, again), (0, 0));
    assert!(at[1] - at[0] < 2 * LATENCY.0 + 1_000_000);
}

/// A new connection acknowledges each segment at once, so that the lost one is all that is under way: its probe allows for a delayed
/// acknowledgement, and the time-out, 200 ms and a round trip, comes first.
#[test]
fn a_lost_segment_that_is_alone_waits_for_the_timeout() {
    let (at, dropped, again) = arrivals(9, &[10]);
    assert_eq!(dropped, 1);
    assert_eq!(again, 1);
    assert!((200_000_000..220_000_000).contains(&at[0]), "{} ns", at[0]);
}

/// With another segment under way, one whose acknowledgement is delayed, a probe repeats the last after two round trips and 2 ms (RFC
/// 8985, 7.2).
#[test]
fn a_lost_last_segment_is_repaired_by_a_probe() {
    let (at, dropped, again) = arrivals(9, &[1, 10]);
    assert_eq!((dropped, again), (1, 1));
    let took = at[1] - at[0];
    assert!((6_000_000..20_000_000).contains(&took), "{took} ns");
}

/// Of several lost at the end the probe repeats the last, which shows the others.
#[test]
fn several_lost_at_the_end_are_shown_by_the_probe() {
    let (at, dropped, again) = arrivals(6, &[1, 10]);
    assert_eq!((dropped, again), (4, 4));
    let took = at[1] - at[0];
    assert!((6_000_000..30_000_000).contains(&took), "{took} ns");
}
