//! The trace of a run, as a hash chain.
//!
//! Every step (time, thread, step), every write to tracked memory and every violation is mixed into one 64-bit chain; the
//! chain's value after every 2^12th step is kept, so that two runs that differ can be compared without storing either.

use crate::step::StepId;
use crate::thread::ThreadId;
use crate::time::Time;

/// Steps between two kept values of the chain.
pub const CHECKPOINT_INTERVAL: u64 = 1 << 12;

/// One step of a recorded trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// When its action took place.
    pub time: Time,
    /// Who did it.
    pub thread: ThreadId,
    /// What was done.
    pub step: StepId,
    /// Which visit of the step by the thread; 1 is the first.
    pub visit: u32,
    /// The chain's value after it.
    pub hash: u64,
}

#[derive(Debug, Default)]
pub(crate) struct TraceHash {
    pub hash: u64,
    pub steps: u64,
    pub checkpoints: Vec<u64>,
}

impl TraceHash {
    pub fn reset(&mut self, seed: u64) {
        self.hash = seed ^ 0x9e37_79b9_7f4a_7c15;
        self.steps = 0;
        self.checkpoints.clear();
    }

    #[inline]
    pub fn step(&mut self, time: Time, thread: ThreadId, step: StepId) {
        self.mix(time.0, u64::from(thread.0) << 16 | u64::from(step.0));
        self.steps += 1;
        if self.steps.is_multiple_of(CHECKPOINT_INTERVAL) {
            self.checkpoints.push(self.hash);
        }
    }

    /// A folded 64×64 multiplication, as wyhash and its kin use it.
    #[inline]
    pub fn mix(&mut self, a: u64, b: u64) {
        let product = u128::from(self.hash ^ a ^ 0xa076_1d64_78bd_642f) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
        self.hash = (product as u64) ^ ((product >> 64) as u64) ^ self.hash.rotate_left(23);
    }
}
