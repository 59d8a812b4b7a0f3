//! One direction of one connection: send buffer, what is on its way, receive buffer.
//!
//! ```text
//!  take ─▶ stream ─▶ pump ─▶ Sender: what may be sent ─▶ Path: when does it arrive, or is it lost ─▶ Receiver: when acknowledged
//!                     ▲                                        │                                        │
//!                     └───────────── fire ◀── Acknowledgements ◀────────────────────────────────────────┤
//!                                                              └─▶ Arrivals ─▶ reader                   └ timer of what is owed
//! ```

use super::acknowledgements::Acknowledgements;
use super::arrivals::{Arrivals, train_segments};
use super::path::{Departure, FlowNoise, Path, PathConfig};
use super::receiver::{Arrival, Receiver};
use super::sender::{Run, Sender};
use super::stream::{Stream, Stretch};
use super::tcp::{GATHERED_FOR, Tcp};
use crate::kernel::{Sim, Timed};
use crate::random;
use crate::run::HeldBack;
use crate::thread::ThreadId;
use crate::time::{Span, Time};
use crate::touch::{ObjectId, Touch};
use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// Most bytes of a UNIX socket that are taken as one.
const BATCH_BYTES: u64 = 64 * 1024;

/// A reader that is busy when a segment is sent is taken to be busy when it arrives if that is no later than this.
const STILL_BUSY: Span = Span::micros(20);

/// A receive buffer of fewer segments takes parts of them, lest a window that opens by less than one keeps the sender waiting.
const WHOLE_SEGMENTS_FROM: u64 = 4;

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transport {
    /// TCP. Data that arrives after the reader's own shutdown is answered with a reset.
    Tcp(Tcp),
    /// A UNIX stream socket: no segments, no windows but the buffers. A shutdown of the reader is an error for the next write of
    /// the other end.
    Unix,
}

/// How a stream ends for its reader, once the bytes before are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Eof,
    Reset,
}

/// What makes a flow a TCP connection's.
pub(super) struct Connection {
    pub sender: Sender,
    pub receiver: Receiver,
    pub acknowledgements: Acknowledgements,
    tcp: Tcp,
    /// Segments of one train.
    train: u64,
    is_lossless: bool,
    /// When what the flow sent last leaves its own interface.
    departs: Time,
    /// Where the kernel's timers tick, within their grain.
    tick: Span,
    /// Events that are set already: acknowledgement, sender's timer, acknowledgement that is owed.
    events: [Option<Time>; 3],
    /// What Nagle's algorithm holds back.
    held_back: Option<HeldBack>,
}

impl Connection {
    /// When a timer of the kernel that is due at `due` expires: at the tick after the one that it is due in.
    fn expiry(&self, due: Time) -> Time {
        let (grain, tick) = (self.tcp.timer_grain.0, Time(self.tick.0));
        due.since(tick).0.checked_div(grain).map_or(due, |ticks| tick + Span((ticks + 1) * grain))
    }
}

pub(super) struct State {
    pub path: Path,
    pub transport: Transport,
    noise: FlowNoise,
    send_buffer_bytes: u64,
    receive_buffer_bytes: u64,
    /// Written and not read.
    pub stream: Stream,
    pub arrivals: Arrivals,
    pub tcp: Option<Connection>,
    /// Of a UNIX socket: the end of what was sent, and what has freed its place in the send buffer.
    sent_to: u64,
    acknowledged_to: u64,
    /// The receive buffer is what keeps data back.
    window_is_short: bool,
    /// Read, and the writer was not told of the room yet.
    unannounced_bytes: u64,
    /// The writer ends the stream after what it has written.
    pub fin: bool,
    /// How and when the reader learns of the end.
    pub end: Option<(Time, End)>,
    /// The event that ended the stream, if events are recorded.
    pub ended_by: u32,
    /// When the writer learns that writing is an error.
    pub broken: Option<Time>,
    /// Since when the reader has shut its side.
    pub shut_by_reader: Option<Time>,
    /// When data reached the reader's end after that (TCP): from then on the reader sees a reset.
    pub refused: Option<Time>,
    /// Nothing that is sent arrives any more.
    pub cut: bool,
    /// No acknowledgement arrives any more, or nobody waits for one.
    pub deaf: bool,
    pub reader: Option<ThreadId>,
    /// How much of what is there a read takes at least, into a buffer of the reader's own.
    read_ahead_bytes: u64,
    /// How far the reader has taken the stream out of the receive buffer.
    taken_to: u64,
    /// How far the stream must have come for the reader to go on.
    pub wanted_to: u64,
    pub writer: Option<ThreadId>,
}

