//! Who waits for what, and who holds it: the report of a deadlock or a hang.

use crate::kernel::{Core, Sim};
use crate::thread::{Thread, ThreadId};
use crate::time::Time;
use crate::violation::{Kind, Place, Violation};
use std::fmt;

/// A thread that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The waiting thread, and the step it did last.
    pub place: Place,
    /// The kind of wait: mutex, semaphore, event, join, read, write.
    pub what: String,
    /// What it waits for.
    pub object: String,
    /// The thread that holds it, or that it waits to end.
    pub holder: Option<String>,
    /// Waiting is this thread's normal state.
    pub idle: bool,
    /// Since when.
    pub since: Time,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits since {} for {} {}", self.place.thread, self.since, self.what, self.object)?;
        match &self.holder {
            Some(holder) if self.what != "join" => write!(f, " (held by {holder})"),
            _ => Ok(()),
        }
    }
}

impl Sim {
    /// All threads that wait at this moment, in the order of their creation.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.0.core.borrow().waiting()
    }
}

impl Core {
    /// Nothing can happen any more: if a thread waits and that is not its normal state, it waits for ever.
    pub fn deadlock(&self) -> Option<Violation> {
        let stuck: Vec<Waiting> = self.waiting().into_iter().filter(|waiting| !waiting.idle).collect();
        let first = stuck.first()?;
        let waits: Vec<String> = stuck.iter().map(Waiting::to_string).collect();
        Some(Violation {
            kind: Kind::DEADLOCK,
            object: first.object.clone(),
            culprit: first.place.clone(),
            cause: None,
            detail: format!("nothing can happen any more; {}", waits.join("; ")),
        })
    }

    fn waiting(&self) -> Vec<Waiting> {
        let name = |id: ThreadId| self.threads[id.index()].name.to_string();
        let running = |thread: &Thread| thread.alive && !self.processes[thread.process.index()].frozen;
        let waiting = self.threads.iter().filter(|thread| running(thread)).filter_map(|thread| {
            let wait = thread.wait.as_ref()?;
            Some(Waiting {
                place: Place {
                    thread: thread.name.to_string(),
                    step: thread.step,
                    visit: thread.visit,
                    at: thread.step_at,
                },
                what: wait.what.to_owned(),
                object: wait.object.to_string(),
                holder: wait.holder.map(name),
                idle: wait.idle,
                since: wait.since,
            })
        });
        waiting.collect()
    }
}
