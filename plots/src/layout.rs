//! Where everything in a figure stands, in nominal pixels. Nothing is drawn here.

use crate::chart::{Arrangement, Axis, Figure, Line, Panel};
use crate::font::{self, FALLBACK_ROOM};
use crate::scale::{Scale, ScaleChoice, Tick};
use crate::theme::{Dash, TextStyle};

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 34.0;
const TITLE_LINE: f64 = 32.0;
const SUBTITLE_LINE: f64 = 22.0;
const LEGEND_ROW: f64 = 28.0;
/// Between title block and legend, and between legend and panels.
const BLOCK_GAP: f64 = 16.0;
const HEADING_LINE: f64 = 22.0;
const HEADING_GAP: f64 = 16.0;
const PLOT_HEIGHT: f64 = 310.0;
const PLOT_HEIGHT_STACKED: f64 = 230.0;
const PANEL_GAP: f64 = 44.0;
const TICK_LABEL_GAP: f64 = 10.0;
/// Between two x tick labels, at least.
const TICK_LABEL_SPACE: f64 = 2.0;
/// Length of the line that a legend entry shows.
pub(crate) const SAMPLE: f64 = 38.0;
pub(crate) const SAMPLE_GAP: f64 = 9.0;
const ENTRY_GAP: f64 = 26.0;

/// A box of the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// A line of text: its left end (or its middle, for x labels) and its baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextLine {
    pub text: String,
    pub x: f64,
    pub baseline: f64,
}

/// What a legend entry explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Colour and marker of the series in this place.
    Series(usize),
    /// A dash, in a neutral colour.
    Stroke(Dash),
    /// A reference line.
    Reference,
    /// A mark.
    Mark(Dash),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LegendEntry {
    pub sample: Sample,
    pub label: String,
    pub x: f64,
    /// The middle of the row.
    pub y: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PanelLayout {
    pub plot: Frame,
    pub heading: Vec<TextLine>,
    pub x_label: TextLine,
    pub x_scale: Scale,
    /// Ticks on the axis, each with its text only where it has room for it.
    pub x_ticks: Vec<Tick>,
    pub y_scale: Scale,
    pub y_ticks: Vec<Tick>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub title: Vec<TextLine>,
    pub subtitle: Vec<TextLine>,
    pub legend: Vec<LegendEntry>,
    pub panels: Vec<PanelLayout>,
    height: f64,
}

impl Layout {
    pub fn of(figure: &Figure) -> Layout {
        let mut y = MARGIN - 10.0;
        let mut title = Vec::new();
        for text in wrapped(&figure.title, TextStyle::TITLE, WIDTH - 2.0 * MARGIN) {
            y += TITLE_LINE;
            title.push(TextLine { text, x: MARGIN, baseline: y - 6.0 });
        }
        y += 4.0;
        let mut subtitle = Vec::new();
        for paragraph in &figure.subtitle {
            for text in wrapped(paragraph, TextStyle::SUBTITLE, WIDTH - 2.0 * MARGIN) {
                y += SUBTITLE_LINE;
                subtitle.push(TextLine { text, x: MARGIN, baseline: y - 5.0 });
            }
        }
        y += BLOCK_GAP;
        let (legend, legend_bottom) = placed_legend(&legend_of(figure), y);
        y = if legend.is_empty() { y } else { legend_bottom + BLOCK_GAP };
        let (panels, bottom) = placed_panels(figure, y + 4.0);
        Layout { title, subtitle, legend, panels, height: bottom + MARGIN - 8.0 }
    }

    /// Width and height in whole pixels.
    pub fn size(&self) -> (u32, u32) {
        (WIDTH as u32, libm::ceil(self.height) as u32)
    }
}

fn wrapped(text: &str, style: TextStyle, width_max: f64) -> Vec<String> {
    font::wrap(text, style.weight, style.em, width_max / FALLBACK_ROOM)
}

/// Width of `text` in pixels, with room for a wider font.
fn width_with_room(text: &str, style: TextStyle) -> f64 {
    font::width(text, style.weight, style.em) * FALLBACK_ROOM
}

/// Each series, dash, reference and mark that has a name, once, in the order in which the figure shows them.
fn legend_of(figure: &Figure) -> Vec<(Sample, String)> {
    let lines = || figure.panels.iter().flat_map(|panel| &panel.lines);
    let mut entries: Vec<(Sample, String)> = Vec::new();
    let mut add = |sample: Sample, label: &str| {
        if !label.is_empty() && !entries.iter().any(|(_, known)| known == label) {
            entries.push((sample, label.to_owned()));
        }
    };
    lines().for_each(|line| add(Sample::Series(line.slot), &line.series));
    lines().for_each(|line| add(Sample::Stroke(line.dash), &line.stroke_label));
    let references = figure.panels.iter().flat_map(|panel| &panel.references);
    references.for_each(|reference| add(Sample::Reference, &reference.label));
    let marks = figure.panels.iter().flat_map(|panel| &panel.marks);
    marks.for_each(|mark| add(Sample::Mark(mark.dash), &mark.label));
    entries
}

/// The entries in rows from `top` on, and the bottom of the last row.
fn placed_legend(entries: &[(Sample, String)], top: f64) -> (Vec<LegendEntry>, f64) {
    let (mut x, mut row) = (MARGIN, 0);
    let mut placed = Vec::with_capacity(entries.len());
    for (sample, label) in entries {
        let width = SAMPLE + SAMPLE_GAP + width_with_room(label, TextStyle::LEGEND);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            x = MARGIN;
            row += 1;
        }
        let y = top + (f64::from(row) + 0.5) * LEGEND_ROW;
        placed.push(LegendEntry { sample: *sample, label: label.clone(), x, y });
        x += width + ENTRY_GAP;
    }
    (placed, top + f64::from(row + 1) * LEGEND_ROW)
}

