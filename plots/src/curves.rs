//! From runs to curves: groups the runs of a sweep by series and x and puts an interval over the seeds about each
//! mean.

use crate::chart::{Line, Point};
use crate::interval::{self, CONFIDENCE_COUNT_MIN, Interval};
use crate::results::{Conditions, Field, SweepPoint, SweepResults, Unit};
use crate::theme::Dash;
use crate::unit;

/// One quantity of one series along the swept field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Name of the series; empty where the sweep has none.
    pub label: String,
    /// Place of the series.
    pub slot: usize,
    /// Means and intervals in rising x.
    pub points: Vec<Point>,
    /// Number of seeds behind each point.
    pub seed_counts: Vec<usize>,
}

/// A quantity that runs measure.
pub(crate) struct Quantity {
    /// Its value in base units; `None` for a run that did not measure it.
    pub of: fn(&SweepPoint) -> Option<f64>,
    /// The largest value that it can have; the smallest is 0.
    pub most: f64,
    /// What its band is.
    pub band: Band,
}

/// What a band about a mean over the seeds is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Band {
    /// The interval that holds the mean.
    Confidence,
    /// From the smallest to the largest value, for tails.
    Extremes,
}

/// The curves of `quantity`, one for each series. A series that did not measure it keeps its place but has no point.
pub(crate) fn curves(results: &SweepResults, quantity: &Quantity) -> Vec<Curve> {
    series_in_order(results).into_iter().enumerate().map(|(slot, name)| curve(results, quantity, slot, name)).collect()
}

fn curve(results: &SweepResults, quantity: &Quantity, slot: usize, name: &str) -> Curve {
    let mut runs: Vec<(f64, f64)> = results
        .points
        .iter()
        .filter(|point| point.series == name && point.x.is_finite())
        .filter_map(|point| Some((point.x, (quantity.of)(point).filter(|value| value.is_finite())?)))
        .collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (mut points, mut seed_counts) = (Vec::new(), Vec::new());
    for same_x in runs.chunk_by(|a, b| a.0 == b.0) {
        let values: Vec<f64> = same_x.iter().map(|(_, value)| *value).collect();
        let interval = match quantity.band {
            Band::Confidence => Interval::of(&values),
            Band::Extremes => Interval::range(&values),
        };
        if let Some(interval) = interval {
            let Interval { mean, low, high, count } = interval.within(0.0, quantity.most);
            points.push(Point { x: same_x[0].0, y: mean, low, high });
            seed_counts.push(count);
        }
    }
    let label = results.series.as_ref().map_or_else(String::new, |field| series_label(field, name));
    Curve { label, slot, points, seed_counts }
}

/// The names of the series: by value where all are numbers, else as they first appear.
pub(crate) fn series_in_order(results: &SweepResults) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for point in &results.points {
        if !names.contains(&point.series.as_str()) {
            names.push(&point.series);
        }
    }
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        let value = |name: &str| name.parse().unwrap_or(f64::NAN);
        names.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    names
}

/// `4 channels` for a count of `multifd-channels`, `0.1 % loss` for a share, `no compression` or `Zstd` for a word, `latency 1 ms`
/// for anything else.
fn series_label(field: &Field, value: &str) -> String {
    let number: Option<f64> = value.parse().ok();
    match (field.unit, number) {
        (Unit::Count, _) => counted(field, value),
        (Unit::Ratio, Some(share)) => format!("{} % {}", unit::number(100.0 * share), field.label),
        (Unit::None, None) if value == "None" => format!("no {}", noun(field)),
        (Unit::None, None) => value.to_owned(),
        _ => format!("{} {value}", field.label),
    }
}

/// The last word of a field's name.
fn noun(field: &Field) -> &str {
    field.label.rsplit(['-', '_', ' ']).next().unwrap_or(&field.label)
}

/// `4 channels`, `1 channel`: a value of a field that counts.
pub(crate) fn counted(field: &Field, value: &str) -> String {
    let noun = noun(field);
    let noun = if value == "1" { noun.strip_suffix('s').unwrap_or(noun) } else { noun };
    format!("{value} {noun}")
}

/// The curves as lines, all stroked alike.
pub(crate) fn lines(curves: Vec<Curve>, dash: Dash, stroke_label: &str) -> Vec<Line> {
    let line = |curve: Curve| Line {
        series: curve.label,
        slot: curve.slot,
        dash,
        stroke_label: stroke_label.to_owned(),
        points: curve.points,
    };
    curves.into_iter().map(line).collect()
}

/// Points of a closed form between the smallest and the largest swept value.
const LAW_POINTS: usize = 256;

/// A closed form along the swept field, for each series under the conditions of its runs; `vary` puts a swept value into
/// them. Nothing where the form says nothing, or at a swept value of 0, which has no place between others.
pub(crate) fn law_lines(
    results: &SweepResults,
    vary: fn(&mut Conditions, f64),
    law: impl Fn(&Conditions) -> Option<f64>,
    (dash, stroke_label): (Dash, &str),
) -> Vec<Line> {
    let mut lines = Vec::new();
    for (slot, name) in series_in_order(results).into_iter().enumerate() {
        let runs: Vec<&SweepPoint> = results.points.iter().filter(|point| point.series == name).collect();
        let positive = || runs.iter().map(|run| run.x).filter(|x| *x > 0.0);
        let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
        let Some(run) = runs.first().filter(|_| low < high) else { continue };
        let point = |index: usize| {
            let share = index as f64 / LAW_POINTS as f64;
            let x = if index == LAW_POINTS { high } else { low * libm::pow(high / low, share) };
            let mut conditions = run.conditions;
            vary(&mut conditions, x);
            law(&conditions).map(|y| Point { x, y, low: y, high: y })
        };
        let points = (0..=LAW_POINTS).filter_map(point).collect();
        lines.push(Line { series: String::new(), slot, dash, stroke_label: stroke_label.to_owned(), points });
    }
    lines
}

/// The paragraphs under the title: the question, then scenario, variant, and what points and bands are.
pub(crate) fn subtitle(results: &SweepResults, curves: &[Curve], measure: &str) -> Vec<String> {
    let seed_counts: Vec<usize> = curves.iter().flat_map(|curve| &curve.seed_counts).copied().collect();
    let spread = interval::describe(&seed_counts);
    let source = format!("Scenario {}, variant {} · {measure}{spread}", results.scenario, results.variant);
    [results.question.clone(), source].into_iter().filter(|paragraph| !paragraph.is_empty()).collect()
}

/// The subtitle, with what the bands of `tail` are where they are drawn.
pub(crate) fn tail_noted(mut subtitle: Vec<String>, curves: &[Curve], tail: &str) -> Vec<String> {
    let has_intervals = curves.iter().flat_map(|curve| &curve.seed_counts).any(|count| *count >= CONFIDENCE_COUNT_MIN);
    if let (true, Some(last)) = (has_intervals, subtitle.last_mut()) {
        *last += &format!("; about {tail}: minimum and maximum of the seeds");
    }
    subtitle
}
