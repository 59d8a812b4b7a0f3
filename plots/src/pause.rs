//! How long the guest stands still at a checkpoint: median and 99th percentile along the swept field.
//!
//! Each run gives one median and one percentile over its checkpoints; points are means of those over the seeds, not
//! percentiles of all pauses together. A run without a checkpoint has no pause and is left out.

use crate::chart::{Arrangement, Axis, Figure, Panel};
use crate::curves::{Band, Quantity, curves, lines, subtitle, tail_noted};
use crate::finding::{Measure, change};
use crate::results::{SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;

const MEDIAN: Quantity = Quantity {
    of: |point| measured(point.metrics.checkpoints, point.metrics.pause_p50_ns),
    most: f64::INFINITY,
    band: Band::Confidence,
};
const PERCENTILE_99: Quantity = Quantity {
    of: |point| measured(point.metrics.checkpoints, point.metrics.pause_p99_ns),
    most: f64::INFINITY,
    band: Band::Extremes,
};

fn measured(checkpoints: u64, pause_ns: u64) -> Option<f64> {
    (checkpoints > 0).then_some(pause_ns as f64)
}

/// One panel, p50 solid and p99 dashed, a colour for each series; `None` if no run reached a checkpoint.
pub fn figure(results: &SweepResults) -> Option<Figure> {
    let medians = curves(results, &MEDIAN);
    if medians.iter().all(|curve| curve.points.is_empty()) {
        return None;
    }
    let subtitle = tail_noted(subtitle(results, &medians, &left_out(results)), &medians, "p99");
    let percentiles = curves(results, &PERCENTILE_99);
    let title = change("Pause p99", &percentiles, &results.x, Measure::Amount)
        .unwrap_or_else(|| format!("Guest pause at a checkpoint by {}", results.x.label));
    let lines = [lines(medians, Dash::Solid, "p50"), lines(percentiles, Dash::Dashed, "p99")].concat();
    Some(Figure {
        title,
        subtitle,
        arrangement: Arrangement::Stacked,
        panels: vec![Panel {
            x: Axis { label: results.x.label.clone(), unit: results.x.unit, scale: ScaleChoice::BySpan },
            y: Axis { label: "Checkpoint pause".to_owned(), unit: Unit::Nanoseconds, scale: ScaleChoice::BySpan },
            lines,
            references: Vec::new(),
            marks: Vec::new(),
        }],
    })
}

/// Says how many runs have no pause to show, where there are any.
fn left_out(results: &SweepResults) -> String {
    match results.points.iter().filter(|point| point.metrics.checkpoints == 0).count() {
        0 => String::new(),
        1 => "1 run without a checkpoint left out, ".to_owned(),
        count => format!("{count} runs without a checkpoint left out, "),
    }
}
