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

/// Components that are joined at once.
const LANES: usize = 8;

/// All clocks of a run, one after the other; the room is kept for the next run.
#[derive(Debug)]
pub(crate) struct Clocks {
    counts: Vec<[u32; LANES]>,
    /// A clock has so many times [`LANES`] components; those that are missing are zero.
    width: usize,
    used: usize,
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks { counts: Vec::new(), width: 1, used: 0 }
    }
}

impl Clocks {
    pub fn reset(&mut self) {
        self.used = 0;
        self.counts.clear();
    }

    pub fn add(&mut self) -> ClockId {
        self.used += 1;
        self.counts.resize(self.used * self.width, [0; LANES]);
        ClockId(self.used as u32 - 1)
    }

    #[inline]
    fn component(&self, clock: ClockId, thread: ThreadId) -> u32 {
        let (lane, rest) = (thread.index() / LANES, thread.index() % LANES);
        if lane >= self.width {
            return 0;
        }
        self.counts[clock.0 as usize * self.width + lane][rest]
    }

    /// The present epoch of `thread`, whose own clock is `clock`.
    #[inline]
    pub fn epoch(&self, clock: ClockId, thread: ThreadId) -> Epoch {
        Epoch { thread, count: self.component(clock, thread) }
    }

    /// Is `epoch` ordered before the present moment of the thread whose clock is `clock`?
    #[inline]
    pub fn is_ordered(&self, epoch: Epoch, clock: ClockId) -> bool {
        self.component(clock, epoch.thread) >= epoch.count
    }

    /// `into` learns all that `from` knows.
    #[inline]
    pub fn join(&mut self, into: ClockId, from: ClockId) {
        let (into, from) = (into.0 as usize * self.width, from.0 as usize * self.width);
        for lane in 0..self.width {
            let theirs = self.counts[from + lane];
            let mine = &mut self.counts[into + lane];
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = (*mine).max(theirs);
            }
        }
    }

    /// `thread`, whose clock is `clock`, starts a new epoch: what it does from now on is not covered by past releases.
    #[inline]
    pub fn advance(&mut self, clock: ClockId, thread: ThreadId) {
        let (lane, rest) = (thread.index() / LANES, thread.index() % LANES);
        if lane >= self.width {
            self.widen(lane + 1);
        }
        self.counts[clock.0 as usize * self.width + lane][rest] += 1;
    }

    /// Make room for more components in all clocks.
    #[cold]
    fn widen(&mut self, at_least: usize) {
        let width = at_least.next_power_of_two();
        let mut counts = Vec::with_capacity(self.used * width);
        for clock in self.counts.chunks_exact(self.width) {
            counts.extend_from_slice(clock);
            counts.resize(counts.len() + width - self.width, [0; LANES]);
        }
        (self.counts, self.width) = (counts, width);
    }
}
