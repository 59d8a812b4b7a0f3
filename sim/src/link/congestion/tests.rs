//! Windows against the formulas of RFC 5681 and RFC 9438, and against Linux's rules.

use super::*;

const RTT: Span = Span::millis(20);

fn ack(now: Time, segments: u32, round: u64) -> Acked {
    Acked {
        now,
        segments,
        round_trip: Some(RTT),
        least_round_trip: RTT,
        smoothed_round_trip: RTT,
        first_unacknowledged: round,
        next_to_send: round,
        window_was_full: true,
    }
}

/// A round trip in which the whole window is acknowledged at once.
fn round(window: &mut Window, now: &mut Time) {
    *now += RTT;
    let segments = window.segments();
    window.acked(ack(*now, segments, now.0));
}

fn cubic() -> Window {
    Window::new(Congestion::Cubic { hystart: false }, 10)
}

#[test]
fn slow_start_doubles_and_carries_the_rest_into_congestion_avoidance() {
    for mut window in [Window::new(Congestion::Reno, 10), cubic()] {
        let mut now = Time::ZERO;
        for expected in [20, 40, 80] {
            round(&mut window, &mut now);
            assert_eq!(window.segments(), expected);
        }
        assert_eq!(window.ssthresh(), u32::MAX);
    }
    let mut window = Window::new(Congestion::Reno, 10);
    window.ssthresh = 12;
    // Two of the 14 fill slow start, 12 are a window of congestion avoidance.
    window.acked(ack(Time::ZERO, 14, 1));
    assert_eq!(window.segments(), 13);
}

#[test]
fn reno_grows_by_a_segment_per_round_trip_and_halves() {
    let mut window = Window::new(Congestion::Reno, 100);
    let mut now = Time::ZERO;
    window.reduce(now);
    assert_eq!((window.segments(), window.ssthresh()), (100, 50));
    window.recovered(now);
    for expected in 51..80 {
        round(&mut window, &mut now);
        assert_eq!(window.segments(), expected);
    }
}

#[test]
fn a_window_that_was_not_full_does_not_grow() {
    for mut window in [Window::new(Congestion::Reno, 10), cubic()] {
        window.acked(Acked { window_was_full: false, ..ack(Time::ZERO, 10, 1) });
        assert_eq!(window.segments(), 10);
    }
}

#[test]
fn a_time_out_leaves_one_segment_and_slow_start_up_to_the_reduced_window() {
    for (mut window, ssthresh) in [(Window::new(Congestion::Reno, 100), 50), (cubic_of(100), 70)] {
        window.timeout(Time::ZERO);
        assert_eq!((window.segments(), window.ssthresh()), (1, ssthresh));
        assert!(window.in_slow_start());
        window.timeout_in_recovery();
        assert_eq!(window.ssthresh(), ssthresh);
    }
}

fn cubic_of(segments: u32) -> Window {
    Window::new(Congestion::Cubic { hystart: false }, segments)
}

/// RFC 9438, 4.2: W(t) = C (t - K)^3 + W_max with K = cbrt(W_max (1 - beta) / C). The window lags its target by at most a round trip.
#[test]
fn cubic_follows_its_curve() {
    let mut window = cubic_of(1_000);
    let start = Time(1_000_000_000);
    window.reduce(start);
    window.recovered(start);
    assert_eq!(window.segments(), 700);
    let w_max = 1_000.0;
    let k = libm::cbrt(300.0 / 0.4);
    let mut now = start;
    let rtt = Span::millis(100);
    let mut first = None;
    for _ in 0..140 {
        now += rtt;
        let epoch = *first.get_or_insert(now);
        // 64 acknowledgements per round trip, as a sender sees them.
        let (acks, segments) = (64, window.segments());
        for i in 0..acks {
            let share = segments * (i + 1) / acks - segments * i / acks;
            window.acked(Acked { least_round_trip: rtt, ..ack(now + Span(rtt.0 / 64 * u64::from(i)), share, now.0) });
        }
        let t = now.since(epoch).0 as f64 * 1e-9 + 0.1;
        let expected = w_max + 0.4 * (t - k).powi(3);
        let off = f64::from(window.segments()) / expected - 1.0;
        assert!(off.abs() < 0.02, "{} where the curve is at {expected:.0} after {t:.1} s", window.segments());
    }
    assert!(window.segments() > 1_000);
}