/// The panels from `top` on, and the bottom of the lowest.
fn placed_panels(figure: &Figure, top: f64) -> (Vec<PanelLayout>, f64) {
    let count = figure.panels.len() as f64;
    let (across, plot_height) = match figure.arrangement {
        Arrangement::SideBySide => (count, PLOT_HEIGHT),
        Arrangement::Stacked if count <= 1.0 => (1.0, PLOT_HEIGHT),
        Arrangement::Stacked => (1.0, PLOT_HEIGHT_STACKED),
    };
    let width = (WIDTH - 2.0 * MARGIN - PANEL_GAP * (across - 1.0)) / across;
    let drafts: Vec<PanelDraft> = figure.panels.iter().map(|panel| PanelDraft::of(panel, width)).collect();
    let heading_lines = drafts.iter().map(|draft| draft.heading.len()).max().unwrap_or(0);
    let gutter = drafts.iter().map(|draft| draft.gutter).fold(0.0, f64::max);
    let (mut left, mut panel_top, mut bottom) = (MARGIN, top, top);
    let mut placed = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let gutter = if across > 1.0 { draft.gutter } else { gutter };
        let plot_top = panel_top + heading_lines as f64 * HEADING_LINE + HEADING_GAP;
        let plot = Frame { left: left + gutter, top: plot_top, right: left + width, bottom: plot_top + plot_height };
        placed.push(draft.placed(left, panel_top, plot));
        bottom = plot.bottom + 58.0;
        match figure.arrangement {
            Arrangement::SideBySide => left += width + PANEL_GAP,
            Arrangement::Stacked => panel_top = bottom + PANEL_GAP - 18.0,
        }
    }
    (placed, bottom)
}

/// A panel whose scales are known, but not its place.
struct PanelDraft {
    heading: Vec<String>,
    x_label: String,
    x_scale: Scale,
    x_ticks: Vec<Tick>,
    y_scale: Scale,
    y_ticks: Vec<Tick>,
    gutter: f64,
}

