//! One direction of one connection: send buffer, what is on its way, receive buffer.

use super::path::{DUPLICATES, FlowNoise, Offered, Path, PathConfig, RTO_MIN, SEGMENT_BYTES};
use crate::kernel::{Sim, Timed};
use crate::thread::ThreadId;
use crate::time::{Span, Time};
use crate::touch::{ObjectId, Touch};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Most bytes that a path treats as one.
const BATCH_BYTES: u64 = 64 * 1024;

/// A stretch of a byte stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Rc<[u8]>),
    /// One 64-bit word, little-endian, again and again for this many bytes.
    Fill {
        /// The word.
        word: u64,
        /// Length in bytes.
        bytes: u64,
    },
}

impl Piece {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Fill { bytes, .. } => *bytes,
        }
    }

    /// Has it no byte?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the connection is, where it makes a difference to the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Data that arrives after the reader's own shutdown is answered with a reset.
    Tcp,
    /// A shutdown of the reader is an error for the next write of the other end.
    Unix,
}

/// How a stream ends for its reader, once the bytes before are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Eof,
    Reset,
}

/// Nagle's algorithm (RFC 896) at the writer and delayed acknowledgements (RFC 1122, 4.2.3.2) at the reader, as Linux does it for
/// a connection on which both ends talk in turn: what is less than a full segment waits while anything is unacknowledged;
/// an acknowledgement waits for data to go with it, for more than one segment, or for the time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interactive {
    /// Longest time that an acknowledgement waits (Linux: 40 ms).
    pub acknowledgement_delay: Span,
    /// Length of a full segment in bytes (loopback: about 64 KiB).
    pub segment_bytes: u64,
}

pub(super) struct Arriving {
    pub piece: Piece,
    pub offset: u64,
    pub at: Time,
    /// The event that sent it, if events are recorded.
    pub sent_by: u32,
}

pub(super) struct State {
    pub path: Path,
    pub transport: Transport,
    noise: FlowNoise,
    send_buffer_bytes: u64,
    receive_buffer_bytes: u64,
    /// Written, not yet on its way.
    waiting: VecDeque<Piece>,
    waiting_bytes: u64,
    /// On its way or in the receive buffer, not yet read.
    pub arriving: VecDeque<Arriving>,
    arriving_bytes: u64,
    /// Read, and the writer was not told of the room yet.
    unannounced_bytes: u64,
    /// Written, not yet acknowledged.
    unacknowledged_bytes: u64,
    /// Batches on their way: when each arrives, or is acknowledged if that is later, and its length.
    acknowledgements: VecDeque<(Time, u64)>,
    /// Small segments wait, and acknowledgements too; none: neither does.
    pub interactive: Option<Interactive>,
    last_arrival: Time,
    retry_pending: bool,
    /// A segment is lost, and so many segments behind it have been sent. With enough of them the sender retransmits after a
    /// round trip, else when its timer expires.
    tail_lost: Option<u64>,
    /// The writer ends the stream after what it has written.
    fin: bool,
    /// How and when the reader learns of the end.
    end: Option<(Time, End)>,
    /// The event that ended the stream, if events are recorded.
    ended_by: u32,
    /// When the writer learns that writing is an error.
    pub broken: Option<Time>,
    /// Since when the reader has shut its side.
    pub shut_by_reader: Option<Time>,
    /// When data reached the reader's end after that (TCP): from then on the reader sees a reset.
    refused: Option<Time>,
    pub cut: bool,
    pub reader: Option<ThreadId>,
    pub writer: Option<ThreadId>,
    /// All bytes that the writer has handed over.
    pub written_bytes: u64,
}

impl State {
    /// How and when the reader learns of the end, as it is known at `now`.
    pub fn end_at(&self, now: Time) -> Option<(Time, End)> {
        match (self.end, self.refused) {
            (Some((_, End::Eof)), Some(refused)) if refused <= now => Some((refused, End::Reset)),
            (end, _) => end,
        }
    }
}

impl State {
    /// Length of the pieces that wait and fit into `limit` bytes, whole ones if possible.
    fn whole_pieces(&self, limit: u64) -> u64 {
        if self.waiting_bytes <= limit {
            return self.waiting_bytes;
        }
        let mut whole = 0;
        for piece in &self.waiting {
            if whole + piece.len() > limit {
                break;
            }
            whole += piece.len();
        }
        if whole == 0 { limit } else { whole }
    }

    /// Nagle: less than a segment waits while anything is unacknowledged.
    fn is_held_back(&self) -> bool {
        let short = |interactive: Interactive| self.waiting_bytes < interactive.segment_bytes;
        self.unacknowledged_bytes > 0 && self.interactive.is_some_and(short)
    }

