//! The management outside of both QEMUs, and the end of a run: it makes the scenario's faults strike, asks for failover, and
//! looks whether what was asked for comes to an end.

use crate::milestone::Milestones;
use crate::network_output::NetworkOutput;
use crate::oracle::{Oracle, hang, waits_for_the_outside};
use crate::primary::{MigrationState, Primary};
use crate::scenario::{Action, Fault, Place, Span as Length, Stop};
use crate::secondary::{MigrationStatus, Secondary, Work};
use crate::steps::{fault, step_named};
use colosim_sim::link::Socket;
use colosim_sim::{Cx, Kind, ProcessId, Span, Time};
use std::cell::Cell;
use std::rc::Rc;

/// What the management can reach.
pub(crate) struct Management {
    pub primary: Rc<Primary>,
    pub secondary: Rc<Secondary>,
    pub primary_process: ProcessId,
    pub secondary_process: ProcessId,
    pub main: Socket,
    pub channels: Vec<Socket>,
    /// The connection of block replication, if the guest has a disk.
    pub nbd: Option<Socket>,
    /// The connection of the redirectors, if the guest sends anything.
    pub redirector: Option<Socket>,
    pub output: Option<Rc<NetworkOutput>>,
    pub oracle: Rc<Oracle>,
    pub milestones: Milestones,
    pub failover_bound: Span,
    /// The scenario asks that one side runs: the other one is fenced.
    pub fenced: bool,
    /// Faults that have struck.
    pub struck: Cell<u32>,
    /// The side that refused a failover last: it was not in COLO.
    pub refused: Cell<Option<Side>>,
    /// A failover was accepted: somebody waits for its end.
    pub watched: Cell<bool>,
    /// Failovers that were accepted and have neither ended nor used up their time.
    pub under_way: Cell<u32>,
    /// From the request for a failover on the secondary until its guest runs.
    pub failover: Cell<Option<(Time, Option<Time>)>>,
}

/// How long a run goes on after its failover, so that late threads show what they do.
const SETTLE: Span = Span::millis(10);

impl Management {
    /// Let the faults strike, one after the other.
    pub async fn strike(self: Rc<Self>, cx: Cx, faults: Vec<Fault>) {
        for Fault { at, after, action } in &faults {
            if let Some(place) = at {
                self.reach(&cx, place).await;
            }
            if let Some(after) = after {
                cx.sleep(span(*after)).await;
            }
            cx.step(fault::STRIKE).await;
            self.act(&cx, *action).await;
            self.struck.set(self.struck.get() + 1);
        }
        if !faults.is_empty() {
            self.expect_guest(&cx, &faults).await;
        }
    }

    async fn reach(&self, cx: &Cx, place: &Place) {
        match place {
            Place::Step { thread, step, visit } => {
                let step = step_named(step).expect("a scenario's steps are checked when it is read");
                cx.reached(thread, step, *visit).await;
            }
            Place::Time(time) => cx.sleep_until(Time(time.nanos())).await,
            place => self.milestones.wait(cx, place.clone()).await,
        }
    }

