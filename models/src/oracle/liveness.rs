//! Liveness: what was asked for ends within its bound, the guest does not stand still, and nobody waits for what cannot come.
//!
//! **After the last fault**, if no failover is under way, the guest must run somewhere, and may not stand still for longer
//! than the bound, except where nobody but the management can help and it was not asked to:
//!
//! | the guest stands still, and | is that a finding? |
//! |---|---|
//! | no side has a whole state of it and lives | no: the faults have taken it away |
//! | a side that has it is in COLO, no failover was asked for, and it waits for that or for its peer | no: it is the management's turn |
//! | the same, but its COLO thread is gone without a word to the management | yes |
//! | the same, but it waits for one of its own threads, though every fault is one that it is told of | yes |
//! | a side that has it is in COLO, and a failover was asked for and refused | yes |
//! | a side that has it is not in COLO, where no failover is possible | yes |
//!
//! In a run that goes on as if nothing had happened both guests run and are stopped for each checkpoint, so it is not one
//! moment that counts: a guest that does not run when the bound is over is given one more.

use super::Oracle;
use crate::secondary::FailoverState;
use colosim_sim::{Cx, Kind, Violation, Waiting};

/// How the guest stood at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    runs: bool,
    starts: u64,
}

impl Standing {
    /// Does it run, on any side?
    pub fn runs(self) -> bool {
        self.runs
    }

    /// Has it stood still from `earlier` on?
    pub fn is_still_since(self, earlier: Standing) -> bool {
        !self.runs && self == earlier
    }
}

impl Oracle {
    /// How the guest stands now.
    pub fn standing(&self) -> Standing {
        let (primary, secondary) = self.sides_that_run();
        Standing { runs: primary || secondary, starts: self.starts.get() }
    }

    /// C4: the state of the secondary's failover is about to be initialised. A request that is there is dropped.
    pub(crate) fn failover_initialised(&self, cx: &Cx, before: FailoverState) {
        if before != FailoverState::None {
            *self.failover_dropped.borrow_mut() = Some(cx.place());
        }
    }

    /// C30: the COLO thread leaves its loop, and will not ask again for a failover that waits for that.
    pub(crate) fn loop_left(&self, cx: &Cx, state: FailoverState) {
        if state == FailoverState::Relaunch {
            *self.failover_dropped.borrow_mut() = Some(cx.place());
        }
    }

    /// A failover of the secondary was accepted and did not end in time. If the request was dropped on the way, that is what
    /// is reported.
    pub fn failover_did_not_end(&self, cx: &Cx, what: &str, responsible: &str) {
        let dropped = self.failover_dropped.borrow().clone();
        let Some(culprit) = dropped else { return hang(cx, Kind::HANG, what, responsible) };
        let detail = format!("{what}; the request was dropped by {}", culprit.thread);
        cx.sim.report(Violation { kind: Kind::HANG, object: "failover_state".into(), culprit, cause: None, detail });
    }

    /// Is one of the sides gone?
    pub fn is_one_side_gone(&self) -> bool {
        self.primary_gone.get() || self.secondary_gone.get()
    }

    /// Is the primary there, so that the guest could go on where it was?
    pub fn primary_lives(&self) -> bool {
        !self.primary_gone.get()
    }

    /// Is the secondary there with a whole state of the guest?
    pub fn secondary_could_run(&self) -> bool {
        !self.secondary_gone.get() && self.committed.borrow().is_some()
    }
}

/// Does `thread` wait for what comes from outside of its process: its peer's bytes, or the management? One that does not wait
/// at all, though nothing happens any more, is gone.
pub fn waits_for_the_outside(cx: &Cx, thread: &str) -> bool {
    let waiting = cx.sim.waiting();
    let last = links(&waiting, thread).pop();
    last.is_some_and(|last| last.idle || last.what == "read" || last.what == "write")
}

/// Report that `what` did not end: who waits for what, from the thread that should have done it to the wait at the end of
/// the chain, which names the finding.
pub fn hang(cx: &Cx, kind: Kind, what: &str, responsible: &str) {
    let waiting = cx.sim.waiting();
    let chain = chain(&waiting, responsible);
    let (object, culprit) = match chain.last() {
        Some(last) => (last.object.clone(), last.place.clone()),
        None => (what.to_owned(), cx.place()),
    };
    let mut detail = what.to_owned();
    for wait in &chain {
        detail += &format!("; {wait}");
    }
    cx.sim.report(Violation { kind, object, culprit, cause: None, detail });
}

/// From a thread along "waits for what that thread holds" to the last that waits. If all of these only wait for something to
/// do, the thread that waits longest for something else. Nobody holds a semaphore; but if a thread of the same group cannot
/// write, that one would have posted it.
fn chain(waiting: &[Waiting], from: &str) -> Vec<Waiting> {
    let mut chain = links(waiting, from);
    if let Some(last) = chain.last().filter(|last| last.what == "semaphore") {
        let group = |thread: &str| thread.rsplit_once('/').map(|(group, _)| group.to_owned());
        let own = group(&last.place.thread);
        let writer = waiting.iter().find(|wait| wait.what == "write" && group(&wait.place.thread) == own);
        chain.extend(writer.cloned());
    }
    if chain.iter().all(|wait| wait.idle) {
        let longest = waiting.iter().filter(|wait| !wait.idle).min_by_key(|wait| wait.since);
        return longest.map_or(chain, |longest| vec![longest.clone()]);
    }
    chain
}

fn links(waiting: &[Waiting], from: &str) -> Vec<Waiting> {
    let mut chain: Vec<Waiting> = Vec::new();
    let mut name = from.to_owned();
    while let Some(wait) = waiting.iter().find(|wait| wait.place.thread == name) {
        if chain.iter().any(|seen| seen.place.thread == name) {
            break;
        }
        chain.push(wait.clone());
        match &wait.holder {
            Some(holder) => name.clone_from(holder),
            None => break,
        }
    }
    chain
}
