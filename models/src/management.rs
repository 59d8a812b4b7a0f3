//! The management outside of both QEMUs, and the end of a run: it makes the scenario's faults strike, asks for failover, and
//! looks whether what was asked for comes to an end.

use crate::milestone::Milestones;
use crate::oracle::{Oracle, hang};
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
    pub oracle: Rc<Oracle>,
    pub milestones: Milestones,
    pub failover_bound: Span,
    /// The scenario asks that one side runs: the other one is fenced.
    pub fenced: bool,
    /// Faults that have struck.
    pub struck: Cell<u32>,
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
            Action::YankSecondary => self.secondary.yank(cx).await,
            Action::FailoverPrimary => {
                let accepted = self.primary.state() == MigrationState::Colo;
                self.primary.lost_heartbeat(cx);
                if accepted {
                    self.watch(cx, Side::Primary);
                }
            }
            Action::FailoverSecondary => {
                let accepted = self.secondary.state.peek() == MigrationStatus::Colo;
                self.secondary.post(cx, Work::LostHeartbeat);
                if accepted {
                    self.failover.set(Some((cx.sim.now(), None)));
                    self.watch(cx, Side::Secondary);
                }
            }
            Action::CutMain => self.main.cut(),
            Action::CutChannel { channel } => self.channels[channel as usize].cut(),
            Action::CutAll => self.channels.iter().chain([&self.main]).for_each(Socket::cut),
            Action::ResetMain => self.main.reset(),
            Action::ResetChannel { channel } => self.channels[channel as usize].reset(),
        }
    }

    /// Nothing that happens from now on is the primary's doing.
    fn primary_is_gone(&self, cx: &Cx) {
        self.oracle.primary_is_gone();
        self.primary.finish_metrics(cx.sim.now());
    }

    /// From now on, somebody waits for the failover of `side` to end.
    fn watch(self: &Rc<Self>, cx: &Cx, side: Side) {
        let name = format!("{} {}", side.watcher(), self.struck.get());
        let management = self.clone();
        cx.sim.spawn(cx.process(), &name, move |cx| async move { management.expect_failover(cx, side).await });
    }

    /// The failover of `side` ends within its bound, and then exactly one side runs.
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
            hang(&cx, Kind::HANG, &what, side.main_thread());
        }
        cx.settle(SETTLE).await;
        self.oracle.check_uncommitted(&cx, &self.secondary);
        self.oracle.check_one_side_runs(&cx, self.fenced);
        cx.sim.finish();
    }

    /// Without faults, or if they never strike: the run ends when the scenario says so.
    pub async fn stop(self: Rc<Self>, cx: Cx, stop: Stop) {
        match stop {
            Stop::AfterPrecopy => self.primary.precopy_done.wait(&cx, "the end of precopy").await,
            Stop::AfterCheckpoints(count) => self.primary.checkpoints(&cx, count).await,
            Stop::AtTime(time) => cx.sleep_until(Time(time.nanos())).await,
        }
        if stop == Stop::AfterPrecopy {
            self.secondary.over.wait(&cx, "the secondary's guest").await;
        }
        cx.quiesce().await;
        cx.sim.finish();
    }
}

/// A side of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
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
