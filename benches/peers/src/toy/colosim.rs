//! The race on colosim's simulator.
//!
//! Each step costs 1 µs ± 10 %. A use of the freed cache ends the run as a use after free. The queue's content is guarded by
//! its mutex and not tracked, since what shuttle and loom have there is not watched either; the cache is.

use super::{CAPACITY, RECEIVERS, Shape};
use colosim_sim::explore::{Experiment, Report, Search, Strategy, Trial};
use colosim_sim::{
    Condvar, Config, Cx, Memory, Mutex, Noise, Outcome, Sim, Simulator, Span, StepCost, StepId, StepInfo,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

const SEND_LOCK: StepId = StepId(0);
const SEND: StepId = StepId(1);
const POP_LOCK: StepId = StepId(2);
const POP: StepId = StepId(3);
const CHECK: StepId = StepId(4);
const USE: StepId = StepId(5);
const DELAY: StepId = StepId(6);
const FREE: StepId = StepId(7);

const STEPS: &[StepInfo] = &[
    StepInfo { name: "sender.lock", stands_for: "about to lock a queue" },
    StepInfo { name: "sender.send", stands_for: "put a message into it" },
    StepInfo { name: "receiver.lock", stands_for: "about to lock its queue" },
    StepInfo { name: "receiver.pop", stands_for: "take a message from it" },
    StepInfo { name: "receiver.check", stands_for: "is there a cache?" },
    StepInfo { name: "receiver.use", stands_for: "write a page into it" },
    StepInfo { name: "main.delay", stands_for: "something else to do first" },
    StepInfo { name: "main.free", stands_for: "release the cache" },
];

/// The longest stall that `stalls` is to draw for this program: some twenty times as long as a run.
pub const SPAN_MAX: Span = Span::millis(1);

/// The program as an experiment without faults.
pub struct Toy(pub Shape);

impl Experiment for Toy {
    fn fault_count(&self) -> u32 {
        0
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let config = Config {
            seed: trial.seed,
            steps: STEPS,
            costs: [StepCost { fixed_ns: 1_000, per_unit_ns: 0 }; STEPS.len()].into(),
            noise: Noise { spread_permille: 100, preemption_interval_ns: 1_000_000, preemption_length_ns: 50_000 },
            plan: trial.plan.clone(),
            time_limit: Span::millis(1_000),
            step_limit: 100_000,
            record,
        };
        simulator.run(config, |sim| build(sim, self.0))
    }
}

/// Search with one worker until the program breaks, or to the end of `seeds` if it does not.
pub fn search(shape: Shape, strategy: &dyn Strategy, seeds: Range<u64>) -> Report {
    let found = AtomicBool::new(false);
    let search = Search {
        experiments: &[&Toy(shape)],
        strategy,
        seeds,
        jobs: 1,
        budget: None,
        stop: &found,
        progress: &|progress| found.store(progress.findings > 0, Ordering::Relaxed),
    };
    search.run().expect("the host starts a thread")
}

/// How many runs it takes to break the program, the undisturbed one included; `None` if no run of `seeds` does.
pub fn runs_until_found(shape: Shape, strategy: &dyn Strategy, seeds: Range<u64>) -> Option<u64> {
    search(shape, strategy, seeds).findings.first().map(|finding| finding.first_found_at_run)
}

fn build(sim: &Sim, shape: Shape) {
    let process = sim.process("program");
    let cache = Memory::allocate(sim, "cache", RECEIVERS * shape.messages);
    let queues: [Queue; RECEIVERS] = std::array::from_fn(|i| Queue::new(sim, i));
    let end = EndOfStream::new(sim);
    let receivers: [_; RECEIVERS] = std::array::from_fn(|i| {
        let (queue, cache) = (queues[i].clone(), cache.clone());
        sim.spawn(process, ["receiver 0", "receiver 1"][i], move |cx| receive(cx, queue, cache, shape.messages))
    });
    let ended = end.clone();
    sim.spawn(process, "sender", move |cx| async move {
        for n in 0..shape.messages {
            for (i, queue) in queues.iter().enumerate() {
                queue.push(&cx, i * shape.messages + n).await;
            }
        }
        ended.set(&cx).await;
    });
    sim.spawn(process, "main", move |cx| async move {
        end.wait(&cx).await;
        for _ in 0..shape.delay_steps {
            cx.step(DELAY).await;
        }
        if shape.joins {
            for receiver in receivers {
                cx.join(receiver).await;
            }
        }
        cx.step(FREE).await;
        cache.free(&cx);
    });
}

async fn receive(cx: Cx, queue: Queue, cache: Memory, messages: usize) {
    for _ in 0..messages {
        let page = queue.pop(&cx).await;
        cx.step(CHECK).await;
        if cache.is_freed() {
            return;
        }
        cx.step(USE).await;
        cache.write(&cx, page, 1);
    }
}

#[derive(Clone)]
struct Queue {
    mutex: Mutex,
    not_full: Condvar,
    not_empty: Condvar,
    pages: Rc<RefCell<VecDeque<usize>>>,
}

impl Queue {
    fn new(sim: &Sim, receiver: usize) -> Queue {
        Queue {
            mutex: Mutex::new(sim, ["queue 0", "queue 1"][receiver]),
            not_full: Condvar::new(sim, ["queue 0 not full", "queue 1 not full"][receiver]),
            not_empty: Condvar::new(sim, ["queue 0 not empty", "queue 1 not empty"][receiver]),
            pages: Rc::default(),
        }
    }

    async fn push(&self, cx: &Cx, page: usize) {
        cx.step(SEND_LOCK).await;
        self.mutex.lock(cx).await;
        while self.pages.borrow().len() == CAPACITY {
            self.not_full.wait(cx, &self.mutex).await;
        }
        cx.step(SEND).await;
        self.pages.borrow_mut().push_back(page);
        self.not_empty.notify_one(cx);
        self.mutex.unlock(cx);
    }

    async fn pop(&self, cx: &Cx) -> usize {
        cx.step(POP_LOCK).await;
        self.mutex.lock(cx).await;
        while self.pages.borrow().is_empty() {
            self.not_empty.wait(cx, &self.mutex).await;
        }
        cx.step(POP).await;
        let page = self.pages.borrow_mut().pop_front().expect("only this thread takes from the queue");
        self.not_full.notify_one(cx);
        self.mutex.unlock(cx);
        page
    }
}

#[derive(Clone)]
struct EndOfStream {
    mutex: Mutex,
    changed: Condvar,
    ended: Rc<Cell<bool>>,
}

impl EndOfStream {
    fn new(sim: &Sim) -> EndOfStream {
        let (mutex, changed) = (Mutex::new(sim, "end of stream"), Condvar::new(sim, "stream ended"));
        EndOfStream { mutex, changed, ended: Rc::default() }
    }

    async fn set(&self, cx: &Cx) {
        self.mutex.lock(cx).await;
        self.ended.set(true);
        self.changed.notify_one(cx);
        self.mutex.unlock(cx);
    }

    async fn wait(&self, cx: &Cx) {
        self.mutex.lock(cx).await;
        while !self.ended.get() {
            self.changed.wait(cx, &self.mutex).await;
        }
        self.mutex.unlock(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colosim_sim::explore::{Stalls, Timed};
    use colosim_sim::{Ended, Kind};

    const STALLS: Stalls = Stalls { span_max: SPAN_MAX };

    #[test]
    fn stalls_break_the_program_without_joins_however_late_the_cache_is_freed() {
        for delay_steps in [0, 12, 48] {
            let shape = Shape { messages: 4, delay_steps, joins: false };
            assert!(runs_until_found(shape, &STALLS, 0..1_000).is_some(), "{shape:?}");
        }
    }

    #[test]
    fn nothing_breaks_the_program_with_joins() {
        let shape = Shape { messages: 4, delay_steps: 0, joins: true };
        assert_eq!(runs_until_found(shape, &STALLS, 0..1_000), None);
        assert_eq!(runs_until_found(shape, &Timed, 0..1_000), None);
    }

    #[test]
    fn the_undisturbed_run_shows_the_hazard_where_the_free_comes_late_and_every_message_arrives() {
        let toy = Toy(Shape { messages: 4, delay_steps: 48, joins: false });
        let outcome = toy.run(&mut Simulator::new(), &Trial::undisturbed(&toy, 1), false);
        assert_eq!((outcome.ended, &outcome.violations[..]), (Ended::Quiet, &[][..]));
        assert!(
            outcome.hazards.iter().any(|hazard| hazard.object == "cache" && hazard.conflict == "free after access")
        );
        let used = outcome.visits.iter().filter(|(_, step, _)| *step == USE).map(|(.., visits)| visits).sum::<u32>();
        assert_eq!(used, 8);
    }

    #[test]
    fn the_violation_is_a_use_of_the_cache_after_it_was_freed() {
        let toy = Toy(Shape { messages: 4, delay_steps: 0, joins: false });
        let broken = (0..1_000).find_map(|seed| {
            let outcome = toy.run(&mut Simulator::new(), &Trial::undisturbed(&toy, seed), false);
            outcome.violations.into_iter().next()
        });
        let broken = broken.expect("a cache that is freed at once is freed in the middle of a use now and then");
        assert_eq!((broken.kind, &*broken.object), (Kind::USE_AFTER_FREE, "cache"));
    }
}
