//! How long the guest stands still at a checkpoint: median and 99th percentile along the swept field.
//!
//! Each run gives one median and one percentile over its checkpoints; points are means of those over the seeds, not
//! percentiles of all pauses together. A run without a checkpoint has no pause and is left out.

use crate::chart::{Arrangement, Axis, Figure, Line, Panel};
use crate::curves::{Quantity, curves, subtitle};
use crate::results::{SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;

const MEDIAN: Quantity =
    Quantity { of: |point| measured(point.metrics.checkpoints, point.metrics.pause_p50_ns), most: f64::INFINITY };
const PERCENTILE_99: Quantity =
    Quantity { of: |point| measured(point.metrics.checkpoints, point.metrics.pause_p99_ns), most: f64::INFINITY };

fn measured(checkpoints: u64, pause_ns: u64) -> Option<f64> {
    (checkpoints > 0).then_some(pause_ns as f64)
}

/// One panel, p50 solid and p99 dashed, a colour for each series; `None` if no run reached a checkpoint.
pub fn figure(results: &SweepResults) -> Option<Figure> {
    let medians = curves(results, &MEDIAN);
    if medians.iter().all(|curve| curve.points.is_empty()) {
        return None;
    }
    let subtitle = subtitle(results, &medians, &left_out(results));
    let percentiles = curves(results, &PERCENTILE_99);
    let strokes = [(medians, Dash::Solid, "p50"), (percentiles, Dash::Dashed, "p99")];
    let lines = strokes.into_iter().flat_map(|(curves, dash, stroke_label)| {
        curves.into_iter().map(move |curve| Line {
            series: curve.label,
            slot: curve.slot,
            dash,
            stroke_label: stroke_label.to_owned(),
            points: curve.points,
        })
    });
    Some(Figure {
        title: format!("Guest pause at a checkpoint by {}", results.x.label),
        subtitle,
        arrangement: Arrangement::Stacked,
        panels: vec![Panel {
            x: Axis { label: results.x.label.clone(), unit: results.x.unit, scale: ScaleChoice::BySpan },
            y: Axis { label: "Checkpoint pause".to_owned(), unit: Unit::Nanoseconds, scale: ScaleChoice::BySpan },
            lines: lines.collect(),
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
