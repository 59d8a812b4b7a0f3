//! The executor: simulated threads on a virtual clock.
//!
//! ```text
//!   threads (async tasks)          kernel
//!   ┌──────────────┐   step()   ┌────────────────────────────┐
//!   │ multifd recv │ ─────────▶ │ timers, ordered by         │
//!   │ COLO thread  │   block()  │ (time, sequence number)    │──▶ next thread to poll
//!   │ main thread  │ ─────────▶ │ waits, clocks, trace hash  │
//!   └──────────────┘            └────────────────────────────┘
//! ```
//!
//! One thing runs at a time, on one real thread. Events at equal times run in the order in which they were scheduled: that
//! rule makes a run a function of its input. A step whose end lies before every scheduled event is done at once,
//! without going through the executor; the order of events is the same.

use crate::control::{Actor, Control, How, Scheduler};
use crate::happens_before::{ClockId, Clocks};
use crate::holds::Holds;
use crate::names::Names;
use crate::plan::Plan;
use crate::process::{Process, ProcessId};
use crate::random::{Stream, fingerprint};
use crate::run::{Config, Ended, HeldBack, Outcome};
use crate::spin::Spin;
use crate::step::{StepId, Watch};
use crate::thread::{Cx, Spread, Thread, ThreadId};
use crate::time::{Span, Time};
use crate::timers::{Event, Timers};
use crate::touch::{HandOvers, Touch};
use crate::trace::{Record, TraceHash};
use crate::violation::{Hazard, HazardKey, Violation};
use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Something of the kernel's world that acts at a time without being a thread, as a link that delivers.
pub(crate) trait Timed {
    fn fire(&self, argument: u32);
}

#[derive(Default)]
pub(crate) struct Core {
    pub now: Time,
    pub timers: Timers,
    pub threads: Vec<Thread>,
    pub processes: Vec<Process>,
    pub clocks: Clocks,
    pub trace: TraceHash,
    pub config: Option<Config>,
    /// The end of the run at the latest.
    pub limit: Time,
    /// Nothing but stalls comes between a thread and its next step: the run is timed, without records of its events, and its
    /// plan has no hold.
    pub plain: bool,
    pub visits: Vec<u32>,
    /// What each step takes, without its units of work.
    pub spreads: Vec<Spread>,
    /// Seed of the noise: that of the run, until it forks.
    pub noise_seed: u64,
    pub fork_after: u64,
    /// Cores that all threads share; zero: each thread has its own.
    pub cores: u32,
    pub holds: Holds,
    pub hand_overs: HandOvers,
    pub watches: Vec<Watch>,
    pub spin: Spin,
    /// Turns of all threads so far: how often one went on.
    pub turns: u64,
    pub ended: Option<Ended>,
    /// A violation was reported after which the program's behaviour is undefined.
    pub broken: bool,
    /// Events are recorded, or controlled.
    pub control: Option<Box<Control>>,
    /// The thread that is being polled.
    pub current: Option<ThreadId>,
    pub violations: Vec<Violation>,
    pub hazards: Vec<Hazard>,
    pub hazard_keys: BTreeSet<HazardKey>,
    pub object_names: Vec<Rc<str>>,
    pub names: Names,
    pub records: Vec<Record>,
    /// What waited for acknowledgements.
    pub held_back: Vec<HeldBack>,
}

#[derive(Default)]
pub(crate) struct Kernel {
    pub core: RefCell<Core>,
    timed: RefCell<Vec<Rc<dyn Timed>>>,
}

/// A handle on the running simulation.
#[derive(Clone)]
pub struct Sim(pub(crate) Rc<Kernel>);

/// A simulator; what one run allocated is used again by the next.
#[derive(Default)]
pub struct Simulator {
    kernel: Rc<Kernel>,
    records_events: bool,
    cores: u32,
    scheduler: Option<Rc<RefCell<dyn Scheduler>>>,
}

impl Simulator {
    /// A simulator that has run nothing yet.
    pub fn new() -> Simulator {
        Simulator::default()
    }

    /// From the next run on, keep a record of every event: [`Outcome::events`].
    pub fn record_events(&mut self, records: bool) {
        self.records_events = records;
    }

