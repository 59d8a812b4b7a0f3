//! A counting semaphore; a post goes to the thread that has waited longest.

use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A counting semaphore.
#[derive(Clone)]
pub struct Semaphore(Rc<State>);

struct State {
    name: Rc<str>,
    count: Cell<u64>,
    waiters: RefCell<VecDeque<ThreadId>>,
    clock: ClockId,
}

impl Semaphore {
    /// A semaphore that was posted `count` times.
    pub fn new(sim: &Sim, name: &str, count: u64) -> Semaphore {
        let clock = sim.0.core.borrow_mut().clocks.add();
        Semaphore(Rc::new(State { name: name.into(), count: Cell::new(count), waiters: RefCell::default(), clock }))
    }

    /// Post it once.
    pub fn post(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.release(cx.id(), self.0.clock);
        let mut waiters = self.0.waiters.borrow_mut();
        while let Some(waiter) = waiters.pop_front() {
            if core.threads[waiter.index()].alive {
                core.wake(waiter);
                return;
            }
        }
        self.0.count.set(self.0.count.get() + 1);
    }

    /// Take one post; waits for it.
    pub async fn wait(&self, cx: &Cx) {
        self.wait_as(cx, false).await;
    }

    /// Take one post; waiting here is the normal state of the thread, so it is no part of a deadlock.
    pub async fn wait_idle(&self, cx: &Cx) {
        self.wait_as(cx, true).await;
    }

    async fn wait_as(&self, cx: &Cx, idle: bool) {
        let count = self.0.count.get();
        if count > 0 {
            self.0.count.set(count - 1);
        } else {
            self.0.waiters.borrow_mut().push_back(cx.id());
            cx.block("semaphore", &self.0.name, None, idle).await;
        }
        cx.sim.0.core.borrow_mut().acquire(cx.id(), self.0.clock);
    }

    /// Posts that nobody has taken.
    pub fn count(&self) -> u64 {
        self.0.count.get()
    }
}
