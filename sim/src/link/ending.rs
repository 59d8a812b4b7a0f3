//! How one direction of a connection ends: in order, with a reset, by a reader that goes away, or cut in the path.

use super::flow::{End, Flow, State, Transport, wake_at};
use crate::time::Time;
use crate::touch::Touch;

impl Flow {
    /// Data reached an end that does not read any more: it answers with a reset.
    pub(super) fn refuse(&self, state: &mut State, at: Time) {
        let sent_to = state.sent_to();
        state.stream.truncate(sent_to);
        state.deaf = true;
        state.refused = Some(state.refused.map_or(at, |t| t.min(at)));
        let told = at + state.path.config().latency;
        state.broken = Some(state.broken.map_or(told, |t| t.min(told)));
        wake_at(&self.sim, state.writer, told);
    }

    /// The writer ends the stream after what it has written.
    pub fn finish(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        state.fin = true;
        state.broken = Some(self.sim.now());
        self.pump(state);
        wake_at(&self.sim, state.writer, self.sim.now());
    }

    /// The writer's end is reset: what it has not sent is gone, the reader gets a reset after what has arrived in order by then.
    pub fn reset(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        let sent_to = state.sent_to();
        state.stream.truncate(sent_to);
        state.deaf = true;
        state.broken = Some(state.broken.map_or(now, |t| t.min(now)));
        wake_at(&self.sim, state.writer, now);
        if !state.cut && state.end.is_none_or(|(_, end)| end == End::Eof) {
            let at = state.arrivals.last.max(now + state.path.config().latency);
            state.end = Some((at, End::Reset));
            state.ended_by = self.sim.0.core.borrow().event();
            wake_at(&self.sim, state.reader, at);
        }
    }

    /// The reader shuts its side: what has arrived stays readable, what arrives later does not.
    pub fn shut_reader(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        if state.shut_by_reader.is_some() {
            return;
        }
        state.shut_by_reader = Some(now);
        let first_late = state.arrivals.cut_off(now, state.stream.read_to);
        state.end = match state.end {
            Some((at, end)) if at <= now => Some((at, end)),
            _ => Some((now, End::Eof)),
        };
        state.ended_by = self.sim.0.core.borrow().event();
        if state.transport == Transport::Unix {
            state.broken = Some(state.broken.map_or(now, |t| t.min(now)));
            let sent_to = state.sent_to();
            state.stream.truncate(sent_to);
            wake_at(&self.sim, state.writer, now);
        } else if let Some(at) = first_late {
            self.refuse(state, at);
        }
        wake_at(&self.sim, state.reader, now);
    }

    /// Nothing arrives any more; nobody is told.
    pub fn cut(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        state.cut = true;
        state.arrivals.cut_off(now, state.stream.read_to);
        if state.end.is_some_and(|(at, _)| at > now) {
            state.end = None;
        }
    }

    /// No acknowledgement arrives any more: what acknowledges goes the other way, and that is cut.
    pub fn deafen(&self) {
        self.state.borrow_mut().deaf = true;
    }

    /// Something in the path breaks the connection off: what is under way is lost, and the reader gets a reset after what has
    /// arrived.
    pub fn break_off(&self) {
        self.reset();
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        state.arrivals.cut_off(now, state.stream.read_to);
        if !state.cut && state.end.is_some_and(|(at, _)| at > now) {
            state.end = Some((now, End::Reset));
            wake_at(&self.sim, state.reader, now);
        }
    }

    /// The reader's end is gone with input unread: the writer is told with a reset.
    pub fn abandon(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let told = self.sim.now() + state.path.config().latency;
        state.broken = Some(state.broken.map_or(told, |t| t.min(told)));
        wake_at(&self.sim, state.writer, told);
    }

    /// Has something arrived that was not read?
    pub fn unread(&self) -> bool {
        self.touch(Touch::Read);
        self.state.borrow().has_arrived(self.sim.now())
    }
}
