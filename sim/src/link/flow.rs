//! One direction of one connection: send buffer, what is on its way, receive buffer.
//!
//! ```text
//!  take ─▶ stream ─▶ pump ─▶ Sender: what may be sent ─▶ Path: when does it arrive, or is it lost ─▶ Receiver: when acknowledged
//!                     ▲                                        │                                        │
//!                     └───────────── fire ◀── Acknowledgements ◀────────────────────────────────────────┤
//!                                                              └─▶ Arrivals ─▶ reader                   └ timer of what is owed
//! ```
//!
//! What TCP does of it is in `connection.rs`, what there is without TCP in `batches.rs`, how a stream ends in `ending.rs`.

use super::arrivals::Arrivals;
use super::batches::Batches;
use super::connection::Connection;
use super::path::{FlowNoise, Path, PathConfig};
use super::stream::{Stream, Stretch};
use super::tcp::Tcp;
use crate::kernel::{Sim, Timed};
use crate::thread::ThreadId;
use crate::time::Time;
use crate::touch::{ObjectId, Touch};
use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

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

pub(super) struct State {
    pub path: Path,
    pub transport: Transport,
    pub noise: FlowNoise,
    send_buffer_bytes: u64,
    pub receive_buffer_bytes: u64,
    /// Written and not read.
    pub stream: Stream,
    pub arrivals: Arrivals,
    pub tcp: Option<Connection>,
    /// Without TCP.
    pub batches: Batches,
    /// The receive buffer is what keeps data back.
    pub window_is_short: bool,
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
        self.tcp.as_ref().map_or(self.batches.sent_to, |tcp| tcp.sender.sent_to)
    }

    fn acknowledged_to(&self) -> u64 {
        self.tcp.as_ref().map_or(self.batches.acknowledged_to, |tcp| tcp.sender.acknowledged_to)
    }

    /// The reader has something to read at `now`.
    pub fn has_arrived(&self, now: Time) -> bool {
        self.arrivals.at(self.stream.read_to + 1).is_some_and(|at| at <= now)
    }

    /// `reads` of `bytes` each make room. Is the writer told of it, once there are `enough`? Then what the last of them added is
    /// still to be told.
    fn adds_to_window(&mut self, reads: u64, bytes: u64, enough: u64) -> bool {
        if !self.window_is_short {
            self.unannounced_bytes += reads * bytes;
            return false;
        }
        let before = enough.saturating_sub(self.unannounced_bytes).div_ceil(bytes.max(1)).max(1);
        let Some(behind) = reads.checked_sub(before) else {
            self.unannounced_bytes += reads * bytes;
            return false;
        };
        self.unannounced_bytes = behind % enough.div_ceil(bytes.max(1)).max(1) * bytes;
        true
    }

    /// How far a reader that wants `bytes` waits for the stream: never for more than half of the receive buffer.
    pub fn wanted(&self, bytes: u64) -> u64 {
        self.stream.read_to + bytes.min(self.receive_buffer_bytes / 2).max(1)
    }
}

/// One direction of a connection.
pub(crate) struct Flow {
    pub(super) sim: Sim,
    pub(super) name: Rc<str>,
    pub(super) state: RefCell<State>,
    pub(super) timer: std::cell::Cell<u32>,
    pub(super) object: ObjectId,
    /// The other direction of the connection.
    pub(super) peer: OnceCell<Weak<Flow>>,
}

/// Why the flow set a timer for itself.
pub(super) const ACKNOWLEDGED: u32 = 0;
pub(super) const TIMER: u32 = 1;
pub(super) const OWED: u32 = 2;
pub(super) const INTERFACE: u32 = 3;
pub(super) const WINDOW: u32 = 4;

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
            Transport::Tcp(tcp) if !sim.is_controlled() => {
                Some(Connection::new(tcp, name, seed, back, receive_buffer_bytes))
            }
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
                batches: Batches::default(),
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

    /// The reader has taken what comes next: the window opens. The writer is told once there is room for a full segment or half
    /// of the buffer (RFC 1122, 4.2.3.3: the receiver avoids the silly window syndrome). `reads` of `bytes` each count as if
    /// they came one after the other.
    pub fn consumed(&self, reads: u64, bytes: u64) {
        self.touch(Touch::Acquire);
        let state = &mut *self.state.borrow_mut();
        let read_to = state.stream.read_to;
        state.arrivals.take(read_to, |sent_by| self.sim.0.core.borrow_mut().took(self.object, sent_by));
        let now = self.sim.now();
        if self.sim.is_controlled() {
            if state.stream.written_to > state.sent_to() {
                self.touch(Touch::Write);
                self.pump(state);
                wake_at(&self.sim, state.writer, now);
            }
            return;
        }
        let segment = state.tcp.as_ref().map_or(1448, |tcp| tcp.tcp.segment_bytes);
        if state.adds_to_window(reads, bytes, segment.min(state.receive_buffer_bytes / 2)) {
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
            None => state.acknowledge_batches(now),
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

pub(super) fn wake_at(sim: &Sim, thread: Option<ThreadId>, at: Time) {
    let Some(thread) = thread else { return };
    let core = &mut *sim.0.core.borrow_mut();
    if at <= core.now {
        core.wake(thread);
    } else {
        core.schedule_resume(thread, at);
    }
}
