//! Draws a figure that has been laid out: bands first, then lines, then markers, so that none hides another's centre.

use plotters::prelude::DrawingBackend;

use crate::canvas::{Anchor, Canvas, Drawn, Pen, Spot};
use crate::chart::{EVERY_SERIES, Figure, Line, Panel, Point};
use crate::layout::{Frame, Layout, LegendEntry, PanelLayout, SAMPLE, SAMPLE_GAP, Sample};
use crate::theme::{Dash, Marker, Rgb, TextStyle, Theme};

const LINE_WIDTH: f64 = 2.5;
const LAW_WIDTH: f64 = 1.8;
const REFERENCE_WIDTH: f64 = 1.5;
const HAIRLINE: f64 = 1.0;
const MARKER_RADIUS: f64 = 4.6;
/// Width of the ring in the background's colour that sets a marker off from the lines.
const MARKER_RING: f64 = 1.6;
/// Width of the rim of a hollow marker.
const MARKER_RIM: f64 = 2.1;
const TICK_LENGTH: f64 = 6.0;
const ERROR_CAP: f64 = 5.0;
/// Distance between points of neighbouring series that stand alone at one x, where they would hide each other.
const SIDE_STEP: f64 = 14.0;
/// Width that all of them together take at most.
const SIDE_ROOM: f64 = 56.0;

pub(crate) fn figure<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    figure: &Figure,
    layout: &Layout,
    theme: &Theme,
) -> Drawn<DB> {
    canvas.fill(theme.background)?;
    for line in &layout.title {
        canvas.text(&line.text, (line.x, line.baseline), Anchor::Start, TextStyle::TITLE, theme.text)?;
    }
    for line in &layout.subtitle {
        canvas.text(&line.text, (line.x, line.baseline), Anchor::Start, TextStyle::SUBTITLE, theme.muted)?;
    }
    layout.legend.iter().try_for_each(|entry| legend_entry(canvas, entry, theme))?;
    for (panel, place) in figure.panels.iter().zip(&layout.panels) {
        axes(canvas, place, theme)?;
        contents(canvas, panel, place, theme)?;
    }
    canvas.finish()
}

fn legend_entry<DB: DrawingBackend>(canvas: &Canvas<DB>, entry: &LegendEntry, theme: &Theme) -> Drawn<DB> {
    let (from, to) = ((entry.x, entry.y), (entry.x + SAMPLE, entry.y));
    let (colour, width, dash) = match entry.sample {
        Sample::Series(slot) => (theme.series_colour(slot), LINE_WIDTH, Dash::Solid),
        Sample::Stroke(dash) => (theme.muted, width_of(dash), dash),
        Sample::Reference => (theme.muted, REFERENCE_WIDTH, Dash::Dotted),
        Sample::Mark(dash) => (theme.text, REFERENCE_WIDTH, dash),
    };
    canvas.line(&[from, to], Pen { colour, width, dash })?;
    let centre = (entry.x + SAMPLE / 2.0, entry.y);
    match entry.sample {
        Sample::Series(slot) => marker(canvas, centre, &Mark::of(slot, Dash::Solid, theme), theme)?,
        Sample::Stroke(dash) if dash.is_measured() => {
            let mark = Mark { shape: Marker::Circle, colour: theme.muted, hollow: dash != Dash::Solid };
            marker(canvas, centre, &mark, theme)?;
        }
        Sample::Stroke(_) | Sample::Reference | Sample::Mark(_) => {}
    }
    let baseline = entry.y + TextStyle::LEGEND.cap_height() / 2.0;
    canvas.text(&entry.label, (to.0 + SAMPLE_GAP, baseline), Anchor::Start, TextStyle::LEGEND, theme.text)
}

