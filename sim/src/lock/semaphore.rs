//! A counting semaphore; a post goes to the thread that has waited longest.

use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use crate::touch::{ObjectId, Touch};
use crate::wait::{Limit, WaitsFor};
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
    object: ObjectId,
    /// The events that posted what nobody has taken, if events are recorded.
    posted_by: RefCell<VecDeque<u32>>,
}

impl Semaphore {
    /// A semaphore that was posted `count` times.
    pub fn new(sim: &Sim, name: &str, count: u64) -> Semaphore {
        let core = &mut *sim.0.core.borrow_mut();
        let (clock, object, name) = (core.clocks.add(), core.add_object(), core.names.name(name));
        Semaphore(Rc::new(State {
            name,
            count: Cell::new(count),
            waiters: RefCell::default(),
            clock,
            object,
            posted_by: RefCell::default(),
        }))
    }

    /// Post it once.
    pub fn post(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.release(cx.id(), self.0.clock);
        core.touch(self.0.object, Touch::Release);
        let event = core.event();
        if event > 0 {
            self.0.posted_by.borrow_mut().push_back(event);
        }
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
        let waits_for =
            WaitsFor { what: "semaphore", object: &self.0.name, holder: None, objects: &[self.0.object], idle };
        cx.before_wait(waits_for, Limit::None, || {
            let semaphore = self.clone();
            Rc::new(move || semaphore.count() > 0)
        })
        .await;
        let count = self.0.count.get();
        if count > 0 {
            self.0.count.set(count - 1);
        } else {
            self.0.waiters.borrow_mut().push_back(cx.id());
            cx.block("semaphore", &self.0.name, None, idle).await;
        }
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.acquire(cx.id(), self.0.clock);
        core.touch(self.0.object, Touch::Acquire);
        core.took(self.0.object, self.0.posted_by.borrow_mut().pop_front().unwrap_or(0));
    }

    /// Posts that nobody has taken.
    pub fn count(&self) -> u64 {
        self.0.count.get()
    }
}
