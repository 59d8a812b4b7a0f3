//! What a design costs the guest and what it asks of the network: progress and throughput along the swept field.

use crate::chart::{Arrangement, Axis, Figure, Panel, Reference};
use crate::curves::{Band, Curve, Quantity, curves, lines, subtitle};
use crate::finding::{Measure, change};
use crate::results::{SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;

const PROGRESS: Quantity =
    Quantity { of: |point| Some(point.metrics.guest_progress), most: 1.0, band: Band::Confidence };
const THROUGHPUT: Quantity =
    Quantity { of: |point| Some(point.metrics.throughput_gbit_per_s), most: f64::INFINITY, band: Band::Confidence };

/// The line of an undisturbed guest is shown when the best run comes this close to it: farther away it would press
/// all curves flat.
const UNDISTURBED_SHOWN_FROM: f64 = 0.8;

/// Two panels, guest progress and network throughput against the swept field, a line for each series.
pub fn figure(results: &SweepResults) -> Figure {
    let progress = curves(results, &PROGRESS);
    let throughput = curves(results, &THROUGHPUT);
    let subtitle = subtitle(results, &progress, "");
    let title = change("Guest progress", &progress, &results.x, Measure::Share)
        .unwrap_or_else(|| format!("Guest progress and network throughput by {}", results.x.label));
    let x = Axis { label: results.x.label.clone(), unit: results.x.unit, scale: ScaleChoice::BySpan };
    let y = |label: &str, unit| Axis { label: label.to_owned(), unit, scale: ScaleChoice::Linear };
    Figure {
        title,
        subtitle,
        arrangement: Arrangement::SideBySide,
        panels: vec![
            Panel {
                x: x.clone(),
                y: y("Guest progress, share of undisturbed", Unit::Ratio),
                references: undisturbed(&progress),
                marks: Vec::new(),
                lines: lines(progress, Dash::Solid, ""),
            },
            Panel {
                x,
                y: y("Network throughput (Gbit/s)", Unit::None),
                references: Vec::new(),
                marks: Vec::new(),
                lines: lines(throughput, Dash::Solid, ""),
            },
        ],
    }
}

fn undisturbed(progress: &[Curve]) -> Vec<Reference> {
    let best = progress.iter().flat_map(|curve| &curve.points).map(|point| point.y).fold(0.0, f64::max);
    if best < UNDISTURBED_SHOWN_FROM {
        Vec::new()
    } else {
        vec![Reference { label: "undisturbed guest".to_owned(), y: 1.0 }]
    }
}
