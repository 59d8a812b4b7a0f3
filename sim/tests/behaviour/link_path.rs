//! What each property of a path does to the arrival of bytes.

use crate::common::{Log, run};
use colosim_sim::link::{Path, PathConfig, Piece, Socket, Tcp, Transport, connect};
use colosim_sim::{Cx, ProcessId, Sim, Span};

/// 8 Gbit/s: one byte each nanosecond.
pub const BYTE_PER_NS: u64 = 8_000_000_000;

pub const IDEAL: PathConfig = PathConfig::IDEAL;

/// A connection that is limited by nothing but its path and its buffers.
pub const PLAIN: Transport = Transport::Tcp(Tcp { header_bytes: 0, initial_window: 1 << 30, ..Tcp::ethernet() });

pub fn bytes(n: usize) -> Piece {
    Piece::Bytes((0..n).map(|i| i as u8).collect())
}

fn pair(sim: &Sim, process: ProcessId, name: &str, path: &Path, buffers: (u64, u64)) -> (Socket, Socket) {
    connect(sim, name, (process, path), (process, &Path::new(IDEAL)), Transport::Unix, buffers.0, buffers.1)
}

async fn read(cx: &Cx, socket: &Socket, n: usize) {
    socket.read_exact(cx, &mut vec![0; n]).await.expect("the stream goes on");
}

/// Write each of `writes` at once, read it in `reads`, and tell when each read was done. Also: how many segments were sent again.
fn arrivals(config: PathConfig, buffers: (u64, u64), writes: &[usize], reads: &[usize]) -> (Vec<u64>, u64) {
    let (log, path) = (Log::default(), Path::new(config));
    run(|sim, process| {
        let (first, second) = pair(sim, process, "link", &path, buffers);
        let (writes, reads, log) = (writes.to_vec(), reads.to_vec(), log.clone());
        sim.spawn(process, "writer", |cx| async move {
            first.write(&cx, writes.into_iter().map(bytes)).await.unwrap();
        });
        sim.spawn(process, "reader", |cx| async move {
            for n in reads {
                read(&cx, &second, n).await;
                log.add(&cx, "");
            }
        });
    });
    (log.take().into_iter().map(|(at, _)| at).collect(), path.retransmissions())
}

const AMPLE: (u64, u64) = (1 << 30, 1 << 30);

fn arrival(config: PathConfig, n: usize) -> u64 {
    arrivals(config, AMPLE, &[n], &[n]).0[0]
}

#[test]
fn an_ideal_path_delivers_at_once() {
    assert_eq!(arrival(IDEAL, 1_000_000), 0);
}

#[test]
fn latency_delays_all_by_the_same() {
    let config = PathConfig { latency: Span(777), ..IDEAL };
    assert_eq!((arrival(config, 1), arrival(config, 1_000_000)), (777, 777));
}

#[test]
fn the_rate_spreads_bytes_over_time() {
    let config = PathConfig { rate_bits_per_s: BYTE_PER_NS, latency: Span(500), ..IDEAL };
    assert_eq!((arrival(config, 1), arrival(config, 1_000), arrival(config, 1_000_000)), (501, 1_500, 1_000_500));
}

#[test]
fn jitter_delays_within_its_bound_and_never_reorders() {
    let config = PathConfig { jitter: Span(1_000), ..IDEAL };
    let (at, _) = arrivals(config, AMPLE, &[64 * 1024; 50], &[64 * 1024; 50]);
    assert!(at.is_sorted() && at.iter().all(|at| *at <= 1_000));
    assert!(at[0] < at[49]);
}

/// The writer may have 1000 bytes under way: each round trip carries no more.
#[test]
fn a_send_buffer_limits_what_is_under_way() {
    let config = PathConfig { latency: Span(500), ..IDEAL };
    let (at, _) = arrivals(config, (1_000, 1 << 30), &[3_000], &[1_000; 3]);
    assert_eq!(at, [500, 1_500, 2_500]);
}

#[test]
fn a_receive_buffer_limits_what_is_under_way() {
    let config = PathConfig { latency: Span(500), ..IDEAL };
    let (at, _) = arrivals(config, (1 << 30, 1_000), &[3_000], &[1_000; 3]);
    assert_eq!(at, [500, 1_500, 2_500]);
}

#[test]
fn a_writer_waits_while_the_buffers_are_full_and_goes_on_when_the_reader_does() {
    let log = Log::default();
    run(|sim, process| {
        let (first, second) = pair(sim, process, "link", &Path::new(IDEAL), (1_000, 2_000));
        let (writing, reading) = (log.clone(), log.clone());
        sim.spawn(process, "writer", |cx| async move {
            for n in [2_000, 1_000, 1] {
                first.write(&cx, [bytes(n)]).await.unwrap();
                writing.add(&cx, format!("wrote {n}"));
            }
        });
        sim.spawn(process, "reader", |cx| async move {
            cx.sleep(Span(50)).await;
            read(&cx, &second, 2_000).await;
            reading.add(&cx, "read");
        });
    });
    log.assert_is(&[(0, "wrote 2000"), (0, "wrote 1000"), (50, "read"), (50, "wrote 1")]);
}

/// A reader that takes a few bytes at a time does not make the writer send as little.
#[test]
fn small_reads_open_the_window_by_segments() {
    let (log, path) = (Log::default(), Path::new(PathConfig { latency: Span(500), ..IDEAL }));
    let outcome = run(|sim, process| {
        let (first, second) = pair(sim, process, "link", &path, (1 << 20, 4_096));
        let log = log.clone();
        sim.spawn(process, "writer", |cx| async move { first.write(&cx, [bytes(40_960)]).await.unwrap() });
        sim.spawn(process, "reader", |cx| async move {
            for _ in 0..40_960 / 8 {
                read(&cx, &second, 8).await;
            }
            log.add(&cx, "all");
        });
    });
    assert_eq!(outcome.ended, colosim_sim::Ended::Quiet);
    assert_eq!(log.take().len(), 1);
    assert_eq!(path.sent_bytes(), 40_960);
}

#[test]
fn flows_share_the_rate_of_their_path() {
    let alone = PathConfig { rate_bits_per_s: BYTE_PER_NS, ..IDEAL };
    let n = 64 * 1024 * 10;
    let ends = |flows: usize| {
        let (log, path) = (Log::default(), Path::new(alone));
        run(|sim, process| {
            for i in 0..flows {
                // A send buffer of one batch makes the flows take turns.
                let (first, second) = pair(sim, process, &format!("link {i}"), &path, (64 * 1024, 1 << 30));
                let log = log.clone();
                sim.spawn(process, &format!("writer {i}"), |cx| async move {
                    first.write(&cx, [bytes(n)]).await.unwrap();
                });
                sim.spawn(process, &format!("reader {i}"), |cx| async move {
                    read(&cx, &second, n).await;
                    log.add(&cx, "");
                });
            }
        });
        log.take().into_iter().map(|(at, _)| at).collect::<Vec<u64>>()
    };
    assert_eq!(ends(1), [n as u64]);
    let four = ends(4);
    assert_eq!(four[3], 4 * n as u64);
    // First come, first served: they end one batch apart.
    assert!(four.windows(2).all(|pair| pair[1] - pair[0] == 64 * 1024), "{four:?}");
}
