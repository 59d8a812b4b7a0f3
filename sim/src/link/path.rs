//! One direction of a path: a drop-tail queue, a rate, a latency, a jitter and a loss.

use super::loss::{Loss, LossProcess};
use crate::random::Stream;
use crate::time::{Span, Time};
use std::cell::Cell;
use std::rc::Rc;

/// What a path is like, in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathConfig {
    /// Bits per second, headers included; zero: no limit.
    pub rate_bits_per_s: u64,
    /// One-way delay.
    pub latency: Span,
    /// Largest extra delay, drawn uniformly for each train of segments; order is kept.
    pub jitter: Span,
    /// Loss of segments behind the queue: a lost segment has used its time on the path.
    pub loss: Loss,
    /// Bytes that fit into the queue before the path, the segment being sent included; a segment that does not fit is dropped.
    /// `u64::MAX`: the bottleneck is the sender's own interface, which makes the sender wait and drops nothing.
    pub queue_bytes: u64,
}

impl PathConfig {
    /// No limit, no delay and no loss: in a controlled run the readers are what is late.
    pub const IDEAL: PathConfig = PathConfig {
        rate_bits_per_s: 0,
        latency: Span::ZERO,
        jitter: Span::ZERO,
        loss: Loss::None,
        queue_bytes: u64::MAX,
    };
}

/// One direction of a path. Clones are the same path.
#[derive(Clone)]
pub struct Path(Rc<State>);

/// Time in units of 2^-32 ns, so that a rate keeps its remainder.
type Fine = u128;

const FINE: u32 = 32;

struct State {
    config: PathConfig,
    /// What one byte takes.
    byte: Fine,
    /// When all that was admitted has left the queue.
    idle_at: Cell<Fine>,
    /// Bytes that the senders of the path may have under way at once.
    windows_bytes: Cell<u64>,
    retransmissions: Cell<u64>,
    dropped: Cell<u64>,
    sent_bytes: Cell<u64>,
}

/// Segments that leave the queue one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    begins: Fine,
    segment: Fine,
    end: Fine,
    latency: Span,
}

impl Departure {
    /// When the last of them has left.
    pub fn leaves(&self) -> Time {
        rounded_up(self.end)
    }

    /// When the first `segments` of them are at the other end, of a train of `all`.
    pub fn arrival(&self, segments: u64, all: u64) -> Time {
        let fine = if segments == all { self.end } else { self.begins + Fine::from(segments) * self.segment };
        rounded_up(fine) + self.latency
    }
}

fn rounded_up(fine: Fine) -> Time {
    Time(((fine + ((1 << FINE) - 1)) >> FINE) as u64)
}

/// The randomness of one flow on a path: it moves with no other flow.
pub(super) struct FlowNoise {
    pub seed: u64,
    jitter: Stream,
    pub loss: LossProcess,
}

impl FlowNoise {
    pub fn new(seed: u64, flow: &str, path: &Path) -> FlowNoise {
        let stream = |purpose| Stream::new(seed, purpose, flow);
        FlowNoise { seed, jitter: stream("jitter"), loss: LossProcess::new(path.0.config.loss, stream("loss")) }
    }
}

impl Path {
    /// An idle path.
    pub fn new(config: PathConfig) -> Path {
        let byte = match config.rate_bits_per_s {
            0 => 0,
            rate => (8_000_000_000u128 << FINE).div_ceil(Fine::from(rate)),
        };
        Path(Rc::new(State {
            config,
            byte,
            idle_at: Cell::default(),
            windows_bytes: Cell::default(),
            retransmissions: Cell::default(),
            dropped: Cell::default(),
            sent_bytes: Cell::default(),
        }))
    }

    /// What it is like.
    pub fn config(&self) -> PathConfig {
        self.0.config
    }

    /// Segments that were sent again so far.
    pub fn retransmissions(&self) -> u64 {
        self.0.retransmissions.get()
    }

