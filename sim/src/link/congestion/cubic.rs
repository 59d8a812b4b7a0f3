//! CUBIC (RFC 9438; `net/ipv4/tcp_cubic.c`): the window follows `W_max + C (t - K)³` since the last reduction, or what Reno would
//! have reached by now where that is more.

use super::hystart::HyStart;
use super::{Acked, LEAST};
use crate::time::{Span, Time};

/// Segments per cubed second.
const C: f64 = 0.4;
/// What a loss leaves of the window, in 1024ths.
const BETA: u64 = 717;
/// Acknowledged segments per segment of growth that make Reno with this beta as fast as Reno with one half, in eighths of a window:
/// 8/3 (1 + beta)/(1 - beta), rounded down as Linux does.
const FRIENDLY_EIGHTHS: u64 = 8 * (1024 + BETA) / 3 / (1024 - BETA);
/// The grain of the kernel's clock, which CUBIC counts in (a jiffy at HZ = 250). On short round trips it tells: within a grain the
/// window goes on growing as fast as it did.
const JIFFY: Span = Span::millis(4);
/// The curve is looked at again after so many of them even though the window is what it was (HZ / 32).
const STALE_JIFFIES: u64 = 250 / 32;
/// Round trips say little about an empty path for so long after a reduction.
const UNSETTLED: Span = Span::millis(1_000);

#[derive(Debug, Clone)]
pub(super) struct Cubic {
    hystart: Option<HyStart>,
    /// The window before the last reduction, or less if that was below the one before; zero: none yet.
    w_max: u32,
    epoch: Option<Epoch>,
}

/// The growth since a reduction.
#[derive(Debug, Clone)]
struct Epoch {
    start: Time,
    /// Seconds until the curve reaches `origin`.
    k: f64,
    /// The window at which the curve is flat.
    origin: u32,
    /// What Reno's window would be by now, and the acknowledged segments that it has not grown for yet.
    reno_window: u64,
    reno_acked: u64,
    seen_window: u32,
    /// The jiffy in which the curve was looked at last; none: never.
    seen_in: Option<u64>,
    acked_per_segment: u32,
}

impl Cubic {
    pub fn new(hystart: bool) -> Cubic {
        Cubic { hystart: hystart.then(HyStart::default), w_max: 0, epoch: None }
    }

    /// All is forgotten (`bictcp_reset`).
    pub fn reset(&mut self) {
        *self = Cubic::new(self.hystart.is_some());
    }

    /// Should slow start end here?
    #[inline]
    pub fn sees_a_queue(&mut self, window: u32, acked: &Acked) -> bool {
        let (Some(hystart), Some(round_trip)) = (&mut self.hystart, acked.round_trip) else { return false };
        let unsettled = self.epoch.as_ref().is_some_and(|epoch| acked.now.since(epoch.start) < UNSETTLED);
        !unsettled && hystart.sees_a_queue(window, round_trip, acked)
    }

    /// The window after a loss, with fast convergence: who loses below its last maximum leaves room to others (RFC 9438, 4.7).
    pub fn reduced(&mut self, window: u32) -> u32 {
        self.epoch = None;
        self.w_max = if window < self.w_max { (u64::from(window) * (1024 + BETA) / 2048) as u32 } else { window };
        ((u64::from(window) * BETA / 1024) as u32).max(LEAST)
    }

    /// The window at which its curve is flat; zero before the first loss.
    #[cfg(test)]
    pub fn w_max(&self) -> u32 {
        self.w_max
    }

    /// The clock of the curve did not run for `idle`.
    pub fn stood_still(&mut self, now: Time, idle: Span) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start = (epoch.start + idle).min(now);
        }
    }

    /// Acknowledged segments for which the window grows by one (`bictcp_update`).
    #[inline]
    pub fn acked_per_segment(&mut self, window: u32, acked: u32, now: Time, least_round_trip: Span) -> u32 {
        let w_max = self.w_max;
        let epoch = self.epoch.get_or_insert_with(|| Epoch::new(window, w_max, now));
        epoch.reno_acked += u64::from(acked);
        let jiffy = now.0 / JIFFY.0;
        let age = epoch.seen_in.map(|seen| jiffy - seen);
        if window != epoch.seen_window || age.is_none_or(|jiffies| jiffies > STALE_JIFFIES) {
            if age != Some(0) {
                epoch.look(window, w_max, jiffy, least_round_trip);
            }
            epoch.keep_up_with_reno(window);
        }
        epoch.acked_per_segment
    }
}

impl Epoch {
    fn new(window: u32, w_max: u32, now: Time) -> Epoch {
        let (k, origin) = match w_max.checked_sub(window) {
            None | Some(0) => (0.0, window),
            Some(missing) => (libm::cbrt(f64::from(missing) / C), w_max),
        };
        Epoch {
            start: now,
            k,
            origin,
            reno_window: u64::from(window),
            reno_acked: 0,
            seen_window: 0,
            seen_in: None,
            acked_per_segment: 0,
        }
    }

    /// Growth as the curve has it.
    fn look(&mut self, window: u32, w_max: u32, jiffy: u64, least_round_trip: Span) {
        self.seen_window = window;
        self.seen_in = Some(jiffy);
        let jiffies = jiffy - self.start.0 / JIFFY.0 + least_round_trip.0.div_ceil(JIFFY.0);
        let ahead = (jiffies * JIFFY.0) as f64 * 1e-9 - self.k;
        let moved = (C * ahead.abs() * ahead.abs() * ahead.abs()) as u64;
        let origin = u64::from(self.origin);
        let target = if ahead < 0.0 { origin.saturating_sub(moved) } else { origin.saturating_add(moved) };
        let cwnd = u64::from(window);
        let mut per_segment = if target > cwnd { cwnd / (target - cwnd) } else { 100 * cwnd };
        if w_max == 0 {
            per_segment = per_segment.min(20);
        }
        self.grow_per(per_segment);
    }

    /// Growth as Reno would have it, if that is faster.
    fn keep_up_with_reno(&mut self, window: u32) {
        let cwnd = u64::from(window);
        // At least one: a window of one segment has no eighths to spare.
        let step = (cwnd * FRIENDLY_EIGHTHS / 8).max(1);
        let grown = self.reno_acked.saturating_sub(1) / step;
        self.reno_window += grown;
        self.reno_acked -= grown * step;
        if self.reno_window > cwnd {
            self.grow_per(u64::from(self.acked_per_segment).min(cwnd / (self.reno_window - cwnd)));
        }
    }

    /// At most half a window more per round trip.
    fn grow_per(&mut self, acked: u64) {
        self.acked_per_segment = acked.clamp(2, u64::from(u32::MAX)) as u32;
    }
}