fn axes<DB: DrawingBackend>(canvas: &Canvas<DB>, place: &PanelLayout, theme: &Theme) -> Drawn<DB> {
    let plot = place.plot;
    for line in &place.heading {
        canvas.text(&line.text, (line.x, line.baseline), Anchor::Start, TextStyle::HEADING, theme.text)?;
    }
    for tick in &place.y_ticks {
        let y = vertical(place, tick.value);
        hairline(canvas, (plot.left, y), (plot.right, y), theme.grid)?;
        let baseline = y + TextStyle::TICK.cap_height() / 2.0;
        canvas.text(&tick.text, (plot.left - 10.0, baseline), Anchor::End, TextStyle::TICK, theme.muted)?;
    }
    hairline(canvas, (plot.left, plot.bottom), (plot.right, plot.bottom), theme.axis)?;
    for tick in &place.x_ticks {
        let x = horizontal(place, tick.value);
        hairline(canvas, (x, plot.bottom), (x, plot.bottom + TICK_LENGTH), theme.axis)?;
        let baseline = plot.bottom + TICK_LENGTH + 6.0 + TextStyle::TICK.cap_height();
        canvas.text(&tick.text, (x, baseline), Anchor::Middle, TextStyle::TICK, theme.muted)?;
    }
    if let Some(position) = place.x_scale.break_position() {
        axis_break(canvas, (plot.left + position * (plot.right - plot.left), plot.bottom), theme)?;
    }
    let label = &place.x_label;
    canvas.text(&label.text, (label.x, label.baseline), Anchor::Middle, TextStyle::LABEL, theme.text)
}

/// Two slanted strokes across the x axis, between 0 and the logarithmic part.
fn axis_break<DB: DrawingBackend>(canvas: &Canvas<DB>, (x, y): Spot, theme: &Theme) -> Drawn<DB> {
    canvas.rectangle((x - 4.0, y - 2.0), (x + 4.0, y + 2.0), theme.background)?;
    let pen = Pen { colour: theme.axis, width: 1.5, dash: Dash::Solid };
    canvas.line(&[(x - 7.0, y + 6.0), (x - 1.0, y - 6.0)], pen)?;
    canvas.line(&[(x + 1.0, y + 6.0), (x + 7.0, y - 6.0)], pen)
}

fn contents<DB: DrawingBackend>(canvas: &Canvas<DB>, panel: &Panel, place: &PanelLayout, theme: &Theme) -> Drawn<DB> {
    let Frame { left, right, top, bottom } = place.plot;
    for reference in &panel.references {
        let y = vertical(place, reference.y);
        let pen = Pen { colour: theme.muted, width: REFERENCE_WIDTH, dash: Dash::Dotted };
        canvas.line(&[(left, y), (right, y)], pen)?;
    }
    for mark in &panel.marks {
        let x = horizontal(place, mark.x);
        canvas.line(&[(x, top), (x, bottom)], Pen { colour: theme.text, width: REFERENCE_WIDTH, dash: mark.dash })?;
    }
    let runs: Vec<Run> = panel.lines.iter().flat_map(|line| runs_of(line, panel, place)).collect();
    for run in &runs {
        band(canvas, run, place, theme)?;
    }
    for run in runs.iter().filter(|run| run.points.len() >= 2) {
        let pen = Pen { colour: theme.series_colour(run.slot), width: width_of(run.dash), dash: run.dash };
        let spots: Vec<Spot> = run.points.iter().map(|point| run.spot(place, point.x, point.y)).collect();
        canvas.line(&spots, pen)?;
    }
    for run in runs.iter().filter(|run| run.dash.is_measured()) {
        let mark = Mark::of(run.slot, run.dash, theme);
        run.points.iter().try_for_each(|point| marker(canvas, run.spot(place, point.x, point.y), &mark, theme))?;
    }
    Ok(())
}

/// A closed form is thinner than what was measured.
fn width_of(dash: Dash) -> f64 {
    if dash.is_measured() { LINE_WIDTH } else { LAW_WIDTH }
}

/// Points of a line that follow each other without a break of the x axis.
struct Run {
    points: Vec<Point>,
    slot: usize,
    dash: Dash,
    /// Pixels to the right of where the points belong.
    aside: f64,
}

impl Run {
    fn spot(&self, place: &PanelLayout, x: f64, y: f64) -> Spot {
        (horizontal(place, x) + self.aside, vertical(place, y))
    }
}

