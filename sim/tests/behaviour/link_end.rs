//! How a connection ends, and what each side learns of it. Expected behaviour: Linux, measured with bare sockets.

use crate::common::{Log, SHORT, run};
use crate::link_path::{BYTE_PER_NS, IDEAL, PLAIN, bytes};
use colosim_sim::link::{Path, PathConfig, ReadError, Socket, Transport, WriteError, connect};
use colosim_sim::{Cx, Outcome, Span};

/// One way, in nanoseconds.
const LATENCY_NS: u64 = 1_000;

/// A local end in a process of its own, a remote one, and each with a thread.
fn ends<A, B>(
    transport: Transport,
    log: &Log,
    local: impl FnOnce(Cx, Socket, Log) -> A,
    remote: impl FnOnce(Cx, Socket, Log) -> B,
) -> Outcome
where
    A: Future<Output = ()> + 'static,
    B: Future<Output = ()> + 'static,
{
    run(|sim, here| {
        let there = sim.process("remote");
        let config = PathConfig { latency: Span(LATENCY_NS), rate_bits_per_s: BYTE_PER_NS, ..IDEAL };
        let (to, fro) = (Path::new(config), Path::new(config));
        let (a, b) = connect(sim, "link", (here, &to), (there, &fro), transport, 4_096, 4_096);
        sim.spawn(here, "local", |cx| local(cx, a, log.clone()));
        sim.spawn(there, "remote", |cx| remote(cx, b, log.clone()));
    })
}

async fn read(cx: &Cx, socket: &Socket, n: usize, log: &Log) {
    let result = socket.read_exact(cx, &mut vec![0; n]).await;
    log.add(
        cx,
        match result {
            Ok(()) => format!("read {n}"),
            Err(ReadError::Eof { got }) => format!("eof after {got}"),
            Err(ReadError::Reset { got }) => format!("reset after {got}"),
        },
    );
}

async fn write(cx: &Cx, socket: &Socket, n: usize, log: &Log) {
    let result = socket.write(cx, [bytes(n)]).await;
    log.add(
        cx,
        match result {
            Ok(()) => format!("wrote {n}"),
            Err(WriteError) => "write failed".to_owned(),
        },
    );
}

#[test]
fn after_a_half_close_the_reader_gets_the_data_and_then_eof() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            write(&cx, &socket, 100, &log).await;
            socket.shutdown();
            write(&cx, &socket, 1, &log).await;
        },
        |cx, socket, log| async move {
            read(&cx, &socket, 60, &log).await;
            read(&cx, &socket, 60, &log).await;
            read(&cx, &socket, 60, &log).await;
        },
    );
    log.assert_is(&[
        (0, "wrote 100"),
        (0, "write failed"),
        (1_100, "read 60"),
        (1_100, "eof after 40"),
        (1_100, "eof after 0"),
    ]);
}

#[test]
fn a_reset_by_the_peer_lets_queued_bytes_be_read_first() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            write(&cx, &socket, 100, &log).await;
            cx.sleep(Span(2_000)).await;
            socket.reset();
        },
        |cx, socket, log| async move {
            cx.sleep(Span(4_000)).await;
            read(&cx, &socket, 60, &log).await;
            read(&cx, &socket, 60, &log).await;
            write(&cx, &socket, 1, &log).await;
        },
    );
    log.assert_is(&[(0, "wrote 100"), (4_000, "read 60"), (4_000, "reset after 40"), (4_000, "write failed")]);
}

#[test]
fn a_blocked_reader_learns_of_a_reset_one_latency_later() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, _| async move {
            cx.sleep(Span(500)).await;
            socket.reset();
        },
        |cx, socket, log| async move { read(&cx, &socket, 1, &log).await },
    );
    log.assert_is(&[(1_500, "reset after 0")]);
}

#[test]
fn a_blocked_reader_is_woken_with_eof_by_its_own_shutdown_even_with_data_under_way() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            let (other, at_once) = (socket.clone(), log.clone());
            cx.sim.spawn(cx.sim.process("a thread of it"), "shutter", |cx| async move {
                cx.sleep(Span(500)).await;
                other.shutdown();
                at_once.add(&cx, "shut");
            });
            read(&cx, &socket, 1, &log).await;
            // The data arrives at 1100, after the shutdown: from then on it is a reset.
            cx.sleep(Span(1_000)).await;
            read(&cx, &socket, 1, &log).await;
        },
        |cx, socket, log| async move {
            write(&cx, &socket, 100, &log).await;
            cx.sleep(Span(2_000)).await;
            write(&cx, &socket, 1, &log).await;
            // The reset is back at 1100 + 1000.
            cx.sleep(Span(200)).await;
            write(&cx, &socket, 1, &log).await;
        },
    );
    log.assert_is(&[
        (0, "wrote 100"),
        (500, "shut"),
        (500, "eof after 0"),
        (1_500, "reset after 0"),
        (2_000, "wrote 1"),
        (2_200, "write failed"),
    ]);
}