impl State {
    /// How and when the reader learns of the end, as it is known at `now`.
    pub fn end_at(&self, now: Time) -> Option<(Time, End)> {
        match (self.end, self.refused) {
            (Some((_, End::Eof)), Some(refused)) if refused <= now => Some((refused, End::Reset)),
            (end, _) => end,
        }
    }

    /// The end of what was sent.
    pub fn sent_to(&self) -> u64 {
        self.tcp.as_ref().map_or(self.sent_to, |tcp| tcp.sender.sent_to)
    }

    fn acknowledged_to(&self) -> u64 {
        self.tcp.as_ref().map_or(self.acknowledged_to, |tcp| tcp.sender.acknowledged_to)
    }

    /// The reader has something to read at `now`.
    pub fn has_arrived(&self, now: Time) -> bool {
        self.arrivals.at(self.stream.read_to + 1).is_some_and(|at| at <= now)
    }

    /// How far a reader that wants `bytes` waits for the stream: never for more than half of the receive buffer.
    pub fn wanted(&self, bytes: u64) -> u64 {
        self.stream.read_to + bytes.min(self.receive_buffer_bytes / 2).max(1)
    }
}

/// One direction of a connection.
pub(crate) struct Flow {
    pub(super) sim: Sim,
    name: Rc<str>,
    pub(super) state: RefCell<State>,
    timer: std::cell::Cell<u32>,
    pub(super) object: ObjectId,
    /// The other direction of the connection.
    peer: OnceCell<Weak<Flow>>,
}

/// Why the flow set a timer for itself.
const ACKNOWLEDGED: u32 = 0;
const TIMER: u32 = 1;
const OWED: u32 = 2;
const WINDOW: u32 = 3;

impl Flow {
    pub fn new(
        sim: &Sim,
        name: &str,
        (path, back): (&Path, &Path),
        transport: Transport,
        send_buffer_bytes: u64,
        receive_buffer_bytes: u64,
    ) -> Rc<Flow> {
        let seed = sim.0.core.borrow().noise_seed;
        let noise = FlowNoise::new(seed, name, path);
        // Frames and headers make a window a little longer on the path than in the buffer.
        path.add_sender(send_buffer_bytes.min(receive_buffer_bytes).saturating_mul(2));
        let tcp = match transport {
            Transport::Tcp(tcp) if !sim.is_controlled() => Some(Connection {
                sender: Sender::new(tcp),
                receiver: Receiver::new(&tcp, receive_buffer_bytes),
                acknowledgements: Acknowledgements::new(
                    back.clone(),
                    tcp.header_bytes,
                    random::Stream::new(seed, "jitter of acknowledgements", name),
                ),
                tcp,
                train: 0,
                is_lossless: false,
                departs: Time::ZERO,
                tick: Span(random::Stream::new(seed, "tick", "kernel").below(tcp.timer_grain.0.max(1))),
                events: [None; 3],
                held_back: None,
            }),
            _ => None,
        };
        let flow = Rc::new(Flow {
            sim: sim.clone(),
            name: name.into(),
            state: RefCell::new(State {
                path: if sim.is_controlled() { Path::new(PathConfig::IDEAL) } else { path.clone() },
                transport,
                noise,
                send_buffer_bytes,
                receive_buffer_bytes,
                stream: Stream::default(),
                arrivals: Arrivals::default(),
                tcp,
                sent_to: 0,
                acknowledged_to: 0,
                window_is_short: false,
                unannounced_bytes: 0,
                fin: false,
                end: None,
                ended_by: 0,
                broken: None,
                shut_by_reader: None,
                refused: None,
                cut: false,
                deaf: false,
                reader: None,
                read_ahead_bytes: 0,
                taken_to: 0,
                wanted_to: 0,
                writer: None,
            }),
            timer: std::cell::Cell::new(0),
            object: sim.0.core.borrow_mut().add_object(),
            peer: OnceCell::new(),
        });
        flow.timer.set(sim.add_timed(flow.clone()));
        flow
    }

    /// The two directions of a connection learn of each other.
    pub fn join(self: &Rc<Flow>, other: &Rc<Flow>) {
        let _ = self.peer.set(Rc::downgrade(other));
        let _ = other.peer.set(Rc::downgrade(self));
    }

    /// The reader takes as much as this at a time, if it is there.
    pub fn set_read_ahead(&self, bytes: u64) {
        self.state.borrow_mut().read_ahead_bytes = bytes;
    }

    /// Nagle's algorithm and its like, as the writer sets them for its direction.
    pub fn set_no_delay(&self, no_delay: bool) {
        if let Some(tcp) = &mut self.state.borrow_mut().tcp {
            tcp.sender.set_no_delay(no_delay);
        }
    }

    /// Ending the stream, from either side, is a release as writing is: what has arrived can be read before and after it, what
    /// is written makes a difference.
    pub(super) fn touch(&self, touch: Touch) {
        self.sim.0.core.borrow_mut().touch(self.object, touch);
    }

