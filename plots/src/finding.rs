//! Titles that say what a sweep found, worked out from its curves.

use crate::chart::Point;
use crate::curves::{Curve, counted};
use crate::results::{Field, Unit};
use crate::unit::number;

/// How a quantity's change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// By its factor.
    Amount,
    /// By both its values, which are shares.
    Share,
}

/// Changes smaller than this are none.
const STEADY: f64 = 0.05;
/// From this factor on, a factor is told and no percentage.
const FACTOR_MIN: f64 = 1.95;

/// What becomes of `name` from the smallest to the largest swept value, for the first and for the last series:
/// `Pause p99 grows 3.1× from 0 to 0.1 % loss with 1 channel, 1.4× with 8 channels`. `None` without two points.
///
/// Of two series that do not reach equally far, both are told where they have values in common.
pub(crate) fn change(name: &str, curves: &[Curve], x: &Field, measure: Measure) -> Option<String> {
    let told: Vec<&Curve> = curves.iter().filter(|curve| curve.points.len() >= 2).collect();
    let (first, last) = (*told.first()?, *told.last()?);
    let of_both = |point: &&Point| last.points.iter().any(|other| other.x == point.x);
    let common: Vec<f64> = first.points.iter().filter(of_both).map(|point| point.x).collect();
    let is_comparable = told.len() > 1 && common.len() >= 2;
    let (from, to) = match is_comparable {
        true => (common[0], common[common.len() - 1]),
        false => (first.points[0].x, first.points[first.points.len() - 1].x),
    };
    let at = |curve: &Curve, x: f64| curve.points.iter().find(|point| point.x == x).map(|point| point.y);
    let of = |curve: &Curve| Some(phrase(at(curve, from)?, at(curve, to)?, measure));
    let with = |label: &str| if label.is_empty() { String::new() } else { format!(" with {label}") };
    let (verb, by) = of(first)?;
    let mut title = format!("{name} {verb}{by} {}{}", span(x, (from, to), measure), with(&first.label));
    if is_comparable {
        let (other_verb, by) = of(last)?;
        let verb = if other_verb == verb { String::new() } else { other_verb.to_owned() };
        let with = with(said_again(&first.label, &last.label));
        title += &format!(", {verb}{}{with}", if verb.is_empty() { by.trim_start() } else { &by });
    }
    Some(title)
}

/// `label` without what it says in the same words as `before`, if those are two or more at its end: `5 %` after `0 % different
/// packets`.
fn said_again<'a>(before: &str, label: &'a str) -> &'a str {
    let words = before.split(' ').rev().zip(label.split(' ').rev()).take_while(|(a, b)| a == b && *a != "%");
    let (count, length) = words.fold((0, 0), |(count, length), (word, _)| (count + 1, length + word.len() + 1));
    if count >= 2 && length < label.len() { &label[..label.len() - length] } else { label }
}

/// A verb, and by how much.
fn phrase(from: f64, to: f64, measure: Measure) -> (&'static str, String) {
    if measure == Measure::Share {
        let (verb, percent) = (if to >= from { "rises" } else { "falls" }, |share: f64| short(100.0 * share));
        return (verb, format!(" from {} % to {} %", percent(from), percent(to)));
    }
    let ratio = to / from;
    match ratio {
        _ if !ratio.is_finite() => ("changes", String::new()),
        _ if (1.0 - STEADY..1.0 + STEADY).contains(&ratio) => ("stays", " within 5 %".to_owned()),
        _ if ratio >= FACTOR_MIN => ("grows", format!(" {}×", short(ratio))),
        _ if ratio > 1.0 => ("grows", format!(" by {} %", short(100.0 * (ratio - 1.0)))),
        _ => ("falls", format!(" by {} %", short(100.0 * (1.0 - ratio)))),
    }
}

/// Two or three digits.
pub(crate) fn short(value: f64) -> String {
    let digits = if value < 9.95 || (99.0..100.0).contains(&value) { 10.0 } else { 1.0 };
    number(libm::round(value * digits) / digits)
}

/// `from 50 ms to 2 s`, `from 0 to 1 % loss`, `from 1 to 8 channels`; `between` two values where `from` was said already.
fn span(x: &Field, (low, high): (f64, f64), measure: Measure) -> String {
    let (low, high) = match x.unit {
        Unit::Count => (x.unit.format(low), counted(x, &x.unit.format(high))),
        Unit::Ratio => (x.unit.format(low), format!("{} {}", x.unit.format(high), x.label)),
        Unit::PagesPerSecond => (number(low), format!("{} pages/s", number(high))),
        _ => (x.unit.format(low), x.unit.format(high)),
    };
    match measure {
        Measure::Amount => format!("from {low} to {high}"),
        Measure::Share => format!("between {low} and {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(label: &str, values: &[(f64, f64)]) -> Curve {
        let points = values.iter().map(|&(x, y)| Point { x, y, low: y, high: y }).collect();
        Curve { label: label.to_owned(), slot: 0, points, seed_counts: vec![1; values.len()] }
    }

    fn loss() -> Field {
        Field { path: "link.loss".to_owned(), label: "loss".to_owned(), unit: Unit::Ratio }
    }

    #[test]
    fn a_title_compares_the_first_with_the_last_series() {
        let curves =
            [curve("1 channel", &[(0.0, 10.0), (1e-3, 31.4)]), curve("8 channels", &[(0.0, 10.0), (1e-3, 14.0)])];
        assert_eq!(
            change("Pause p99", &curves, &loss(), Measure::Amount).unwrap(),
            "Pause p99 grows 3.1× from 0 to 0.1 % loss with 1 channel, by 40 % with 8 channels"
        );
    }

    #[test]
    fn series_of_different_length_are_compared_where_both_have_values() {
        let curves = [
            curve("1 channel", &[(0.0, 10.0), (1e-3, 20.0)]),
            curve("8 channels", &[(0.0, 10.0), (1e-3, 30.0), (1e-2, 90.0)]),
        ];
        assert_eq!(
            change("Pause p99", &curves, &loss(), Measure::Amount).unwrap(),
            "Pause p99 grows 2× from 0 to 0.1 % loss with 1 channel, 3× with 8 channels"
        );
    }

    #[test]
    fn what_two_series_have_in_common_is_said_once() {
        assert_eq!(said_again("0 % different packets", "5 % different packets"), "5 %");
        assert_eq!(said_again("latency 1 ms", "latency 5 ms"), "latency 5 ms");
        assert_eq!(said_again("round trip", "round trip"), "round trip");
    }

    #[test]
    fn another_direction_has_another_verb() {
        let curves = [curve("a", &[(0.0, 10.0), (1e-3, 5.0)]), curve("b", &[(0.0, 10.0), (1e-3, 10.1)])];
        assert_eq!(
            change("Goodput", &curves, &loss(), Measure::Amount).unwrap(),
            "Goodput falls by 50 % from 0 to 0.1 % loss with a, stays within 5 % with b"
        );
    }

    #[test]
    fn shares_are_told_by_their_values_and_one_point_tells_nothing() {
        let share = [curve("", &[(0.0, 0.5), (1e-3, 0.97)])];
        assert_eq!(
            change("Run share", &share, &loss(), Measure::Share).unwrap(),
            "Run share rises from 50 % to 97 % between 0 and 0.1 % loss"
        );
        assert_eq!(change("Run share", &[curve("", &[(0.0, 0.5)])], &loss(), Measure::Share), None);
    }
}