    async fn act(self: &Rc<Self>, cx: &Cx, action: Action) {
        match action {
            Action::KillPrimary => {
                cx.sim.kill(self.primary_process);
                self.primary_is_gone(cx);
            }
            Action::KillSecondary => {
                cx.sim.kill(self.secondary_process);
                self.oracle.secondary_is_gone();
            }
            Action::FreezePrimary => {
                cx.sim.freeze(self.primary_process);
                self.primary_is_gone(cx);
            }
            Action::FreezeSecondary => {
                cx.sim.freeze(self.secondary_process);
                self.oracle.secondary_is_gone();
            }
            Action::YankPrimary => self.primary.yank(cx),
            Action::YankPrimaryDisk => self.primary.yank_disk(),
            Action::YankSecondary => self.secondary.yank(cx).await,
            Action::FailoverPrimary => {
                let accepted = self.primary.state() == MigrationState::Colo;
                self.primary.lost_heartbeat(cx);
                self.asked(cx, Side::Primary, accepted);
            }
            Action::FailoverSecondary => {
                let accepted = self.secondary.state.peek() == MigrationStatus::Colo;
                if self.nbd.is_some() {
                    self.secondary.post(cx, Work::NbdServerStop); // the documented order
                }
                self.secondary.post(cx, Work::LostHeartbeat);
                if accepted {
                    self.failover.set(Some((cx.sim.now(), None)));
                }
                self.asked(cx, Side::Secondary, accepted);
            }
            Action::CutMain => self.main.cut(),
            Action::CutChannel { channel } => self.channel(channel).for_each(Socket::cut),
            Action::CutAll => {
                self.channels.iter().chain([&self.main]).chain(&self.redirector).chain(&self.nbd).for_each(Socket::cut);
            }
            Action::ResetMain => self.main.reset(),
            Action::ResetChannel { channel } => self.channel(channel).for_each(Socket::reset),
            Action::BreakChannel { channel } => self.channel(channel).for_each(Socket::break_off),
            Action::CloseChannel { channel } => self.channel(channel).for_each(Socket::close),
            Action::CutMainToSecondary => self.main.cut_sending(),
            Action::ContSecondary => self.secondary.post(cx, Work::Cont),
            Action::FailDiskActivation => self.secondary.faults.disk_activation.set(true),
            Action::FailReplication => self.secondary.faults.replication.set(true),
            Action::CorruptDeviceState => self.primary.device_state_is_corrupt.set(true),
        }
    }

    /// The connection of a multifd channel; a design without multifd has none.
    fn channel(&self, channel: u32) -> impl Iterator<Item = &Socket> {
        self.channels.iter().skip(channel as usize).take(1)
    }

    /// Nothing that happens from now on is the primary's doing.
    fn primary_is_gone(&self, cx: &Cx) {
        self.oracle.primary_is_gone();
        self.primary.finish_metrics(cx.sim.now());
    }

    /// A failover of `side` was asked for. If it was accepted, somebody waits for its end from now on.
    fn asked(self: &Rc<Self>, cx: &Cx, side: Side, accepted: bool) {
        if !accepted {
            self.refused.set(Some(side));
            return;
        }
        self.watched.set(true);
        self.under_way.set(self.under_way.get() + 1);
        let name = format!("{} {}", side.watcher(), self.struck.get());
        let management = self.clone();
        cx.sim.spawn(cx.process(), &name, move |cx| async move { management.expect_failover(cx, side).await });
    }

    /// The failover of `side` ends within its bound; if it is the last one under way, exactly one side runs then.
    async fn expect_failover(self: Rc<Self>, cx: Cx, side: Side) {
        let deadline = cx.sim.now() + self.failover_bound;
        let over = match side {
            Side::Primary => self.primary.failed_over.clone(),
            Side::Secondary => self.secondary.over.clone(),
        };
        let in_time = over.wait_deadline(&cx, side.watcher(), deadline).await;
        if let (Side::Secondary, Some((asked, _))) = (side, self.failover.get()) {
            self.failover.set(Some((asked, self.oracle.resumed_at())));
        }
        if !in_time {
            let what = format!("failover of the {} did not end within {}", side.name(), self.failover_bound);
            match side {
                Side::Primary => hang(&cx, Kind::HANG, &what, side.ends_failover()),
                Side::Secondary => self.oracle.failover_did_not_end(&cx, &what, side.ends_failover()),
            }
        }
        cx.settle(SETTLE).await;
        self.oracle.check_uncommitted(&cx, &self.secondary);
        if let (Side::Secondary, true, Some(output)) = (side, in_time, &self.output) {
            self.oracle.check_output(&cx, output);
        }
        self.under_way.set(self.under_way.get() - 1);
        if self.under_way.get() > 0 {
            return;
        }
        if in_time {
            self.oracle.check_one_side_runs(&cx, self.fenced && self.both_are_alone());
        }
        cx.sim.finish();
    }

    /// Has each side been told to go on alone? One that is still in COLO keeps what its guest sends to itself.
    fn both_are_alone(&self) -> bool {
        self.primary.state() != MigrationState::Colo && self.secondary.state.peek() != MigrationStatus::Colo
    }

