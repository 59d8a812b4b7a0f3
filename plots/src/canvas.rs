//! The few shapes a chart is made of, in nominal pixels, on any plotters backend.
//!
//! plotters places shapes on whole pixels, so a canvas draws `zoom` times as large and the result is scaled down
//! afterwards.

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, DrawingAreaErrorKind, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBAColor, ShapeStyle, TextStyle as BackendTextStyle};

use crate::font::{self, Weight};
use crate::theme::{Dash, Rgb, TextStyle};

/// A place in nominal pixels, y downwards.
pub(crate) type Spot = (f64, f64);

/// Success, or what the backend refused.
pub(crate) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// plotters takes the size of a font for 1.24 em when it writes SVG.
const SVG_SIZE_PER_EM: f64 = 1.24;
/// Distance from the top anchor of an SVG text to its baseline, as plotters writes it, in em.
const SVG_TOP_TO_BASELINE: f64 = 0.76;

/// Which end of a text lies at the given place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text reaches the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextOutput {
    /// As text, which the viewer sets.
    Elements,
    /// As pixels, set here.
    Pixels,
}

/// How a line is stroked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pen {
    pub colour: Rgb,
    pub width: f64,
    pub dash: Dash,
}

pub(crate) struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    zoom: f64,
    text_output: TextOutput,
}

impl<DB: DrawingBackend> Canvas<DB> {
    pub fn new(area: DrawingArea<DB, Shift>, zoom: u32, text_output: TextOutput) -> Canvas<DB> {
        Canvas { area, zoom: f64::from(zoom), text_output }
    }

    pub fn fill(&self, colour: Rgb) -> Drawn<DB> {
        self.area.fill(&rgba(colour, 1.0))
    }

    /// Hands all shapes to the backend's output.
    pub fn finish(&self) -> Drawn<DB> {
        self.area.present()
    }

    pub fn rectangle(&self, corner: Spot, opposite: Spot, colour: Rgb) -> Drawn<DB> {
        self.area.draw(&Rectangle::new([self.zoomed(corner), self.zoomed(opposite)], rgba(colour, 1.0).filled()))
    }

    pub fn polygon(&self, corners: &[Spot], colour: Rgb, opacity: f64) -> Drawn<DB> {
        let corners: Vec<_> = corners.iter().map(|corner| self.zoomed(*corner)).collect();
        self.area.draw(&Polygon::new(corners, rgba(colour, opacity).filled()))
    }

    pub fn disc(&self, centre: Spot, radius: f64, colour: Rgb) -> Drawn<DB> {
        let radius = libm::round(radius * self.zoom) as i32;
        self.area.draw(&Circle::new(self.zoomed(centre), radius, rgba(colour, 1.0).filled()))
    }

    pub fn line(&self, spots: &[Spot], pen: Pen) -> Drawn<DB> {
        let Some(pattern) = pen.dash.pattern() else {
            return without_sharp_turns(spots).into_iter().try_for_each(|part| self.stroke(part, pen));
        };
        dashes(spots, pattern).iter().try_for_each(|dash| self.stroke(dash, pen))
    }

    /// Writes `text` with its baseline at the y of `spot`.
    pub fn text(&self, text: &str, spot: Spot, anchor: Anchor, style: TextStyle, colour: Rgb) -> Drawn<DB> {
        match self.text_output {
            TextOutput::Elements => self.text_element(text, spot, anchor, style, colour),
            TextOutput::Pixels => self.text_pixels(text, spot, anchor, style, colour),
        }
    }

