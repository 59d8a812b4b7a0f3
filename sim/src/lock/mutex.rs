//! A mutex with first-come, first-served hand-over.

use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A mutex. Unlocking hands it to the thread that has waited longest.
#[derive(Clone)]
pub struct Mutex(Rc<State>);

struct State {
    name: Rc<str>,
    owner: Cell<Option<ThreadId>>,
    waiters: RefCell<VecDeque<ThreadId>>,
    clock: ClockId,
}

impl Mutex {
    /// An unlocked mutex.
    pub fn new(sim: &Sim, name: &str) -> Mutex {
        let clock = sim.0.core.borrow_mut().clocks.add();
        Mutex(Rc::new(State { name: name.into(), owner: Cell::new(None), waiters: RefCell::default(), clock }))
    }

    /// Lock it; waits while another thread holds it.
    ///
    /// # Panics
    /// If this thread holds it already: the mutexes modelled here are not recursive.
    pub async fn lock(&self, cx: &Cx) {
        let state = &*self.0;
        match state.owner.get() {
            None => state.owner.set(Some(cx.id())),
            Some(owner) => {
                assert_ne!(owner, cx.id(), "{} locks {} twice", cx.name(), state.name);
                state.waiters.borrow_mut().push_back(cx.id());
                cx.block_on("mutex", &state.name, Some(owner), None, false).await;
                debug_assert_eq!(state.owner.get(), Some(cx.id()));
            }
        }
        cx.sim.0.core.borrow_mut().acquire(cx.id(), state.clock);
    }

    /// Unlock it.
    ///
    /// # Panics
    /// If this thread does not hold it.
    pub fn unlock(&self, cx: &Cx) {
        let state = &*self.0;
        assert_eq!(state.owner.get(), Some(cx.id()), "{} unlocks {} without holding it", cx.name(), state.name);
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.release(cx.id(), state.clock);
        let mut waiters = state.waiters.borrow_mut();
        let next = loop {
            match waiters.pop_front() {
                Some(thread) if !core.threads[thread.index()].alive => {}
                next => break next,
            }
        };
        state.owner.set(next);
        if let Some(next) = next {
            core.wake(next);
            for waiter in waiters.iter() {
                if let Some(wait) = &mut core.threads[waiter.index()].wait {
                    wait.holder = Some(next);
                }
            }
        }
    }

    /// Does this thread hold it?
    pub fn is_held_by(&self, cx: &Cx) -> bool {
        self.0.owner.get() == Some(cx.id())
    }

    /// Does any thread hold it?
    pub fn is_held(&self) -> bool {
        self.0.owner.get().is_some()
    }
}
