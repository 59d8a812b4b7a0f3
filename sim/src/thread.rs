//! Simulated threads, and what a thread's body can do: [`Cx`].

use crate::control::{Guard, How};
use crate::happens_before::ClockId;
use crate::kernel::{Core, Sim, Task, ready_if};
use crate::process::ProcessId;
use crate::random::Stream;
use crate::run::Config;
use crate::step::{Noise, StepEnds, StepId};
use crate::time::{Span, Time};
use crate::touch::{ObjectId, Touch};
use crate::violation::{Kind, Place, Violation};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Names a thread of the run, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub(crate) u16);

impl ThreadId {
    /// Position in [`crate::Outcome::thread_names`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

pub(crate) struct StallAt {
    pub step: StepId,
    pub visit: u32,
    pub at_wait: u32,
    pub span_ns: u64,
}

pub(crate) struct Thread {
    pub name: Rc<str>,
    pub process: ProcessId,
    pub clock: ClockId,
    pub alive: bool,
    pub finished: Rc<Cell<bool>>,
    /// Grows with every resumption, so that a wake-up that was overtaken is known.
    pub generation: u32,
    pub woken: bool,
    pub wait: Option<Wait>,
    pub joiners: Vec<ThreadId>,
    /// For those who join it.
    pub object: ObjectId,
    /// The event in which it ended, and that which let it go on last, if events are recorded.
    pub finished_by: u32,
    pub created_by: u32,
    pub step: StepId,
    pub visit: u32,
    pub step_at: Time,
    /// Waits since the present step began, if anything depends on it.
    pub waits: u32,
    pub stalls: Vec<StallAt>,
    /// What it does; not there while it does it.
    pub task: Option<Task>,
    noise: Stream,
    until_preemption_ns: u64,
}

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

/// How long some work may take: one of so many values, nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    from: u64,
    values: u64,
}

impl Spread {
    /// Of work that costs `cost` nanoseconds.
    pub fn of(cost: u64, noise: Noise) -> Spread {
        let width = cost.saturating_mul(u64::from(noise.spread_permille)) / 1_000;
        Spread { from: cost - width.min(cost), values: width.saturating_mul(2).saturating_add(1) }
    }
}

impl Thread {
    pub fn new(
        name: Rc<str>,
        process: ProcessId,
        clock: ClockId,
        object: ObjectId,
        stalls: Vec<StallAt>,
        seed: u64,
        config: &Config,
    ) -> Thread {
        let noise = Stream::new(seed, "noise", &name);
        let mut thread = Thread {
            name,
            process,
            clock,
            alive: true,
            finished: Rc::default(),
            generation: 0,
            woken: false,
            wait: None,
            joiners: Vec::new(),
            object,
            finished_by: 0,
            created_by: 0,
            step: StepId(0),
            visit: 0,
            step_at: Time::ZERO,
            waits: 0,
            stalls,
            task: None,
            noise,
            until_preemption_ns: u64::MAX,
        };
        thread.begin_preemptions(config);
        thread
    }

    /// The noise of another seed from now on, and no stall any more.
    pub fn begin_noise(&mut self, seed: u64, config: &Config) {
        self.stalls.clear();
        self.noise = Stream::new(seed, "noise", &self.name);
        self.begin_preemptions(config);
    }

    fn begin_preemptions(&mut self, config: &Config) {
        self.until_preemption_ns = match config.noise.preemption_interval_ns {
            mean if mean > 0 && config.plan.host_preempts => self.noise.exponential(mean),
            _ => u64::MAX,
        };
    }

    /// For how long it is stalled where it is now, nanoseconds.
    pub fn stalled(&self) -> u64 {
        let here =
            |stall: &&StallAt| stall.step == self.step && stall.visit == self.visit && stall.at_wait == self.waits;
        self.stalls.iter().filter(here).map(|stall| stall.span_ns).fold(0, u64::saturating_add)
    }

    /// What some work takes on this host.
    #[inline]
    pub fn disturbed(&mut self, work: Spread, noise: Noise) -> u64 {
        let span = match (work.from, work.values) {
            (0, 1) => return 0,
            (cost, 1) => cost,
            (from, values) => from.saturating_add(self.noise.below(values)),
        };
        if self.until_preemption_ns > span {
            self.until_preemption_ns -= if self.until_preemption_ns == u64::MAX { 0 } else { span };
            return span;
        }
        self.preempted(span, noise)
    }