    /// The reader takes the end of the stream.
    pub(super) fn took_end(&self, state: &State) {
        self.touch(Touch::Acquire);
        self.sim.0.core.borrow_mut().took(self.object, state.ended_by);
    }

    /// Is there something for the reader, be it the end? In a controlled run all that is on its way has arrived.
    pub(super) fn has_something(&self) -> bool {
        let state = self.state.borrow();
        state.arrivals.to > state.stream.read_to || state.end.is_some()
    }

    /// Take as much of `stretch` as the send buffer has room for; what is left, if anything. With `more` to come in the same
    /// write nothing is sent yet that more would make longer.
    pub fn take(&self, mut stretch: Stretch, more: bool) -> Option<Stretch> {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let used = state.stream.written_to - state.acknowledged_to();
        let room = state.send_buffer_bytes.saturating_sub(used);
        if let Some(now) = stretch.split_off_front(room) {
            state.stream.write(now);
        }
        let later = (stretch.len() > 0).then_some(stretch);
        if later.is_some() || !more {
            self.pump(state);
        }
        later
    }

    /// Send what may be sent.
    pub(super) fn pump(&self, state: &mut State) {
        let (now, noise_seed) = {
            let core = self.sim.0.core.borrow();
            (core.now, core.noise_seed)
        };
        if state.noise.seed != noise_seed {
            state.noise = FlowNoise::new(noise_seed, &self.name, &state.path);
        }
        if state.cut {
            return;
        }
        match state.tcp {
            Some(_) => self.pump_segments(state, now),
            None => self.pump_batches(state, now),
        }
        if state.fin && state.arrivals.to == state.stream.written_to && state.end.is_none() && !state.cut {
            let at = state.arrivals.last.max(now + state.path.config().latency);
            state.end = Some((at, End::Eof));
            state.ended_by = self.sim.0.core.borrow().event();
            wake_at(&self.sim, state.reader, at);
        }
    }

    /// A UNIX socket, or any connection of a controlled run.
    fn pump_batches(&self, state: &mut State, now: Time) {
        loop {
            let window_to = state.stream.read_to + state.receive_buffer_bytes;
            state.window_is_short = window_to < state.stream.written_to;
            let batch = (window_to.min(state.stream.written_to)).saturating_sub(state.sent_to).min(BATCH_BYTES);
            if batch == 0 {
                break;
            }
            let at = state.path.carry(now, batch, &mut state.noise).max(state.arrivals.last);
            state.sent_to += batch;
            if state.shut_by_reader.is_some_and(|shut| at > shut) {
                return self.refuse(state, at);
            }
            state.arrivals.add(state.sent_to, 1, at, at, self.sim.0.core.borrow().event());
            if self.sim.is_controlled() {
                state.acknowledged_to = state.sent_to;
            } else {
                self.sim.fire_at(at + state.path.config().latency, self.timer.get(), ACKNOWLEDGED);
            }
            if state.sent_to >= state.wanted_to {
                wake_at(&self.sim, state.reader, at);
            }
        }
    }

