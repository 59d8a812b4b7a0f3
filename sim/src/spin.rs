//! Livelocks: a thread that goes round and round while nothing else can happen.
//!
//! Two shapes are known for sure to be one, after so many steps that no loop over a guest's pages is taken for it: the steps
//! cost nothing, so that time stands still for everybody else; or they cost time, but no other event is due, ever, so that
//! what the thread looks for cannot come. Not seen: threads that spin by turns while time passes, a thread that spins while a
//! timer is armed again and again, and controlled runs; there the limits of time and steps end the run.
//!
//! It is looked for now and then, so that a step does not become slower by it.

use crate::kernel::Core;
use crate::run::Ended;
use crate::step::StepId;
use crate::thread::ThreadId;
use crate::time::Time;
use crate::violation::{Kind, Place, Violation};
use std::collections::BTreeSet;

/// So many steps are a livelock. A loop over all pages of 16 GiB has as many, and such guests are run packet by packet.
const SPIN_STEPS: u64 = 1 << 22;
/// Steps between two looks.
const LOOK_STEPS: u64 = 1 << 20;
/// So many steps of a livelock tell which steps it goes round.
const ROUND_STEPS: u64 = 1 << 10;

/// The steps since something else could happen, as far as that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    /// Number of the step at which to look next.
    pub look_at: u64,
    began: Time,
    began_at: u64,
    /// Turns of all threads until then.
    turns: u64,
    round: BTreeSet<StepId>,
}

impl Spin {
    pub fn clear(&mut self) {
        *self = Spin { look_at: LOOK_STEPS, ..Spin::default() };
    }
}

impl Core {
    /// Time for a look: does `id`, which is about to begin `step`, spin? If so, that is reported and the run is over.
    pub fn spins(&mut self, id: ThreadId, step: StepId) -> bool {
        let (steps, now) = (self.trace.steps, self.now);
        let is_alone = self.turns == self.spin.turns && self.is_nothing_due() && !self.is_controlled();
        let spin = &mut self.spin;
        if !(now == spin.began || is_alone) {
            *spin =
                Spin { look_at: steps + LOOK_STEPS, began: now, began_at: steps, turns: self.turns, ..Spin::default() };
            return false;
        }
        let spun = steps - spin.began_at;
        if spun < SPIN_STEPS {
            spin.look_at = steps + LOOK_STEPS;
            return false;
        }
        spin.round.insert(step);
        if spun < SPIN_STEPS + ROUND_STEPS {
            spin.look_at = steps + 1;
            return false;
        }
        self.report_livelock(id);
        true
    }

    fn report_livelock(&mut self, id: ThreadId) {
        let round = std::mem::take(&mut self.spin.round);
        let names: Vec<&str> = round.iter().map(|step| self.config().steps[step.index()].name).collect();
        let steps = names.join(", ");
        let why = if self.spin.began == self.now { "time stands still" } else { "nothing else can happen" };
        let thread = &self.threads[id.index()];
        let (name, visit, at) = (thread.name.to_string(), thread.visit, thread.step_at);
        let detail = format!("{name} goes round and round {steps}: more than {SPIN_STEPS} steps in which {why}");
        // Whichever step the limit falls on, it is the same finding.
        let first = round.first().copied().unwrap_or(thread.step);
        let culprit = Place { thread: name, step: first, visit, at };
        self.report(Violation { kind: Kind::LIVELOCK, object: steps, culprit, cause: None, detail });
        self.ended.get_or_insert(Ended::Quiet);
    }
}
