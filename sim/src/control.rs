//! Controlled runs: a scheduler outside decides which of all possible events is next, and delays are free.
//!
//! In a timed run the earliest event is next. In a controlled one any event that is possible may be: a step may end, a sleep may
//! be over and a message may have arrived at any moment after it began. That is what a host and a network are free to do, so each
//! controlled run is a timed run with stalls; by how much each event comes later than by itself is noted ([`EventRecord::late`]).
//! Time goes on, by at least 1 ns with each event, so that the order can be told from the times.
//!
//! A wait is one event: it is possible once what is waited for is there. A mutex goes to any of its waiters. Connections have no
//! delay of their own: that a message comes late is that its reader is late. *Patient* events, as the time limit of an observer,
//! come only when nothing else is possible. A violation after which the program's behaviour is undefined ends the thread that
//! commits it and hides what others report later, but the others go on: what they touch is needed to know all other orders.
//!
//! The same record of events is kept of a timed run if it is asked for.

use crate::kernel::{Core, Kernel};
use crate::plan::{Stall, Visit};
use crate::step::StepId;
use crate::thread::ThreadId;
use crate::time::{Span, Time};
use crate::timers::Event;
use crate::touch::{ObjectId, Touched};
use crate::{Ended, StepInfo};
use std::cell::RefCell;
use std::rc::Rc;

/// Who acts in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Actor {
    /// A thread goes on.
    Thread(u16),
    /// A thread's wait is over since its time limit has come.
    Timeout(u16),
}

impl Actor {
    /// The thread that goes on, by index in [`crate::Outcome::thread_names`].
    pub fn thread(self) -> u16 {
        match self {
            Actor::Thread(thread) | Actor::Timeout(thread) => thread,
        }
    }
}

/// A possible next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Who acts.
    pub actor: Actor,
    /// Its thread is of the world outside, which makes faults strike; see [`crate::Sim::outside`].
    pub outside: bool,
}

/// What a thread did from one point at which it could be delayed to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Who acted.
    pub actor: Actor,
    /// The last step that the thread began before; its action is part of the event if `at_wait` is zero.
    pub step: StepId,
    /// Which visit of that step; zero: the thread has not begun any.
    pub visit: u32,
    /// The event begins at this wait since that step began; zero: at the end of the step.
    pub at_wait: u32,
    /// When.
    pub time: Time,
    /// By how much later than by itself, in a controlled run.
    pub late: Span,
    /// Number of the event that brought it about; events are numbered from 1, and zero is before the first.
    pub creator: u32,
    /// It came because nothing else was possible.
    pub patient: bool,
    /// What it touched, sorted, each once.
    pub touched: Vec<Touched>,
    /// Releases that it took: object, and number of the event that released.
    pub took: Vec<(u32, u32)>,
    /// It ended threads of a process.
    pub killed: bool,
}

impl EventRecord {
    /// Where its thread was before it, so that it can be held there.
    pub fn point(&self, thread_names: &[String], steps: &[StepInfo]) -> Visit {
        Visit {
            thread: thread_names[usize::from(self.actor.thread())].clone(),
            step: steps[self.step.index()].name.to_owned(),
            visit: self.visit,
            at_wait: self.at_wait,
        }
    }

    /// The stall that delays the event as much as it was delayed; none if it was not.
    pub fn stall(&self, thread_names: &[String], steps: &[StepInfo]) -> Option<Stall> {
        (self.late > Span::ZERO).then(|| Stall {
            thread: thread_names[usize::from(self.actor.thread())].clone(),
            step: steps[self.step.index()].name.to_owned(),
            visit: self.visit,
            at_wait: self.at_wait,
            span_ns: self.late.0,
        })
    }
}

/// A thread that still waited when a controlled run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The thread, by index in [`crate::Outcome::thread_names`].
    pub thread: u16,
    /// The objects of which one would have let it go on, in the order in which the run's objects were made.
    pub objects: Vec<u32>,
}

/// Decides what is next in a controlled run.
pub trait Scheduler {
    /// Index of the choice to take; `None` ends the run. `choices` are in the order of a timed run, without patient events;
    /// `so_far` are the run's events.
    fn choose(&mut self, choices: &[Choice], so_far: &[EventRecord]) -> Option<usize>;
}

