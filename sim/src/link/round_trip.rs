//! The round trip as a sender estimates it, and the retransmission time-out that follows (RFC 6298; `tcp_rtt_estimator` and
//! `__tcp_set_rto` of Linux).
//!
//! The variance term is at least 200 ms, so that the time-out is the smoothed round trip plus 200 ms on a steady path, where RFC 6298
//! would take the larger of one second and four variances. The largest deviation of a round counts, and a smaller one moves the term
//! down by a quarter of the difference per round; a round trip that is shorter than expected raises the deviation by an eighth of what
//! a longer one does.
//!
//! **Not modelled**: the 300 s after which Linux forgets the shortest round trip; the grain of its timers.

use crate::time::Span;

/// The least variance term (`TCP_RTO_MIN`).
pub(crate) const RTO_MIN: Span = Span::millis(200);
/// The time-out before the first sample (RFC 6298, 2.1; `TCP_TIMEOUT_INIT`).
pub(crate) const INITIAL_RTO: Span = Span::millis(1_000);
/// No time-out is longer (`TCP_RTO_MAX`).
pub(crate) const RTO_MAX: Span = Span::millis(120_000);

/// What is known of the round trip.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrip {
    estimate: Option<Estimate>,
    timeout: Span,
}

#[derive(Debug, Clone)]
struct Estimate {
    least: Span,
    /// Nanoseconds in eighths and in quarters, so that the filters lose nothing to rounding.
    smoothed_8: i64,
    deviation_4: i64,
    /// Largest deviation of this round, in quarters as well.
    largest_deviation_4: i64,
    variance_4: i64,
    /// The round ends when a segment from this number on is acknowledged.
    round_end: u64,
}

impl RoundTrip {
    /// Nothing is known.
    pub fn new() -> RoundTrip {
        RoundTrip { estimate: None, timeout: INITIAL_RTO }
    }

    /// A segment that was sent once was acknowledged after `round_trip`. The numbers are those of segments.
    pub fn sample(&mut self, round_trip: Span, first_unacknowledged: u64, next_to_send: u64) {
        let measured = round_trip.0 as i64;
        match &mut self.estimate {
            Some(estimate) => estimate.add(measured, first_unacknowledged, next_to_send),
            None => self.estimate = Some(Estimate::first(measured, next_to_send)),
        }
        self.timeout = self.unbacked_timeout();
    }

    /// The exponentially weighted mean; zero before the first sample.
    pub fn smoothed(&self) -> Span {
        self.estimate.as_ref().map_or(Span::ZERO, |estimate| Span((estimate.smoothed_8 / 8) as u64))
    }

    /// The shortest; zero before the first sample.
    pub fn least(&self) -> Span {
        self.estimate.as_ref().map_or(Span::ZERO, |estimate| estimate.least)
    }

    /// How long to wait for an acknowledgement before all that is under way counts as lost.
    pub fn timeout(&self) -> Span {
        self.timeout
    }

    /// The timer expired: wait twice as long from now on (RFC 6298, 5.5), until the next sample or [`Self::forget_back_off`].
    pub fn back_off(&mut self) {
        self.timeout = (self.timeout + self.timeout).min(RTO_MAX);
    }

    /// New data was acknowledged without a sample.
    pub fn forget_back_off(&mut self) {
        self.timeout = self.unbacked_timeout();
    }

    fn unbacked_timeout(&self) -> Span {
        let Some(estimate) = &self.estimate else { return INITIAL_RTO };
        Span((estimate.smoothed_8 / 8 + estimate.variance_4) as u64).min(RTO_MAX)
    }
}

impl Estimate {
    fn first(measured: i64, next_to_send: u64) -> Estimate {
        let variance_4 = (2 * measured).max(RTO_MIN.0 as i64);
        Estimate {
            least: Span(measured as u64),
            smoothed_8: 8 * measured,
            deviation_4: 2 * measured,
            largest_deviation_4: variance_4,
            variance_4,
            round_end: next_to_send,
        }
    }

