//! What a TCP connection's segments cost on one core, with loss and without.
//!
//! Each figure is the time of a whole run in which 100 000 full segments go over one path and are read, so that a
//! millisecond of a run is 10 ns per segment. The throughput that is printed is that of segments. Segments that are sent again cost too,
//! but are not counted.

use colosim_sim::link::{Congestion, Loss, Path, PathConfig, Piece, Tcp, Transport, connect};
use colosim_sim::{Config, Noise, Outcome, Plan, Simulator, Span};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

const SEGMENTS: u64 = 100_000;
/// What the writer writes and the reader reads at once.
const CHUNK: u64 = 64 * 1024;
/// Of each flow and direction: no limit.
const BUFFER: u64 = 64 << 20;

const RENO: Congestion = Congestion::Reno;
const CUBIC: Congestion = Congestion::Cubic { hystart: true };

/// 10 Gbit/s and a round trip of 2 ms. Without loss the path has room for all windows, so that trains go as one.
fn path(loss: f64) -> PathConfig {
    PathConfig {
        rate_bits_per_s: 10_000_000_000,
        latency: Span::millis(1),
        jitter: Span::ZERO,
        loss: if loss > 0.0 { Loss::Bernoulli(loss) } else { Loss::None },
        queue_bytes: if loss > 0.0 { 4 << 20 } else { u64::MAX },
    }
}

/// All segments in equal shares over so many flows.
fn transfer(simulator: &mut Simulator, congestion: Congestion, loss: f64, flows: u64) -> Outcome {
    let config = Config {
        seed: 1,
        steps: &[],
        costs: [].into(),
        noise: Noise::default(),
        plan: Plan::undisturbed(),
        time_limit: Span(u64::MAX / 2),
        step_limit: u64::MAX,
        record: false,
    };
    let tcp = Tcp { congestion, ..Tcp::ethernet() };
    let share = SEGMENTS / flows * tcp.segment_bytes;
    simulator.run(config, |sim| {
        let (first, second) = (sim.process("first"), sim.process("second"));
        let there = Path::new(path(loss));
        let back = Path::new(PathConfig { loss: Loss::None, queue_bytes: u64::MAX, ..path(loss) });
        for flow in 0..flows {
            let (sends, receives) = connect(
                sim,
                &format!("flow {flow}"),
                (first, &there),
                (second, &back),
                Transport::Tcp(tcp),
                BUFFER,
                BUFFER,
            );
            let chunks = move || (0..share).step_by(CHUNK as usize).map(move |from| CHUNK.min(share - from));
            sim.spawn(first, &format!("writer {flow}"), move |cx| async move {
                for bytes in chunks() {
                    sends.write(&cx, [Piece::Fill { word: 1, bytes }]).await.expect("nobody closes it");
                }
            });
            sim.spawn(second, &format!("reader {flow}"), move |cx| async move {
                for bytes in chunks() {
                    receives.read_page(&cx, bytes).await.expect("nobody closes it");
                }
            });
        }
    })
}

fn bench(c: &mut Criterion) {
    let mut simulator = Simulator::new();
    for (name, congestion) in [("reno", RENO), ("cubic", CUBIC)] {
        let mut group = c.benchmark_group(format!("segment/{name}"));
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(20);
        group.throughput(Throughput::Elements(SEGMENTS));
        for flows in [1, 8] {
            for loss in [0.0, 1e-4, 1e-2] {
                let id = BenchmarkId::new(format!("loss {} %", loss * 100.0), format!("{flows} flows"));
                group.bench_function(id, |b| b.iter(|| transfer(&mut simulator, congestion, loss, flows).hash));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