    /// From the next run on, all threads share so many cores: while more of them work, each step takes so much longer. Zero, as
    /// it is at first: each thread has a core of its own.
    pub fn share_cores(&mut self, cores: u32) {
        self.cores = cores;
    }

    /// From the next run on, let this scheduler decide what is next; see [`Scheduler`]. Events are recorded.
    pub fn control(&mut self, scheduler: Option<Rc<RefCell<dyn Scheduler>>>) {
        self.scheduler = scheduler;
    }

    /// Run what `build` spawns until it ends.
    pub fn run(&mut self, config: Config, build: impl FnOnce(&Sim)) -> Outcome {
        let sim = Sim(self.kernel.clone());
        self.kernel.reset(config);
        let observed = self.records_events || self.scheduler.is_some();
        let control = observed.then(|| Box::new(Control::new(self.scheduler.clone())));
        {
            let core = &mut *self.kernel.core.borrow_mut();
            core.plain = control.is_none() && core.holds.is_empty();
            core.control = control;
            core.cores = self.cores;
        }
        build(&sim);
        let ended = match &self.scheduler {
            Some(_) => self.kernel.execute_controlled(),
            None => self.kernel.execute(),
        };
        self.kernel.let_go();
        self.kernel.core.borrow_mut().outcome(ended)
    }
}

impl Kernel {
    /// Drop what the threads and links of a run own: they hold the kernel as it holds them.
    fn let_go(&self) {
        let threads = self.core.borrow().threads.len();
        for index in 0..threads {
            let task = self.core.borrow_mut().threads[index].task.take();
            drop(task);
        }
        let timed = std::mem::take(&mut *self.timed.borrow_mut());
        drop(timed);
        let on_exit: Vec<_> = {
            let core = &mut *self.core.borrow_mut();
            core.processes.iter_mut().flat_map(|process| std::mem::take(&mut process.on_exit)).collect()
        };
        drop(on_exit);
    }

    fn reset(&self, config: Config) {
        // A run that ended in a panic has not let go yet.
        self.let_go();
        let core = &mut *self.core.borrow_mut();
        assert_eq!(config.steps.len(), config.costs.len(), "every step has a cost");
        core.now = Time::ZERO;
        core.timers.clear();
        core.threads.clear();
        core.processes.clear();
        core.clocks.reset();
        core.trace.reset(config.seed);
        core.holds = Holds::new(&config.plan, config.steps);
        core.hand_overs.clear();
        core.noise_seed = config.seed;
        core.fork_after = config.plan.fork.map_or(u64::MAX, |fork| fork.after_steps);
        core.limit = Time::ZERO + config.time_limit;
        core.spreads.clear();
        core.spreads.extend(config.costs.iter().map(|cost| Spread::of(cost.fixed_ns, config.noise)));
        core.config = Some(config);
        core.visits.clear();
        core.watches.clear();
        core.spin.clear();
        core.turns = 0;
        core.ended = None;
        core.broken = false;
        core.current = None;
        core.violations.clear();
        core.hazards.clear();
        core.hazard_keys.clear();
        core.object_names.clear();
        core.names.begin_run();
        core.records.clear();
        core.held_back.clear();
    }

    fn execute(&self) -> Ended {
        let mut borrowed = self.core.borrow_mut();
        loop {
            let core = &mut *borrowed;
            if let Some(ended) = core.ended {
                return ended;
            }
            let Some((time, event)) = core.timers.pop() else {
                if let Some(deadlock) = core.deadlock() {
                    core.report(deadlock);
                }
                return Ended::Quiet;
            };
            if time > core.limit {
                core.now = core.limit;
                return Ended::TimeLimit;
            }
            core.now = time;
            match event {
                Event::Resume { thread, generation } => {
                    let Some(task) = core.begin_turn(thread, generation) else { continue };
                    drop(borrowed);
                    borrowed = self.take_turn(thread, task);
                }
                Event::Fire { object, argument } => {
                    drop(borrowed);
                    let object = self.timed.borrow()[object as usize].clone();
                    object.fire(argument);
                    borrowed = self.core.borrow_mut();
                }
            }
        }
    }

    pub fn resume(&self, id: ThreadId, generation: u32) {
        let task = self.core.borrow_mut().begin_turn(id, generation);
        if let Some(task) = task {
            self.take_turn(id, task);
        }
    }

