//! Colours, markers and dashes.
//!
//! The series colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any common
//! colour vision can tell apart, lightened where a dark background asks for it. Each series has a marker of its own
//! shape as well, so that a chart survives a black-and-white printer.

use crate::chart::EVERY_SERIES;
use crate::font::Weight;

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The colours of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Behind everything.
    pub background: Rgb,
    /// Titles and legend.
    pub text: Rgb,
    /// Subtitle, tick labels, axis labels.
    pub muted: Rgb,
    /// The line at the foot of a panel and its ticks.
    pub axis: Rgb,
    /// Lines across a panel at the y ticks.
    pub grid: Rgb,
    /// One for each series, reused from the start where there are more.
    pub series: [Rgb; 7],
    /// Opacity of the bands, 0 to 1.
    pub band_opacity: f64,
}

impl Theme {
    /// Dark ink on white, for papers and mails.
    pub const LIGHT: Theme = Theme {
        background: Rgb(0xff, 0xff, 0xff),
        text: Rgb(0x1b, 0x1f, 0x24),
        muted: Rgb(0x57, 0x60, 0x6a),
        axis: Rgb(0x8c, 0x95, 0x9f),
        grid: Rgb(0xe4, 0xe7, 0xeb),
        series: [
            Rgb(0x00, 0x72, 0xb2),
            Rgb(0xd5, 0x5e, 0x00),
            Rgb(0x00, 0x9e, 0x73),
            Rgb(0xcc, 0x79, 0xa7),
            Rgb(0xe6, 0x9f, 0x00),
            Rgb(0x56, 0xb4, 0xe9),
            Rgb(0x4a, 0x4a, 0x4a),
        ],
        band_opacity: 0.15,
    };

    /// Light ink on near-black, for slides and dark pages.
    pub const DARK: Theme = Theme {
        background: Rgb(0x11, 0x15, 0x1b),
        text: Rgb(0xf0, 0xf3, 0xf6),
        muted: Rgb(0xa9, 0xb3, 0xbf),
        axis: Rgb(0x6b, 0x76, 0x83),
        grid: Rgb(0x28, 0x2f, 0x38),
        series: [
            Rgb(0x56, 0xb4, 0xe9),
            Rgb(0xff, 0x8a, 0x3d),
            Rgb(0x2a, 0xc7, 0x9a),
            Rgb(0xe3, 0x9c, 0xc6),
            Rgb(0xf0, 0xc4, 0x3a),
            Rgb(0x7f, 0x9c, 0xff),
            Rgb(0xd0, 0xd4, 0xd9),
        ],
        band_opacity: 0.20,
    };

    /// The colour of the series in place `slot`.
    pub fn series_colour(&self, slot: usize) -> Rgb {
        if slot == EVERY_SERIES { self.muted } else { self.series[slot % self.series.len()] }
    }
}

/// The shape that marks a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square on its side.
    Square,
    /// A triangle that points up.
    TriangleUp,
    /// A square on its corner.
    Diamond,
    /// A triangle that points down.
    TriangleDown,
}

impl Marker {
    const ALL: [Marker; 5] =
        [Marker::Circle, Marker::Square, Marker::TriangleUp, Marker::Diamond, Marker::TriangleDown];

    /// The marker of the series in place `slot`. With seven colours, 35 series differ in colour or shape.
    pub fn of_series(slot: usize) -> Marker {
        Marker::ALL[slot % Marker::ALL.len()]
    }

    /// Corners about the centre for a marker of radius 1, y downwards; `None` for the disc. All shapes look equally
    /// large.
    pub(crate) fn corners(self) -> Option<&'static [(f64, f64)]> {
        match self {
            Marker::Circle => None,
            Marker::Square => Some(&[(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)]),
            Marker::TriangleUp => Some(&[(0.0, -1.25), (1.17, 0.85), (-1.17, 0.85)]),
            Marker::Diamond => Some(&[(0.0, -1.27), (1.27, 0.0), (0.0, 1.27), (-1.27, 0.0)]),
            Marker::TriangleDown => Some(&[(0.0, 1.25), (-1.17, -0.85), (1.17, -0.85)]),
        }
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Without gaps.
    Solid,
    /// Long dashes.
    Dashed,
    /// Short dashes, for reference lines.
    Dotted,
    /// Dashes without markers, for a closed form.
    Law,
    /// Dash and gap like dots, without markers, for a second closed form.
    OtherLaw,
}

impl Dash {
    /// Lengths of dash and gap in pixels; `None` without gaps.
    pub(crate) fn pattern(self) -> Option<(f64, f64)> {
        match self {
            Dash::Solid => None,
            Dash::Dashed => Some((9.0, 5.0)),
            Dash::Dotted => Some((2.5, 3.5)),
            Dash::Law => Some((7.0, 4.0)),
            Dash::OtherLaw => Some((2.0, 3.5)),
        }
    }

    /// Whether the line goes through points that were measured, and shows them.
    pub(crate) fn is_measured(self) -> bool {
        !matches!(self, Dash::Law | Dash::OtherLaw)
    }
}

/// Size and weight of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextStyle {
    pub em: f64,
    pub weight: Weight,
}

impl TextStyle {
    pub const TITLE: TextStyle = TextStyle { em: 25.0, weight: Weight::Bold };
    pub const SUBTITLE: TextStyle = TextStyle { em: 15.0, weight: Weight::Regular };
    pub const LEGEND: TextStyle = TextStyle { em: 16.0, weight: Weight::Regular };
    pub const HEADING: TextStyle = TextStyle { em: 16.0, weight: Weight::Bold };
    pub const LABEL: TextStyle = TextStyle { em: 15.0, weight: Weight::Regular };
    pub const TICK: TextStyle = TextStyle { em: 15.0, weight: Weight::Regular };

    /// Height of the capitals, in pixels: 0.727 em in Inter.
    pub fn cap_height(self) -> f64 {
        self.em * 0.727
    }
}