    /// When the reader acknowledges a batch that arrives at `at`; with it goes what waits for that already.
    fn acknowledged_at(&mut self, at: Time, batch: u64) -> Time {
        let Some(Interactive { acknowledgement_delay, segment_bytes }) = self.interactive else { return at };
        let waiting: u64 = self.acknowledgements.iter().filter(|(due, _)| *due > at).map(|(_, bytes)| bytes).sum();
        if waiting + batch <= segment_bytes {
            return at + acknowledgement_delay;
        }
        self.acknowledgements.iter_mut().filter(|(due, _)| *due > at).for_each(|(due, _)| *due = at);
        at
    }
}

/// One direction of a connection.
pub(crate) struct Flow {
    sim: Sim,
    name: Rc<str>,
    pub(super) state: RefCell<State>,
    timer: std::cell::Cell<u32>,
    pub(super) object: ObjectId,
}

/// Why the flow set a timer for itself.
const ACKNOWLEDGED: u32 = 0;
const RETRY: u32 = 1;
const WINDOW: u32 = 2;

impl Flow {
    pub fn new(
        sim: &Sim,
        name: &str,
        path: &Path,
        transport: Transport,
        send_buffer_bytes: u64,
        receive_buffer_bytes: u64,
    ) -> Rc<Flow> {
        let seed = sim.0.core.borrow().noise_seed;
        let noise = FlowNoise::new(seed, name, path);
        let flow = Rc::new(Flow {
            sim: sim.clone(),
            name: name.into(),
            state: RefCell::new(State {
                path: if sim.is_controlled() { Path::new(PathConfig::without_delay()) } else { path.clone() },
                transport,
                noise,
                send_buffer_bytes,
                receive_buffer_bytes,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                arriving: VecDeque::new(),
                arriving_bytes: 0,
                unannounced_bytes: 0,
                unacknowledged_bytes: 0,
                acknowledgements: VecDeque::new(),
                interactive: None,
                last_arrival: Time::ZERO,
                retry_pending: false,
                tail_lost: None,
                fin: false,
                end: None,
                ended_by: 0,
                broken: None,
                shut_by_reader: None,
                refused: None,
                cut: false,
                reader: None,
                writer: None,
                written_bytes: 0,
            }),
            timer: std::cell::Cell::new(0),
            object: sim.0.core.borrow_mut().add_object(),
        });
        flow.timer.set(sim.add_timed(flow.clone()));
        flow
    }

    /// Ending the stream, from either side, is a release as writing is: what has arrived can be read before and after it, what
    /// is written makes a difference.
    pub(super) fn touch(&self, touch: Touch) {
        self.sim.0.core.borrow_mut().touch(self.object, touch);
    }

    /// The reader takes what this event sent.
    pub(super) fn took(&self, sent_by: u32) {
        self.sim.0.core.borrow_mut().took(self.object, sent_by);
    }

    /// The reader takes the end of the stream.
    pub(super) fn took_end(&self, state: &State) {
        self.touch(Touch::Acquire);
        self.took(state.ended_by);
    }

    /// Is there something for the reader, be it the end? In a controlled run all that is on its way has arrived.
    pub(super) fn has_something(&self) -> bool {
        let state = self.state.borrow();
        !state.arriving.is_empty() || state.end.is_some()
    }

    /// Take as much of `piece` as the send buffer has room for; what is left, if anything.
    pub fn take(&self, piece: Piece) -> Option<Piece> {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let used = state.waiting_bytes + state.unacknowledged_bytes;
        let room = state.send_buffer_bytes.saturating_sub(used);
        let (now, later) = split(piece, room);
        if let Some(piece) = now {
            state.waiting_bytes += piece.len();
            state.written_bytes += piece.len();
            state.waiting.push_back(piece);
        }
        // The last piece of a write may fill a segment that its first did not.
        if state.interactive.is_none() || later.is_some() {
            self.pump(state);
        }
        later
    }

    /// A write is over: small segments need not wait for more of it.
    pub fn written(&self) {
        let state = &mut *self.state.borrow_mut();
        if state.interactive.is_some() {
            self.pump(state);
        }
    }

