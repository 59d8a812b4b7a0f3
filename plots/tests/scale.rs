//! Axes: which scale is chosen, where ticks stand and what they say.

use colosim_plots::results::Unit;
use colosim_plots::scale::{Scale, ScaleChoice, Tick};

fn texts(ticks: &[Tick]) -> Vec<&str> {
    ticks.iter().map(|tick| tick.text.as_str()).collect()
}

#[test]
fn an_axis_is_logarithmic_when_values_span_more_than_twentyfold() {
    assert!(!Scale::across(&[1.0, 2.0, 20.0], ScaleChoice::BySpan).is_logarithmic());
    assert!(Scale::across(&[50e6, 2e9], ScaleChoice::BySpan).is_logarithmic());
    assert!(!Scale::across(&[50e6, 2e9], ScaleChoice::Linear).is_logarithmic());
    assert!(!Scale::across(&[-1.0, 1.0, 100.0], ScaleChoice::BySpan).is_logarithmic());
}

#[test]
fn equal_factors_are_equally_far_apart_on_a_logarithmic_axis() {
    let scale = Scale::across(&[1.0, 10.0, 100.0], ScaleChoice::BySpan);
    let [first, second, third] = [1.0, 10.0, 100.0].map(|value| scale.position(value));
    assert!((third - second - (second - first)).abs() < 1e-12);
    assert!(first > 0.0 && third < 1.0);
}

#[test]
fn zero_lies_before_the_break_and_joins_no_other_value() {
    let scale = Scale::across(&[0.0, 1e-5, 1e-2], ScaleChoice::BySpan);
    let break_position = scale.break_position().unwrap();
    assert!(0.0 < scale.position(0.0) && scale.position(0.0) < break_position);
    assert!(break_position < scale.position(1e-5));
    assert!(!scale.joins(0.0, 1e-5) && scale.joins(1e-5, 1e-2));
}

#[test]
fn few_swept_values_get_a_tick_each_with_its_own_unit() {
    let swept = [2e9, 50e6, 100e6, 50e6, 1e9];
    let (ticks, _) = Scale::across(&swept, ScaleChoice::BySpan).ticks_across(&swept, Unit::Nanoseconds);
    assert_eq!(texts(&ticks), ["50 ms", "100 ms", "1 s", "2 s"]);
}

#[test]
fn many_swept_values_get_ticks_at_round_ones() {
    let swept: Vec<f64> = (1..=40).map(|step| f64::from(step) * 25e6).collect();
    let (ticks, _) = Scale::across(&swept, ScaleChoice::Linear).ticks_across(&swept, Unit::Nanoseconds);
    assert_eq!(texts(&ticks), ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]);
    let (ticks, _) = Scale::across(&swept, ScaleChoice::BySpan).ticks_across(&swept, Unit::Nanoseconds);
    assert_eq!(texts(&ticks), ["50 ms", "100 ms", "200 ms", "500 ms", "1 s"]);
}

#[test]
fn y_ticks_share_one_unit_and_as_many_decimals_as_their_step_needs() {
    let (ticks, unit) =
        Scale::upright(&[8e6, 25e6], ScaleChoice::BySpan, Unit::Nanoseconds).ticks_upright(Unit::Nanoseconds);
    assert_eq!((texts(&ticks), unit), (vec!["0", "5", "10", "15", "20", "25"], "ms"));
    let (ticks, unit) =
        Scale::upright(&[2.1e9, 3.3e9], ScaleChoice::Linear, Unit::BitsPerSecond).ticks_upright(Unit::BitsPerSecond);
    assert_eq!(unit, "Gbit/s");
    assert!(texts(&ticks).contains(&"2.2") && texts(&ticks).contains(&"3.0"), "{ticks:?}");
}

#[test]
fn shares_high_up_do_not_start_at_zero_and_carry_their_sign() {
    let scale = Scale::upright(&[0.8, 0.99, 1.0], ScaleChoice::Linear, Unit::Ratio);
    let (ticks, unit) = scale.ticks_upright(Unit::Ratio);
    assert_eq!((texts(&ticks), unit), (vec!["80 %", "85 %", "90 %", "95 %", "100 %"], ""));
    assert!(scale.position(0.5) == 0.0, "values below the axis lie at its foot");
}

#[test]
fn low_values_start_at_zero() {
    let (ticks, _) = Scale::upright(&[0.1, 0.9], ScaleChoice::Linear, Unit::Ratio).ticks_upright(Unit::Ratio);
    assert_eq!(ticks[0].text, "0 %");
}

#[test]
fn logarithmic_y_ticks_read_one_two_five() {
    let scale = Scale::upright(&[8e6, 300e6], ScaleChoice::BySpan, Unit::Nanoseconds);
    assert!(scale.is_logarithmic());
    assert_eq!(texts(&scale.ticks_upright(Unit::Nanoseconds).0), ["10", "20", "50", "100", "200"]);
}

#[test]
fn a_wide_logarithmic_axis_keeps_to_powers_of_ten_each_with_its_unit() {
    let scale = Scale::upright(&[1e3, 5e9], ScaleChoice::BySpan, Unit::Nanoseconds);
    let (ticks, unit) = scale.ticks_upright(Unit::Nanoseconds);
    assert_eq!(unit, "");
    assert_eq!(texts(&ticks), ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
}

#[test]
fn zero_lies_at_the_foot_of_a_logarithmic_y_axis() {
    let scale = Scale::upright(&[0.0, 1e3, 5e6], ScaleChoice::BySpan, Unit::Nanoseconds);
    let (ticks, _) = scale.ticks_upright(Unit::Nanoseconds);
    assert_eq!(texts(&ticks), ["0", "1 µs", "10 µs", "100 µs", "1 ms"]);
    assert!(scale.position(0.0) == 0.0 && scale.position(1e3) > 0.05);
}

#[test]
fn one_value_and_equal_values_still_span_an_axis() {
    for values in [&[5.0][..], &[0.0], &[-3.0, -3.0]] {
        let across = Scale::across(values, ScaleChoice::BySpan);
        assert!((across.position(values[0]) - 0.5).abs() < 0.5);
        let upright = Scale::upright(values, ScaleChoice::BySpan, Unit::None);
        assert!(upright.ticks_upright(Unit::None).0.len() >= 2);
    }
}
