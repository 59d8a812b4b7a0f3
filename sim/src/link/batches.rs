//! What is sent without TCP: over a UNIX socket, and over any connection of a controlled run. There are no segments and no windows but
//! the buffers.

use super::flow::{ACKNOWLEDGED, Flow, State, wake_at};
use crate::time::Time;

/// Most bytes that are taken as one.
const BATCH_BYTES: u64 = 64 * 1024;

/// How far the stream has come.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// The end of what was sent.
    pub sent_to: u64,
    /// The end of what has freed its place in the send buffer.
    pub acknowledged_to: u64,
}

impl Flow {
    /// A UNIX socket, or any connection of a controlled run.
    pub(super) fn pump_batches(&self, state: &mut State, now: Time) {
        loop {
            let window_to = state.stream.read_to + state.receive_buffer_bytes;
            state.window_is_short = window_to < state.stream.written_to;
            let batch = (window_to.min(state.stream.written_to)).saturating_sub(state.batches.sent_to).min(BATCH_BYTES);
            if batch == 0 {
                break;
            }
            let at = state.path.carry(now, batch, &mut state.noise).max(state.arrivals.last);
            state.batches.sent_to += batch;
            if state.shut_by_reader.is_some_and(|shut| at > shut) {
                return self.refuse(state, at);
            }
            state.arrivals.add(state.batches.sent_to, 1, at, at, self.sim.0.core.borrow().event());
            if self.sim.is_controlled() {
                state.batches.acknowledged_to = state.batches.sent_to;
            } else {
                self.sim.fire_at(at + state.path.config().latency, self.timer.get(), ACKNOWLEDGED);
            }
            if state.batches.sent_to >= state.wanted_to {
                wake_at(&self.sim, state.reader, at);
            }
        }
    }
}

impl State {
    /// What had arrived a latency before `now` is known to the writer.
    pub fn acknowledge_batches(&mut self, now: Time) {
        let known = Time(now.0.saturating_sub(self.path.config().latency.0));
        let arrived = self.arrivals.there(known, self.stream.read_to);
        self.batches.acknowledged_to = self.batches.acknowledged_to.max(arrived.min(self.batches.sent_to));
    }
}