#[test]
fn bytes_queued_before_the_own_shutdown_stay_readable() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            cx.sleep(Span(2_000)).await;
            socket.shutdown();
            read(&cx, &socket, 60, &log).await;
            read(&cx, &socket, 60, &log).await;
        },
        |cx, socket, log| async move { write(&cx, &socket, 100, &log).await },
    );
    log.assert_is(&[(0, "wrote 100"), (2_000, "read 60"), (2_000, "eof after 40")]);
}

/// TCP tells the writer only when its data has been refused; a Unix socket at once.
#[test]
fn after_the_readers_shutdown_a_unix_write_fails_at_once_and_a_tcp_write_fails_later() {
    let run = |transport| {
        let log = Log::default();
        ends(
            transport,
            &log,
            |_, socket, _| async move { socket.shutdown() },
            |cx, socket, log| async move {
                cx.step(SHORT).await;
                write(&cx, &socket, 5, &log).await;
                cx.sleep(Span(1_990)).await;
                write(&cx, &socket, 5, &log).await;
                cx.sleep(Span(100)).await;
                write(&cx, &socket, 5, &log).await;
            },
        );
        log
    };
    run(Transport::Unix).assert_is(&[(10, "write failed"), (2_000, "write failed"), (2_100, "write failed")]);
    // Written at 10, refused at 1015, told at 2015.
    run(PLAIN).assert_is(&[(10, "wrote 5"), (2_000, "wrote 5"), (2_100, "write failed")]);
}

#[test]
fn a_blocked_writer_is_woken_when_the_connection_breaks() {
    for transport in [PLAIN, Transport::Unix] {
        let log = Log::default();
        ends(
            transport,
            &log,
            |cx, socket, _| async move {
                cx.sleep(Span(9_000)).await;
                socket.reset();
            },
            |cx, socket, log| async move { write(&cx, &socket, 100_000, &log).await },
        );
        let found = log.take();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, "write failed");
        assert!((9_000..=10_000).contains(&found[0].0), "{found:?}");
    }
}

#[test]
fn a_cut_connection_delivers_nothing_and_tells_nobody() {
    let log = Log::default();
    let outcome = ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            write(&cx, &socket, 100, &log).await;
            cx.sleep(Span(500)).await;
            socket.cut();
            write(&cx, &socket, 100, &log).await;
            socket.shutdown();
        },
        |cx, socket, log| async move {
            read(&cx, &socket, 1, &log).await;
        },
    );
    // Both writes go into the send buffer; the reader waits for ever.
    log.assert_is(&[(0, "wrote 100"), (500, "wrote 100")]);
    assert_eq!(outcome.ended, colosim_sim::Ended::Quiet);
}

#[test]
fn what_arrived_before_the_cut_stays_readable() {
    let log = Log::default();
    ends(
        PLAIN,
        &log,
        |cx, socket, log| async move {
            write(&cx, &socket, 100, &log).await;
            cx.sleep(Span(2_000)).await;
            socket.cut();
        },
        |cx, socket, log| async move {
            cx.sleep(Span(3_000)).await;
            read(&cx, &socket, 100, &log).await;
            read(&cx, &socket, 1, &log).await;
        },
    );
    log.assert_is(&[(0, "wrote 100"), (3_000, "read 100")]);
}

/// A process is killed at 3 µs; its peer has sent it 100 bytes by then, which it has read or not.
fn killed(transport: Transport, reads_first: bool) -> Vec<(u64, String)> {
    let log = Log::default();
    run(|sim, observers| {
        let (here, there) = (sim.process("killed"), sim.process("remote"));
        let path = Path::new(PathConfig { latency: Span(LATENCY_NS), ..IDEAL });
        let (local, remote) = connect(sim, "link", (here, &path), (there, &path), transport, 4_096, 4_096);
        let (local_log, remote_log) = (log.clone(), log.clone());
        sim.spawn(here, "local", |cx| async move {
            write(&cx, &local, 10, &local_log).await;
            if reads_first {
                read(&cx, &local, 100, &local_log).await;
            }
            cx.sleep(Span(1 << 40)).await;
        });
        sim.spawn(there, "remote", |cx| async move {
            write(&cx, &remote, 100, &remote_log).await;
            cx.sleep(Span(3_500)).await;
            read(&cx, &remote, 10, &remote_log).await;
            read(&cx, &remote, 1, &remote_log).await;
        });
        sim.spawn(observers, "killer", |cx| async move {
            cx.sleep(Span(3_000)).await;
            cx.sim.kill(here);
        });
    });
    log.take()
}

#[test]
fn a_killed_process_closes_in_order_if_it_has_read_its_input_and_with_a_reset_if_not() {
    for transport in [PLAIN, Transport::Unix] {
        let read_all = killed(transport, true);
        assert_eq!(read_all.last().unwrap(), &(4_000, "eof after 0".to_owned()));
        let unread = killed(transport, false);
        assert_eq!(unread[unread.len() - 2..], [(3_500, "read 10".to_owned()), (4_000, "reset after 0".to_owned())]);
    }
}
