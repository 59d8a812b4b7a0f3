//! A figure as data: what is shown, not where. [`Figure::svg`] and [`Figure::png`] draw it, through the same code.
//!
//! ```text
//!   Title
//!   subtitle lines
//!   ─●─ series  ─■─ series    ── stroke  -- stroke    ·· reference
//!
//!   Panel heading (unit)         Panel heading (unit)
//!   95 % ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄       10 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
//!        lines, bands                  lines, bands
//!   80 % ────────────────        0 ─────────────────
//!         50 ms   1 s                50 ms   1 s
//!             x label                    x label
//! ```
//!
//! The legend stands between title and panels, where no line can run into it. Text never lies inside a panel.
//!
//! Not modelled: secondary axes, bars, text rotated or set in scripts other than Latin.

use crate::error::PlotError;
use crate::layout;
use crate::raster;
use crate::results::Unit;
use crate::scale::ScaleChoice;
use crate::svg;
use crate::theme::{Dash, Theme};

/// Pixels of the PNG for one pixel of the figure's nominal size.
pub const RASTER_SCALE: u32 = 2;

/// The slot of a line that belongs to no series more than to another: drawn in the colour of the texts on the axes.
pub const EVERY_SERIES: usize = usize::MAX;

/// One image with a title and one panel or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// States what is shown.
    pub title: String,
    /// Paragraphs under the title: the question, the scenario, what the bands are. Wrapped to the width.
    pub subtitle: Vec<String>,
    /// How the panels stand.
    pub arrangement: Arrangement,
    /// The panels, at least one.
    pub panels: Vec<Panel>,
}

/// How the panels of a figure stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// From left to right.
    SideBySide,
    /// From top to bottom.
    Stacked,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The axis below; its ticks carry their units.
    pub x: Axis,
    /// The axis at the left; its label heads the panel, with the unit.
    pub y: Axis,
    /// What is drawn.
    pub lines: Vec<Line>,
    /// Lines across the panel, in the legend under their label.
    pub references: Vec<Reference>,
    /// Lines from top to bottom, in the legend under their label.
    pub marks: Vec<Mark>,
}

/// What an axis shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The quantity, without its unit.
    pub label: String,
    /// Base unit of the values.
    pub unit: Unit,
    /// Linear or logarithmic.
    pub scale: ScaleChoice,
}

/// A line through points, with a band about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name of its series in the legend; empty for none. Lines of one series share it.
    pub series: String,
    /// Place of the series, from 0: chooses colour and marker. [`EVERY_SERIES`] for a form that is the same for all.
    pub slot: usize,
    /// How it is drawn.
    pub dash: Dash,
    /// What the dash means, in the legend; empty where it means nothing.
    pub stroke_label: String,
    /// The points in rising x. Points that are not finite are left out.
    pub points: Vec<Point>,
}

/// One point of a line, in the base units of the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Place on the x axis.
    pub x: f64,
    /// Place on the y axis.
    pub y: f64,
    /// Lower end of the band.
    pub low: f64,
    /// Upper end of the band.
    pub high: f64,
}

impl Point {
    /// Whether every coordinate is a number that can be placed.
    pub(crate) fn is_finite(&self) -> bool {
        [self.x, self.y, self.low, self.high].iter().all(|value| value.is_finite())
    }
}

/// A dotted line across the panel at one y.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Its name in the legend.
    pub label: String,
    /// Place on the y axis, in its base unit.
    pub y: f64,
}

/// A line from the top of the panel to its foot at one x.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Its name in the legend.
    pub label: String,
    /// Place on the x axis, in its base unit.
    pub x: f64,
    /// How it is drawn.
    pub dash: Dash,
}

impl Figure {
    /// The figure as an SVG document.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] if no point is finite.
    pub fn svg(&self, theme: &Theme) -> Result<String, PlotError> {
        self.check()?;
        svg::draw(self, theme)
    }

    /// The figure as a PNG of [`RASTER_SCALE`] times its [`size`](Figure::size).
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] if no point is finite, [`PlotError::Encoding`] if the encoder fails.
    pub fn png(&self, theme: &Theme) -> Result<Vec<u8>, PlotError> {
        self.check()?;
        raster::draw(self, theme)
    }

    /// Nominal width and height in pixels. The height follows from the text above the panels.
    pub fn size(&self) -> (u32, u32) {
        layout::Layout::of(self).size()
    }

    /// All points that can be drawn.
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.panels
            .iter()
            .flat_map(|panel| &panel.lines)
            .flat_map(|line| &line.points)
            .filter(|point| point.is_finite())
    }

    fn check(&self) -> Result<(), PlotError> {
        match self.points().next() {
            Some(_) => Ok(()),
            None => Err(PlotError::NothingToDraw { figure: self.title.clone() }),
        }
    }
}
