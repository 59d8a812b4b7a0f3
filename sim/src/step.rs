//! Steps: the named points at which a simulated thread spends time and others may interleave.
//!
//! A model lists its steps once, as a table of [`StepInfo`]; a [`StepId`] is an index into it. Names are stable: witness
//! files, tests and readers use them. A step has a start, where its span is known, and an end, where its action begins.

use crate::kernel::{Core, Sim};
use crate::run::Ended;
use crate::thread::{Spread, ThreadId};
use crate::time::Span;
use crate::trace::Record;

/// A step of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u16);

impl StepId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a step stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepInfo {
    /// Stable name, as `multifd_recv.copy_to_guest`.
    pub name: &'static str,
    /// The simulated program's function that does it, and where documentation numbers it.
    pub stands_for: &'static str,
}

/// What a step costs on an undisturbed host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCost {
    /// Nanoseconds for each visit.
    pub fixed_ns: u64,
    /// Nanoseconds for each unit of work (a page, for most).
    pub per_unit_ns: u64,
}

/// How a host's costs vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Each cost is drawn uniformly from the stated one ± this many thousandths.
    pub spread_permille: u32,
    /// Mean CPU time of a thread between two preemptions, nanoseconds; zero: never preempted.
    pub preemption_interval_ns: u64,
    /// Mean length of a preemption, nanoseconds, exponentially distributed.
    pub preemption_length_ns: u64,
}

/// When a step that was entered ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepEnds {
    Now,
    Later,
    /// The run is over.
    Never,
}

/// Somebody waits for a thread to begin a visit of a step.
pub(crate) struct Watch {
    thread: String,
    step: StepId,
    visit: u32,
    waiter: ThreadId,
}

impl Core {
    /// Start of a step: the time at which it ends, `None` if that is now.
    pub(crate) fn enter_step(&mut self, id: ThreadId, step: StepId, units: u64) -> StepEnds {
        // A thread may have killed or frozen its own process just now.
        if self.ended.is_some() || !self.threads[id.index()].alive {
            return StepEnds::Never;
        }
        let config = self.config.as_ref().expect("a run has a configuration");
        if self.trace.steps >= config.step_limit {
            self.ended = Some(Ended::StepLimit);
            return StepEnds::Never;
        }
        if self.trace.steps >= self.spin.look_at && self.spins(id, step) {
            return StepEnds::Never;
        }
        let config = self.config.as_ref().expect("a run has a configuration");
        let noise = config.noise;
        let spread = if units == 0 {
            self.spreads[step.index()]
        } else {
            let cost = config.costs[step.index()];
            Spread::of(cost.fixed_ns.saturating_add(cost.per_unit_ns.saturating_mul(units)), noise)
        };
        let steps = config.steps.len();
        if !self.plain {
            self.passes(id);
        }
        let visits = &mut self.visits[id.index() * steps + step.index()];
        *visits += 1;
        let visit = *visits;
        let thread = &mut self.threads[id.index()];
        thread.step = step;
        thread.visit = visit;
        let mut span = thread.disturbed(spread, noise);
        thread.waits = 0;
        if self.cores > 0 {
            span = self.shared(id, span);
        }
        let thread = &self.threads[id.index()];
        if !thread.stalls.is_empty() {
            span = span.saturating_add(thread.stalled());
        }
        let process = thread.process;
        if !self.watches.is_empty() {
            self.notify_watches(id, step, visit);
        }
        let end = self.now + Span(span);
        if !self.plain && self.hold(id, end) {
            return StepEnds::Later;
        }
        if end <= self.limit
            && self.control.is_none()
            && self.timers.next().is_none_or(|next| next > end)
            && !self.processes[process.index()].frozen
        {
            self.now = end;
            return StepEnds::Now;
        }
        self.schedule_resume(id, end);
        StepEnds::Later
    }

    /// What `span` nanoseconds of work take on cores that others work on too: each gets an equal share, as it is when the work
    /// begins. A fair scheduler does that over some milliseconds (Linux, `sched_min_granularity`); here it does so at once.
    fn shared(&mut self, id: ThreadId, span: u64) -> u64 {
        let now = self.now;
        let others = self.threads.iter().filter(|thread| thread.alive && thread.busy_until > now).count() as u64;
        let (runnable, cores) = (others + 1, u64::from(self.cores));
        let span = if runnable > cores { span.saturating_mul(runnable) / cores } else { span };
        self.threads[id.index()].busy_until = now + Span(span);
        span
    }

    fn notify_watches(&mut self, id: ThreadId, step: StepId, visit: u32) {
        let name = self.threads[id.index()].name.clone();
        let mut i = 0;
        while i < self.watches.len() {
            let watch = &self.watches[i];
            if watch.step == step && watch.visit == visit && *watch.thread == *name {
                let waiter = self.watches.swap_remove(i).waiter;
                self.wake(waiter);
            } else {
                i += 1;
            }
        }
    }

    /// End of a step: what it is known by in the trace.
    pub(crate) fn leave_step(&mut self, id: ThreadId) {
        let (step, visit) = {
            let thread = &mut self.threads[id.index()];
            thread.step_at = self.now;
            (thread.step, thread.visit)
        };
        self.trace.step(self.now, id, step);
        if self.trace.steps == self.fork_after {
            self.fork();
        }
        if self.config().record {
            self.records.push(Record { time: self.now, thread: id, step, visit, hash: self.trace.hash });
        }
    }
}

impl Sim {
    pub(crate) fn watch(&self, thread: &str, step: StepId, visit: u32, waiter: ThreadId) {
        let watch = Watch { thread: thread.to_owned(), step, visit, waiter };
        self.0.core.borrow_mut().watches.push(watch);
    }
}
