//! The SVM: what the guest does while it runs on the secondary.
//!
//! Its writes are generated when somebody looks, not as events: what a vCPU did between two looks is the same either way,
//! and stopping the VM is a look. They are untracked accesses, since a vCPU is no thread of the model; what must not
//! happen between them and other threads is for the oracles to see.

use super::RamBlock;
use crate::guest::GuestWriter;
use colosim_sim::{Atomic, Cx, Ordering, Sim, Time};
use std::cell::{Cell, RefCell};

/// The guest on the secondary.
pub struct Vm {
    writer: RefCell<GuestWriter>,
    running: Atomic<bool>,
    /// Pages written since the dirty log was last merged: (block, page).
    dirty_log: RefCell<Vec<(usize, usize)>>,
    /// Pages written since the last committed checkpoint: (block, page).
    written: RefCell<Vec<(usize, usize)>>,
    stopped_at: Cell<Time>,
}

impl Vm {
    /// A guest that is stopped.
    pub fn new(sim: &Sim, writer: GuestWriter) -> Vm {
        Vm {
            writer: RefCell::new(writer),
            running: Atomic::new(sim, false),
            dirty_log: RefCell::default(),
            written: RefCell::default(),
            stopped_at: Cell::new(Time::ZERO),
        }
    }

    /// Does it run?
    pub fn is_running(&self, cx: &Cx) -> bool {
        self.running.load(cx, Ordering::Relaxed)
    }

    /// `vm_start`.
    pub fn start(&self, cx: &Cx) {
        self.running.store(cx, true, Ordering::Relaxed);
        self.writer.borrow_mut().start(cx.sim.now());
    }

    /// `vm_stop`: after it, everything that the guest wrote is in its RAM.
    pub fn stop(&self, cx: &Cx, blocks: &[RamBlock]) {
        if self.is_running(cx) {
            let now = cx.sim.now();
            self.look(now, blocks);
            self.writer.borrow_mut().stop(now);
            self.running.store(cx, false, Ordering::Relaxed);
            self.stopped_at.set(now);
        }
    }

    /// When it was last stopped.
    pub fn stopped_at(&self) -> Time {
        self.stopped_at.get()
    }

    /// Let everything that the guest wrote until `now` be in its RAM.
    pub fn look(&self, now: Time, blocks: &[RamBlock]) {
        let mut dirty = self.dirty_log.borrow_mut();
        let mut written = self.written.borrow_mut();
        self.writer.borrow_mut().advance(now, &mut |block: usize, page: usize, word: u64| {
            blocks[block].guest.poke(page, word);
            dirty.push((block, page));
            written.push((block, page));
        });
    }

    /// Take the dirty log: pages written since it was last taken.
    pub fn take_dirty_log(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.dirty_log.borrow_mut())
    }

    /// The pages written since [`Vm::forget_written`].
    pub fn written(&self) -> Vec<(usize, usize)> {
        self.written.borrow().clone()
    }

    /// A checkpoint was committed: what the guest wrote before is gone.
    pub fn forget_written(&self) {
        self.written.borrow_mut().clear();
    }
}
