//! The race under loom.
//!
//! The cache is a flag, and a use of the freed cache an assertion that fails. Loom enumerates the schedules with a bounded number of
//! preemptions and cannot be told how many of them to run, only for how long.

use super::{CAPACITY, RECEIVERS, Shape};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::{model, thread};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Count;
use std::time::Duration;

/// Preemptions of a schedule at most, as loom's documentation advises for programs of some size.
const PREEMPTIONS: usize = 2;
/// Loom looks at its clock after so many schedules.
const CLOCK_INTERVAL: usize = 100;

/// Run the program under loom's schedules, all of them or those that `time_max` allows. Returns how many there were.
///
/// # Panics
/// If a schedule breaks the program.
pub fn run_all(shape: Shape, time_max: Duration) -> u64 {
    let mut builder = model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.checkpoint_interval = CLOCK_INTERVAL;
    builder.max_duration = Some(time_max);
    let runs = Arc::new(Count::new(0));
    let counted = runs.clone();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        program(shape);
    });
    runs.load(Ordering::Relaxed)
}

fn program(shape: Shape) {
    let cache_is_there = Arc::new(AtomicBool::new(true));
    let queues: [Arc<Queue>; RECEIVERS] = std::array::from_fn(|_| Arc::new(Queue::new()));
    let end = Arc::new(EndOfStream::new());
    let receivers: [_; RECEIVERS] = std::array::from_fn(|i| {
        let (queue, cache_is_there) = (queues[i].clone(), cache_is_there.clone());
        thread::spawn(move || receive(&queue, &cache_is_there, shape.messages))
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

/// Loom wants each thread joined; the program without joins does that when it is too late.
fn join(receivers: Option<[thread::JoinHandle<()>; RECEIVERS]>) {
    for receiver in receivers.into_iter().flatten() {
        receiver.join().expect("a receiver that panics ends the run");
    }
}

fn receive(queue: &Queue, cache_is_there: &AtomicBool, messages: usize) {
    for _ in 0..messages {
        let page = queue.pop();
        if !cache_is_there.load(Ordering::SeqCst) {
            return;
        }
        assert!(cache_is_there.load(Ordering::SeqCst), "page {page} is put into the cache after it was freed");
    }
}

struct Queue {
    pages: Mutex<VecDeque<usize>>,
    not_full: Condvar,
    not_empty: Condvar,
}

impl Queue {
    fn new() -> Queue {
        Queue { pages: Mutex::new(VecDeque::new()), not_full: Condvar::new(), not_empty: Condvar::new() }
    }

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

struct EndOfStream {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl EndOfStream {
    fn new() -> EndOfStream {
        EndOfStream { ended: Mutex::new(false), changed: Condvar::new() }
    }

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

    const BUGGY: Shape = Shape { messages: 1, delay_steps: 0, joins: false };
    const TIME_MAX: Duration = Duration::from_secs(20);

    #[test]
    fn the_schedules_with_two_preemptions_break_the_program_without_joins() {
        assert!(std::panic::catch_unwind(|| run_all(BUGGY, TIME_MAX)).is_err());
    }

    #[test]
    fn no_schedule_with_two_preemptions_breaks_the_program_with_joins() {
        assert!(run_all(Shape { joins: true, ..BUGGY }, TIME_MAX) > 100);
    }
}
