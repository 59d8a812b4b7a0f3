//! The segments of one direction of a TCP connection: what the sender may send goes on the path, and the receiver is asked what it
//! will do with what arrives.

use super::acknowledgements::Acknowledgements;
use super::arrivals::train_segments;
use super::flow::{ACKNOWLEDGED, Flow, INTERFACE, OWED, State, TIMER, wake_at};
use super::path::{Departure, Path};
use super::receiver::{Arrival, Receiver};
use super::sender::{Run, Sender};
use super::tcp::{GATHERED_FOR, Tcp};
use crate::random::Stream;
use crate::run::HeldBack;
use crate::time::{Span, Time};
use std::rc::Weak;

/// A reader that is busy when a segment is sent is taken to be busy when it arrives if that is no later than this.
const STILL_BUSY: Span = Span::micros(20);

/// A receive buffer of fewer segments takes parts of them, lest a window that opens by less than one keeps the sender waiting.
const WHOLE_SEGMENTS_FROM: u64 = 4;

/// What makes a flow a TCP connection's.
pub(super) struct Connection {
    pub sender: Sender,
    pub receiver: Receiver,
    pub acknowledgements: Acknowledgements,
    pub tcp: Tcp,
    /// Segments of one train.
    train: u64,
    /// What two of them take at the sender's own interface, if that is the bottleneck.
    two_trains: Option<Span>,
    is_lossless: bool,
    /// When what the flow sent last leaves its own interface.
    departs: Time,
    /// Where the kernel's timers tick, within their grain.
    tick: Span,
    /// Events that are set already: acknowledgement, sender's timer, acknowledgement that is owed, room at the own interface.
    pub events: [Option<Time>; 4],
    /// What Nagle's algorithm holds back.
    held_back: Option<HeldBack>,
}

impl Connection {
    pub fn new(tcp: Tcp, name: &str, seed: u64, back: &Path, receive_buffer_bytes: u64) -> Connection {
        Connection {
            sender: Sender::new(tcp),
            receiver: Receiver::new(&tcp, receive_buffer_bytes),
            acknowledgements: Acknowledgements::new(
                back.clone(),
                tcp.header_bytes,
                Stream::new(seed, "jitter of acknowledgements", name),
            ),
            tcp,
            train: 0,
            two_trains: None,
            is_lossless: false,
            departs: Time::ZERO,
            tick: Span(Stream::new(seed, "tick", "kernel").below(tcp.timer_grain.0.max(1))),
            events: [None; 4],
            held_back: None,
        }
    }

    /// When a timer of the kernel that is due at `due` expires: at the tick after the one that it is due in.
    pub fn expiry(&self, due: Time) -> Time {
        let (grain, tick) = (self.tcp.timer_grain.0, Time(self.tick.0));
        due.since(tick).0.checked_div(grain).map_or(due, |ticks| tick + Span((ticks + 1) * grain))
    }
}

impl Flow {
    pub(super) fn pump_segments(&self, state: &mut State, now: Time) {
        loop {
            let mut window_to = state.stream.read_to + state.receive_buffer_bytes;
            state.window_is_short = window_to < state.stream.written_to;
            let Some(tcp) = state.tcp.as_mut() else { return };
            let segment = tcp.tcp.segment_bytes;
            if state.window_is_short && state.receive_buffer_bytes >= WHOLE_SEGMENTS_FROM * segment {
                // Only what fits whole is sent into a window (Linux: `tcp_snd_wnd_test`).
                window_to -= window_to.saturating_sub(tcp.sender.sent_to) % segment;
            }
            if tcp.train == 0 {
                tcp.train = train_segments(&state.path, tcp.tcp.segment_bytes);
                tcp.is_lossless = state.path.is_lossless();
                let (bytes, rate) = (2 * tcp.train * tcp.tcp.segment_bytes, state.path.config().rate_bits_per_s);
                tcp.two_trains = state.path.holds_back().then(|| Span::of_bytes(bytes, rate));
            }
            // As TCP Small Queues of Linux: no more than two trains of a flow wait at its own interface.
            if let Some(two) = tcp.two_trains.filter(|two| tcp.departs > now + *two) {
                let room_at = Time(tcp.departs.0 - two.0);
                self.set_event(tcp, INTERFACE, room_at);
                break;
            }
            let Some((run, again)) = tcp.sender.next(now, state.stream.written_to, window_to, tcp.train) else { break };
            self.transmit(state, now, run, again);
            if state.refused.is_some() {
                return;
            }
        }
        self.rest(state, now);
    }

    /// Nothing more can be sent now.
    fn rest(&self, state: &mut State, now: Time) {
        let written_to = state.stream.written_to;
        let Some(tcp) = state.tcp.as_mut() else { return };
        tcp.sender.rests(now);
        let is_held_back = tcp.sender.is_held_back(written_to);
        if is_held_back && tcp.held_back.is_none() {
            tcp.held_back = self.writing(now);
        } else if !is_held_back && let Some(held_back) = tcp.held_back.take() {
            self.sim.0.core.borrow_mut().held_back.push(HeldBack { until: now, ..held_back });
        }
        self.set_events(state, now);
    }