/// The finite points of a line, split where an axis breaks. A point that the x axis sets apart steps aside for those
/// of other series.
fn runs_of(line: &Line, panel: &Panel, place: &PanelLayout) -> Vec<Run> {
    let slots = panel.lines.iter().map(|line| line.slot).filter(|slot| *slot != EVERY_SERIES);
    let series = slots.max().map_or(1, |last| last + 1) as f64;
    let step = SIDE_STEP.min(SIDE_ROOM / series);
    let points: Vec<Point> = line.points.iter().copied().filter(Point::is_finite).collect();
    let run = |points: &[Point], aside: f64| Run { points: points.to_vec(), slot: line.slot, dash: line.dash, aside };
    let mut runs = Vec::new();
    for joined in points.chunk_by(|a, b| place.x_scale.joins(a.x, b.x)) {
        let aside = if joined.len() == 1 { (line.slot as f64 - (series - 1.0) / 2.0) * step } else { 0.0 };
        runs.extend(joined.chunk_by(|a, b| place.y_scale.joins(a.y, b.y)).map(|points| run(points, aside)));
    }
    runs
}

/// The band about a run of points; an error bar where the run is a single one, unless its marker would hide it.
fn band<DB: DrawingBackend>(canvas: &Canvas<DB>, run: &Run, place: &PanelLayout, theme: &Theme) -> Drawn<DB> {
    let points = &run.points;
    if points.iter().all(|point| point.low == point.high) {
        return Ok(());
    }
    let colour = theme.series_colour(run.slot);
    if let [point] = points[..] {
        let ends = [run.spot(place, point.x, point.low), run.spot(place, point.x, point.high)];
        if ends[0].1 - ends[1].1 <= 2.0 * (MARKER_RADIUS + MARKER_RING) {
            return Ok(());
        }
        let pen = Pen { colour, width: REFERENCE_WIDTH, dash: Dash::Solid };
        canvas.line(&ends, pen)?;
        return ends.iter().try_for_each(|(x, y)| canvas.line(&[(x - ERROR_CAP, *y), (x + ERROR_CAP, *y)], pen));
    }
    let upper = points.iter().map(|point| run.spot(place, point.x, point.high));
    let lower = points.iter().rev().map(|point| run.spot(place, point.x, point.low));
    canvas.polygon(&upper.chain(lower).collect::<Vec<Spot>>(), colour, theme.band_opacity)
}

/// What marks the points of a line. Those of dashed lines are hollow, which tells them apart where no line joins
/// them.
struct Mark {
    shape: Marker,
    colour: Rgb,
    hollow: bool,
}

impl Mark {
    fn of(slot: usize, dash: Dash, theme: &Theme) -> Mark {
        Mark { shape: Marker::of_series(slot), colour: theme.series_colour(slot), hollow: dash != Dash::Solid }
    }
}

fn marker<DB: DrawingBackend>(canvas: &Canvas<DB>, centre: Spot, mark: &Mark, theme: &Theme) -> Drawn<DB> {
    let (ring, hole) = (MARKER_RADIUS + MARKER_RING, MARKER_RADIUS - MARKER_RIM);
    shape(canvas, centre, mark.shape, ring, theme.background)?;
    shape(canvas, centre, mark.shape, MARKER_RADIUS, mark.colour)?;
    if mark.hollow { shape(canvas, centre, mark.shape, hole, theme.background) } else { Ok(()) }
}

fn shape<DB: DrawingBackend>(canvas: &Canvas<DB>, centre: Spot, shape: Marker, radius: f64, colour: Rgb) -> Drawn<DB> {
    let Some(corners) = shape.corners() else { return canvas.disc(centre, radius, colour) };
    let corners: Vec<Spot> = corners.iter().map(|(dx, dy)| (centre.0 + dx * radius, centre.1 + dy * radius)).collect();
    canvas.polygon(&corners, colour, 1.0)
}

fn hairline<DB: DrawingBackend>(canvas: &Canvas<DB>, from: Spot, to: Spot, colour: Rgb) -> Drawn<DB> {
    canvas.line(&[from, to], Pen { colour, width: HAIRLINE, dash: Dash::Solid })
}

fn horizontal(place: &PanelLayout, x: f64) -> f64 {
    place.plot.left + place.x_scale.position(x) * (place.plot.right - place.plot.left)
}

fn vertical(place: &PanelLayout, y: f64) -> f64 {
    place.plot.bottom - place.y_scale.position(y) * (place.plot.bottom - place.plot.top)
}
