//! Simulated threads, and what a thread's body can do: [`Cx`].

use crate::happens_before::ClockId;
use crate::kernel::{Sim, Task};
use crate::process::ProcessId;
use crate::random::Stream;
use crate::run::Config;
use crate::step::{Noise, StepEnds, StepId};
use crate::time::Time;
use crate::touch::{ObjectId, Touch};
use crate::violation::{Kind, Place, Violation};
use crate::wait::{Limit, Wait, WaitsFor};
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
    /// Until then it works on its step, if cores are shared.
    pub busy_until: Time,
    /// Waits since the present step began, if anything depends on it.
    pub waits: u32,
    pub stalls: Vec<StallAt>,
    /// What it does; not there while it does it.
    pub task: Option<Task>,
    noise: Stream,
    until_preemption_ns: u64,
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
            busy_until: Time::ZERO,
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
