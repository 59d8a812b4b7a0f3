//! Variables that threads share: plain ones, whose unordered use is a hazard, and atomic ones, which order.

use crate::access::{Location, Mode};
use crate::happens_before::ClockId;
use crate::kernel::Sim;
use crate::thread::Cx;
use crate::touch::{ObjectId, Touch};
use crate::violation::{Kind, Place};
use std::cell::RefCell;
use std::rc::Rc;

/// A variable without synchronisation of its own, as a plain global of a C program.
#[derive(Clone)]
pub struct Plain<T>(Rc<PlainState<T>>);

struct PlainState<T> {
    /// Of its name, for reports.
    object: u32,
    itself: ObjectId,
    value: RefCell<T>,
    accesses: RefCell<Location>,
}

impl<T: Clone> Plain<T> {
    /// A variable with this value.
    pub fn new(sim: &Sim, name: &str, value: T) -> Plain<T> {
        let core = &mut *sim.0.core.borrow_mut();
        let (object, itself) = (core.object_name(name), core.add_object());
        Plain(Rc::new(PlainState { object, itself, value: RefCell::new(value), accesses: RefCell::default() }))
    }

    /// Read it.
    pub fn read(&self, cx: &Cx) -> T {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.itself, Touch::Read);
        self.0.accesses.borrow_mut().access(core, self.0.object, cx.id(), Mode::Read);
        self.0.value.borrow().clone()
    }

    /// Write it.
    pub fn write(&self, cx: &Cx, value: T) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.itself, Touch::Write);
        self.0.accesses.borrow_mut().access(core, self.0.object, cx.id(), Mode::Write);
        *self.0.value.borrow_mut() = value;
    }

    /// Compare and swap, as a C program does it on a variable that others read without care: atomic in itself, but it
    /// orders nothing for plain readers. Returns whether the value was `from`.
    pub fn compare_and_swap(&self, cx: &Cx, from: T, to: T) -> bool
    where
        T: PartialEq,
    {
        let swapped = *self.0.value.borrow() == from;
        if swapped {
            self.write(cx, to);
        } else {
            cx.sim.0.core.borrow_mut().touch(self.0.itself, Touch::Read);
        }
        swapped
    }

    /// Its value, for oracles.
    pub fn peek(&self) -> T {
        self.0.value.borrow().clone()
    }
}

/// A plain pointer. Following it while it is NULL is a violation.
#[derive(Clone)]
pub struct Pointer<T> {
    name: Rc<str>,
    target: Plain<Option<T>>,
    cleared: Rc<RefCell<Option<Place>>>,
}

impl<T: Clone> Pointer<T> {
    /// A NULL pointer.
    pub fn null(sim: &Sim, name: &str) -> Pointer<T> {
        Pointer { name: name.into(), target: Plain::new(sim, name, None), cleared: Rc::default() }
    }

    /// Let it point to `target`.
    pub fn set(&self, cx: &Cx, target: T) {
        self.target.write(cx, Some(target));
    }

    /// Set it to NULL. Returns what it pointed to.
    pub fn clear(&self, cx: &Cx) -> Option<T> {
        let target = self.target.read(cx);
        self.target.write(cx, None);
        *self.cleared.borrow_mut() = Some(cx.place());
        target
    }

    /// Read it.
    pub fn get(&self, cx: &Cx) -> Option<T> {
        self.target.read(cx)
    }

    /// Follow it. NULL is a violation; the thread cannot go on then.
    pub async fn dereference(&self, cx: &Cx) -> T {
        match self.target.read(cx) {
            Some(target) => target,
            None => {
                let detail = format!("{} follows {}, which is NULL", cx.name(), self.name);
                cx.violate(Kind::NULL_DEREFERENCE, &self.name, self.cleared_by(), detail);
                cx.halt().await
            }
        }
    }

    /// Who set it to NULL.
    pub fn cleared_by(&self) -> Option<Place> {
        self.cleared.borrow().clone()
    }

    /// What it points to, for oracles.
    pub fn peek(&self) -> Option<T> {
        self.target.peek()
    }
}

/// How an atomic access orders what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// It orders nothing.
    Relaxed,
    /// A load that sees a store learns what was released with it; a store releases.
    AcquireRelease,
}

/// An atomic variable.
#[derive(Clone)]
pub struct Atomic<T>(Rc<AtomicState<T>>);

struct AtomicState<T> {
    value: RefCell<T>,
    clock: ClockId,
    object: ObjectId,
}

impl<T: Clone + PartialEq> Atomic<T> {
    /// A variable with this value.
    pub fn new(sim: &Sim, value: T) -> Atomic<T> {
        let core = &mut *sim.0.core.borrow_mut();
        let (clock, object) = (core.clocks.add(), core.add_object());
        Atomic(Rc::new(AtomicState { value: RefCell::new(value), clock, object }))
    }

    /// Read it.
    pub fn load(&self, cx: &Cx, ordering: Ordering) -> T {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Read);
        if ordering == Ordering::AcquireRelease {
            core.acquire(cx.id(), self.0.clock);
        }
        self.0.value.borrow().clone()
    }

    /// Write it.
    pub fn store(&self, cx: &Cx, value: T, ordering: Ordering) {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Write);
        if ordering == Ordering::AcquireRelease {
            core.release(cx.id(), self.0.clock);
        }
        *self.0.value.borrow_mut() = value;
    }

    /// Write it and return what was there. Acquires and releases.
    pub fn exchange(&self, cx: &Cx, value: T) -> T {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.touch(self.0.object, Touch::Write);
        core.acquire(cx.id(), self.0.clock);
        core.release(cx.id(), self.0.clock);
        self.0.value.replace(value)
    }

    /// Write `to` if the value is `from`; returns whether it was. Acquires and releases.
    pub fn compare_exchange(&self, cx: &Cx, from: T, to: T) -> bool {
        let core = &mut *cx.sim.0.core.borrow_mut();
        core.acquire(cx.id(), self.0.clock);
        if *self.0.value.borrow() != from {
            core.touch(self.0.object, Touch::Read);
            return false;
        }
        core.touch(self.0.object, Touch::Write);
        core.release(cx.id(), self.0.clock);
        *self.0.value.borrow_mut() = to;
        true
    }

    /// Its value, for oracles.
    pub fn peek(&self) -> T {
        self.0.value.borrow().clone()
    }
}
