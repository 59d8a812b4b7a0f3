//! Predicted against measured: a point for each recorded configuration, on logarithmic axes of the same quantity, with the
//! diagonal on which both are the same.

use crate::Plot;
use crate::chart::{Arrangement, Axis, Figure, Line, Panel, Point};
use crate::error::PlotError;
use crate::results::Unit;
use crate::scale::ScaleChoice;
use crate::theme::{Dash, Theme};

/// One quantity of many configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// States what is shown.
    pub title: String,
    /// What the points are.
    pub subtitle: String,
    /// The quantity, as `total time`.
    pub quantity: String,
    /// Base unit of the values.
    pub unit: Unit,
    /// Measured and predicted value of each configuration. Only what is above 0 can be drawn.
    pub points: Vec<(f64, f64)>,
}

/// The figure: predicted over measured.
pub fn figure(scatter: &Scatter) -> Figure {
    let drawn = scatter.points.iter().filter(|(measured, predicted)| *measured > 0.0 && *predicted > 0.0);
    let mut points: Vec<(f64, f64)> = drawn.copied().collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let values = || points.iter().flat_map(|(measured, predicted)| [*measured, *predicted]);
    let (least, most) = values().fold((f64::INFINITY, 0.0_f64), |(least, most), v| (least.min(v), most.max(v)));
    let diagonal = Line {
        series: String::new(),
        slot: 0,
        dash: Dash::Law,
        stroke_label: "predicted as measured".into(),
        points: vec![point(least, least), point(most, most)],
    };
    // A line of its own for each point, so that nothing joins them.
    let alone = |(measured, predicted): &(f64, f64)| Line {
        series: String::new(),
        slot: 0,
        dash: Dash::Solid,
        stroke_label: "a configuration".into(),
        points: vec![point(*measured, *predicted)],
    };
    let axis = |label: String| Axis { label, unit: scatter.unit, scale: ScaleChoice::Logarithmic };
    let panel = Panel {
        x: axis(format!("Measured {}", scatter.quantity)),
        y: axis(format!("Predicted {}", scatter.quantity)),
        lines: points.iter().map(alone).chain([diagonal]).collect(),
        references: Vec::new(),
        marks: Vec::new(),
    };
    Figure {
        title: scatter.title.clone(),
        subtitle: vec![scatter.subtitle.clone()],
        arrangement: Arrangement::SideBySide,
        panels: vec![panel],
    }
}

/// Draws it, under the name `scatter`.
///
/// # Errors
/// [`PlotError::NothingToDraw`] if no configuration has two values above 0.
pub fn render_scatter(scatter: &Scatter, theme: &Theme) -> Result<Plot, PlotError> {
    let figure = figure(scatter);
    Ok(Plot { name: "scatter", svg: figure.svg(theme)?, png: figure.png(theme)? })
}

fn point(x: f64, y: f64) -> Point {
    Point { x, y, low: y, high: y }
}
