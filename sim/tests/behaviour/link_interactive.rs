//! Small writes on a connection with Nagle's algorithm and delayed acknowledgements: the second waits for the acknowledgement of the
//! first, unless the other end answers.

use crate::common::{Log, run};
use crate::link_path::{IDEAL, bytes};
use colosim_sim::Span;
use colosim_sim::link::{Interactive, Path, Transport, connect};

const DELAY: Span = Span::millis(40);

/// Two small writes, and when the reader has each. It answers the first one, or not.
fn two_small_writes(interactive: bool, answers: bool) -> Vec<u64> {
    let log = Log::default();
    run(|sim, process| {
        let ends = ((process, &Path::new(IDEAL)), (process, &Path::new(IDEAL)));
        let (first, second) = connect(sim, "link", ends.0, ends.1, Transport::Tcp, 1 << 20, 1 << 20);
        if interactive {
            first.delay_small_segments(Interactive { acknowledgement_delay: DELAY, segment_bytes: 1_448 });
        }
        sim.spawn(process, "writer", |cx| async move {
            for _ in 0..2 {
                first.write(&cx, [bytes(4)]).await.unwrap();
            }
        });
        let log = log.clone();
        sim.spawn(process, "reader", move |cx| async move {
            for _ in 0..2 {
                second.read_exact(&cx, &mut [0; 4]).await.unwrap();
                log.add(&cx, "");
                if answers {
                    second.write(&cx, [bytes(4)]).await.unwrap();
                }
            }
        });
    });
    log.take().into_iter().map(|(at, _)| at).collect()
}

#[test]
fn a_second_small_write_waits_for_the_delayed_acknowledgement_of_the_first() {
    assert_eq!(two_small_writes(true, false), [0, DELAY.0]);
    assert_eq!(two_small_writes(false, false), [0, 0]);
}

#[test]
fn an_answer_carries_the_acknowledgement() {
    assert_eq!(two_small_writes(true, true), [0, 0]);
}
