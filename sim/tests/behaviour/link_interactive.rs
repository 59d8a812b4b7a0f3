//! Short writes on a connection without TCP_NODELAY, and a reader that delays its acknowledgements: what waits for what.

use crate::common::{Log, run};
use crate::link_path::{IDEAL, bytes};
use colosim_sim::link::{Path, PathConfig, Tcp, Transport, connect};
use colosim_sim::{HeldBack, Span};

const LATENCY: Span = Span::micros(10);
const ROUND_TRIP: Span = Span::micros(20);
/// A delayed acknowledgement goes out at the tick behind the one in which it is due.
const DELAY: std::ops::RangeInclusive<u64> = 40_000_000..=44_000_000;

/// What one end does, one after the other.
#[derive(Clone, Copy)]
enum Do {
    Write(usize),
    Read(usize),
    Sleep(Span),
}
use Do::{Read, Sleep, Write};

/// When each read of the second end was done, and what was held back.
fn reads(tcp: Tcp, first_does: &[Do], second_does: &[Do]) -> (Vec<u64>, Vec<HeldBack>) {
    let log = Log::default();
    let outcome = run(|sim, process| {
        let path = || Path::new(PathConfig { latency: LATENCY, ..IDEAL });
        let (there, back) = (path(), path());
        let ends = ((process, &there), (process, &back));
        let (first, second) = connect(sim, "link", ends.0, ends.1, Transport::Tcp(tcp), 1 << 20, 1 << 20);
        for (socket, actions, logs) in [(first, first_does.to_vec(), false), (second, second_does.to_vec(), true)] {
            let log = log.clone();
            sim.spawn(process, if logs { "second" } else { "first" }, move |cx| async move {
                for action in actions {
                    match action {
                        Write(n) => socket.write(&cx, [bytes(n)]).await.unwrap(),
                        Read(n) => socket.read_exact(&cx, &mut vec![0; n]).await.unwrap(),
                        Sleep(span) => cx.sleep(span).await,
                    }
                    if logs && matches!(action, Read(_)) {
                        log.add(&cx, "");
                    }
                }
            });
        }
    });
    (log.take().into_iter().map(|(at, _)| at).collect(), outcome.held_back)
}

fn nagle() -> Tcp {
    Tcp { no_delay: false, ..Tcp::loopback() }
}

/// A connection starts by acknowledging at once: the second short write waits for one round trip only.
#[test]
fn a_new_connection_acknowledges_at_once() {
    let (at, held_back) = reads(nagle(), &[Write(4), Write(4)], &[Read(4), Read(4)]);
    assert_eq!(at, [LATENCY.0, LATENCY.0 + ROUND_TRIP.0]);
    assert_eq!(held_back.len(), 1);
    let (at, held_back) = reads(Tcp::loopback(), &[Write(4), Write(4)], &[Read(4), Read(4)]);
    assert_eq!((at, held_back), (vec![LATENCY.0; 2], vec![]));
}

/// Once it has answered, the reader waits for something that its acknowledgement could go with.
#[test]
fn in_a_conversation_the_second_short_write_waits_for_the_delayed_acknowledgement_of_the_first() {
    let first = [Write(4), Read(4), Write(4), Write(4)];
    let (at, held_back) = reads(nagle(), &first, &[Read(4), Write(4), Read(4), Read(4)]);
    let waited = at[2] - at[1];
    assert!(DELAY.contains(&waited), "{waited} ns");
    assert_eq!(held_back.len(), 1);
    assert_eq!(held_back[0].connection, "link there");
    assert!(DELAY.contains(&held_back[0].until.since(held_back[0].since).0));
    let (at, _) = reads(Tcp::loopback(), &first, &[Read(4), Write(4), Read(4), Read(4)]);
    assert_eq!(at[2], at[1]);
}

#[test]
fn an_answer_carries_the_acknowledgement() {
    let first = [Write(4), Read(4), Write(4), Write(4)];
    let (at, _) = reads(nagle(), &first, &[Read(4), Write(4), Read(4), Write(4), Read(4)]);
    assert_eq!(at[2] - at[1], ROUND_TRIP.0);
}

/// More than one full segment is acknowledged at once, and what is full does not wait.
#[test]
fn full_segments_do_not_wait_and_are_acknowledged_at_once() {
    let full = 65_483;
    let first = [Write(4), Read(4), Write(4), Write(full + 100), Write(4)];
    let (at, _) = reads(nagle(), &first, &[Read(4), Write(4), Read(4), Read(full + 100), Read(4)]);
    assert!(at[4 - 1] - at[1] <= 3 * ROUND_TRIP.0, "{at:?}");
}

/// A timer that expired has ended the conversation: the next short write is acknowledged when it is read.
#[test]
fn a_reader_that_did_not_answer_is_not_in_conversation_any_more() {
    let pause = Sleep(Span::millis(60));
    let first = [Write(4), Read(4), Write(4), Write(4), pause, Write(4), Write(4)];
    let (at, _) = reads(nagle(), &first, &[Read(4), Write(4), Read(4), Read(4), Read(4), Read(4)]);
    assert!(DELAY.contains(&(at[2] - at[1])));
    assert_eq!(at[4] - at[3], ROUND_TRIP.0, "{at:?}");
}