pub(crate) type Guard = Rc<dyn Fn() -> bool>;

/// When a pending event is possible.
pub(crate) enum How {
    /// From now on.
    Plain,
    /// When this holds.
    Guarded { guard: Guard, waits_for: Vec<ObjectId> },
    /// When this holds, as the end of a wait by its time limit.
    Timeout(Guard),
    /// When nothing else is possible.
    Patient,
}

struct Pending {
    at: Time,
    sequence: u64,
    event: Event,
    creator: u32,
    how: How,
    /// It is possible, as far as it was looked at last.
    ready: bool,
    /// When the thread came to the point where it is.
    since: Time,
}

/// The record of a run's events, and its scheduler if it is a controlled one.
pub(crate) struct Control {
    scheduler: Option<Rc<RefCell<dyn Scheduler>>>,
    /// The scheduler chooses; before that the earliest event is next.
    pub free: bool,
    pending: Vec<Pending>,
    sequence: u64,
    records: Vec<EventRecord>,
    choices: Vec<Choice>,
    indices: Vec<usize>,
}

impl Control {
    pub fn new(scheduler: Option<Rc<RefCell<dyn Scheduler>>>) -> Control {
        Control {
            scheduler,
            free: false,
            pending: Vec::new(),
            sequence: 0,
            records: Vec::new(),
            choices: Vec::new(),
            indices: Vec::new(),
        }
    }

    /// Does a scheduler decide, be it later?
    pub fn is_controlled(&self) -> bool {
        self.scheduler.is_some()
    }

    /// Number of the event that acts, or of the last one; zero before the first.
    pub fn event(&self) -> u32 {
        self.records.len() as u32
    }

    pub fn touched(&mut self, touched: Touched) {
        if let Some(record) = self.records.last_mut()
            && !record.touched.contains(&touched)
        {
            record.touched.push(touched);
        }
    }

    pub fn took(&mut self, object: u32, release: u32) {
        if let Some(record) = self.records.last_mut() {
            record.took.push((object, release));
        }
    }

    pub fn killed(&mut self) {
        if let Some(record) = self.records.last_mut() {
            record.killed = true;
        }
    }

    pub fn begin_event(&mut self, record: EventRecord) {
        self.records.push(record);
    }

    /// Who waits for what.
    pub fn blocked(&self) -> Vec<Blocked> {
        let blocked = |pending: &Pending| match &pending.how {
            How::Guarded { waits_for, .. } if !pending.ready => {
                let objects = waits_for.iter().map(|object| object.0).collect();
                Some(Blocked { thread: pending.actor().thread(), objects })
            }
            _ => None,
        };
        self.pending.iter().filter_map(blocked).collect()
    }

    pub fn take_records(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.records)
    }

    pub fn push(&mut self, now: Time, at: Time, event: Event, how: How) {
        self.sequence += 1;
        let ready = matches!(how, How::Plain | How::Patient);
        let (sequence, creator) = (self.sequence, self.event());
        self.pending.push(Pending { at, sequence, event, creator, how, ready, since: now });
    }

    /// Note which events are possible by now; what has become possible stands behind what was before.
    fn look_at_guards(&mut self, now: Time) {
        for pending in &mut self.pending {
            if let How::Guarded { guard, .. } | How::Timeout(guard) = &pending.how {
                let ready = guard();
                if ready && !pending.ready {
                    self.sequence += 1;
                    pending.sequence = self.sequence;
                    pending.at = pending.at.max(now);
                }
                pending.ready = ready;
            }
        }
    }

    /// Let the scheduler choose among the possible events; `None` if there is none, or if it ends the run.
    fn choose(&mut self, is_outside: impl Fn(u16) -> bool) -> Option<usize> {
        let Control { pending, indices, choices, .. } = self;
        indices.clear();
        indices.extend((0..pending.len()).filter(|i| pending[*i].ready && !matches!(pending[*i].how, How::Patient)));
        indices.sort_unstable_by_key(|i| (pending[*i].at, pending[*i].sequence));
        if indices.is_empty() {
            let patient = (0..pending.len()).filter(|i| matches!(pending[*i].how, How::Patient));
            return patient.min_by_key(|i| (pending[*i].at, pending[*i].sequence));
        }
        if !self.free {
            return Some(indices[0]);
        }
        choices.clear();
        choices.extend(indices.iter().map(|i| {
            let actor = pending[*i].actor();
            Choice { actor, outside: is_outside(actor.thread()) }
        }));
        let scheduler = self.scheduler.as_ref().expect("a controlled run has a scheduler");
        let chosen = scheduler.borrow_mut().choose(choices, &self.records);
        chosen.map(|i| indices[i])
    }
}