    #[inline]
    fn take_turn(&self, id: ThreadId, mut task: Task) -> RefMut<'_, Core> {
        let done = task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut core = self.core.borrow_mut();
        core.current = None;
        let thread = &mut core.threads[id.index()];
        if !done && thread.alive {
            thread.task = Some(task);
            return core;
        }
        if done {
            core.current = Some(id);
            core.finish(id);
            core.current = None;
        }
        // What it owns may use the kernel when it goes away.
        drop(core);
        drop(task);
        self.core.borrow_mut()
    }
}

impl Core {
    /// A thread is to go on: its task. It does not if it has been resumed since `generation` was read, or cannot any more.
    #[inline]
    fn begin_turn(&mut self, id: ThreadId, generation: u32) -> Option<Task> {
        let thread = &mut self.threads[id.index()];
        if !thread.alive || thread.generation != generation {
            return None;
        }
        // What is frozen stays so: its turn is lost.
        if self.processes[thread.process.index()].frozen {
            return None;
        }
        thread.generation += 1;
        self.turns += 1;
        if thread.wait.is_some() {
            thread.wait = None;
        }
        let task = thread.task.take();
        self.current = Some(id);
        if self.control.is_some() {
            self.begin_event(id);
        }
        task
    }

    pub fn config(&self) -> &Config {
        self.config.as_ref().expect("a run has a configuration")
    }

    #[inline]
    pub fn schedule_resume(&mut self, thread: ThreadId, at: Time) {
        if self.control.is_some() {
            return self.schedule(thread, at, How::Plain);
        }
        let generation = self.threads[thread.index()].generation;
        self.timers.push(at, Event::Resume { thread, generation });
    }

    /// Let a thread go on at `at`, or, in a controlled run, when that is possible.
    pub fn schedule(&mut self, thread: ThreadId, at: Time, how: How) {
        let state = &mut self.threads[thread.index()];
        let event = Event::Resume { thread, generation: state.generation };
        match &mut self.control {
            Some(control) if control.is_controlled() => control.push(self.now, at, event, how),
            Some(control) => {
                // A connection that delivers has no event of its own.
                state.created_by = self.current.map_or(0, |_| control.event());
                self.timers.push(at, event);
            }
            None => self.timers.push(at, event),
        }
    }

    /// In a timed run whose events are recorded, `id` goes on.
    fn begin_event(&mut self, id: ThreadId) {
        if self.control.as_ref().is_some_and(|control| !control.is_controlled()) {
            let creator = self.threads[id.index()].created_by;
            let record = self.event_record(Actor::Thread(id.0), creator, Span::ZERO, false);
            if let Some(control) = &mut self.control {
                control.begin_event(record);
            }
        }
    }

    /// Let a blocked thread go on at the present time.
    pub fn wake(&mut self, thread: ThreadId) {
        let state = &mut self.threads[thread.index()];
        if !state.alive || state.woken || state.wait.is_none() {
            return;
        }
        state.woken = true;
        self.schedule_resume(thread, self.now);
    }

    pub fn release(&mut self, thread: ThreadId, into: ClockId) {
        let own = self.threads[thread.index()].clock;
        self.clocks.join(into, own);
        self.clocks.advance(own, thread);
    }

    pub fn acquire(&mut self, thread: ThreadId, from: ClockId) {
        let own = self.threads[thread.index()].clock;
        self.clocks.join(own, from);
    }

    fn finish(&mut self, id: ThreadId) {
        self.passes(id);
        let thread = &mut self.threads[id.index()];
        thread.alive = false;
        thread.finished.set(true);
        let object = thread.object;
        let joiners = std::mem::take(&mut thread.joiners);
        for joiner in joiners {
            self.wake(joiner);
        }
        self.threads[id.index()].finished_by = self.event();
        self.touch(object, Touch::Release);
    }