    /// What `span` nanoseconds of work take if a preemption falls into them.
    #[cold]
    fn preempted(&mut self, span: u64, noise: Noise) -> u64 {
        self.until_preemption_ns = self.noise.exponential(noise.preemption_interval_ns);
        span.saturating_add(self.noise.exponential(noise.preemption_length_ns))
    }
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

/// What the body of a thread works with: its own identity and the simulation around it.
#[derive(Clone)]
pub struct Cx {
    /// The simulation.
    pub sim: Sim,
    pub(crate) thread: ThreadId,
}

impl Cx {
    /// Which thread this is.
    pub fn id(&self) -> ThreadId {
        self.thread
    }

    /// The process this thread belongs to.
    pub fn process(&self) -> ProcessId {
        self.sim.0.core.borrow().threads[self.thread.index()].process
    }

    /// The name of this thread.
    pub fn name(&self) -> Rc<str> {
        self.sim.0.core.borrow().threads[self.thread.index()].name.clone()
    }

    /// Do a step: spend its cost, and let others run meanwhile. What follows the `await` is its action.
    pub fn step(&self, step: StepId) -> Step<'_> {
        Step { cx: self, step, units: 0, entered: false }
    }

    /// Do a step on `units` units of work.
    pub fn step_on(&self, step: StepId, units: u64) -> Step<'_> {
        Step { cx: self, step, units, entered: false }
    }

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

    /// Wait until the named thread is about to do `step` for the `visit`-th time.
    pub async fn reached(&self, thread: &str, step: StepId, visit: u32) {
        self.sim.watch(thread, step, visit, self.thread);
        let object: Rc<str> = format!("{thread} to reach a step").into();
        self.block("event", &object, None, true).await;
    }

    /// Wait for a thread to end.
    pub async fn join(&self, other: ThreadId) {
        let (name, object, finished) = {
            let core = self.sim.0.core.borrow();
            let thread = &core.threads[other.index()];
            (thread.name.clone(), thread.object, thread.finished.clone())
        };
        let waits_for = WaitsFor { what: "join", object: &name, holder: Some(other), objects: &[object], idle: false };
        self.before_wait(waits_for, Limit::None, || Rc::new(move || finished.get())).await;
        loop {
            {
                let core = &mut *self.sim.0.core.borrow_mut();
                let thread = &mut core.threads[other.index()];
                if thread.finished.get() {
                    let (clock, object, finished_by) = (thread.clock, thread.object, thread.finished_by);
                    core.acquire(self.thread, clock);
                    core.touch(object, Touch::Acquire);
                    core.took(object, finished_by);
                    return;
                }
                thread.joiners.push(self.thread);
            }
            self.block_on("join", &name, Some(other), None, false).await;
        }
    }

    /// Stop for ever: the simulated process has ended under this thread.
    pub async fn halt(&self) -> ! {
        std::future::pending::<()>().await;
        unreachable!("a halted thread is never polled again")
    }

    /// Where this thread is.
    pub fn place(&self) -> Place {
        let core = self.sim.0.core.borrow();
        let thread = &core.threads[self.thread.index()];
        Place { thread: thread.name.to_string(), step: thread.step, visit: thread.visit, at: thread.step_at }
    }

    /// Report a violation that this thread commits at its present step.
    pub fn violate(&self, kind: Kind, object: &str, cause: Option<Place>, detail: String) {
        let violation = Violation { kind, object: object.to_owned(), culprit: self.place(), cause, detail };
        self.sim.report(violation);
    }

    /// The simulated program asserts something; if it does not hold, the process aborts and the run ends.
    pub fn assert(&self, holds: bool, object: &str, detail: &str) {
        if !holds {
            self.violate(Kind::ASSERTION, object, None, detail.to_owned());
        }
    }
}

/// A step being done; see [`Cx::step`].
pub struct Step<'a> {
    cx: &'a Cx,
    step: StepId,
    units: u64,
    entered: bool,
}

impl Future for Step<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let thread = self.cx.thread;
        let core = &mut *self.cx.sim.0.core.borrow_mut();
        if !self.entered {
            self.entered = true;
            match core.enter_step(thread, self.step, self.units) {
                StepEnds::Now => {}
                StepEnds::Later | StepEnds::Never => return Poll::Pending,
            }
        }
        core.leave_step(thread);
        Poll::Ready(())
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
