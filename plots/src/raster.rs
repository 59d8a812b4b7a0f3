//! A figure as PNG.
//!
//! It is drawn twice as large as it is kept, and each kept pixel is the mean of four: plotters smooths only some of
//! its edges.

use plotters::prelude::{BitMapBackend, IntoDrawingArea};

use crate::canvas::{Canvas, TextOutput};
use crate::chart::{Figure, RASTER_SCALE};
use crate::draw;
use crate::error::PlotError;
use crate::layout::Layout;
use crate::theme::Theme;

/// Drawn pixels for one kept pixel, in each direction.
const OVERSAMPLING: u32 = 2;
/// Bytes of an RGB pixel.
const PIXEL: usize = 3;

pub(crate) fn draw(figure: &Figure, theme: &Theme) -> Result<Vec<u8>, PlotError> {
    let layout = Layout::of(figure);
    let (width, height) = layout.size();
    let zoom = RASTER_SCALE * OVERSAMPLING;
    let drawn_size = (width * zoom, height * zoom);
    let mut drawn = vec![0; drawn_size.0 as usize * drawn_size.1 as usize * PIXEL];
    {
        let area = BitMapBackend::with_buffer(&mut drawn, drawn_size).into_drawing_area();
        let canvas = Canvas::new(area, zoom, TextOutput::Pixels);
        draw::figure(&canvas, figure, &layout, theme)
            .map_err(|error| PlotError::Drawing { figure: figure.title.clone(), cause: error.to_string() })?;
    }
    let kept = reduced(&drawn, drawn_size.0 as usize);
    encoded(&kept, (width * RASTER_SCALE, height * RASTER_SCALE))
}

/// The image at half the width and height.
fn reduced(drawn: &[u8], drawn_width: usize) -> Vec<u8> {
    let row_bytes = drawn_width * PIXEL;
    let mut kept = Vec::with_capacity(drawn.len() / (OVERSAMPLING * OVERSAMPLING) as usize);
    for rows in drawn.chunks_exact(row_bytes * OVERSAMPLING as usize) {
        let (upper, lower) = rows.split_at(row_bytes);
        let block = PIXEL * OVERSAMPLING as usize;
        for (above, below) in upper.chunks_exact(block).zip(lower.chunks_exact(block)) {
            for channel in 0..PIXEL {
                let corners = [above[channel], above[PIXEL + channel], below[channel], below[PIXEL + channel]];
                let sum: u16 = corners.iter().map(|value| u16::from(*value)).sum();
                kept.push(((sum + 2) / 4) as u8);
            }
        }
    }
    kept
}

fn encoded(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, PlotError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat colours repeat: filters, meant for photographs, make the file a quarter larger.
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