    /// The reader has sent data: what has arrived until now is acknowledged with it.
    pub fn answered(&self) {
        let state = &mut *self.state.borrow_mut();
        let Some(Interactive { acknowledgement_delay, .. }) = state.interactive else { return };
        let now = self.sim.now();
        let is_held = |due: Time| due > now && due <= now + acknowledgement_delay;
        if state.acknowledgements.iter().any(|(due, _)| is_held(*due)) {
            state.acknowledgements.iter_mut().filter(|(due, _)| is_held(*due)).for_each(|(due, _)| *due = now);
            self.sim.fire_at(now + state.path.config().latency, self.timer.get(), ACKNOWLEDGED);
        }
    }

    /// Send what the receive buffer has room for.
    fn pump(&self, state: &mut State) {
        let (now, noise_seed) = {
            let core = self.sim.0.core.borrow();
            (core.now, core.noise_seed)
        };
        if state.noise.seed != noise_seed {
            state.noise = FlowNoise::new(noise_seed, &self.name, &state.path);
        }
        while !state.retry_pending && !state.cut {
            let window = state.receive_buffer_bytes.saturating_sub(state.arriving_bytes);
            let batch = state.whole_pieces(BATCH_BYTES.min(window));
            if batch == 0 || state.is_held_back() {
                break;
            }
            match state.path.offer(now, batch, &mut state.noise) {
                Offered::Dropped(again) => {
                    state.retry_pending = true;
                    self.sim.fire_at(again, self.timer.get(), RETRY);
                }
                Offered::Arrives(at) => {
                    self.show_loss(state, batch, at);
                    self.send(state, batch, at);
                }
                Offered::TailLost { arrives, segments_behind } => {
                    self.show_loss(state, batch, arrives);
                    state.tail_lost = Some(segments_behind);
                    self.send(state, batch, arrives + RTO_MIN.max(state.path.round_trip()));
                }
            }
        }
        if state.fin && state.waiting.is_empty() && state.end.is_none() && !state.cut {
            let at = state.last_arrival.max(now + state.path.config().latency);
            state.end = Some((at, End::Eof));
            state.ended_by = self.sim.0.core.borrow().event();
            wake_at(&self.sim, state.reader, at);
        }
    }

    /// A batch that arrives at `at` follows a lost segment: with enough segments behind it, the loss shows.
    fn show_loss(&self, state: &mut State, batch: u64, at: Time) {
        let Some(behind) = state.tail_lost else { return };
        let behind = behind + batch.div_ceil(SEGMENT_BYTES);
        state.tail_lost = Some(behind);
        if behind < DUPLICATES {
            return;
        }
        state.tail_lost = None;
        let repaired = at + state.path.round_trip();
        if repaired >= state.last_arrival {
            return;
        }
        state.last_arrival = repaired;
        for arriving in state.arriving.iter_mut().filter(|a| a.at > repaired) {
            arriving.at = repaired;
        }
        for (arrival, _) in state.acknowledgements.iter_mut().filter(|(arrival, _)| *arrival > repaired) {
            *arrival = repaired;
        }
        self.sim.fire_at(repaired + state.path.config().latency, self.timer.get(), ACKNOWLEDGED);
        wake_at(&self.sim, state.reader, repaired);
    }

    fn send(&self, state: &mut State, batch: u64, at: Time) {
        let at = at.max(state.last_arrival);
        state.last_arrival = at;
        state.waiting_bytes -= batch;
        if let Some(shut) = state.shut_by_reader.filter(|shut| at > *shut) {
            self.refuse(state, at.max(shut));
            return;
        }
        state.unacknowledged_bytes += batch;
        state.arriving_bytes += batch;
        let sent_by = self.sim.0.core.borrow().event();
        let mut left = batch;
        while left > 0 {
            let piece = state.waiting.pop_front().expect("waiting_bytes counts what is waiting");
            let (piece, rest) = split(piece, left);
            let piece = piece.expect("a batch is not empty");
            left -= piece.len();
            state.arriving.push_back(Arriving { piece, offset: 0, at, sent_by });
            if let Some(rest) = rest {
                state.waiting.push_front(rest);
            }
        }
        if self.sim.is_controlled() {
            state.unacknowledged_bytes -= batch;
        } else {
            let due = state.acknowledged_at(at, batch);
            state.acknowledgements.push_back((due, batch));
            self.sim.fire_at(due + state.path.config().latency, self.timer.get(), ACKNOWLEDGED);
        }
        wake_at(&self.sim, state.reader, at);
    }

    /// Data reached an end that does not read any more: it answers with a reset.
    fn refuse(&self, state: &mut State, at: Time) {
        state.waiting.clear();
        state.waiting_bytes = 0;
        state.refused = Some(state.refused.map_or(at, |t| t.min(at)));
        let told = at + state.path.config().latency;
        state.broken = Some(state.broken.map_or(told, |t| t.min(told)));
        wake_at(&self.sim, state.writer, told);
    }

