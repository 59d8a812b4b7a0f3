//! Vector clocks: which event is ordered before which by synchronisation (Lamport 1978; Fidge, Mattern 1988).
//!
//! A thread advances its own component at every release; a lock, semaphore, event or join carries the clock of what was
//! released through it. An *epoch* is one component of one thread's clock (FastTrack, Flanagan and Freund, PLDI 2009):
//! it is enough to ask whether a single access is ordered before the present moment of another thread.

use crate::thread::ThreadId;

/// Names a clock of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockId(u32);

/// One moment of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub thread: ThreadId,
    pub count: u32,
}

/// All clocks of a run. Rows are kept for the next run.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    rows: Vec<Vec<u32>>,
    used: usize,
}

impl Clocks {
    pub fn reset(&mut self) {
        self.used = 0;
    }

    pub fn add(&mut self) -> ClockId {
        if self.used == self.rows.len() {
            self.rows.push(Vec::new());
        }
        self.rows[self.used].clear();
        self.used += 1;
        ClockId(self.used as u32 - 1)
    }

    fn component(&self, clock: ClockId, thread: ThreadId) -> u32 {
        self.rows[clock.0 as usize].get(thread.index()).copied().unwrap_or(0)
    }

    /// The present epoch of `thread`, whose own clock is `clock`.
    pub fn epoch(&self, clock: ClockId, thread: ThreadId) -> Epoch {
        Epoch { thread, count: self.component(clock, thread) }
    }

    /// Is `epoch` ordered before the present moment of the thread whose clock is `clock`?
    pub fn is_ordered(&self, epoch: Epoch, clock: ClockId) -> bool {
        self.component(clock, epoch.thread) >= epoch.count
    }

    /// `into` learns all that `from` knows.
    pub fn join(&mut self, into: ClockId, from: ClockId) {
        if into == from {
            return;
        }
        let source = std::mem::take(&mut self.rows[from.0 as usize]);
        let target = &mut self.rows[into.0 as usize];
        if target.len() < source.len() {
            target.resize(source.len(), 0);
        }
        for (mine, theirs) in target.iter_mut().zip(&source) {
            *mine = (*mine).max(*theirs);
        }
        self.rows[from.0 as usize] = source;
    }

    /// `thread`, whose clock is `clock`, starts a new epoch: what it does from now on is not covered by past releases.
    pub fn advance(&mut self, clock: ClockId, thread: ThreadId) {
        let row = &mut self.rows[clock.0 as usize];
        if row.len() <= thread.index() {
            row.resize(thread.index() + 1, 0);
        }
        row[thread.index()] += 1;
    }
}
