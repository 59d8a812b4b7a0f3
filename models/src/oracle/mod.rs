//! The oracles: what must hold in every run, whatever the design. They see all of both machines and are no part of them.
//!
//! | oracle | asked as | looks when |
//! |---|---|---|
//! | lifetime, bounds | `Lifetime`, `Bounds` | at every access (by `colosim_sim`) |
//! | committed state | `CommittedState` | after precopy, at every commit, after failover |
//! | secondary untouched | `SecondaryUntouched` | at every write to guest RAM by a thread that is no vCPU, once COLO has begun |
//! | dirty bitmap | `DirtyBitmap` | before every flush |
//! | output commit | `OutputCommit` | when a failover of the secondary has ended |
//! | one side runs | `OneSideRuns` | at the end of a run in which a failover ended; that both run, only if it is asked |
//! | allocations | `Lifetime` | when the incoming side has been destroyed |
//! | one checkpoint | `CommittedState`, for the disk `DiskState` | when the guest is started after failover |
//! | liveness | `Liveness` | a bound after a failover was asked for, or else after the last fault; and when nothing can happen any more |

mod allocations;
mod committed_state;
mod liveness;
mod output_commit;
mod whole_checkpoint;

pub use committed_state::State;
pub use liveness::{Standing, hang, waits_for_the_outside};

use crate::guest::GuestRam;
use crate::primary::PrimaryObserver;
use crate::scenario::Asks;
use crate::secondary::Secondary;
use colosim_sim::{Cx, Kind, Place, StepId, Time};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// Guest RAM or cache of the secondary is not the primary's at a checkpoint.
pub const STATE_DIFFERS: Kind = Kind("state-differs");
/// After failover, guest RAM holds pages of no committed checkpoint.
pub const UNCOMMITTED_PAGES: Kind = Kind("uncommitted-pages");
/// After failover, a page of guest RAM is partly one version and partly another.
pub const TORN_PAGE: Kind = Kind("torn-page");
/// Guest RAM was written from the stream while COLO was on, or after it.
pub const GUEST_TOUCHED: Kind = Kind("guest-touched");
/// Guest RAM was written from the stream while the guest ran.
pub const WRITE_WHILE_RUNNING: Kind = Kind("write-while-vm-runs");
/// The dirty bitmap misses a page in which cache and guest differ.
pub const BIT_MISSING: Kind = Kind("dirty-bit-missing");
/// A client has seen what is no part of the state that goes on after failover.
pub const OUTPUT_NOT_COMMITTED: Kind = Kind("output-not-committed");
/// A client cannot accept anything more on a connection that it has open.
pub const CONNECTION_BROKEN: Kind = Kind("connection-broken");
/// After failover the guest is started with devices of another checkpoint than RAM.
pub const TORN_CHECKPOINT: Kind = Kind("torn-checkpoint");
/// After failover the guest is started with a disk that is not that of RAM's checkpoint.
pub const TORN_DISK: Kind = Kind("torn-disk");
/// Memory that nobody can free any more.
pub const LEAKED_ALLOCATION: Kind = Kind("leaked-allocation");
/// Both guests run after failover.
pub const SPLIT_BRAIN: Kind = Kind("split-brain");
/// No guest runs after failover.
pub const NOBODY_RUNS: Kind = Kind("nobody-runs");

/// The question that a kind of violation answers.
pub fn asks_of(kind: Kind) -> Asks {
    match kind {
        STATE_DIFFERS | UNCOMMITTED_PAGES | TORN_PAGE | TORN_CHECKPOINT => Asks::CommittedState,
        TORN_DISK => Asks::DiskState,
        GUEST_TOUCHED | WRITE_WHILE_RUNNING => Asks::SecondaryUntouched,
        BIT_MISSING => Asks::DirtyBitmap,
        OUTPUT_NOT_COMMITTED | CONNECTION_BROKEN => Asks::OutputCommit,
        SPLIT_BRAIN | NOBODY_RUNS => Asks::OneSideRuns,
        Kind::DEADLOCK | Kind::HANG | Kind::LIVELOCK => Asks::Liveness,
        Kind::OUT_OF_BOUNDS => Asks::Bounds,
        _ => Asks::Lifetime,
    }
}

/// The oracles of one run, and what they have seen.
#[derive(Default)]
pub struct Oracle {
    /// The primary's RAM at the latest state it took, per block; its number (0: end of precopy).
    primary: RefCell<Option<State>>,
    /// The primary's disk at the latest checkpoint, and the number of that.
    primary_disk: RefCell<Option<(u32, Vec<u64>)>>,
    /// The primary's disk at the checkpoint that the secondary's RAM is of; none before the first.
    committed_disk: RefCell<Option<Vec<u64>>>,
    /// What the secondary has committed.
    committed: RefCell<Option<State>>,
    /// Every state that the secondary reached, if they are to be kept.
    states: Option<RefCell<Vec<State>>>,
    colo: Cell<bool>,
    left_colo: RefCell<Option<Place>>,
    /// Pages that the stream changed in guest RAM outside of a flush: (block, page).
    touched: RefCell<BTreeSet<(usize, usize)>>,
    last_touch: RefCell<Option<Place>>,
    reported: RefCell<BTreeSet<(Kind, StepId)>>,
    primary_runs: Cell<bool>,
    secondary_runs: Cell<bool>,
    primary_gone: Cell<bool>,
    secondary_gone: Cell<bool>,
    /// How often a guest was started, on either side.
    starts: Cell<u64>,
    resumed_at: Cell<Option<Time>>,
    leaked_pages: Cell<u64>,
    /// Where a failover that had been asked for was dropped on the secondary.
    failover_dropped: RefCell<Option<Place>>,
}

