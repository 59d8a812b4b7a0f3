//! Holds in a run: who waits for whom to pass which step, and how each hold ended.

use crate::kernel::Core;
use crate::plan::{Hold, Plan, Visit};
use crate::step::{StepId, StepInfo};
use crate::thread::ThreadId;
use crate::time::{Span, Time};

/// How a hold of the plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// The thread never came to the step.
    NotReached,
    /// When it came, the other had passed already.
    NotNeeded,
    /// It was still held when the run ended.
    Holding,
    /// The other passed; it was held for this long, beyond what the step took.
    Released(Span),
    /// The other did not pass in time.
    Expired,
}

/// The holds of a run.
#[derive(Debug, Default)]
pub(crate) struct Holds(Vec<Held>);

#[derive(Debug)]
struct Held {
    at: Point,
    until: Point,
    longest_ns: u64,
    passed: bool,
    end: HoldEnd,
    /// Who is held, and when its step would have ended.
    waiter: Option<(ThreadId, Time)>,
}

/// A visit with its step looked up; a step that does not exist is never reached.
#[derive(Debug)]
struct Point {
    thread: String,
    step: Option<StepId>,
    visit: u32,
    at_wait: u32,
}

/// Where a thread is: step, visit, waits since then.
type Here = (StepId, u32, u32);

impl Point {
    fn new(visit: &Visit, steps: &[StepInfo]) -> Point {
        let step = steps.iter().position(|info| info.name == visit.step).map(|index| StepId(index as u16));
        Point { thread: visit.thread.clone(), step, visit: visit.visit, at_wait: visit.at_wait }
    }

    fn is(&self, thread: &str, (step, visit, waits): Here) -> bool {
        self.step == Some(step) && self.visit == visit && self.at_wait == waits && self.thread == thread
    }

    /// Does a thread that has done all it began up to `here` pass this point with that, if it has not before?
    fn is_passed(&self, thread: &str, (step, visit, waits): Here) -> bool {
        self.step == Some(step) && self.visit == visit && self.at_wait <= waits && self.thread == thread
    }
}

impl Holds {
    pub fn new(plan: &Plan, steps: &[StepInfo]) -> Holds {
        let held = |hold: &Hold| Held {
            at: Point::new(&hold.at, steps),
            until: Point::new(&hold.until, steps),
            longest_ns: hold.longest_ns,
            passed: false,
            end: HoldEnd::NotReached,
            waiter: None,
        };
        Holds(plan.holds.iter().map(held).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ends(&self) -> Vec<HoldEnd> {
        self.0.iter().map(|held| held.end).collect()
    }

    /// `id` comes to where it goes on at `end` of its own accord; the longest time for which it is held then, if it is.
    pub fn begin(&mut self, id: ThreadId, thread: &str, here: Here, end: Time) -> Option<Span> {
        let mut longest = None;
        for held in self.0.iter_mut().filter(|held| held.at.is(thread, here)) {
            if held.passed {
                held.end = HoldEnd::NotNeeded;
                continue;
            }
            held.end = HoldEnd::Holding;
            held.waiter = Some((id, end));
            longest = longest.max(Some(Span(held.longest_ns)));
        }
        longest
    }

    /// `id` has done all that it began up to `here`: whom that releases, and when each of them goes on.
    pub fn pass(&mut self, id: ThreadId, thread: &str, here: Here, now: Time) -> Vec<(ThreadId, Time)> {
        // Whoever was held and moves on without being released was held for the longest time.
        for held in &mut self.0 {
            if held.waiter.take_if(|(waiter, _)| *waiter == id).is_some() {
                held.end = HoldEnd::Expired;
            }
        }
        let mut released = Vec::new();
        for i in 0..self.0.len() {
            if self.0[i].passed || !self.0[i].until.is_passed(thread, here) {
                continue;
            }
            self.0[i].passed = true;
            let Some((waiter, end)) = self.0[i].waiter.take() else { continue };
            let goes_on = end.max(now);
            self.0[i].end = HoldEnd::Released(goes_on.since(end));
            // Another hold at the same place may last longer.
            if self.0.iter().all(|held| held.waiter.is_none_or(|(other, _)| other != waiter)) {
                released.push((waiter, goes_on));
            }
        }
        released
    }
}

impl Core {
    /// All that `id` has begun so far is done: who was held until then goes on.
    pub(crate) fn passes(&mut self, id: ThreadId) {
        if self.holds.is_empty() {
            return;
        }
        let thread = &self.threads[id.index()];
        let released = self.holds.pass(id, &thread.name, (thread.step, thread.visit, thread.waits), self.now);
        for (waiter, goes_on) in released {
            self.schedule_resume(waiter, goes_on);
        }
    }

    /// Is `id`, which would go on at `end`, held where it is? It is resumed when the hold ends.
    pub(crate) fn hold(&mut self, id: ThreadId, end: Time) -> bool {
        if self.holds.is_empty() {
            return false;
        }
        let thread = &self.threads[id.index()];
        let longest = self.holds.begin(id, &thread.name, (thread.step, thread.visit, thread.waits), end);
        if let Some(longest) = longest {
            self.schedule_resume(id, Time(end.0.saturating_add(longest.0)));
        }
        longest.is_some()
    }
}
