//! What the simulator costs on one core: a step, a timer, a tracked write, a batch on a link.
//!
//! Each figure is the time of a whole run divided by what it did; starting the run is part of it.

use colosim_sim::link::{Loss, Path, PathConfig, Piece, Tcp, Transport, connect};
use colosim_sim::{
    Config, Memory, Mutex, Noise, Outcome, Plan, ProcessId, Sim, Simulator, Span, StepCost, StepId, StepInfo,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::rc::Rc;
use std::time::Duration;

const WORK: StepId = StepId(0);
const STEPS: &[StepInfo] = &[StepInfo { name: "bench.work", stands_for: "work of about 1 µs" }];

const THREADS: u64 = 8;
const STEPS_PER_THREAD: u64 = 2_000;
const TIMERS: u64 = 64;
const SLEEPS_PER_TIMER: u64 = 250;
const WRITES: u64 = 16_000;
const PAGES: u64 = 4_096;

/// As a run of a search has it: natural noise on, no records.
fn run(simulator: &mut Simulator, build: impl FnOnce(&Sim, ProcessId)) -> Outcome {
    let config = Config {
        seed: 1,
        steps: STEPS,
        costs: Rc::new([StepCost { fixed_ns: 1_000, per_unit_ns: 0 }]),
        noise: Noise { spread_permille: 100, preemption_interval_ns: 1_000_000, preemption_length_ns: 50_000 },
        plan: Plan::natural(),
        time_limit: Span(u64::MAX / 2),
        step_limit: u64::MAX,
        record: false,
    };
    simulator.run(config, |sim| build(sim, sim.process("bench")))
}

/// Eight threads whose steps end in mixed order, so that nearly every step goes through the timers.
fn steps(simulator: &mut Simulator) -> Outcome {
    run(simulator, |sim, process| {
        for i in 0..THREADS {
            sim.spawn(process, &format!("thread {i}"), |cx| async move {
                for _ in 0..STEPS_PER_THREAD {
                    cx.step(WORK).await;
                }
            });
        }
    })
}

/// The same with a mutex around each step: a switch of threads, a hand-over and two clocks for each.
fn locked_steps(simulator: &mut Simulator) -> Outcome {
    run(simulator, |sim, process| {
        let mutex = Mutex::new(sim, "lock");
        for i in 0..THREADS {
            let mutex = mutex.clone();
            sim.spawn(process, &format!("thread {i}"), |cx| async move {
                for _ in 0..STEPS_PER_THREAD {
                    mutex.lock(&cx).await;
                    cx.step(WORK).await;
                    mutex.unlock(&cx);
                }
            });
        }
    })
}

fn timers(simulator: &mut Simulator) -> Outcome {
    run(simulator, |sim, process| {
        for i in 0..TIMERS {
            sim.spawn(process, &format!("timer {i}"), |cx| async move {
                for n in 0..SLEEPS_PER_TIMER {
                    cx.sleep(Span(1_000 + (i * 37 + n * 11) % 101)).await;
                }
            });
        }
    })
}

/// Two threads write disjoint halves of a memory, again and again.
fn writes(simulator: &mut Simulator) -> Outcome {
    run(simulator, |sim, process| {
        let memory = Memory::allocate(sim, "ram", PAGES as usize);
        for half in 0..2 {
            let memory = memory.clone();
            sim.spawn(process, &format!("writer {half}"), move |cx| async move {
                for n in 0..WRITES / 2 {
                    memory.write(&cx, (half * PAGES / 2 + n % (PAGES / 2)) as usize, n);
                }
            });
        }
    })
}

/// Pages through a lossy link, each read as a page.
fn pages(simulator: &mut Simulator) -> Outcome {
    run(simulator, |sim, process| {
        let path = Path::new(PathConfig {
            rate_bits_per_s: 10_000_000_000,
            latency: Span::micros(50),
            jitter: Span::micros(1),
            loss: Loss::Bernoulli(1e-4),
            queue_bytes: 1 << 20,
        });
        let (first, second) =
            connect(sim, "link", (process, &path), (process, &path), Transport::Tcp(Tcp::ethernet()), 1 << 20, 1 << 20);
        sim.spawn(process, "writer", |cx| async move {
            for word in 0..PAGES {
                first.write(&cx, [Piece::Fill { word, bytes: 4_096 }]).await.expect("nobody closes");
            }
        });
        sim.spawn(process, "reader", |cx| async move {
            for _ in 0..PAGES {
                second.read_page(&cx, 4_096).await.expect("nobody closes");
            }
        });
    })
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let mut simulator = Simulator::new();
    type Program = fn(&mut Simulator) -> Outcome;
    let programs: [(&str, u64, Program); 5] = [
        ("step", THREADS * STEPS_PER_THREAD, steps),
        ("locked_step", THREADS * STEPS_PER_THREAD, locked_steps),
        ("timer", TIMERS * SLEEPS_PER_TIMER, timers),
        ("tracked_write", WRITES, writes),
        ("page_over_link", PAGES, pages),
    ];
    for (name, count, program) in programs {
        group.throughput(Throughput::Elements(count));
        group.bench_function(name, |b| b.iter(|| program(&mut simulator).hash));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