impl PrimaryObserver for Oracle {
    fn checkpoint_state(&self, number: u32, ram: &GuestRam) {
        *self.primary.borrow_mut() = Some(State::of_primary(number, ram));
    }

    fn disk_state(&self, number: u32, clusters: Vec<u64>) {
        *self.primary_disk.borrow_mut() = Some((number, clusters));
    }

    fn vm_running(&self, running: bool) {
        self.primary_runs.set(running);
        self.starts.set(self.starts.get() + u64::from(running));
    }
}

impl Oracle {
    /// Oracles for a run with a simulated primary.
    pub fn new() -> Oracle {
        Oracle::default()
    }

    /// Oracles that also keep every state the secondary reaches, for a comparison with a recording.
    pub fn keeping_states() -> Oracle {
        Oracle { states: Some(RefCell::default()), ..Oracle::default() }
    }

    /// The kept states, in order.
    pub fn states(&self) -> Vec<State> {
        self.states.as_ref().map(|states| states.borrow().clone()).unwrap_or_default()
    }

    /// The primary's process is gone or frozen: its guest does not run.
    pub fn primary_is_gone(&self) {
        self.primary_gone.set(true);
    }

    /// The secondary's process is gone or frozen: its guest does not run.
    pub fn secondary_is_gone(&self) {
        self.secondary_gone.set(true);
    }

    /// When the secondary's guest was started for good after failover.
    pub fn resumed_at(&self) -> Option<Time> {
        self.resumed_at.get()
    }

    /// Pages of an unfinished checkpoint in guest RAM, as counted at the end.
    pub fn leaked_pages(&self) -> u64 {
        self.leaked_pages.get()
    }

    pub(crate) fn secondary_runs(&self, running: bool) {
        self.secondary_runs.set(running);
        self.starts.set(self.starts.get() + u64::from(running));
    }

    pub(crate) fn colo_entered(&self, _: &Cx, _: &Secondary) {
        self.colo.set(true);
    }

    pub(crate) fn left_colo(&self, cx: &Cx) {
        *self.left_colo.borrow_mut() = Some(cx.place());
    }

    pub(crate) fn secondary_resumed(&self, cx: &Cx) {
        self.resumed_at.set(Some(cx.sim.now()));
    }

    /// The secondary's process has ended by itself.
    pub(crate) fn secondary_exited(&self) {
        self.secondary_gone.set(true);
    }

    /// Is guest RAM to be left alone?
    pub(crate) fn watches_guest(&self) -> bool {
        self.colo.get()
    }

    /// A thread that is no vCPU has written guest RAM from the stream, though it is to be left alone.
    pub(crate) fn guest_written(&self, cx: &Cx, qemu: &Secondary, block: usize, page: usize, changed: bool) {
        if changed {
            self.touched.borrow_mut().insert((block, page));
        }
        *self.last_touch.borrow_mut() = Some(cx.place());
        let cause = self.left_colo.borrow().clone();
        if qemu.vm.is_running(cx) {
            self.once(cx, WRITE_WHILE_RUNNING, "guest RAM", cause.clone(), || {
                format!("{} writes page {page} of {} while the guest runs", cx.name(), qemu.blocks[block].idstr)
            });
        }
        self.once(cx, GUEST_TOUCHED, "guest RAM", cause, || {
            format!("{} writes page {page} of {} from an unfinished checkpoint", cx.name(), qemu.blocks[block].idstr)
        });
    }

    /// Report a kind of violation once for each step that commits it.
    fn once(&self, cx: &Cx, kind: Kind, object: &str, cause: Option<Place>, detail: impl FnOnce() -> String) {
        if self.reported.borrow_mut().insert((kind, cx.place().step)) {
            cx.violate(kind, object, cause, detail());
        }
    }

    /// Does the guest run on the primary, does it on the secondary?
    fn sides_that_run(&self) -> (bool, bool) {
        let primary = self.primary_runs.get() && !self.primary_gone.get();
        let secondary = self.secondary_runs.get() && !self.secondary_gone.get();
        (primary, secondary)
    }

    /// A failover has ended: does exactly one side run? That the other does not run any more is the management's duty
    /// (fencing); `fenced` tells whether the scenario promises it.
    pub fn check_one_side_runs(&self, cx: &Cx, fenced: bool) {
        let (kind, detail) = match self.sides_that_run() {
            (true, true) if fenced => (SPLIT_BRAIN, "the guest runs on both sides after failover"),
            (false, false) => (NOBODY_RUNS, "the guest runs on no side after failover"),
            _ => return,
        };
        self.once(cx, kind, "the guest", None, || detail.to_owned());
    }
}
