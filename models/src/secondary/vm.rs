//! The SVM: what the guest does while it runs on the secondary.
//!
//! Its writes are generated when somebody looks, not as events: what a vCPU did between two looks is the same either way,
//! and stopping the VM is a look. They are untracked accesses, since a vCPU is no thread of the model; what must not
//! happen between them and other threads is for the oracles to see.

use super::RamBlock;
use crate::guest::{GuestWriter, SavedGuest};
use colosim_sim::{Atomic, Cx, Ordering, Sim, Time};
use std::cell::RefCell;

/// Run states of the secondary's VM (QEMU `RunState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// "inmigrate": it has not run here yet.
    InMigrate,
    /// "running".
    Running,
    /// "colo": stopped for a checkpoint or for the failover.
    Colo,
}

/// The guest on the secondary.
pub struct Vm {
    writer: RefCell<GuestWriter>,
    run_state: Atomic<RunState>,
    /// Pages written since the dirty log was last merged: (block, page).
    dirty_log: RefCell<Vec<(usize, usize)>>,
    /// Pages written since the last committed checkpoint: (block, page).
    written: RefCell<Vec<(usize, usize)>>,
}

impl Vm {
    /// A guest that is stopped.
    pub fn new(sim: &Sim, writer: GuestWriter) -> Vm {
        Vm {
            writer: RefCell::new(writer),
            run_state: Atomic::new(sim, RunState::InMigrate),
            dirty_log: RefCell::default(),
            written: RefCell::default(),
        }
    }

    /// Its run state.
    pub fn run_state(&self, cx: &Cx) -> RunState {
        self.run_state.load(cx, Ordering::Relaxed)
    }

    /// Does it run?
    pub fn is_running(&self, cx: &Cx) -> bool {
        self.run_state(cx) == RunState::Running
    }

    /// `vm_start`.
    pub fn start(&self, cx: &Cx) {
        self.run_state.store(cx, RunState::Running, Ordering::Relaxed);
        self.writer.borrow_mut().start(cx.sim.now());
    }

    /// `vm_stop` begins: the run state says so, the vCPUs still run. Returns whether it ran.
    pub fn begin_stop(&self, cx: &Cx) -> bool {
        let ran = self.is_running(cx);
        if ran {
            self.run_state.store(cx, RunState::Colo, Ordering::Relaxed);
        }
        ran
    }

    /// The vCPUs are paused, unless somebody has started the VM again meanwhile: everything that the guest wrote is in its RAM.
    pub fn pause(&self, cx: &Cx, blocks: &[RamBlock]) {
        if !self.is_running(cx) {
            let now = cx.sim.now();
            self.look(now, blocks);
            self.writer.borrow_mut().stop(now);
        }
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

    /// The state of the primary's guest is loaded, if there is one in the device state.
    pub(crate) fn load(&self, now: Time, blocks: &[RamBlock], saved: Option<SavedGuest>) {
        self.look(now, blocks);
        if let Some(saved) = saved {
            self.writer.borrow_mut().go_on_at(saved.next_page);
        }
    }

    /// Take the dirty log: pages written until `now` since it was last taken.
    pub fn take_dirty_log(&self, now: Time, blocks: &[RamBlock]) -> Vec<(usize, usize)> {
        self.look(now, blocks);
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
