//! How a thread waits: for a time, for another thread to wake it, and what comes before a wait.
//!
//! A wait is a point at which a thread can be delayed, by a stall or a hold of the plan; in a controlled run it is the event that
//! is possible once what is waited for is there.

use crate::control::{Guard, How};
use crate::kernel::{Core, ready_if};
use crate::thread::{Cx, ThreadId};
use crate::time::{Span, Time};
use crate::touch::ObjectId;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What a thread waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub what: &'static str,
    pub object: Rc<str>,
    pub holder: Option<ThreadId>,
    /// Waiting is the normal state of this thread, as of a main loop without work.
    pub idle: bool,
    pub since: Time,
}

/// What a thread is about to wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitsFor<'a> {
    pub what: &'static str,
    pub object: &'a Rc<str>,
    /// Who has to act for that, if it is known.
    pub holder: Option<ThreadId>,
    /// The objects of which one lets it go on.
    pub objects: &'a [ObjectId],
    /// Waiting is the normal state of the thread.
    pub idle: bool,
}

/// What else ends a wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    None,
    /// The thread's own time limit.
    Own(Time),
    /// The time limit of an observer, which is patient.
    Patient(Time),
}

impl Core {
    /// Does `id`, which comes to a wait, pause before it? It is resumed then.
    fn begin_wait(
        &mut self,
        id: ThreadId,
        waits_for: WaitsFor<'_>,
        limit: Limit,
        ready: impl FnOnce() -> Guard,
    ) -> bool {
        let now = self.now;
        let controlled = self.is_controlled();
        if !controlled {
            let end = self.begin_sleep(id, now);
            let held = self.hold(id, end);
            if end > now && !held {
                self.schedule_resume(id, end);
            }
            return held || end > now;
        }
        self.threads[id.index()].waits += 1;
        let guard = ready();
        if !self.is_free() && guard() {
            return false;
        }
        let wait = Wait {
            what: waits_for.what,
            object: waits_for.object.clone(),
            holder: waits_for.holder,
            idle: waits_for.idle,
            since: now,
        };
        self.threads[id.index()].wait = Some(wait);
        let waits_for = waits_for.objects.to_vec();
        self.schedule(id, now, How::Guarded { guard: guard.clone(), waits_for });
        match limit {
            Limit::None => {}
            Limit::Own(deadline) => self.schedule(id, deadline, How::Timeout(Rc::new(move || !guard()))),
            Limit::Patient(deadline) => self.schedule(id, deadline, How::Patient),
        }
        true
    }

    /// Does `id` wait without anything that comes before it?
    #[inline]
    fn waits_at_once(&self, id: ThreadId) -> bool {
        self.plain && self.threads[id.index()].stalls.is_empty()
    }

    /// A wait begins that ends at `end` of its own accord; when it ends under the stalls of the plan.
    fn begin_sleep(&mut self, id: ThreadId, end: Time) -> Time {
        if self.waits_at_once(id) {
            return end;
        }
        self.passes(id);
        let thread = &mut self.threads[id.index()];
        thread.waits += 1;
        end + Span(thread.stalled())
    }
}

impl Cx {
    /// Let time pass.
    pub fn sleep(&self, span: Span) -> impl Future<Output = ()> {
        Sleep { cx: self, until: Until::After(span), begun: false }
    }

    /// Let time pass until `until`.
    pub fn sleep_until(&self, until: Time) -> impl Future<Output = ()> {
        Sleep { cx: self, until: Until::At(until), begun: false }
    }

    /// In a controlled run, wait until nothing else is possible; in a timed one, go on.
    pub async fn quiesce(&self) {
        if self.sim.is_controlled() {
            self.settle(Span::ZERO).await;
        }
    }

    /// Let time pass in which what is still going on comes to its end: in a controlled run, until nothing else is possible.
    pub async fn settle(&self, span: Span) {
        {
            let core = &mut *self.sim.0.core.borrow_mut();
            let until = core.now + span;
            core.schedule(self.thread, until, How::Patient);
        }
        OneTurn { waited: false }.await;
    }

    /// A wait begins: the pause that a stall or a hold puts before it, if there is one. In a controlled run it lasts until
    /// what is waited for is there, as `ready` tells.
    #[inline]
    pub(crate) fn before_wait(&self, waits_for: WaitsFor<'_>, limit: Limit, ready: impl FnOnce() -> Guard) -> OneTurn {
        let core = &mut *self.sim.0.core.borrow_mut();
        let pauses = !core.waits_at_once(self.thread) && core.begin_wait(self.thread, waits_for, limit, ready);
        OneTurn { waited: !pauses }
    }

    /// Wait until another thread calls [`Core::wake`] for this one; `deadline` ends the wait without that.
    /// Returns whether it was woken.
    pub(crate) fn block(
        &self,
        what: &'static str,
        object: &Rc<str>,
        deadline: Option<Time>,
        idle: bool,
    ) -> BlockedTurn<'_> {
        self.block_on(what, object, None, deadline, idle)
    }

    pub(crate) fn block_on(
        &self,
        what: &'static str,
        object: &Rc<str>,
        holder: Option<ThreadId>,
        deadline: Option<Time>,
        idle: bool,
    ) -> BlockedTurn<'_> {
        let core = &mut *self.sim.0.core.borrow_mut();
        let since = core.now;
        let thread = &mut core.threads[self.thread.index()];
        thread.woken = false;
        thread.wait = Some(Wait { what, object: object.clone(), holder, idle, since });
        if let Some(deadline) = deadline {
            core.schedule_resume(self.thread, deadline);
        }
        BlockedTurn { cx: self, waited: false }
    }
}

/// A time being waited for; see [`Cx::sleep`].
struct Sleep<'a> {
    cx: &'a Cx,
    until: Until,
    begun: bool,
}

enum Until {
    After(Span),
    At(Time),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(());
        }
        let thread = self.cx.thread;
        let core = &mut *self.cx.sim.0.core.borrow_mut();
        let until = match self.until {
            Until::After(span) => core.now + span,
            Until::At(time) => time,
        };
        let until = core.begin_sleep(thread, until);
        if until > core.now {
            core.schedule_resume(thread, until);
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// The wait of a thread that is to be woken: pending once; then, whether it was woken.
pub(crate) struct BlockedTurn<'a> {
    cx: &'a Cx,
    waited: bool,
}

impl Future for BlockedTurn<'_> {
    type Output = bool;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<bool> {
        if !std::mem::replace(&mut self.waited, true) {
            return Poll::Pending;
        }
        let core = &mut *self.cx.sim.0.core.borrow_mut();
        Poll::Ready(std::mem::take(&mut core.threads[self.cx.thread.index()].woken))
    }
}

/// Pending once, ready when the thread is next resumed.
pub(crate) struct OneTurn {
    waited: bool,
}

impl Future for OneTurn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        ready_if(std::mem::replace(&mut self.waited, true))
    }
}