    fn add(&mut self, measured: i64, first_unacknowledged: u64, next_to_send: u64) {
        self.least = self.least.min(Span(measured as u64));
        let error = measured - self.smoothed_8 / 8;
        self.smoothed_8 = (self.smoothed_8 + error).max(1);
        let mut growth = error.abs() - self.deviation_4 / 4;
        if error < 0 && growth > 0 {
            growth /= 8;
        }
        self.deviation_4 += growth;
        self.largest_deviation_4 = self.largest_deviation_4.max(self.deviation_4);
        self.variance_4 = self.variance_4.max(self.largest_deviation_4);
        if first_unacknowledged > self.round_end {
            self.variance_4 -= (self.variance_4 - self.largest_deviation_4) / 4;
            self.round_end = next_to_send;
            self.largest_deviation_4 = RTO_MIN.0 as i64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_out_is_a_second_and_doubles_up_to_two_minutes() {
        let mut round_trip = RoundTrip::new();
        let timeouts: Vec<u64> = (0..9)
            .map(|_| {
                let timeout = round_trip.timeout().0 / 1_000_000_000;
                round_trip.back_off();
                timeout
            })
            .collect();
        assert_eq!(timeouts, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
    }

    #[test]
    fn a_steady_path_times_out_after_a_round_trip_and_200_ms() {
        for millis in [1, 20, 90] {
            let mut round_trip = RoundTrip::new();
            for segment in 0..100 {
                round_trip.sample(Span::millis(millis), segment, segment);
            }
            assert_eq!(round_trip.smoothed(), Span::millis(millis));
            assert_eq!(round_trip.least(), Span::millis(millis));
            assert_eq!(round_trip.timeout(), Span::millis(millis + 200));
        }
    }

    #[test]
    fn the_first_sample_counts_with_twice_its_length_as_rfc_6298_says() {
        let mut round_trip = RoundTrip::new();
        round_trip.sample(Span::millis(300), 1, 1);
        assert_eq!(round_trip.timeout(), Span::millis(900));
    }

    #[test]
    fn a_sample_ends_the_back_off() {
        let mut round_trip = RoundTrip::new();
        round_trip.sample(Span::millis(10), 1, 1);
        round_trip.back_off();
        assert_eq!(round_trip.timeout(), Span::millis(420));
        round_trip.forget_back_off();
        assert_eq!(round_trip.timeout(), Span::millis(210));
        round_trip.back_off();
        round_trip.sample(Span::millis(10), 2, 3);
        assert_eq!(round_trip.timeout(), Span::millis(210));
    }

    #[test]
    fn a_longer_round_trip_raises_the_time_out_at_once_and_a_shorter_one_hardly() {
        let after = |millis| {
            let mut round_trip = RoundTrip::new();
            for segment in 0..50 {
                round_trip.sample(Span::millis(1_000), segment, segment);
            }
            round_trip.sample(Span::millis(millis), 50, 50);
            round_trip.timeout().0 / 1_000_000
        };
        // 1000 + 1000/8 and a deviation of 1000; 1000 - 900/8 and a deviation of 900/8, which is below the floor.
        assert_eq!(after(2_000), 1_125 + 1_000);
        assert_eq!(after(100), 887 + 200);
    }

    #[test]
    fn the_variance_falls_by_a_quarter_of_the_difference_per_round() {
        let mut round_trip = RoundTrip::new();
        round_trip.sample(Span::millis(400), 0, 1);
        assert_eq!(round_trip.timeout(), Span::millis(1_200));
        // The first round still has the variance of the first sample as its largest deviation.
        round_trip.sample(Span::millis(400), 2, 3);
        assert_eq!(round_trip.timeout(), Span::millis(1_200));
        round_trip.sample(Span::millis(400), 4, 5);
        let deviation = 800.0 * 0.75 * 0.75;
        let expected = 400.0 + 800.0 - (800.0 - deviation) / 4.0;
        assert_eq!(round_trip.timeout().0 / 1_000_000, expected as u64);
    }
}
