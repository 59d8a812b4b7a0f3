//! One direction of a path: a drop-tail queue, a rate, a latency, a jitter, and a loss rate.

use crate::random::Stream;
use crate::time::{Span, Time};
use std::cell::Cell;
use std::rc::Rc;

/// Bytes of a full segment's payload, as Ethernet gives TCP over IPv4 with time stamps (RFC 7323).
pub(crate) const SEGMENT_BYTES: u64 = 1448;

/// The least retransmission time-out of Linux (`TCP_RTO_MIN`).
pub(crate) const RTO_MIN: Span = Span::millis(200);

/// Segments behind a lost one whose duplicate acknowledgements make the sender retransmit (RFC 5681, fast retransmit).
pub(crate) const DUPLICATES: u64 = 3;

/// What a path is like, in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathConfig {
    /// Bits per second; zero: no limit.
    pub rate_bits_per_s: u64,
    /// One-way delay.
    pub latency: Span,
    /// Largest extra delay, uniform for each batch of segments.
    pub jitter: Span,
    /// Probability with which a segment is lost.
    pub loss: f64,
    /// Bytes that fit into the queue before the path; what does not fit is dropped and sent again.
    pub queue_bytes: u64,
}

impl PathConfig {
    /// No delay and no loss of its own: in a controlled run the readers are what is late.
    pub(super) fn without_delay() -> PathConfig {
        PathConfig { rate_bits_per_s: 0, latency: Span::ZERO, jitter: Span::ZERO, loss: 0.0, queue_bytes: u64::MAX }
    }
}

/// One direction of a path. Clones are the same path.
#[derive(Clone)]
pub struct Path(Rc<State>);

struct State {
    config: PathConfig,
    /// When all that was accepted has left the queue.
    idle_at: Cell<Time>,
    /// Retransmissions so far.
    retransmissions: Cell<u64>,
    /// Bytes that left the queue, retransmitted ones included.
    sent_bytes: Cell<u64>,
}

/// How a path treats one batch of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    /// All of it arrives then, retransmissions that show at once included.
    Arrives(Time),
    /// It would arrive then, but one of its last segments is lost, and only `segments_behind` segments behind it show that.
    TailLost {
        /// When it would arrive without the loss.
        arrives: Time,
        /// Segments of the batch behind the lost one.
        segments_behind: u64,
    },
    /// The queue is full: offer it again then.
    Dropped(Time),
}

/// The randomness of one flow on a path: it moves with no other flow.
pub(crate) struct FlowNoise {
    pub seed: u64,
    jitter: Stream,
    loss: Stream,
    /// Segments that pass before the next one that is lost.
    until_loss: u64,
}

impl FlowNoise {
    pub fn new(seed: u64, flow: &str, path: &Path) -> FlowNoise {
        let (jitter, mut loss) = (Stream::new(seed, "jitter", flow), Stream::new(seed, "loss", flow));
        let until_loss = loss.failures_before_success(path.0.config.loss);
        FlowNoise { seed, jitter, loss, until_loss }
    }
}

impl Path {
    /// An idle path.
    pub fn new(config: PathConfig) -> Path {
        Path(Rc::new(State {
            config,
            idle_at: Cell::default(),
            retransmissions: Cell::default(),
            sent_bytes: Cell::default(),
        }))
    }

    /// What it is like.
    pub fn config(&self) -> PathConfig {
        self.0.config
    }

    /// Segments that had to be sent again so far.
    pub fn retransmissions(&self) -> u64 {
        self.0.retransmissions.get()
    }

    /// Bytes that went over it so far, those sent again included.
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.get()
    }

    /// There and back for an empty segment.
    pub(crate) fn round_trip(&self) -> Span {
        self.0.config.latency + self.0.config.latency + self.0.config.jitter
    }

    /// Offer a batch to the queue.
    pub(crate) fn offer(&self, now: Time, bytes: u64, noise: &mut FlowNoise) -> Offered {
        let state = &*self.0;
        let config = state.config;
        let backlog = state.idle_at.get().since(now);
        let queued = match config.rate_bits_per_s {
            0 => 0,
            rate => (u128::from(backlog.0) * u128::from(rate) / 8_000_000_000) as u64,
        };
        if queued + bytes > config.queue_bytes.max(bytes) {
            self.count_retransmissions(bytes.div_ceil(SEGMENT_BYTES));
            return Offered::Dropped(now + backlog + self.round_trip());
        }
        let segments = bytes.div_ceil(SEGMENT_BYTES);
        let mut left = segments;
        let mut lost = 0;
        let mut last_lost_from_end = segments;
        while noise.until_loss < left {
            left -= noise.until_loss + 1;
            lost += 1;
            last_lost_from_end = left;
            noise.until_loss = noise.loss.failures_before_success(config.loss);
        }
        if noise.until_loss != u64::MAX {
            noise.until_loss -= left;
        }
        let on_the_wire = bytes + lost * SEGMENT_BYTES;
        let depart = state.idle_at.get().max(now) + Span::of_bytes(on_the_wire, config.rate_bits_per_s);
        state.idle_at.set(depart);
        state.sent_bytes.set(state.sent_bytes.get() + on_the_wire);
        let mut arrives = depart + config.latency;
        if config.jitter > Span::ZERO {
            arrives += Span(noise.jitter.below(config.jitter.0 + 1));
        }
        if lost > 0 {
            self.count_retransmissions(lost);
            if last_lost_from_end < DUPLICATES {
                return Offered::TailLost { arrives, segments_behind: last_lost_from_end };
            }
            arrives += self.round_trip();
        }
        Offered::Arrives(arrives)
    }

    fn count_retransmissions(&self, segments: u64) {
        self.0.retransmissions.set(self.0.retransmissions.get() + segments);
    }
}