    /// What the thread that runs has written, and may not be sent.
    fn writing(&self, now: Time) -> Option<HeldBack> {
        let core = self.sim.0.core.borrow();
        let thread = core.current?;
        let step = core.threads[thread.index()].step;
        Some(HeldBack { connection: self.name.to_string(), thread, step, since: now, until: now })
    }

    /// Put segments on the path, and ask the receiver what it will do with those that arrive.
    pub(super) fn transmit(&self, state: &mut State, now: Time, run: Run, again: bool) {
        let Some(tcp) = state.tcp.as_mut() else { return };
        let (segment, header) = (tcp.tcp.segment_bytes, tcp.tcp.header_bytes);
        let last = run.bytes - (run.segments - 1) * segment;
        let (admitted, departure) =
            state.path.admit(now, run.segments, segment + header, last + header, &mut state.noise);
        if again {
            state.path.count_retransmissions(run.segments);
        }
        tcp.departs = departure.leaves();
        if let Some(peer) = self.peer.get().and_then(Weak::upgrade) {
            peer.answered(now);
        }
        let mut dropped = run;
        let mut passing = dropped.take_front(admitted, segment);
        let mut gone = 0;
        while passing.segments > 0 {
            let whole = state.noise.loss.next_lost(passing.segments);
            let through = passing.take_front(whole.unwrap_or(passing.segments), segment);
            if through.segments > 0 {
                self.deliver(state, now, through, again, (departure, gone, run.segments));
                gone += through.segments;
            }
            if whole.is_some() {
                let lost = passing.take_front(1, segment);
                gone += 1;
                lose(state, now, lost, again);
            }
        }
        if dropped.segments > 0 {
            lose(state, now, dropped, again);
        }
    }

    /// These segments arrive: `ahead` others of their train left ahead of them.
    fn deliver(
        &self,
        state: &mut State,
        now: Time,
        run: Run,
        again: bool,
        (departure, ahead, all): (Departure, u64, u64),
    ) {
        let reader_is_busy = state.reader.is_none();
        let Some(tcp) = state.tcp.as_mut() else { return };
        let floor = state.arrivals.last;
        let at = |n: u64| departure.arrival(ahead + n, all).max(floor);
        let transmission = tcp.sender.sent(now, run, again, false);
        let arrival = Arrival {
            transmission,
            start: run.start,
            bytes: run.bytes,
            segments: run.segments as u32,
            pushed: run.end() == state.stream.written_to,
            reader_is_busy: reader_is_busy && at(1).since(now) <= STILL_BUSY,
        };
        let gather = Span((tcp.sender.smoothed().0 / 20).min(GATHERED_FOR.0));
        tcp.receiver.arrive(arrival, at, gather, tcp.is_lossless && run.segments > 1, &mut tcp.acknowledgements);
        let (first, last) = (at(1), at(run.segments));
        if let Some(shut) = state.shut_by_reader
            && last > shut
        {
            return self.refuse(state, last);
        }
        let to = tcp.receiver.received_to();
        let before = state.arrivals.to;
        if to <= before {
            return;
        }
        let sent_by = self.sim.0.core.borrow().event();
        if to == run.end() {
            state.arrivals.add(to, run.segments, first, last, sent_by);
        } else {
            state.arrivals.add(to, 1, last, last, sent_by);
        }
        // Once what the reader waits for is on its way, it knows when to look.
        if (before + 1..=to).contains(&state.wanted_to)
            && let Some(at) = state.arrivals.at(state.wanted_to)
        {
            wake_at(&self.sim, state.reader, at);
        }
    }

    /// Set the events that the connection waits for, as far as they are not set already.
    pub(super) fn set_events(&self, state: &mut State, now: Time) {
        if state.deaf {
            return;
        }
        let Some(tcp) = state.tcp.as_mut() else { return };
        let due = [
            tcp.acknowledgements.next_at(),
            tcp.sender.deadline().filter(|_| !tcp.is_lossless).map(|due| tcp.expiry(due)),
            tcp.receiver.owed_until().map(|due| tcp.expiry(due)),
        ];
        for (kind, due) in [ACKNOWLEDGED, TIMER, OWED].into_iter().zip(due) {
            if let Some(due) = due {
                self.set_event(tcp, kind, due.max(now));
            }
        }
    }

    /// Unless an earlier one of its kind is set, which will set the next.
    fn set_event(&self, tcp: &mut Connection, kind: u32, due: Time) {
        let set = &mut tcp.events[kind as usize];
        if set.is_none_or(|at| at > due) {
            *set = Some(due);
            self.sim.fire_at(due, self.timer.get(), kind);
        }
    }

    /// The reader has sent data: what has arrived until now is acknowledged with it.
    fn answered(&self, now: Time) {
        let state = &mut *self.state.borrow_mut();
        if let Some(tcp) = state.tcp.as_mut() {
            tcp.receiver.answer(now, &mut tcp.acknowledgements);
            self.set_events(state, now);
        }
    }
}

/// These segments never arrive.
fn lose(state: &mut State, now: Time, run: Run, again: bool) {
    if let Some(tcp) = state.tcp.as_mut() {
        tcp.sender.sent(now, run, again, true);
        tcp.receiver.lost(run.start, run.bytes);
    }
}
