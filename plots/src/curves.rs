//! From runs to curves: groups the runs of a sweep by series and x and puts an interval over the seeds about each
//! mean.

use crate::chart::Point;
use crate::interval::{self, Interval};
use crate::results::{Field, SweepPoint, SweepResults, Unit};

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
        if let Some(interval) = Interval::of(&values) {
            let Interval { mean, low, high, count } = interval.within(0.0, quantity.most);
            points.push(Point { x: same_x[0].0, y: mean, low, high });
            seed_counts.push(count);
        }
    }
    let label = results.series.as_ref().map_or_else(String::new, |field| series_label(field, name));
    Curve { label, slot, points, seed_counts }
}

/// The names of the series: by value where all are numbers, else as they first appear.
fn series_in_order(results: &SweepResults) -> Vec<&str> {
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

/// `4 channels` for a count of `multifd-channels`, `latency 1 ms` for anything else.
fn series_label(field: &Field, value: &str) -> String {
    if field.unit != Unit::Count {
        return format!("{} {value}", field.label);
    }
    let noun = field.label.rsplit(['-', '_', ' ']).next().unwrap_or(&field.label);
    let noun = if value == "1" { noun.strip_suffix('s').unwrap_or(noun) } else { noun };
    format!("{value} {noun}")
}

/// The paragraphs under the title: the question, then scenario, variant, and what points and bands are.
pub(crate) fn subtitle(results: &SweepResults, curves: &[Curve], measure: &str) -> Vec<String> {
    let seed_counts: Vec<usize> = curves.iter().flat_map(|curve| &curve.seed_counts).copied().collect();
    let spread = interval::describe(&seed_counts);
    let source = format!("Scenario {}, variant {} · {measure}{spread}", results.scenario, results.variant);
    [results.question.clone(), source].into_iter().filter(|paragraph| !paragraph.is_empty()).collect()
}
