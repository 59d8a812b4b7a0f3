//! A toy whose bug is an order of events, of any depth: it breaks if the events that are named come in the order named.
//!
//! ```text
//!  c:  [c1, 5 ns]
//!  a:  [a1, 10 ns] [a2, 10 ns]
//!  b:  [b1, 100 ns] [b2, 1 ns]
//! ```
//! Undisturbed the order is c1 (5), a1 (10), a2 (20), b1 (100), b2 (101). No thread waits for another one.

use colosim_sim::explore::{Experiment, Report, Search, Strategy, Trial};
use colosim_sim::{
    Config, Cx, Kind, Noise, Outcome, Plan, Simulator, Span, Stall, StepCost, StepId, StepInfo, Violation,
};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

const STEPS: &[StepInfo] = &[
    StepInfo { name: "a1", stands_for: "the first event of a" },
    StepInfo { name: "a2", stands_for: "the second event of a" },
    StepInfo { name: "b1", stands_for: "the first event of b" },
    StepInfo { name: "b2", stands_for: "the second event of b" },
    StepInfo { name: "c1", stands_for: "the only event of c" },
];

/// Threads, and events of all of them.
pub const THREADS: u64 = 3;
pub const EVENTS: u64 = 5;

pub struct Sequence {
    /// The order that breaks the program.
    pub breaks: &'static [&'static str],
    pub noise: Noise,
}

impl Sequence {
    pub fn new(breaks: &'static [&'static str]) -> Sequence {
        Sequence { breaks, noise: Noise::default() }
    }
}

impl Experiment for Sequence {
    /// None of the three makes a difference.
    fn fault_count(&self) -> u32 {
        3
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let costs = [10, 10, 100, 1, 5].map(|fixed_ns| StepCost { fixed_ns, per_unit_ns: 0 });
        let config = Config {
            seed: trial.seed,
            steps: STEPS,
            costs: Rc::new(costs),
            noise: self.noise,
            plan: trial.plan.clone(),
            time_limit: Span::millis(60_000),
            step_limit: 1_000,
            record,
        };
        let (breaks, seen) = (self.breaks, Rc::new(RefCell::new(Vec::new())));
        simulator.run(config, |sim| {
            let process = sim.process("program");
            for (thread, steps) in [("a", &[0, 1][..]), ("b", &[2, 3]), ("c", &[4])] {
                let seen = seen.clone();
                sim.spawn(process, thread, |cx| async move {
                    for step in steps {
                        cx.step(StepId(*step)).await;
                        seen.borrow_mut().push(STEPS[usize::from(*step)].name);
                        judge(&cx, &seen.borrow(), breaks);
                    }
                });
            }
        })
    }
}

/// Once all events have been.
fn judge(cx: &Cx, seen: &[&'static str], breaks: &[&str]) {
    let order: Vec<&str> = seen.iter().copied().filter(|event| breaks.contains(event)).collect();
    if seen.len() as u64 == EVENTS && order == breaks {
        let (object, detail) = ("order".to_owned(), seen.join(" "));
        cx.sim.report(Violation { kind: Kind::ASSERTION, object, culprit: cx.place(), cause: None, detail });
    }
}

pub fn pause(event: &str, span_ns: u64) -> Stall {
    Stall { thread: event[..1].into(), step: event.into(), visit: 1, at_wait: 0, span_ns }
}

pub fn trial_of(stalls: &[Stall]) -> Trial {
    Trial { seed: 1, faults: vec![0, 1, 2], plan: Plan::of_stalls(stalls.to_vec()) }
}

/// The events of a run, in order.
pub fn events(toy: &Sequence, trial: &Trial) -> Vec<&'static str> {
    let outcome = toy.run(&mut Simulator::new(), trial, true);
    outcome.records.iter().map(|record| STEPS[usize::from(record.step.0)].name).collect()
}

pub fn undisturbed(toy: &Sequence) -> Outcome {
    toy.run(&mut Simulator::new(), &trial_of(&[]), false)
}

/// What a strategy draws for the toy, on its own.
pub fn draw(strategy: &dyn Strategy, toy: &Sequence, seeds: Range<u64>) -> Vec<Trial> {
    let (base, outcome) = (trial_of(&[]), undisturbed(toy));
    let mut course = strategy.trials(&base, &outcome, seeds);
    std::iter::from_fn(|| course.next_trial()).collect()
}

pub fn search(toy: &Sequence, strategy: &dyn Strategy, seeds: Range<u64>) -> Report {
    let stop = AtomicBool::new(false);
    let experiments: [&dyn Experiment; 1] = [toy];
    let jobs = 2;
    Search { experiments: &experiments, strategy, seeds, jobs, budget: None, stop: &stop, progress: &|_| {} }
        .run()
        .unwrap()
}
