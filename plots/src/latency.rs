//! What clients notice: the share of time in which the guest runs, and how long colo-compare holds its packets back.
//!
//! Each run gives one mean and one percentile over the packets that clients got; points are means of those over the
//! seeds. Beside them stands the least that a system without colo-compare holds every packet back.

use crate::chart::{Arrangement, Axis, EVERY_SERIES, Figure, Line, Panel, Point};
use crate::curves::{Band, Curve, Quantity, curves, lines, subtitle, tail_noted};
use crate::finding::{Measure, change, short};
use crate::law;
use crate::results::{SweepPoint, SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;
use crate::unit::with_unit;

const RUN_SHARE: Quantity =
    Quantity { of: |point| Some(point.metrics.guest_progress), most: 1.0, band: Band::Confidence };
const MEAN: Quantity =
    Quantity { of: |point| held(point, point.metrics.held_mean_ns), most: f64::INFINITY, band: Band::Confidence };
const PERCENTILE_99: Quantity =
    Quantity { of: |point| held(point, point.metrics.held_p99_ns), most: f64::INFINITY, band: Band::Extremes };

fn held(point: &SweepPoint, ns: u64) -> Option<f64> {
    (point.metrics.packets_released > 0).then_some(ns as f64)
}

/// Two panels, run share and time held, a colour for each series; `None` if no client got a packet.
pub fn figure(results: &SweepResults) -> Option<Figure> {
    let percentiles = curves(results, &PERCENTILE_99);
    if percentiles.iter().all(|curve| curve.points.is_empty()) {
        return None;
    }
    let (run_share, means) = (curves(results, &RUN_SHARE), curves(results, &MEAN));
    let title = change("The guest’s run share", &run_share, &results.x, Measure::Share)
        .unwrap_or_else(|| format!("Run share and added latency by {}", results.x.label));
    let title = format!("{title}; output waits {} at most in the mean", longest(&means));
    let x = Axis { label: results.x.label.clone(), unit: results.x.unit, scale: ScaleChoice::BySpan };
    let y = |label: &str, unit, scale| Axis { label: label.to_owned(), unit, scale };
    Some(Figure {
        title,
        subtitle: tail_noted(subtitle(results, &percentiles, ""), &percentiles, "the percentile"),
        arrangement: Arrangement::SideBySide,
        panels: vec![
            Panel {
                x: x.clone(),
                y: y("Share of time in which the guest runs", Unit::Ratio, ScaleChoice::Linear),
                lines: lines(run_share, Dash::Solid, ""),
                references: Vec::new(),
                marks: Vec::new(),
            },
            Panel {
                x,
                y: y("Output is held back", Unit::Nanoseconds, ScaleChoice::BySpan),
                lines: [
                    checkpoint_only(results, &means),
                    lines(means, Dash::Solid, "mean"),
                    lines(percentiles, Dash::Dashed, "99th percentile"),
                ]
                .concat(),
                references: Vec::new(),
                marks: Vec::new(),
            },
        ],
    })
}

/// The largest of the means, to two digits.
fn longest(means: &[Curve]) -> String {
    let longest = means.iter().flat_map(|curve| &curve.points).map(|point| point.y).fold(0.0, f64::max);
    let reading = Unit::Nanoseconds.reading(longest);
    with_unit(short(longest / reading.divisor), reading.name)
}

/// What a checkpoint for every packet would cost, where it is the time between checkpoints that is swept over.
fn checkpoint_only(results: &SweepResults, means: &[Curve]) -> Vec<Line> {
    let swept = means.first().filter(|_| results.x.path == "migration.x_checkpoint_delay");
    let point = |x: f64| {
        let y = law::checkpoint_only_hold(x);
        Point { x, y, low: y, high: y }
    };
    let line = |curve: &Curve| Line {
        series: String::new(),
        slot: EVERY_SERIES,
        dash: Dash::Law,
        stroke_label: "checkpoint-only: half the delay, mean".to_owned(),
        points: curve.points.iter().map(|measured| point(measured.x)).collect(),
    };
    swept.map(line).into_iter().collect()
}