    /// Segments that found the queue full so far.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.get()
    }

    /// Bytes that went over it so far, headers and what was sent again included.
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.get()
    }

    /// A sender may have so many bytes under way from now on.
    pub(super) fn add_sender(&self, window_bytes: u64) {
        self.0.windows_bytes.set(self.0.windows_bytes.get().saturating_add(window_bytes));
    }

    /// Can nothing ever be lost or dropped, whatever its senders do?
    pub(super) fn is_lossless(&self) -> bool {
        let PathConfig { rate_bits_per_s, loss, queue_bytes, .. } = self.0.config;
        loss == Loss::None && (rate_bits_per_s == 0 || self.0.windows_bytes.get() <= queue_bytes)
    }

    /// Is the bottleneck the sender's own interface?
    pub(super) fn holds_back(&self) -> bool {
        self.0.config.queue_bytes == u64::MAX && self.0.config.rate_bits_per_s > 0
    }

    /// Bytes of a connection that is no TCP: they wait for their turn, and nothing is dropped.
    pub(super) fn carry(&self, now: Time, bytes: u64, noise: &mut FlowNoise) -> Time {
        let (_, departure) = self.pass(now, (1, bytes, bytes), u64::MAX, noise);
        departure.arrival(1, 1)
    }

    /// Offer `segments` to the queue, all of `wire` bytes but the last; how many it takes, and when they leave.
    pub(super) fn admit(
        &self,
        now: Time,
        segments: u64,
        wire: u64,
        last: u64,
        noise: &mut FlowNoise,
    ) -> (u64, Departure) {
        self.pass(now, (segments, wire, last), self.0.config.queue_bytes, noise)
    }

    fn pass(
        &self,
        now: Time,
        (segments, wire, last): (u64, u64, u64),
        queue_bytes: u64,
        noise: &mut FlowNoise,
    ) -> (u64, Departure) {
        let state = &*self.0;
        let begins = state.idle_at.get().max(Fine::from(now.0) << FINE);
        let segment = Fine::from(wire) * state.byte;
        let backlog = begins - (Fine::from(now.0) << FINE);
        let all = Fine::from(segments - 1) * segment + Fine::from(last) * state.byte;
        let mut admitted = segments;
        let mut end = begins + all;
        // With a queue of u64::MAX bytes the first product does not overflow: a byte takes less than 2^64 units but for rates below
        // 2 bit/s.
        let queue = Fine::from(queue_bytes).saturating_mul(state.byte);
        if segment > 0 && backlog + all + segment > queue {
            let waiting = backlog.div_ceil(segment);
            let room = (queue / segment).saturating_sub(waiting) as u64;
            if room < segments {
                admitted = room;
                end = begins + Fine::from(room) * segment;
                state.dropped.set(state.dropped.get() + segments - room);
            }
        }
        state.idle_at.set(end.max(state.idle_at.get()));
        let bytes = if admitted == segments { (segments - 1) * wire + last } else { admitted * wire };
        state.sent_bytes.set(state.sent_bytes.get() + bytes);
        let jitter = self.extra_delay(&mut noise.jitter);
        (admitted, Departure { begins, segment, end, latency: state.config.latency + jitter })
    }

    /// When an acknowledgement that leaves the other end at `at` is here; it takes no room from data.
    pub(super) fn acknowledgement(&self, at: Time, bytes: u64, jitter: &mut Stream) -> Time {
        let state = &*self.0;
        let begins = state.idle_at.get().max(Fine::from(at.0) << FINE);
        let jitter = self.extra_delay(jitter);
        rounded_up(begins + Fine::from(bytes) * state.byte) + state.config.latency + jitter
    }

    fn extra_delay(&self, jitter: &mut Stream) -> Span {
        match self.0.config.jitter {
            Span::ZERO => Span::ZERO,
            most => Span(jitter.below(most.0 + 1)),
        }
    }

    pub(super) fn count_retransmissions(&self, segments: u64) {
        self.0.retransmissions.set(self.0.retransmissions.get() + segments);
    }
}
