//! Slow start and additive increase (RFC 5681, section 3.1; `tcp_slow_start` and `tcp_cong_avoid_ai`).

/// Grow by one for each acknowledged segment up to `ssthresh`; the acknowledged segments beyond.
#[inline]
pub(super) fn slow_start(window: &mut u32, ssthresh: u32, acked: u32) -> u32 {
    if *window >= ssthresh {
        return acked;
    }
    let grown = window.saturating_add(acked).min(ssthresh);
    let rest = acked - (grown - *window);
    *window = grown;
    rest
}

/// Grow by one for each `acked_per_segment` acknowledged segments; `credit` keeps what is left of them.
#[inline]
pub(super) fn congestion_avoidance(window: &mut u32, credit: &mut u32, acked_per_segment: u32, acked: u32) {
    // Credit that was saved up while growth was slower counts once, not several times.
    if *credit >= acked_per_segment {
        *credit = 0;
        *window += 1;
    }
    *credit += acked;
    if *credit >= acked_per_segment {
        *window += *credit / acked_per_segment;
        *credit %= acked_per_segment;
    }
}
