//! What a step and a timer of colosim's kernel cost; the programs are those of `sim/benches/sim_step.rs`.

use colosim_sim::{Config, Noise, Outcome, Plan, ProcessId, Sim, Simulator, Span, StepCost, StepId, StepInfo};
use std::rc::Rc;

const WORK: StepId = StepId(0);
const STEPS: &[StepInfo] = &[StepInfo { name: "bench.work", stands_for: "work of about 1 µs" }];

const THREADS: u64 = 8;
const STEPS_PER_THREAD: u64 = 2_000;
const TIMERS: u64 = 64;
const SLEEPS_PER_TIMER: u64 = 250;

/// Steps of a run of [`steps`].
pub const STEPS_PER_RUN: u64 = THREADS * STEPS_PER_THREAD;
/// Timer events of a run of [`timers`].
pub const TIMER_EVENTS_PER_RUN: u64 = TIMERS * SLEEPS_PER_TIMER;

/// Eight threads whose steps end in mixed order, so that nearly every step goes through the timers.
pub fn steps(simulator: &mut Simulator) -> Outcome {
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

/// Sixty-four threads that sleep again and again.
pub fn timers(simulator: &mut Simulator) -> Outcome {
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