/// RFC 9438, 4.3: where Reno would be faster, the window grows as an additive increase of 3 (1 - beta)/(1 + beta) per round trip.
#[test]
fn cubic_is_as_fast_as_reno_on_short_round_trips() {
    let mut window = cubic_of(20);
    let mut now = Time(1_000_000_000);
    window.reduce(now);
    window.recovered(now);
    let before = window.segments();
    let rounds = 200;
    for _ in 0..rounds {
        now += Span::millis(10);
        let segments = window.segments();
        for _ in 0..segments {
            window.acked(Acked { least_round_trip: Span::millis(10), ..ack(now, 1, now.0) });
        }
    }
    // The window is compared with Reno's each 8th jiffy of 4 ms, so it may be as far behind as that is long.
    let per_round = 3.0 * (1.0 - 0.7) / (1.0 + 0.7);
    let behind = per_round * f64::from(rounds) - f64::from(window.segments() - before);
    assert!((-2.0..per_round * 3.2 + 2.0).contains(&behind), "{behind} segments behind Reno");
}

#[test]
fn cubic_grows_by_half_a_window_per_round_trip_at_most() {
    let mut window = cubic_of(1_000);
    window.reduce(Time::ZERO);
    window.recovered(Time::ZERO);
    let mut now = Time::ZERO;
    round(&mut window, &mut now);
    // Far on the convex side of the curve.
    now = Time(100_000_000_000);
    let before = window.segments();
    round(&mut window, &mut now);
    assert_eq!(window.segments(), before + before / 2);
}

#[test]
fn who_loses_below_its_last_maximum_gives_way() {
    let mut window = cubic_of(1_000);
    window.reduce(Time::ZERO);
    window.recovered(Time::ZERO);
    window.reduce(Time::ZERO);
    let Algorithm::Cubic(cubic) = &window.algorithm else { unreachable!() };
    // 700 × (1 + 0.7)/2.
    assert_eq!((window.ssthresh(), cubic.w_max()), (490, 595));
}

#[test]
fn a_pause_moves_the_curve_by_its_length() {
    let reach = |pause: Span| {
        let mut window = cubic_of(1_000);
        window.reduce(Time::ZERO);
        window.recovered(Time::ZERO);
        let mut now = Time::ZERO;
        for _ in 0..10 {
            round(&mut window, &mut now);
        }
        let last_sent = now;
        now += pause;
        window.restarted(now, last_sent);
        for _ in 0..10 {
            round(&mut window, &mut now);
        }
        window.segments()
    };
    assert_eq!(reach(Span::ZERO), reach(Span::millis(5_000)));
}

#[test]
fn idle_time_halves_the_window_for_each_time_out_down_to_the_initial_one() {
    let after = |idle: u64| {
        let mut window = Window::new(Congestion::Reno, 100);
        window.after_idle(Time::ZERO, Span::millis(idle), Span::millis(200), 10);
        (window.segments(), window.ssthresh())
    };
    assert_eq!(after(200), (100, u32::MAX));
    assert_eq!(after(201), (50, u32::MAX));
    assert_eq!(after(401), (25, u32::MAX));
    assert_eq!(after(60_000), (10, u32::MAX));
    let mut window = Window::new(Congestion::Reno, 100);
    window.reduce(Time::ZERO);
    window.after_idle(Time::ZERO, Span::millis(500), Span::millis(200), 10);
    assert_eq!((window.segments(), window.ssthresh()), (25, 75));
}

#[test]
fn hystart_ends_slow_start_when_the_acknowledgements_of_a_round_are_a_train_of_half_a_round_trip() {
    let mut window = Window::new(Congestion::Cubic { hystart: true }, 40);
    let mut now = Time(1_000_000_000);
    let mut acked = 0;
    // One acknowledgement of two segments every 500 µs: the 23rd is the first later than (20 ms + 1 ms)/2.
    while window.in_slow_start() {
        acked += 2;
        window.acked(Acked { first_unacknowledged: acked, next_to_send: 1_000, ..ack(now, 2, 0) });
        now += Span::micros(500);
        assert!(acked < 100);
    }
    assert_eq!((acked, window.segments()), (46, 40 + 44));
}

#[test]
fn hystart_ends_slow_start_when_the_shortest_round_trip_of_a_round_has_grown() {
    let slow_start_ends = |longer: Span| {
        let mut window = Window::new(Congestion::Cubic { hystart: true }, 40);
        let now = Time(1_000_000_000);
        for _ in 0..20 {
            // Too far apart for a train.
            window.acked(Acked {
                round_trip: Some(RTT + longer),
                first_unacknowledged: 1,
                next_to_send: 1_000,
                ..ack(now + Span::millis(3), 1, 0)
            });
        }
        !window.in_slow_start()
    };
    assert!(!slow_start_ends(Span::millis(4)));
    assert!(slow_start_ends(Span::micros(4_001)));
}

#[test]
fn hystart_leaves_small_windows_alone_and_can_be_off() {
    for (mut window, segments) in [(Window::new(Congestion::Cubic { hystart: true }, 10), 5), (cubic_of(40), 400)] {
        for i in 0..segments {
            let now = Time(1_000_000_000) + Span::millis(i);
            window.acked(Acked { first_unacknowledged: i + 1, next_to_send: 1_000, ..ack(now, 1, 0) });
        }
        assert!(window.in_slow_start());
    }
}