impl PanelDraft {
    fn of(panel: &Panel, width: f64) -> PanelDraft {
        let marks = panel.marks.iter().map(|mark| mark.x);
        let swept: Vec<f64> = finite(&panel.lines).map(|point| point.x).chain(marks).collect();
        let values = vertical_values(panel);
        let x_scale = Scale::across(or_unit_range(&swept), panel.x.scale);
        let measured = panel.lines.iter().filter(|line| line.dash.is_measured());
        let marks = panel.marks.iter().map(|mark| mark.x);
        let ticked: Vec<f64> = finite(measured).map(|point| point.x).chain(marks).collect();
        let (x_ticks, x_unit) = x_scale.ticks_across(or_unit_range(&ticked), panel.x.unit);
        let y_scale = Scale::upright(or_unit_range(&values), panel.y.scale, panel.y.unit);
        let (y_ticks, y_unit) = y_scale.ticks_upright(panel.y.unit);
        let gutter = y_ticks.iter().map(|tick| width_with_room(&tick.text, TextStyle::TICK)).fold(0.0, f64::max);
        PanelDraft {
            heading: wrapped(&labelled(&panel.y, y_unit, &y_scale), TextStyle::HEADING, width),
            x_label: labelled(&panel.x, x_unit, &x_scale),
            x_scale,
            x_ticks,
            y_scale,
            y_ticks,
            gutter: gutter + TICK_LABEL_GAP,
        }
    }

    fn placed(self, left: f64, top: f64, plot: Frame) -> PanelLayout {
        let baseline = |index: usize| top + (index as f64 + 1.0) * HEADING_LINE - 6.0;
        let heading = self.heading.into_iter().enumerate();
        PanelLayout {
            plot,
            heading: heading.map(|(index, text)| TextLine { text, x: left, baseline: baseline(index) }).collect(),
            x_label: TextLine { text: self.x_label, x: (plot.left + plot.right) / 2.0, baseline: plot.bottom + 54.0 },
            x_ticks: with_room_for_texts(self.x_ticks, &self.x_scale, plot.right - plot.left),
            x_scale: self.x_scale,
            y_scale: self.y_scale,
            y_ticks: self.y_ticks,
        }
    }
}

fn finite<'a>(lines: impl IntoIterator<Item = &'a Line>) -> impl Iterator<Item = &'a crate::chart::Point> {
    lines.into_iter().flat_map(|line| &line.points).filter(|point| point.is_finite())
}

/// The values that the y axis must hold: means, ends of bands, references.
///
/// A band that reaches down to 0 or below has no end on a logarithmic axis: there, half the smallest mean stands
/// for it.
fn vertical_values(panel: &Panel) -> Vec<f64> {
    let means: Vec<f64> = finite(&panel.lines).map(|point| point.y).collect();
    let lowest = means.iter().copied().filter(|mean| *mean > 0.0).fold(f64::INFINITY, f64::min);
    let floor = match panel.y.scale {
        ScaleChoice::BySpan | ScaleChoice::Logarithmic
            if Scale::upright(or_unit_range(&means), panel.y.scale, panel.y.unit).is_logarithmic() =>
        {
            lowest / 2.0
        }
        _ => f64::NEG_INFINITY,
    };
    let bands = finite(&panel.lines).flat_map(|point| [point.low.max(floor), point.high]);
    let references = panel.references.iter().map(|reference| reference.y);
    means.iter().copied().chain(bands).chain(references).collect()
}

/// A panel without points still has axes.
fn or_unit_range(values: &[f64]) -> &[f64] {
    if values.is_empty() { &[0.0, 1.0] } else { values }
}

/// The label of an axis with its unit, and a warning where equal distances are not equal differences.
fn labelled(axis: &Axis, unit: &str, scale: &Scale) -> String {
    let notes: Vec<&str> = [unit, if scale.is_logarithmic() { "log scale" } else { "" }]
        .into_iter()
        .filter(|note| !note.is_empty())
        .collect();
    if notes.is_empty() { axis.label.clone() } else { format!("{} ({})", axis.label, notes.join(", ")) }
}

/// Empties the text of each tick that would run into the one before it.
fn with_room_for_texts(mut ticks: Vec<Tick>, scale: &Scale, width: f64) -> Vec<Tick> {
    let mut free_from = f64::NEG_INFINITY;
    for tick in &mut ticks {
        let half = width_with_room(&tick.text, TextStyle::TICK) / 2.0;
        let middle = scale.position(tick.value) * width;
        if middle - half < free_from {
            tick.text.clear();
        } else {
            free_from = middle + half + TICK_LABEL_SPACE;
        }
    }
    ticks
}
