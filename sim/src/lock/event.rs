//! An event: once set it stays set until it is reset, and lets every waiter pass.

use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use crate::time::Time;
use crate::touch::{ObjectId, Touch};
use crate::wait::{Limit, WaitsFor};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A sticky event.
#[derive(Clone)]
pub struct Event(Rc<State>);

struct State {
    name: Rc<str>,
    set: Cell<bool>,
    waiters: RefCell<Vec<ThreadId>>,
    clock: ClockId,
    object: ObjectId,
    /// The event that set it, if events are recorded.
    set_by: Cell<u32>,
}

impl Event {
    /// An event that is not set.
    pub fn new(sim: &Sim, name: &str) -> Event {
        let core = &mut *sim.0.core.borrow_mut();
        let (clock, object, name) = (core.clocks.add(), core.add_object(), core.names.name(name));
        Event(Rc::new(State {
            name,
            set: Cell::new(false),
            waiters: RefCell::default(),
            clock,
            object,
            set_by: Cell::new(0),
        }))
    }

    /// Set it and wake all waiters.
    pub fn set(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.release(cx.id(), self.0.clock);
        core.touch(self.0.object, Touch::Release);
        if !self.0.set.replace(true) {
            self.0.set_by.set(core.event());
        }
        for waiter in self.0.waiters.borrow_mut().drain(..) {
            core.wake(waiter);
        }
    }

    /// Take the setting back.
    pub fn reset(&self, cx: &Cx) {
        cx.sim.0.core.borrow_mut().touch(self.0.object, Touch::Write);
        self.0.set.set(false);
    }

    /// Is it set?
    pub fn is_set(&self, cx: &Cx) -> bool {
        cx.sim.0.core.borrow_mut().touch(self.0.object, Touch::Read);
        self.0.set.get()
    }

    pub(crate) fn object(&self) -> ObjectId {
        self.0.object
    }

    /// Is it set? For guards and oracles.
    pub(crate) fn peek(&self) -> bool {
        self.0.set.get()
    }

    /// Wait until it is set.
    pub async fn wait(&self, cx: &Cx) {
        self.wait_until(cx, None, false).await;
    }

    /// Wait until it is set; waiting here is the normal state of the thread, so it is no part of a deadlock.
    pub async fn wait_idle(&self, cx: &Cx) {
        self.wait_until(cx, None, true).await;
    }

    /// Wait until it is set or `deadline` has come. Returns whether it is set.
    pub async fn wait_deadline(&self, cx: &Cx, deadline: Time) -> bool {
        self.wait_until(cx, Some(deadline), false).await
    }

    pub(crate) fn add_waiter(&self, thread: ThreadId) {
        self.0.waiters.borrow_mut().push(thread);
    }

    pub(crate) fn remove_waiter(&self, thread: ThreadId) {
        self.0.waiters.borrow_mut().retain(|waiter| *waiter != thread);
    }

    async fn wait_until(&self, cx: &Cx, deadline: Option<Time>, idle: bool) -> bool {
        let limit = deadline.map_or(Limit::None, Limit::Own);
        cx.before_wait(
            WaitsFor { what: "event", object: &self.0.name, holder: None, objects: &[self.0.object], idle },
            limit,
            || {
                let event = self.clone();
                Rc::new(move || event.peek())
            },
        )
        .await;
        while !self.0.set.get() {
            if deadline.is_some_and(|deadline| deadline <= cx.sim.now()) {
                return false;
            }
            self.add_waiter(cx.id());
            if !cx.block("event", &self.0.name, deadline, idle).await {
                self.remove_waiter(cx.id());
            }
        }
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.acquire(cx.id(), self.0.clock);
        core.touch(self.0.object, Touch::Acquire);
        core.took(self.0.object, self.0.set_by.get());
        true
    }
}
