//! The embedded font: measuring, wrapping and rasterising.
//!
//! plotters' own `ab_glyph` text drops each glyph's left side bearing and rounds its place to a pixel, which spaces
//! letters unevenly, so glyphs are rasterised here. SVG text is left to the viewer, under a family list that ends
//! in `sans-serif`; its width may then differ by a tenth, for which the layout leaves room.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

/// The family list of SVG text.
pub const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// Share by which a viewer's fallback font may be wider than the embedded one.
pub const FALLBACK_ROOM: f64 = 1.1;

/// Weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 400.
    Regular,
    /// 700.
    Bold,
}

fn font(weight: Weight) -> &'static FontRef<'static> {
    static REGULAR: OnceLock<FontRef<'static>> = OnceLock::new();
    static BOLD: OnceLock<FontRef<'static>> = OnceLock::new();
    let (cell, bytes): (_, &'static [u8]) = match weight {
        Weight::Regular => (&REGULAR, include_bytes!("../fonts/Inter-Regular.otf")),
        Weight::Bold => (&BOLD, include_bytes!("../fonts/Inter-Bold.otf")),
    };
    cell.get_or_init(|| FontRef::try_from_slice(bytes).expect("the embedded font is whole"))
}

/// ab_glyph measures a font by ascent less descent, a chart by the em.
fn scale_of_em(font: &FontRef<'static>, em: f64) -> PxScale {
    let units_per_em = font.units_per_em().expect("the embedded font states its em");
    PxScale::from(em as f32 * font.height_unscaled() / units_per_em)
}

/// Calls `place` with each glyph of `text` and the pen's x before it, in pixels; returns the pen's x after the last.
fn walk(text: &str, weight: Weight, em: f64, mut place: impl FnMut(GlyphId, f32)) -> f32 {
    let font = font(weight);
    let scaled = font.as_scaled(scale_of_em(font, em));
    let (mut pen, mut previous) = (0.0, None);
    for character in text.chars() {
        let glyph = scaled.glyph_id(character);
        if let Some(previous) = previous {
            pen += scaled.kern(previous, glyph);
        }
        place(glyph, pen);
        pen += scaled.h_advance(glyph);
        previous = Some(glyph);
    }
    pen
}

/// Width of `text` in pixels.
pub fn width(text: &str, weight: Weight, em: f64) -> f64 {
    f64::from(walk(text, weight, em, |_, _| {}))
}

/// Breaks `text` at spaces into lines of at most `width_max` pixels; a longer word stays whole.
pub fn wrap(text: &str, weight: Weight, em: f64, width_max: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), weight, em) <= width_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Calls `draw(x, y, coverage)` for each pixel that `text` touches, its pen starting at (`x`, `baseline`).
pub fn rasterise(text: &str, weight: Weight, em: f64, (x, baseline): (f64, f64), mut draw: impl FnMut(i32, i32, f32)) {
    let font = font(weight);
    let scale = scale_of_em(font, em);
    walk(text, weight, em, |glyph, pen| {
        let glyph = glyph.with_scale_and_position(scale, point(x as f32 + pen, baseline as f32));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| draw(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, coverage));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_load_and_bold_is_wider() {
        let text = "x-checkpoint-delay";
        assert!(width(text, Weight::Bold, 16.0) > width(text, Weight::Regular, 16.0));
    }

    #[test]
    fn every_sign_that_charts_use_has_a_glyph() {
        for character in "µ×≤–−%·“”‘’…→\u{2009}".chars() {
            for weight in [Weight::Regular, Weight::Bold] {
                assert_ne!(font(weight).glyph_id(character), GlyphId(0), "{character}");
            }
        }
    }

    #[test]
    fn kerning_brings_letters_together() {
        let (apart, together) = (width("A", Weight::Regular, 20.0) + width("V", Weight::Regular, 20.0), "AV");
        assert!(width(together, Weight::Regular, 20.0) < apart);
    }

    #[test]
    fn wrapped_lines_fit_and_lose_no_word() {
        let text = "Is colo_cache guaranteed to be around until the multifd threads exit?";
        let lines = wrap(text, Weight::Regular, 15.0, 200.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| width(line, Weight::Regular, 15.0) <= 200.0));
        assert_eq!(lines.join(" "), text);
    }
}
