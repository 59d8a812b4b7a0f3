//! The congestion window of a TCP connection: Reno (RFC 5681) and CUBIC (RFC 9438) with HyStart, as Linux does them
//! (`net/ipv4/tcp_cong.c`, `tcp_cubic.c`), counted in segments.
//!
//! ```text
//!  acked ──▶ slow start ──(rest beyond ssthresh)──▶ congestion avoidance: one more segment per `cwnd` (Reno) or `cnt` (CUBIC)
//!               │ HyStart: ssthresh = cwnd                                  │
//!               ▼                                                           ▼
//!            reduce (a recovery starts) · timeout · recovered · after_idle · restarted
//! ```
//!
//! What the window is during a recovery is the caller's (proportional rate reduction, RFC 6937): it calls `reduce`, then
//! `set_segments` as it likes, then `recovered`; `acked` is for acknowledgements outside of a recovery.
//!
//! **Not modelled**: the taking back of a reduction that was not needed; ECN; the kernel's grain of time: CUBIC's clock
//! counts nanoseconds here, jiffies there.

mod cubic;
mod hystart;
mod reno;

#[cfg(test)]
mod tests;

use crate::time::{Span, Time};
use cubic::Cubic;

/// What decides how much may be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// RFC 5681: one more segment per round trip, half after a loss.
    Reno,
    /// RFC 9438, with the constants of Linux (C = 0.4, beta = 717/1024) and its region friendly to Reno.
    Cubic {
        /// Slow start ends before a loss when the acknowledgements show a queue (Ha and Rhee, "Taming the elephants", 2011).
        hystart: bool,
    },
}

/// What an acknowledgement tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acked {
    pub now: Time,
    /// Segments that it is the first to report as delivered.
    pub segments: u32,
    /// The round trip that it measures, if it measures one.
    pub round_trip: Option<Span>,
    /// Shortest round trip of the connection.
    pub least_round_trip: Span,
    pub smoothed_round_trip: Span,
    /// Number of the first segment that is not acknowledged, this acknowledgement included.
    pub first_unacknowledged: u64,
    /// Number of the next segment that was never sent.
    pub next_to_send: u64,
    /// Did the window limit the sender? If not, it does not grow (`tcp_is_cwnd_limited`).
    pub window_was_full: bool,
}

/// The least window after a loss, in segments.
const LEAST: u32 = 2;

/// A congestion window.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    segments: u32,
    ssthresh: u32,
    /// Acknowledged segments that have not made the window grow yet.
    credit: u32,
    algorithm: Algorithm,
}

#[derive(Debug, Clone)]
enum Algorithm {
    Reno,
    Cubic(Cubic),
}

impl Window {
    pub fn new(kind: Congestion, initial_window: u32) -> Window {
        let algorithm = match kind {
            Congestion::Reno => Algorithm::Reno,
            Congestion::Cubic { hystart } => Algorithm::Cubic(Cubic::new(hystart)),
        };
        Window { segments: initial_window.max(1), ssthresh: u32::MAX, credit: 0, algorithm }
    }

    /// Segments that may be on their way.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Where slow start ends; `u32::MAX` as long as nothing has ended it.
    pub fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    pub fn in_slow_start(&self) -> bool {
        self.segments < self.ssthresh
    }

    pub fn set_segments(&mut self, segments: u32) {
        self.segments = segments.max(1);
    }

    /// An acknowledgement outside of a recovery.
    #[inline]
    pub fn acked(&mut self, acked: Acked) {
        if self.in_slow_start()
            && let Algorithm::Cubic(cubic) = &mut self.algorithm
            && cubic.sees_a_queue(self.segments, &acked)
        {
            self.ssthresh = self.segments;
        }
        if !acked.window_was_full {
            return;
        }
        let rest = reno::slow_start(&mut self.segments, self.ssthresh, acked.segments);
        if rest == 0 {
            return;
        }
        let acked_per_segment = match &mut self.algorithm {
            Algorithm::Reno => self.segments,
            Algorithm::Cubic(cubic) => cubic.acked_per_segment(self.segments, rest, acked.now, acked.least_round_trip),
        };
        reno::congestion_avoidance(&mut self.segments, &mut self.credit, acked_per_segment, rest);
    }

    /// A recovery starts: `ssthresh` is the window that it ends with (`tcp_reno_ssthresh`, `cubictcp_recalc_ssthresh`).
    pub fn reduce(&mut self, _now: Time) {
        self.ssthresh = match &mut self.algorithm {
            Algorithm::Reno => self.segments / 2,
            Algorithm::Cubic(cubic) => cubic.reduced(self.segments),
        }
        .max(LEAST);
        self.credit = 0;
    }

    /// The retransmission timer expired outside of a recovery (`tcp_enter_loss`).
    pub fn timeout(&mut self, now: Time) {
        self.reduce(now);
        self.timeout_in_recovery();
    }

    /// The retransmission timer expired in a recovery, or again for the same data: `ssthresh` was reduced already.
    pub fn timeout_in_recovery(&mut self) {
        self.segments = 1;
        self.credit = 0;
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.reset();
        }
    }

    /// A recovery is over (`tcp_end_cwnd_reduction`).
    pub fn recovered(&mut self, _now: Time) {
        if self.ssthresh != u32::MAX {
            self.segments = self.ssthresh;
        }
    }

    /// Nothing was under way for `idle`, longer than the retransmission time-out (RFC 2861, `tcp_cwnd_restart`): the window halves
    /// for each time-out, but not below the initial one.
    pub fn after_idle(&mut self, _now: Time, idle: Span, retransmission_timeout: Span, initial_window: u32) {
        self.ssthresh = self.ssthresh.max(self.segments / 2 + self.segments / 4);
        let floor = initial_window.min(self.segments);
        let mut rest = idle - retransmission_timeout;
        while rest > Span::ZERO && self.segments > floor {
            self.segments /= 2;
            rest = rest - retransmission_timeout.max(Span(1));
        }
        self.segments = self.segments.max(floor);
    }

    /// For a retransmission time-out no more than `used` segments were under way (RFC 7661, `tcp_cwnd_application_limited`): half of the
    /// rest is given up.
    pub fn application_limited(&mut self, used: u32, initial_window: u32) {
        let used = used.max(initial_window);
        if used < self.segments {
            self.ssthresh = self.ssthresh.max(self.segments / 2 + self.segments / 4);
            self.segments = u32::midpoint(self.segments, used);
        }
    }

    /// Sending starts anew with nothing under way: CUBIC's clock stood still since the last segment (`cubictcp_cwnd_event`).
    pub fn restarted(&mut self, now: Time, last_sent: Time) {
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.stood_still(now, now.since(last_sent));
        }
    }
}