    fn pump_segments(&self, state: &mut State, now: Time) {
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
            }
            // As TCP Small Queues of Linux: no more than two trains of a flow wait at its own interface.
            if state.path.holds_back() {
                let two = Span::of_bytes(2 * tcp.train * tcp.tcp.segment_bytes, state.path.config().rate_bits_per_s);
                if tcp.departs > now + two {
                    self.sim.fire_at(Time(tcp.departs.0 - two.0), self.timer.get(), WINDOW);
                    break;
                }
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
    fn transmit(&self, state: &mut State, now: Time, run: Run, again: bool) {
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

    /// These segments arrive: `before` others of their train left ahead of them.
    fn deliver(
        &self,
        state: &mut State,
        now: Time,
        run: Run,
        again: bool,
        (departure, before, all): (Departure, u64, u64),
    ) {
        let reader_is_busy = state.reader.is_none();
        let Some(tcp) = state.tcp.as_mut() else { return };
        let floor = state.arrivals.last;
        let at = |n: u64| departure.arrival(before + n, all).max(floor);
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
        if to <= state.arrivals.to {
            return;
        }
        let sent_by = self.sim.0.core.borrow().event();
        if to == run.end() {
            state.arrivals.add(to, run.segments, first, last, sent_by);
        } else {
            state.arrivals.add(to, 1, last, last, sent_by);
        }
        if to >= state.wanted_to
            && let Some(at) = state.arrivals.at(state.wanted_to)
        {
            wake_at(&self.sim, state.reader, at);
        }
    }

    /// Set the events that the connection waits for, as far as they are not set already.
    fn set_events(&self, state: &mut State, now: Time) {
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
            let set = &mut tcp.events[kind as usize];
            if let Some(due) = due
                && set.is_none_or(|at| at > due)
            {
                let due = due.max(now);
                *set = Some(due);
                self.sim.fire_at(due, self.timer.get(), kind);
            }
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

    /// The reader has taken what comes next: the window opens. The writer is told once there is room for a full segment or half
    /// of the buffer (RFC 1122, 4.2.3.3: the receiver avoids the silly window syndrome).
    pub fn consumed(&self, bytes: u64) {
        self.touch(Touch::Acquire);
        let state = &mut *self.state.borrow_mut();
        let read_to = state.stream.read_to;
        state.arrivals.take(read_to, |sent_by| self.sim.0.core.borrow_mut().took(self.object, sent_by));
        state.unannounced_bytes += bytes;
        let now = self.sim.now();
        if self.sim.is_controlled() {
            if state.stream.written_to > state.sent_to {
                self.touch(Touch::Write);
                state.unannounced_bytes = 0;
                self.pump(state);
                wake_at(&self.sim, state.writer, now);
            }
            return;
        }
        let segment = state.tcp.as_ref().map_or(1448, |tcp| tcp.tcp.segment_bytes);
        if state.window_is_short && state.unannounced_bytes >= segment.min(state.receive_buffer_bytes / 2) {
            state.unannounced_bytes = 0;
            self.sim.fire_at(now + state.path.config().latency, self.timer.get(), WINDOW);
        }
        if read_to <= state.taken_to {
            return;
        }
        state.taken_to = read_to.max(state.arrivals.there(now, read_to).min(read_to - bytes + state.read_ahead_bytes));
        let all = state.arrivals.at(state.taken_to + 1).is_none_or(|at| at > now);
        if let Some(tcp) = state.tcp.as_mut() {
            tcp.receiver.read(now, all, &mut tcp.acknowledgements);
            self.set_events(state, now);
        }
    }

    /// Take in what the sender learns by `now`.
    fn acknowledge(&self, state: &mut State, now: Time) {
        let written_to = state.stream.written_to;
        match state.tcp.as_mut() {
            Some(tcp) => {
                while let Some(acknowledgement) = tcp.acknowledgements.arrived(now) {
                    tcp.sender.acknowledged(now, acknowledgement);
                }
            }
            None => {
                let latency = state.path.config().latency;
                let arrived = state.arrivals.there(Time(now.0.saturating_sub(latency.0)), state.stream.read_to);
                state.acknowledged_to = state.acknowledged_to.max(arrived.min(state.sent_to));
            }
        }
        // A writer that waits is woken once a third of the buffer is free (Linux: `sk_stream_write_space`).
        let used = written_to - state.acknowledged_to();
        if used <= state.send_buffer_bytes / 3 * 2 {
            wake_at(&self.sim, state.writer, now);
        }
    }
}

impl Timed for Flow {
    fn fire(&self, argument: u32) {
        let state = &mut *self.state.borrow_mut();
        if state.cut || state.deaf {
            return;
        }
        let now = self.sim.now();
        if let Some(tcp) = state.tcp.as_mut()
            && argument != WINDOW
        {
            let set = &mut tcp.events[argument as usize];
            if set.is_some_and(|at| at <= now) {
                *set = None;
            }
        }
        match argument {
            ACKNOWLEDGED => self.acknowledge(state, now),
            TIMER => {
                let written_to = state.stream.written_to.min(state.stream.read_to + state.receive_buffer_bytes);
                let probe = state.tcp.as_mut().and_then(|tcp| {
                    let is_due = tcp.sender.deadline().is_some_and(|due| tcp.expiry(due) <= now);
                    is_due.then(|| tcp.sender.expire(now, written_to)).flatten()
                });
                if let Some((run, again)) = probe {
                    self.transmit(state, now, run, again);
                    return self.set_events(state, now);
                }
            }
            OWED => {
                if let Some(tcp) = state.tcp.as_mut()
                    && tcp.receiver.owed_until().is_some_and(|due| tcp.expiry(due) <= now)
                {
                    tcp.receiver.expire(now, &mut tcp.acknowledgements);
                }
                return self.set_events(state, now);
            }
            _ => {}
        }
        self.pump(state);
    }
}

/// These segments never arrive.
fn lose(state: &mut State, now: Time, run: Run, again: bool) {
    if let Some(tcp) = state.tcp.as_mut() {
        tcp.sender.sent(now, run, again, true);
        tcp.receiver.lost(run.start, run.bytes);
    }
}

pub(super) fn wake_at(sim: &Sim, thread: Option<ThreadId>, at: Time) {
    let Some(thread) = thread else { return };
    let core = &mut *sim.0.core.borrow_mut();
    if at <= core.now {
        core.wake(thread);
    } else {
        core.schedule_resume(thread, at);
    }
}
