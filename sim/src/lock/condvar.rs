//! A condition variable; a notification goes to the thread that has waited longest.
//!
//! As `pthread_cond_t` is used with one mutex, without what the standard allows beyond that: **not modelled** are spurious
//! wake-ups, so a waiter goes on only after a notification.

use super::Mutex;
use crate::kernel::{Core, Sim};
use crate::thread::{Cx, ThreadId};
use crate::touch::{ObjectId, Touch};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A condition variable.
///
/// It orders nothing by itself: that the waiter sees what the notifier wrote comes from the mutex that both of them held. A
/// notification without the mutex wakes, and what was written before it stays unordered, as in a C program.
#[derive(Clone)]
pub struct Condvar(Rc<State>);

struct State {
    name: Rc<str>,
    waiters: RefCell<VecDeque<ThreadId>>,
    object: ObjectId,
}

impl Condvar {
    /// A condition variable that nobody waits for.
    pub fn new(sim: &Sim, name: &str) -> Condvar {
        let core = &mut *sim.0.core.borrow_mut();
        let (object, name) = (core.add_object(), core.names.name(name));
        Condvar(Rc::new(State { name, waiters: RefCell::default(), object }))
    }

    /// Unlock `mutex`, wait for a notification and lock `mutex` again. Unlocking and beginning to wait are one: no
    /// notification gets lost in between.
    ///
    /// # Panics
    /// If this thread does not hold `mutex`.
    pub async fn wait(&self, cx: &Cx, mutex: &Mutex) {
        self.wait_as(cx, mutex, false).await;
    }

    /// The same; waiting here is the normal state of the thread, so it is no part of a deadlock.
    ///
    /// # Panics
    /// If this thread does not hold `mutex`.
    pub async fn wait_idle(&self, cx: &Cx, mutex: &Mutex) {
        self.wait_as(cx, mutex, true).await;
    }

    /// Let the thread that has waited longest go on; without a waiter this does nothing.
    pub fn notify_one(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Write);
        self.wake_first(core);
    }

    /// Let all waiters go on, in the order in which they came.
    pub fn notify_all(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Write);
        while self.wake_first(core) {}
    }

    /// Wake the first waiter whose process still lives. Returns whether there was one.
    fn wake_first(&self, core: &mut Core) -> bool {
        let mut waiters = self.0.waiters.borrow_mut();
        while let Some(waiter) = waiters.pop_front() {
            if core.threads[waiter.index()].alive {
                core.wake(waiter);
                return true;
            }
        }
        false
    }

    async fn wait_as(&self, cx: &Cx, mutex: &Mutex, idle: bool) {
        mutex.unlock(cx);
        // A change, as a notification is: which of the two comes first decides whether the thread wakes.
        cx.sim.0.core.borrow_mut().touch(self.0.object, Touch::Write);
        self.0.waiters.borrow_mut().push_back(cx.id());
        cx.block("condvar", &self.0.name, None, idle).await;
        mutex.lock(cx).await;
    }
}
