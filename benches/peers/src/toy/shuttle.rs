//! The race under shuttle.
//!
//! Nothing is done in memory that is gone: the cache is a flag. A use of the freed cache is noted in another one that shuttle does
//! not know. An assertion instead would end the run as well, but shuttle writes to standard error for each that fails, and it
//! leaks the stacks of that run; a measurement has hundreds of them.

use super::{CAPACITY, RECEIVERS, Shape};
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{Config, FailurePersistence, Runner, thread};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool as Flag, AtomicU64 as Count};

/// Run the program under each schedule of `scheduler`, whose number is returned.
///
/// # Panics
/// If a schedule breaks the program.
pub fn run_all(shape: Shape, scheduler: impl Scheduler + 'static) -> usize {
    let broken = Arc::new(Flag::new(false));
    Runner::new(scheduler, config()).run(move || {
        program(shape, &broken);
        assert!(!broken.load(Ordering::Relaxed), "the cache is used after it was freed");
    })
}

/// How many schedules of `scheduler` it takes to break the program; `None` if none does.
pub fn runs_until_found(shape: Shape, scheduler: impl Scheduler + 'static) -> Option<u64> {
    let broken = Arc::new(Flag::new(false));
    let scheduler = UntilBroken { scheduler: ManuallyDrop::new(scheduler), broken: broken.clone() };
    let program_broken = broken.clone();
    let runs = Runner::new(scheduler, config()).run(move || program(shape, &program_broken));
    broken.load(Ordering::Relaxed).then_some(runs as u64)
}

/// How many times one schedule of `scheduler` could have switched threads.
pub fn scheduling_points(shape: Shape, scheduler: impl Scheduler + 'static) -> u64 {
    let points = Arc::new(Count::new(0));
    let counted = points.clone();
    Runner::new(scheduler, config()).run(move || {
        program(shape, &Arc::new(Flag::new(false)));
        counted.store(shuttle::current::context_switches() as u64, Ordering::Relaxed);
    });
    points.load(Ordering::Relaxed)
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config
}

/// The schedules of another scheduler up to the first that breaks the program.
struct UntilBroken<S> {
    /// Shuttle's random scheduler, when it is dropped before its last schedule, takes that for a failure and prints it.
    scheduler: ManuallyDrop<S>,
    broken: Arc<Flag>,
}

impl<S: Scheduler> Scheduler for UntilBroken<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.broken.load(Ordering::Relaxed) { None } else { self.scheduler.new_execution() }
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        self.scheduler.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler.next_u64()
    }
}

fn program(shape: Shape, broken: &Arc<Flag>) {
    let cache_is_there = Arc::new(AtomicBool::new(true));
    let queues: [Arc<Queue>; RECEIVERS] = std::array::from_fn(|_| Arc::default());
    let end = Arc::new(EndOfStream::default());
    let receivers: [_; RECEIVERS] = std::array::from_fn(|i| {
        let (queue, cache_is_there, broken) = (queues[i].clone(), cache_is_there.clone(), broken.clone());
        thread::spawn(move || receive(&queue, &cache_is_there, shape.messages, &broken))
    });
    let ended = end.clone();
    let sender = thread::spawn(move || {
        for n in 0..shape.messages {
            for (i, queue) in queues.iter().enumerate() {
                queue.push(i * shape.messages + n);
            }
        }
        ended.set();
    });
    end.wait();
    let elsewhere = AtomicUsize::new(0);
    for _ in 0..shape.delay_steps {
        elsewhere.fetch_add(1, Ordering::SeqCst);
    }
    let mut receivers = Some(receivers);
    if shape.joins {
        join(receivers.take());
    }
    cache_is_there.store(false, Ordering::SeqCst);
    join(receivers);
    sender.join().expect("the sender asserts nothing");
}

/// The program without joins joins too, so that its receivers end within the run, but only when it is too late.
fn join(receivers: Option<[thread::JoinHandle<()>; RECEIVERS]>) {
    for receiver in receivers.into_iter().flatten() {
        receiver.join().expect("a receiver asserts nothing");
    }
}

fn receive(queue: &Queue, cache_is_there: &AtomicBool, messages: usize, broken: &Flag) {
    for _ in 0..messages {
        queue.pop();
        if !cache_is_there.load(Ordering::SeqCst) {
            return;
        }
        if !cache_is_there.load(Ordering::SeqCst) {
            broken.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Queue {
    pages: Mutex<VecDeque<usize>>,
    not_full: Condvar,
    not_empty: Condvar,
}

impl Queue {
    fn push(&self, page: usize) {
        let mut pages = self.pages.lock().expect(NO_PANIC);
        while pages.len() == CAPACITY {
            pages = self.not_full.wait(pages).expect(NO_PANIC);
        }
        pages.push_back(page);
        self.not_empty.notify_one();
    }

    fn pop(&self) -> usize {
        let mut pages = self.pages.lock().expect(NO_PANIC);
        loop {
            if let Some(page) = pages.pop_front() {
                self.not_full.notify_one();
                return page;
            }
            pages = self.not_empty.wait(pages).expect(NO_PANIC);
        }
    }
}

#[derive(Default)]
struct EndOfStream {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl EndOfStream {
    fn set(&self) {
        *self.ended.lock().expect(NO_PANIC) = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut ended = self.ended.lock().expect(NO_PANIC);
        while !*ended {
            ended = self.changed.wait(ended).expect(NO_PANIC);
        }
    }
}

const NO_PANIC: &str = "no thread panics while it holds a mutex";

#[cfg(test)]
mod tests {
    use super::*;
    use shuttle::scheduler::{PctScheduler, RandomScheduler, UrwRandomScheduler};

    const BUGGY: Shape = Shape { messages: 2, delay_steps: 0, joins: false };

    #[test]
    fn each_scheduler_breaks_the_program_without_joins() {
        assert!(runs_until_found(BUGGY, RandomScheduler::new_from_seed(1, 10_000)).is_some());
        assert!(runs_until_found(BUGGY, PctScheduler::new_from_seed(1, 3, 10_000)).is_some());
        assert!(runs_until_found(BUGGY, UrwRandomScheduler::new_from_seed(1, 10_000)).is_some());
    }

    #[test]
    fn no_scheduler_breaks_the_program_with_joins() {
        let fixed = Shape { joins: true, ..BUGGY };
        assert_eq!(run_all(fixed, RandomScheduler::new_from_seed(1, 2_000)), 2_000);
        assert_eq!(run_all(fixed, PctScheduler::new_from_seed(1, 3, 2_000)), 2_000);
        assert_eq!(run_all(fixed, UrwRandomScheduler::new_from_seed(1, 2_000)), 2_000);
    }

    #[test]
    fn a_longer_delay_has_more_scheduling_points() {
        let points = |delay_steps| {
            scheduling_points(Shape { delay_steps, joins: true, ..BUGGY }, RandomScheduler::new_from_seed(1, 1))
        };
        assert!(points(50) >= points(0) + 30);
    }
}