impl Pending {
    fn actor(&self) -> Actor {
        let Event::Resume { thread, .. } = self.event else {
            unreachable!("no connection acts by itself in a controlled run")
        };
        match self.how {
            How::Timeout(_) => Actor::Timeout(thread.0),
            How::Plain | How::Guarded { .. } | How::Patient => Actor::Thread(thread.0),
        }
    }
}

impl Kernel {
    /// The run as the scheduler wants it.
    pub fn execute_controlled(&self) -> Ended {
        loop {
            let (thread, generation) = {
                let core = &mut *self.core.borrow_mut();
                if let Some(ended) = core.ended {
                    return ended;
                }
                let mut control = core.control.take().expect("a controlled run has a control");
                control.pending.retain(|pending| core.is_pending(pending.event));
                control.look_at_guards(core.now);
                let chosen = control.choose(|thread| core.is_outside(ThreadId(thread)));
                let Some(chosen) = chosen else {
                    let is_over = control.pending.iter().all(|pending| !pending.ready);
                    core.control = Some(control);
                    if is_over
                        && !core.broken
                        && let Some(deadlock) = core.deadlock()
                    {
                        core.report(deadlock);
                    }
                    return Ended::Quiet;
                };
                let pending = control.pending.swap_remove(chosen);
                let patient = matches!(pending.how, How::Patient);
                let earliest = if control.free && !patient { Time(core.now.0 + 1) } else { core.now };
                core.now = earliest.max(pending.at);
                let Event::Resume { thread, generation } = pending.event else {
                    unreachable!("no connection acts by itself in a controlled run")
                };
                // A wait is stalled from its beginning, a step and a sleep from its end.
                let by_itself = if matches!(pending.how, How::Guarded { .. }) { pending.since } else { pending.at };
                let is_late = control.free && core.now > pending.at;
                let late = if is_late { core.now.since(by_itself) } else { Span::ZERO };
                let record = core.event_record(pending.actor(), pending.creator, late, patient);
                control.begin_event(record);
                core.control = Some(control);
                (thread, generation)
            };
            self.resume(thread, generation);
        }
    }
}

impl Core {
    /// The thread goes on now: the event that begins.
    pub fn event_record(&self, actor: Actor, creator: u32, late: Span, patient: bool) -> EventRecord {
        let thread = &self.threads[usize::from(actor.thread())];
        EventRecord {
            actor,
            step: thread.step,
            visit: thread.visit,
            at_wait: thread.waits,
            time: self.now,
            late,
            creator,
            patient,
            touched: Vec::new(),
            took: Vec::new(),
            killed: false,
        }
    }

    fn is_pending(&self, event: Event) -> bool {
        let Event::Resume { thread, generation } = event else { return true };
        let state = &self.threads[thread.index()];
        state.alive && state.generation == generation && !self.processes[state.process.index()].frozen
    }

    fn is_outside(&self, thread: ThreadId) -> bool {
        self.processes[self.threads[thread.index()].process.index()].outside
    }

    /// Number of the event that acts, if events are recorded; else zero.
    pub fn event(&self) -> u32 {
        self.control.as_ref().map_or(0, |control| control.event())
    }

    /// The event that acts takes what another has released.
    pub fn took(&mut self, object: ObjectId, release: u32) {
        if release > 0
            && let Some(control) = &mut self.control
        {
            control.took(object.0, release);
        }
    }
}
