//! A signal to an observer outside the simulated machines: it wakes, and orders nothing.

use crate::thread::{Cx, ThreadId};
use crate::time::Time;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Told once, it lets every waiter pass for ever. Unlike an [`Event`](crate::Event) it carries no clock: watching a run
/// does not synchronise its threads.
#[derive(Clone, Default)]
pub struct Signal(Rc<State>);

#[derive(Default)]
struct State {
    told: Cell<bool>,
    waiters: RefCell<Vec<ThreadId>>,
}

impl Signal {
    /// A signal that was not given yet.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Give it.
    pub fn give(&self, cx: &Cx) {
        self.0.told.set(true);
        let core = &mut *cx.sim.0.core.borrow_mut();
        for waiter in self.0.waiters.borrow_mut().drain(..) {
            core.wake(waiter);
        }
    }

    /// Was it given?
    pub fn is_given(&self) -> bool {
        self.0.told.get()
    }

    /// Wait until it is given; `name` says in reports what for.
    pub async fn wait(&self, cx: &Cx, name: &str) {
        self.wait_deadline(cx, name, Time::NEVER).await;
    }

    /// Wait until it is given or `deadline` has come. Returns whether it was given.
    pub async fn wait_deadline(&self, cx: &Cx, name: &str, deadline: Time) -> bool {
        let timer = Some(deadline).filter(|deadline| *deadline != Time::NEVER);
        while !self.0.told.get() && cx.sim.now() < deadline {
            self.0.waiters.borrow_mut().push(cx.id());
            cx.block("signal", &name.into(), timer, true).await;
            self.0.waiters.borrow_mut().retain(|waiter| *waiter != cx.id());
        }
        self.0.told.get()
    }
}