    pub(crate) fn is_controlled(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.is_controlled())
    }

    /// The scheduler of a controlled run has begun to choose.
    pub(crate) fn is_free(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.free)
    }

    /// Is no event due, now or later?
    pub(crate) fn is_nothing_due(&self) -> bool {
        self.timers.next().is_none()
    }

    /// From here on the run goes on as with another seed.
    pub(crate) fn fork(&mut self) {
        let config = self.config.as_mut().expect("a run has a configuration");
        let Some(fork) = config.plan.fork else { return };
        config.plan = Plan { fork: Some(fork), ..Plan::natural() };
        self.holds = Holds::default();
        self.noise_seed = fork.seed;
        for thread in &mut self.threads {
            thread.begin_noise(fork.seed, config);
        }
    }

    pub(crate) fn report(&mut self, violation: Violation) {
        if self.broken {
            return;
        }
        if violation.kind.is_fatal() {
            self.broken = true;
            match (&self.control, self.current) {
                (Some(control), Some(thread)) if control.is_controlled() => self.threads[thread.index()].alive = false,
                _ => self.ended = Some(Ended::Broken),
            }
        }
        self.trace.mix(fingerprint(violation.kind.0), fingerprint(&violation.object));
        self.violations.push(violation);
    }
}

impl Sim {
    /// The present time.
    pub fn now(&self) -> Time {
        self.0.core.borrow().now
    }

    /// The random stream of `purpose` for `object` in this run.
    pub fn stream(&self, purpose: &str, object: &str) -> Stream {
        Stream::new(self.0.core.borrow().config().seed, purpose, object)
    }

    /// Start a thread of `process`. It begins at the present time, after everything already scheduled for it. What the
    /// thread that starts it did before is ordered before all that the new one does.
    ///
    /// # Panics
    /// If a thread of that name exists: names are how plans and witnesses find a thread.
    pub fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        process: ProcessId,
        name: &str,
        body: impl FnOnce(Cx) -> F,
    ) -> ThreadId {
        let id = {
            let core = &mut *self.0.core.borrow_mut();
            assert!(core.threads.iter().all(|t| &*t.name != name), "a second thread named {name}");
            let id = ThreadId(core.threads.len() as u16);
            let (clock, object) = (core.clocks.add(), core.add_object());
            if let Some(parent) = core.current {
                core.release(parent, clock);
            }
            core.clocks.advance(clock, id);
            let config = core.config.as_ref().expect("a run has a configuration");
            let stalls = config.plan.stalls.iter().filter(|s| s.thread == name);
            let stalls = stalls.filter_map(|s| {
                let step = config.steps.iter().position(|info| info.name == s.step)?;
                let at_wait = s.at_wait;
                Some(crate::thread::StallAt { step: StepId(step as u16), visit: s.visit, at_wait, span_ns: s.span_ns })
            });
            let (stalls, named) = (stalls.collect(), core.names.name(name));
            let thread = Thread::new(named, process, clock, object, stalls, core.noise_seed, config);
            let visits = core.visits.len() + config.steps.len();
            core.threads.push(thread);
            core.visits.resize(visits, 0);
            core.trace.mix(u64::from(id.0), fingerprint(name));
            let begins = core.now + Span(core.threads[id.index()].stalled());
            core.schedule_resume(id, begins);
            id
        };
        let cx = Cx { sim: self.clone(), thread: id };
        let task: Task = Box::pin(body(cx));
        self.0.core.borrow_mut().threads[id.index()].task = Some(task);
        id
    }

    pub(crate) fn add_timed(&self, object: Rc<dyn Timed>) -> u32 {
        let mut timed = self.0.timed.borrow_mut();
        timed.push(object);
        timed.len() as u32 - 1
    }

    pub(crate) fn fire_at(&self, at: Time, object: u32, argument: u32) {
        self.0.core.borrow_mut().timers.push(at, Event::Fire { object, argument });
    }

    /// In a controlled run the scheduler chooses from now on. What was before went as in a timed run.
    pub fn explore_from_here(&self) {
        if let Some(control) = &mut self.0.core.borrow_mut().control {
            control.free = true;
        }
    }

    /// Is this a controlled run?
    pub fn is_controlled(&self) -> bool {
        self.0.core.borrow().is_controlled()
    }

    /// End the run.
    pub fn finish(&self) {
        self.0.core.borrow_mut().ended.get_or_insert(Ended::Finished);
    }

    /// Report that an oracle of the model found something wrong, seen by the thread `cx` at its present step.
    pub fn report(&self, violation: Violation) {
        self.0.core.borrow_mut().report(violation);
    }
}

/// Poll result of a wait that ended.
pub(crate) fn ready_if(done: bool) -> Poll<()> {
    if done { Poll::Ready(()) } else { Poll::Pending }
}
