//! A signal to an observer outside the simulated machines: it wakes, and orders nothing.

use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use crate::time::Time;
use crate::touch::{ObjectId, Touch};
use crate::wait::{Limit, WaitsFor};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Told once, it lets every waiter pass for ever. Unlike an [`Event`](crate::Event) it carries no clock: watching a run
/// does not synchronise its threads.
#[derive(Clone)]
pub struct Signal(Rc<State>);

struct State {
    told: Cell<bool>,
    waiters: RefCell<Vec<ThreadId>>,
    object: ObjectId,
    /// The event that gave it, if events are recorded.
    told_by: Cell<u32>,
}

impl Signal {
    /// A signal that was not given yet.
    pub fn new(sim: &Sim) -> Signal {
        let object = sim.0.core.borrow_mut().add_object();
        Signal(Rc::new(State { told: Cell::new(false), waiters: RefCell::default(), object, told_by: Cell::new(0) }))
    }

    /// Give it.
    pub fn give(&self, cx: &Cx) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Release);
        if !self.0.told.replace(true) {
            self.0.told_by.set(core.event());
        }
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

    /// Wait until it is given or `deadline` has come. Returns whether it was given. In a controlled run the observer is
    /// patient: the deadline comes only when nothing else is possible.
    pub async fn wait_deadline(&self, cx: &Cx, name: &str, deadline: Time) -> bool {
        let timer = Some(deadline).filter(|deadline| *deadline != Time::NEVER);
        let name: Rc<str> = name.into();
        let limit = timer.map_or(Limit::None, Limit::Patient);
        cx.before_wait(
            WaitsFor { what: "signal", object: &name, holder: None, objects: &[self.0.object], idle: true },
            limit,
            || {
                let signal = self.clone();
                Rc::new(move || signal.is_given())
            },
        )
        .await;
        while !self.0.told.get() && cx.sim.now() < deadline {
            self.0.waiters.borrow_mut().push(cx.id());
            cx.block("signal", &name, timer, true).await;
            self.0.waiters.borrow_mut().retain(|waiter| *waiter != cx.id());
        }
        if self.0.told.get() {
            let core = &mut *cx.sim.0.core.borrow_mut();
            core.touch(self.0.object, Touch::Acquire);
            core.took(self.0.object, self.0.told_by.get());
        }
        self.0.told.get()
    }
}