    /// After the last fault, with no failover under way, the guest does not stand still for longer than the bound, unless
    /// nobody but the management can help and it was not asked to; see `oracle::liveness`.
    async fn expect_guest(&self, cx: &Cx, faults: &[Fault]) {
        let mut before = self.oracle.standing();
        while !self.watched.get() {
            cx.settle(self.failover_bound).await;
            if self.watched.get() {
                return;
            }
            let now = self.oracle.standing();
            if now.is_still_since(before) {
                self.judge_standstill(cx, faults);
                return cx.sim.finish();
            }
            if now.runs() {
                // Alone, it has nothing more to come to; what still waits then waits for the management.
                return if self.oracle.is_one_side_gone() {
                    cx.sim.finish()
                };
            }
            before = now;
        }
    }

    /// The guest stands still on both sides. Is somebody to blame?
    fn judge_standstill(&self, cx: &Cx, faults: &[Fault]) {
        // Nobody is told that a peer is frozen or a line is cut: to wait for it is all that a thread can do.
        let is_silent = |fault: &Fault| {
            use Action::*;
            matches!(
                fault.action,
                FreezePrimary | FreezeSecondary | CutMain | CutMainToSecondary | CutChannel { .. } | CutAll
            )
        };
        let is_silent = faults.iter().any(is_silent);
        let refused = self.refused.get();
        // A side in COLO waits for the management, which knows by now (COLO_EXIT, or heartbeats that fail).
        let is_to_blame = |in_colo: bool, thread: &str| {
            !in_colo || refused.is_some() || !(is_silent || waits_for_the_outside(cx, thread))
        };
        let (on_primary, on_secondary) = (self.primary.state(), self.secondary.state.peek());
        // Completed: the guest is the secondary's.
        let primary = self.oracle.primary_lives() && on_primary != MigrationState::Completed;
        let secondary = self.oracle.secondary_could_run();
        let loads = if on_secondary == MigrationStatus::Colo { "mig/dst/colo" } else { Side::Secondary.main_thread() };
        let sides = [
            (primary, on_primary == MigrationState::Colo, "mig/src/main"),
            (secondary, on_secondary == MigrationStatus::Colo, loads),
        ];
        let blamed = sides.iter().find(|(able, in_colo, thread)| *able && is_to_blame(*in_colo, thread));
        let Some((_, in_colo, thread)) = blamed else { return };
        let asked = match (refused, in_colo) {
            (Some(side), _) => format!("the {} refused a failover, for it was not in COLO", side.name()),
            (None, true) => "no failover was asked for".to_owned(),
            (None, false) => "no failover is possible outside of COLO".to_owned(),
        };
        let what = format!("the guest stands still for {} after the last fault, and {asked}", self.failover_bound);
        hang(cx, Kind::HANG, &what, thread);
    }

    /// Without faults, or if they never strike: the run ends when the scenario says so.
    pub async fn stop(self: Rc<Self>, cx: Cx, stop: Stop) {
        match stop {
            Stop::AfterPrecopy => self.primary.precopy_done.wait(&cx, "the end of precopy").await,
            Stop::AfterCheckpoints(count) => self.primary.checkpoints(&cx, count).await,
            Stop::AtTime(time) => cx.sleep_until(Time(time.nanos())).await,
        }
        // With COLO the incoming side goes on.
        if stop == Stop::AfterPrecopy && !self.secondary.x_colo {
            self.secondary.over.wait(&cx, "the secondary's guest").await;
        }
        cx.quiesce().await;
        // A failover that is under way ends the run itself.
        if self.under_way.get() == 0 {
            cx.sim.finish();
        }
    }
}

/// A side of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Primary,
    Secondary,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Primary => "primary",
            Side::Secondary => "secondary",
        }
    }

    fn main_thread(self) -> &'static str {
        match self {
            Side::Primary => "src/main",
            Side::Secondary => "dst/main",
        }
    }

    /// The thread that starts the VM when failover is over.
    fn ends_failover(self) -> &'static str {
        match self {
            Side::Primary => "mig/src/main",
            Side::Secondary => self.main_thread(),
        }
    }

    fn watcher(self) -> &'static str {
        match self {
            Side::Primary => "management/primary-failover",
            Side::Secondary => "management/secondary-failover",
        }
    }
}

/// A scenario's length of time on the virtual clock.
pub(crate) fn span(length: Length) -> Span {
    Span(length.nanos())
}
