//! A toy with the shape of the race that this project is about, small enough to work out by hand.
//!
//! ```text
//!  receiver:  [check the cache, 10 ns] [use it, 5 ns] … once for each page, or until the check finds it freed
//!  main:      … end of stream at 100 ns · (fixed: join the receiver) · [free the cache, 2 ns]
//! ```
//! With one page the use ends at 15 ns and the free at 102 ns. A stall of `s` at the use moves it to `15 + s`; at equal times the
//! receiver, which was scheduled before, goes first. So the use hits freed memory from `s = 88` on. A stall at the check makes
//! the check find the cache freed, or moves the use between check and free: `s` in 88..=92 breaks it too.

use colosim_sim::explore::{Experiment, Trial};
use colosim_sim::{
    Config, Event, Memory, Noise, Outcome, Plan, Simulator, Span, Stall, StepCost, StepId, StepInfo, Time,
};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHECK: StepId = StepId(0);
const USE: StepId = StepId(1);
const FREE: StepId = StepId(2);

const STEPS: &[StepInfo] = &[
    StepInfo { name: "receiver.check", stands_for: "is there a cache?" },
    StepInfo { name: "receiver.use", stands_for: "write a page into it" },
    StepInfo { name: "main.free", stands_for: "release it" },
];

/// When the stream ends.
pub const EOF_NS: u64 = 100;
/// The shortest stall of the use of a single page that breaks the program.
pub const WINDOW_NS: u64 = EOF_NS + 2 - 15 + 1;

pub struct Toy {
    /// Pages that the receiver gets.
    pub pages: usize,
    /// The main thread joins the receiver before it frees.
    pub joins: bool,
    pub noise: Noise,
    /// Counts the runs; what is planted here makes a run depend on more than its trial.
    pub runs: AtomicU64,
    /// From this run on the stream ends 1 ns later.
    pub drifts_at_run: u64,
    /// From this run on other words are written.
    pub rewrites_at_run: u64,
}

impl Toy {
    pub fn new(joins: bool) -> Toy {
        Toy {
            pages: 1,
            joins,
            noise: Noise::default(),
            runs: AtomicU64::new(0),
            drifts_at_run: u64::MAX,
            rewrites_at_run: u64::MAX,
        }
    }
}

impl Experiment for Toy {
    /// Fault 0 ends the stream; fault 1 makes no difference.
    fn fault_count(&self) -> u32 {
        2
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let cost = |fixed_ns| StepCost { fixed_ns, per_unit_ns: 0 };
        let config = Config {
            seed: trial.seed,
            steps: STEPS,
            costs: Rc::new([cost(10), cost(5), cost(2)]),
            noise: self.noise,
            plan: trial.plan.clone(),
            time_limit: Span::millis(10_000),
            step_limit: 1_000_000,
            record,
        };
        let eof_ns = EOF_NS + u64::from(run >= self.drifts_at_run);
        let word = u64::from(run >= self.rewrites_at_run);
        simulator.run(config, |sim| {
            let process = sim.process("secondary");
            let cache = Memory::allocate(sim, "colo_cache", self.pages);
            let eof = Event::new(sim, "end of stream");
            let (freed, pages, joins) = (cache.clone(), self.pages, self.joins);
            let receiver = sim.spawn(process, "receiver", |cx| async move {
                for page in 0..pages {
                    cx.step(CHECK).await;
                    if cache.is_freed() {
                        return;
                    }
                    cx.step(USE).await;
                    cache.write(&cx, page, word);
                }
            });
            let ended = eof.clone();
            sim.spawn(process, "main", |cx| async move {
                eof.wait(&cx).await;
                if joins {
                    cx.join(receiver).await;
                }
                cx.step(FREE).await;
                freed.free(&cx);
            });
            if trial.faults.contains(&0) {
                sim.spawn(process, "network", |cx| async move {
                    cx.sleep_until(Time(eof_ns)).await;
                    ended.set(&cx);
                });
            }
        })
    }
}

pub fn stall(step: &str, visit: u32, span_ns: u64) -> Stall {
    let thread = step.split_once('.').expect("a step is named after its thread").0;
    Stall { thread: thread.into(), step: step.into(), visit, at_wait: 0, span_ns }
}

pub fn trial(stalls: &[Stall]) -> Trial {
    Trial { seed: 1, faults: vec![0, 1], plan: Plan { stalls: stalls.to_vec(), ..Plan::default() } }
}
