//! A migration without checkpoints: how long it takes, and in how many rounds or at which pace.

use crate::chart::{Arrangement, Axis, Figure, Line, Panel};
use crate::curves::{Band, Curve, Quantity, curves, law_lines, lines, subtitle};
use crate::finding::{Measure, change};
use crate::law;
use crate::results::{Conditions, SweepPoint, SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;

const TOTAL_TIME: Quantity = Quantity {
    of: |point| of_completed(point, point.metrics.total_time_ns as f64),
    most: f64::INFINITY,
    band: Band::Confidence,
};
const ROUNDS: Quantity = Quantity {
    of: |point| of_completed(point, point.metrics.rounds as f64),
    most: f64::INFINITY,
    band: Band::Confidence,
};
const PACE: Quantity = Quantity {
    of: |point| of_completed(point, point.metrics.pages as f64 * 1e9 / point.metrics.total_time_ns as f64),
    most: f64::INFINITY,
    band: Band::Confidence,
};

const CLOSED_FORM: (Dash, &str) = (Dash::Law, "closed form");

fn of_completed(point: &SweepPoint, value: f64) -> Option<f64> {
    (point.metrics.total_time_ns > 0).then_some(value)
}

/// Whether the rate of the guest's writes is what the sweep varies.
fn varies_writes(results: &SweepResults) -> bool {
    results.x.unit == Unit::PagesPerSecond
}

/// Two panels: total time, and rounds where the guest's writes are swept over, else pages per second; `None` if no
/// migration came to its end.
pub fn figure(results: &SweepResults) -> Option<Figure> {
    let total = curves(results, &TOTAL_TIME);
    if total.iter().all(|curve| curve.points.is_empty()) {
        return None;
    }
    let (label, scale) = match results.x.unit {
        Unit::PagesPerSecond => ("page writes".to_owned(), ScaleChoice::Linear),
        // Twice as many is the step that counts.
        Unit::Count => (results.x.label.clone(), ScaleChoice::Logarithmic),
        _ => (results.x.label.clone(), ScaleChoice::BySpan),
    };
    let x = Axis { label, unit: results.x.unit, scale };
    let y = |label: &str, unit, scale| Axis { label: label.to_owned(), unit, scale };
    let subtitle = subtitle(results, &total, &unfinished(results));
    let panel = |y, lines| Panel { x: x.clone(), y, lines, references: Vec::new(), marks: Vec::new() };
    let by_law = |law: fn(&law::Precopy) -> f64| -> Vec<Line> {
        let vary = |conditions: &mut Conditions, x: f64| conditions.swept_pages_per_s = x as u64;
        law_lines(results, vary, |conditions| law::precopy(conditions).as_ref().map(law), CLOSED_FORM)
    };
    let title = change("Migration time", &total, &results.x, Measure::Amount)
        .unwrap_or_else(|| format!("Migration time by {}", results.x.label));
    let title = match distance(results).filter(|_| varies_writes(results)) {
        Some(distance) => format!("{title}; the closed form is {:.0} % off at most", 100.0 * distance),
        None => title,
    };
    let mut panels = Vec::new();
    if varies_writes(results) {
        let measured = lines(total, Dash::Solid, "simulated");
        let axis = y("Total time", Unit::Nanoseconds, ScaleChoice::BySpan);
        panels.push(panel(axis, [by_law(|precopy| precopy.total_ns), measured].concat()));
        let measured = lines(curves(results, &ROUNDS), Dash::Solid, "simulated");
        let axis = y("Rounds in which pages were sent", Unit::Count, ScaleChoice::Linear);
        panels.push(panel(axis, [by_law(|precopy| precopy.rounds), measured].concat()));
    } else {
        panels.push(panel(y("Total time", Unit::Nanoseconds, ScaleChoice::BySpan), lines(total, Dash::Solid, "")));
        let pace: Vec<Curve> = curves(results, &PACE);
        let axis = y("Pages sent", Unit::PagesPerSecond, ScaleChoice::BySpan);
        panels.push(panel(axis, lines(pace, Dash::Solid, "")));
    }
    Some(Figure { title, subtitle, arrangement: Arrangement::SideBySide, panels })
}

/// The largest relative distance of a run's total time from the closed form, where that says anything.
fn distance(results: &SweepResults) -> Option<f64> {
    let of = |point: &SweepPoint| {
        let form = law::precopy(&point.conditions)?.total_ns;
        Some((of_completed(point, point.metrics.total_time_ns as f64)? / form - 1.0).abs())
    };
    results.points.iter().filter_map(of).max_by(f64::total_cmp)
}

/// Says how many runs did not come to an end, where there are any.
fn unfinished(results: &SweepResults) -> String {
    match results.points.iter().filter(|point| point.metrics.total_time_ns == 0).count() {
        0 => String::new(),
        1 => "1 migration that did not end left out, ".to_owned(),
        count => format!("{count} migrations that did not end left out, "),
    }
}