    fn text_element(&self, text: &str, spot: Spot, anchor: Anchor, style: TextStyle, colour: Rgb) -> Drawn<DB> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let weight = match style.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let size = style.em * self.zoom * SVG_SIZE_PER_EM;
        let colour = rgba(colour, 1.0);
        let backend_style = BackendTextStyle::from(FontDesc::new(FontFamily::Name(font::FAMILY), size, weight))
            .pos(Pos::new(horizontal, VPos::Top))
            .color(&colour);
        let top = (spot.0, spot.1 - SVG_TOP_TO_BASELINE * style.em);
        self.area.draw(&Text::new(text, self.zoomed(top), backend_style))
    }

    fn text_pixels(&self, text: &str, spot: Spot, anchor: Anchor, style: TextStyle, colour: Rgb) -> Drawn<DB> {
        let em = style.em * self.zoom;
        let width = font::width(text, style.weight, em);
        let start = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let pen = (spot.0 * self.zoom - start, libm::round(spot.1 * self.zoom));
        let mut drawn = Ok(());
        font::rasterise(text, style.weight, em, pen, |x, y, coverage| {
            if drawn.is_ok() {
                drawn = self.area.draw_pixel((x, y), &rgba(colour, f64::from(coverage.clamp(0.0, 1.0))));
            }
        });
        drawn
    }

    fn stroke(&self, spots: &[Spot], pen: Pen) -> Drawn<DB> {
        let spots: Vec<_> = spots.iter().map(|spot| self.zoomed(*spot)).collect();
        let width = libm::round(pen.width * self.zoom) as u32;
        self.area.draw(&PathElement::new(spots, ShapeStyle::from(&rgba(pen.colour, 1.0)).stroke_width(width)))
    }

    fn zoomed(&self, (x, y): Spot) -> (i32, i32) {
        (libm::round(x * self.zoom) as i32, libm::round(y * self.zoom) as i32)
    }
}

fn rgba(Rgb(red, green, blue): Rgb, opacity: f64) -> RGBAColor {
    RGBAColor(red, green, blue, opacity)
}

/// Cuts a line where it turns back by more than 120°: joined there, thick strokes end in a spike far beyond the corner.
fn without_sharp_turns(spots: &[Spot]) -> Vec<&[Spot]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, turn) in spots.windows(3).enumerate() {
        let (into, out) = (direction(turn[0], turn[1]), direction(turn[1], turn[2]));
        if into.0 * out.0 + into.1 * out.1 < -0.5 {
            parts.push(&spots[start..=at + 1]);
            start = at + 1;
        }
    }
    parts.push(&spots[start..]);
    parts
}

/// Of length 1, or 0 for a spot and itself.
fn direction(from: Spot, to: Spot) -> Spot {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = libm::sqrt(dx * dx + dy * dy);
    if length == 0.0 { (0.0, 0.0) } else { (dx / length, dy / length) }
}

/// Cuts a line into dashes; the pattern runs on round its corners.
fn dashes(spots: &[Spot], (dash, gap): (f64, f64)) -> Vec<Vec<Spot>> {
    let mut cut: Vec<Vec<Spot>> = Vec::new();
    let mut left = dash;
    let mut in_dash = true;
    let mut current: Vec<Spot> = spots.first().copied().into_iter().collect();
    for (from, to) in spots.iter().zip(spots.iter().skip(1)) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = libm::sqrt(dx * dx + dy * dy);
        let mut gone = 0.0;
        while length - gone > left {
            gone += left;
            let spot = (from.0 + dx * gone / length, from.1 + dy * gone / length);
            if in_dash {
                current.push(spot);
                cut.push(std::mem::take(&mut current));
            } else {
                current = vec![spot];
            }
            in_dash = !in_dash;
            left = if in_dash { dash } else { gap };
        }
        left -= length - gone;
        if in_dash {
            current.push(*to);
        }
    }
    if current.len() >= 2 {
        cut.push(current);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_turns_back_and_only_there() {
        let spots = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (5.5, 0.0), (9.0, 0.0)];
        assert_eq!(without_sharp_turns(&spots), [&spots[..3], &spots[2..]]);
        assert_eq!(without_sharp_turns(&spots[..2]), [&spots[..2]]);
    }

    #[test]
    fn dashes_keep_their_lengths_and_turn_corners() {
        let cut = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], (6.0, 2.0));
        assert_eq!(cut[0], [(0.0, 0.0), (6.0, 0.0)]);
        assert_eq!(cut[1], [(8.0, 0.0), (10.0, 0.0), (10.0, 4.0)]);
        assert_eq!(cut[2], [(10.0, 6.0), (10.0, 10.0)]);
        assert_eq!(cut.len(), 3);
    }
}
