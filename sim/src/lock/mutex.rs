//! A mutex with first-come, first-served hand-over.

use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::{Cx, ThreadId};
use crate::touch::{ObjectId, Touch};
use crate::wait::{Limit, WaitsFor};
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
    object: ObjectId,
    /// The event that unlocked it last, if events are recorded.
    unlocked_by: Cell<u32>,
}

impl Mutex {
    /// An unlocked mutex.
    pub fn new(sim: &Sim, name: &str) -> Mutex {
        let core = &mut *sim.0.core.borrow_mut();
        let (clock, object, name) = (core.clocks.add(), core.add_object(), core.names.name(name));
        Mutex(Rc::new(State {
            name,
            owner: Cell::new(None),
            waiters: RefCell::default(),
            clock,
            object,
            unlocked_by: Cell::new(0),
        }))
    }

    /// Lock it; waits while another thread holds it.
    ///
    /// # Panics
    /// If this thread holds it already: the mutexes modelled here are not recursive.
    pub async fn lock(&self, cx: &Cx) {
        let state = &*self.0;
        let waits_for = WaitsFor {
            what: "mutex",
            object: &state.name,
            holder: state.owner.get(),
            objects: &[state.object],
            idle: false,
        };
        cx.before_wait(waits_for, Limit::None, || {
            let mutex = self.clone();
            Rc::new(move || !mutex.is_held())
        })
        .await;
        match state.owner.get() {
            None => state.owner.set(Some(cx.id())),
            Some(owner) => {
                assert_ne!(owner, cx.id(), "{} locks {} twice", cx.name(), state.name);
                state.waiters.borrow_mut().push_back(cx.id());
                cx.block_on("mutex", &state.name, Some(owner), None, false).await;
                debug_assert_eq!(state.owner.get(), Some(cx.id()));
            }
        }
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.acquire(cx.id(), state.clock);
        core.touch(state.object, Touch::Acquire);
        core.took(state.object, state.unlocked_by.get());
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
        core.touch(state.object, Touch::Release);
        state.unlocked_by.set(core.event());
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
