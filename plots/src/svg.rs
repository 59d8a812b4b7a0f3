//! A figure as SVG.

use plotters::prelude::{IntoDrawingArea, SVGBackend};

use crate::canvas::{Canvas, TextOutput};
use crate::chart::Figure;
use crate::draw;
use crate::error::PlotError;
use crate::layout::Layout;
use crate::theme::Theme;

/// Units of the view box for one nominal pixel: places are kept to a tenth of a pixel.
const ZOOM: u32 = 10;

pub(crate) fn draw(figure: &Figure, theme: &Theme) -> Result<String, PlotError> {
    let layout = Layout::of(figure);
    let (width, height) = layout.size();
    let mut document = String::new();
    {
        let area = SVGBackend::with_string(&mut document, (width * ZOOM, height * ZOOM)).into_drawing_area();
        let canvas = Canvas::new(area, ZOOM, TextOutput::Elements);
        draw::figure(&canvas, figure, &layout, theme)
            .map_err(|error| PlotError::Drawing { figure: figure.title.clone(), cause: error.to_string() })?;
    }
    Ok(at_nominal_size(&document, &figure.title, (width, height)))
}

/// Replaces the opening tag, which states the zoomed size, by one with the nominal size, and names the image for
/// readers of its text.
fn at_nominal_size(document: &str, title: &str, (width, height): (u32, u32)) -> String {
    let body = document.split_once('\n').map_or("", |(_, body)| body);
    let (box_width, box_height) = (width * ZOOM, height * ZOOM);
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {box_width} {box_height}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title>{title}</title>\n{body}"
    )
}
