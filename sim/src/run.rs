//! What goes into a run, and what it leaves behind.

use crate::control::{Blocked, EventRecord};
use crate::holds::HoldEnd;
use crate::kernel::Core;
use crate::plan::Plan;
use crate::step::{Noise, StepCost, StepId, StepInfo};
use crate::thread::ThreadId;
use crate::time::{Span, Time};
use crate::trace::Record;
use crate::violation::{Hazard, Violation};
use std::rc::Rc;

/// What a run is made of, beside the threads that a model spawns.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seed of every random stream.
    pub seed: u64,
    /// The model's steps.
    pub steps: &'static [StepInfo],
    /// Their costs on this host, one for each step.
    pub costs: Rc<[StepCost]>,
    /// How the costs vary.
    pub noise: Noise,
    /// The adversary.
    pub plan: Plan,
    /// The run ends at this time at the latest.
    pub time_limit: Span,
    /// The run ends after this many steps at the latest.
    pub step_limit: u64,
    /// Keep every record of the trace.
    pub record: bool,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The model said so.
    Finished,
    /// Nothing could happen any more, or nothing but that a thread spins.
    Quiet,
    /// A violation after which the simulated program's behaviour is undefined.
    Broken,
    /// The time limit was reached.
    TimeLimit,
    /// The step limit was reached.
    StepLimit,
}

/// Something short that Nagle's algorithm held back until what was sent before it had been acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The connection and direction.
    pub connection: String,
    /// The thread that wrote it, and the step that it had done last.
    pub thread: ThreadId,
    /// See `thread`.
    pub step: StepId,
    /// When it was written.
    pub since: Time,
    /// When it was sent.
    pub until: Time,
}

/// What a run leaves behind.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Why it ended.
    pub ended: Ended,
    /// When it ended.
    pub time: Time,
    /// Steps done.
    pub steps: u64,
    /// Hash of the whole trace.
    pub hash: u64,
    /// The hash after every 2^12th step.
    pub hash_checkpoints: Vec<u64>,
    /// What was wrong, in order.
    pub violations: Vec<Violation>,
    /// Unordered conflicting accesses, each pair of steps once.
    pub hazards: Vec<Hazard>,
    /// How often each thread did each step: (thread, step, visits), without zeros. The thread's name is in `thread_names`.
    pub visits: Vec<(ThreadId, StepId, u32)>,
    /// How each hold of the plan ended.
    pub holds: Vec<HoldEnd>,
    /// Fingerprint of who handed which shared object over to whom, in which order: runs that differ in it are different
    /// interleavings.
    pub interleaving: u64,
    /// The events, if they were asked for; see [`crate::Simulator::record_events`].
    pub events: Vec<EventRecord>,
    /// Who still waited at the end of a controlled run.
    pub blocked: Vec<Blocked>,
    /// The trace, if it was asked for.
    pub records: Vec<Record>,
    /// What was written and had to wait for an acknowledgement, in the order in which it went on.
    pub held_back: Vec<HeldBack>,
    /// Names of the threads, by [`ThreadId::index`].
    pub thread_names: Vec<String>,
    /// The model's steps, as the configuration gave them.
    pub step_table: &'static [StepInfo],
}

impl Core {
    pub fn outcome(&mut self, ended: Ended) -> Outcome {
        let mut visits = Vec::with_capacity(self.visits.iter().filter(|count| **count > 0).count());
        for (thread, of_thread) in self.visits.chunks(self.config().steps.len().max(1)).enumerate() {
            let counted = of_thread.iter().enumerate().filter(|(_, count)| **count > 0);
            visits.extend(counted.map(|(step, count)| (ThreadId(thread as u16), StepId(step as u16), *count)));
        }
        Outcome {
            ended,
            time: self.now,
            steps: self.trace.steps,
            hash: self.trace.hash,
            hash_checkpoints: self.trace.checkpoints.clone(),
            violations: std::mem::take(&mut self.violations),
            hazards: std::mem::take(&mut self.hazards),
            visits,
            holds: self.holds.ends(),
            interleaving: self.hand_overs.fingerprint(),
            blocked: self.control.as_ref().map_or_else(Vec::new, |control| control.blocked()),
            events: self.control.as_mut().map_or_else(Vec::new, |control| control.take_records()),
            records: std::mem::take(&mut self.records),
            held_back: std::mem::take(&mut self.held_back),
            thread_names: self.threads.iter().map(|t| String::from(&*t.name)).collect(),
            step_table: self.config().steps,
        }
    }
}
