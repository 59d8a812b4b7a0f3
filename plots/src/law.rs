//! Closed forms that a sweep can be held against, drawn as lines without markers beside what was measured.
//!
//! Each takes the [`Conditions`] of a run and knows nothing of how the run went. What cannot be said of those
//! conditions is `None`: a precopy that never ends, a loss of zero.

use crate::results::Conditions;

/// What a precopy of a guest with a constant dirty rate comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precopy {
    /// From its start to its end, the last round included; ns.
    pub total_ns: f64,
    /// Rounds, the one with the guest stopped included.
    pub rounds: f64,
}

/// Precopy with a constant dirty rate (Clark et al., "Live Migration of Virtual Machines", NSDI 2005): with
/// `r` = dirty rate / rate, round `i` sends `r^i` of the memory, until what is left fits into the downtime limit.
///
/// A guest that sweeps through its working set dirties a new page with every write, until it comes round.
/// `None` if it dirties as fast as it is sent, or if its working set ends a round.
pub fn precopy(conditions: &Conditions) -> Option<Precopy> {
    let rate = conditions.rate_bits_per_s as f64 / 8.0;
    let ram = conditions.ram_bytes as f64;
    let ratio = conditions.swept_pages_per_s as f64 * conditions.page_bytes as f64 / rate;
    let dirtied_first = ram * ratio;
    if ram == 0.0 || rate == 0.0 || ratio >= 1.0 || dirtied_first > conditions.working_set_bytes as f64 {
        return None;
    }
    let limit = rate * conditions.downtime_limit_ns as f64 / 1e9;
    let (mut sent, mut left, mut rounds) = (0.0, ram, 0.0);
    while left > limit {
        sent += left;
        left *= ratio;
        rounds += 1.0;
    }
    let last = if left >= conditions.page_bytes as f64 { 1.0 } else { 0.0 };
    Some(Precopy { total_ns: (sent + left) / rate * 1e9, rounds: rounds + last })
}

/// TCP Reno with random loss (Mathis, Semke, Mahdavi and Ott, "The Macroscopic Behavior of the TCP Congestion
/// Avoidance Algorithm", CCR 1997): `MSS / RTT × sqrt(3/2) / sqrt(p)` for each flow, up to the path's rate; bit/s.
///
/// `p` counts loss events: a burst of losses halves the window once.
pub fn mathis(conditions: &Conditions) -> Option<f64> {
    rate(conditions, mathis_window(conditions.loss_events))
}

/// CUBIC with random loss (RFC 9438, section 5: C = 0.4, β = 0.7): an average window of
/// `1.054 × RTT^0.75 / p^0.75` segments, or that of Reno where it is larger; bit/s.
pub fn cubic(conditions: &Conditions) -> Option<f64> {
    let round_trip_s = conditions.round_trip_ns as f64 / 1e9;
    let window = 1.054 * libm::pow(round_trip_s / conditions.loss_events, 0.75);
    rate(conditions, window.max(mathis_window(conditions.loss_events)))
}

/// Segments.
fn mathis_window(loss_events: f64) -> f64 {
    libm::sqrt(1.5 / loss_events)
}

/// Of a window of so many segments for each flow.
fn rate(conditions: &Conditions, window: f64) -> Option<f64> {
    if conditions.loss_events <= 0.0 || conditions.round_trip_ns == 0 {
        return None;
    }
    let bits = window * conditions.segment_bytes as f64 * 8.0 * conditions.flows.max(1) as f64;
    Some((bits * 1e9 / conditions.round_trip_ns as f64).min(conditions.rate_bits_per_s as f64))
}

/// The least that output waits in the mean where all of it is held until the next checkpoint, as in Remus (Cully et al., NSDI
/// 2008): half the time between two checkpoints, the pause not counted; ns.
pub fn checkpoint_only_hold(interval_ns: f64) -> f64 {
    interval_ns / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Conditions = Conditions {
        ram_bytes: 1 << 30,
        page_bytes: 4096,
        swept_pages_per_s: 0,
        working_set_bytes: 1 << 30,
        downtime_limit_ns: 300_000_000,
        rate_bits_per_s: 100_000_000_000,
        round_trip_ns: 1_000_000,
        loss: 1e-3,
        loss_events: 1e-3,
        segment_bytes: 1448,
        flows: 1,
    };

    #[test]
    fn mathis_gives_the_published_rates() {
        for (round_trip_ns, loss_events, gbit_per_s) in
            [(200_000, 1e-4, 7.09), (1_000_000, 1e-3, 0.449), (10_000_000, 1e-2, 0.0142)]
        {
            let rate = mathis(&Conditions { round_trip_ns, loss_events, ..PATH }).unwrap() / 1e9;
            assert!((rate / gbit_per_s - 1.0).abs() < 0.01, "{rate}");
        }
    }

    #[test]
    fn cubic_is_reno_in_a_lan_and_more_on_a_long_path() {
        assert_eq!(cubic(&PATH), mathis(&PATH));
        let long = Conditions { round_trip_ns: 100_000_000, loss_events: 1e-5, ..PATH };
        assert!(cubic(&long).unwrap() > 2.0 * mathis(&long).unwrap());
    }

    #[test]
    fn no_flow_is_faster_than_the_path_and_without_loss_there_is_no_law() {
        let slow = Conditions { rate_bits_per_s: 1_000_000, flows: 8, ..PATH };
        assert_eq!(mathis(&slow), Some(1e6));
        assert_eq!(mathis(&Conditions { loss_events: 0.0, ..PATH }), None);
    }

    #[test]
    fn an_idle_guest_is_sent_once_and_half_the_rate_of_writes_doubles_the_time() {
        let rate_bits_per_s = 8 << 30;
        let idle = precopy(&Conditions { rate_bits_per_s, ..PATH }).unwrap();
        assert_eq!((idle.total_ns, idle.rounds), (1e9, 1.0));
        let half = Conditions { rate_bits_per_s, swept_pages_per_s: 1 << 17, downtime_limit_ns: 1_000_000, ..PATH };
        let half = precopy(&half).unwrap();
        assert!((half.total_ns / 2e9 - 1.0).abs() < 1e-3 && half.rounds == 11.0, "{half:?}");
    }

    #[test]
    fn a_guest_as_fast_as_the_path_never_ends() {
        assert_eq!(precopy(&Conditions { rate_bits_per_s: 8 << 30, swept_pages_per_s: 1 << 18, ..PATH }), None);
    }
}