    /// The reader has taken `bytes` out of the receive buffer: the window opens. The writer is told once there is room for a
    /// full segment or half of the buffer (RFC 1122, 4.2.3.3: the receiver avoids the silly window syndrome).
    pub fn consumed(&self, bytes: u64) {
        self.touch(Touch::Acquire);
        let state = &mut *self.state.borrow_mut();
        state.arriving_bytes -= bytes;
        state.unannounced_bytes += bytes;
        if state.waiting_bytes > 0 && self.sim.is_controlled() {
            self.touch(Touch::Write);
            state.unannounced_bytes = 0;
            self.pump(state);
            wake_at(&self.sim, state.writer, self.sim.now());
        } else if state.waiting_bytes > 0
            && state.unannounced_bytes >= SEGMENT_BYTES.min(state.receive_buffer_bytes / 2)
        {
            state.unannounced_bytes = 0;
            let at = self.sim.now() + state.path.config().latency;
            self.sim.fire_at(at, self.timer.get(), WINDOW);
        }
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

    /// The writer's end is reset: what it has not sent is gone, the reader gets a reset after what has.
    pub fn reset(&self) {
        self.touch(Touch::Release);
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        state.waiting.clear();
        state.waiting_bytes = 0;
        state.broken = Some(state.broken.map_or(now, |t| t.min(now)));
        wake_at(&self.sim, state.writer, now);
        if !state.cut && state.end.is_none_or(|(_, end)| end == End::Eof) {
            let at = state.last_arrival.max(now + state.path.config().latency);
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
        let late: u64 = state.arriving.iter().filter(|a| a.at > now).map(|a| a.piece.len() - a.offset).sum();
        let first_late = state.arriving.iter().find(|a| a.at > now).map(|a| a.at);
        state.arriving.retain(|a| a.at <= now);
        state.arriving_bytes -= late;
        state.end = match state.end {
            Some((at, end)) if at <= now => Some((at, end)),
            _ => Some((now, End::Eof)),
        };
        state.ended_by = self.sim.0.core.borrow().event();
        if state.transport == Transport::Unix {
            state.broken = Some(state.broken.map_or(now, |t| t.min(now)));
            state.waiting.clear();
            state.waiting_bytes = 0;
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
        state.arriving.retain(|a| a.at <= now);
        if state.end.is_some_and(|(at, _)| at > now) {
            state.end = None;
        }
    }

    /// Something in the path breaks the connection off: what is under way is lost, and the reader gets a reset after what has
    /// arrived.
    pub fn break_off(&self) {
        self.reset();
        let state = &mut *self.state.borrow_mut();
        let now = self.sim.now();
        let late: u64 = state.arriving.iter().filter(|a| a.at > now).map(|a| a.piece.len() - a.offset).sum();
        state.arriving.retain(|a| a.at <= now);
        state.arriving_bytes -= late;
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
        let now = self.sim.now();
        self.state.borrow().arriving.front().is_some_and(|a| a.at <= now)
    }
}

impl Timed for Flow {
    fn fire(&self, argument: u32) {
        let state = &mut *self.state.borrow_mut();
        if argument == ACKNOWLEDGED && !state.cut {
            let now = self.sim.now();
            let latency = state.path.config().latency;
            while let Some((_, bytes)) = state.acknowledgements.pop_front_if(|(at, _)| *at + latency <= now) {
                state.unacknowledged_bytes -= bytes;
            }
            state.tail_lost = state.tail_lost.filter(|_| !state.acknowledgements.is_empty());
            wake_at(&self.sim, state.writer, now);
        }
        if argument == RETRY {
            state.retry_pending = false;
        }
        self.pump(state);
    }
}

/// The first `bytes` of a piece, and the rest.
fn split(piece: Piece, bytes: u64) -> (Option<Piece>, Option<Piece>) {
    if piece.len() <= bytes {
        return (Some(piece), None);
    }
    if bytes == 0 {
        return (None, Some(piece));
    }
    match piece {
        Piece::Bytes(all) => {
            let (now, later) = all.split_at(bytes as usize);
            (Some(Piece::Bytes(now.into())), Some(Piece::Bytes(later.into())))
        }
        Piece::Fill { word, bytes: all } => {
            // The rest of a run that is cut inside a word starts with that word's other bytes.
            let turned = word.rotate_right((bytes % 8 * 8) as u32);
            (Some(Piece::Fill { word, bytes }), Some(Piece::Fill { word: turned, bytes: all - bytes }))
        }
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
