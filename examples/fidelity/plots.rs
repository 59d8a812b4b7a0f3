//! Scatter plots: one for each figure of each part.

use crate::parts::Part;
use colosim_measured::{Comparison, Errors};
use colosim_plots::results::Unit;
use colosim_plots::scatter::{Scatter, render_scatter};
use colosim_plots::{PlotError, Theme};
use std::path::Path;

/// Write `PART-FIGURE.svg` and `.png` into a folder, which is made if it is not there.
pub fn write(parts: &[Part], folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for part in parts {
        let mut figures: Vec<&'static str> = part.comparisons.iter().map(|one| one.figure).collect();
        figures.sort_unstable();
        figures.dedup();
        for figure in figures {
            let of_figure: Vec<&Comparison> = part.comparisons.iter().filter(|one| one.figure == figure).collect();
            let plot = match render_scatter(&scatter(part.name, figure, &of_figure), &Theme::LIGHT) {
                Ok(plot) => plot,
                Err(PlotError::NothingToDraw { .. }) => continue,
                Err(error) => return Err(error.to_string()),
            };
            let files = [("svg", plot.svg.as_bytes()), ("png", plot.png.as_slice())];
            for (extension, content) in files {
                let path = folder.join(format!("{}-{figure}.{extension}", part.name));
                std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
    }
    Ok(())
}

fn scatter(part: &str, figure: &str, comparisons: &[&Comparison]) -> Scatter {
    let (unit, scale) = unit(part, figure);
    let quantity = figure.replace('_', " ");
    let finite = comparisons.iter().map(|one| one.relative_error()).filter(|error| error.is_finite());
    let title = Errors::of(finite).map_or_else(
        || format!("{part}: {quantity}"),
        |errors| {
            format!(
                "{part}: {quantity} within {:.1}\u{a0}% in half of the configurations, {:.1}\u{a0}% in nine of ten",
                100.0 * errors.median,
                100.0 * errors.p90
            )
        },
    );
    Scatter {
        title,
        subtitle: format!(
            "{} recorded configurations, each simulated with the built-in host profile",
            comparisons.len()
        ),
        quantity,
        unit,
        points: comparisons.iter().map(|one| (one.measured * scale, one.simulated * scale)).collect(),
    }
}

/// The base unit of a figure, and how many of it the comparisons' own unit is.
fn unit(part: &str, figure: &str) -> (Unit, f64) {
    match (part, figure) {
        ("precopy", "total_time" | "downtime") => (Unit::Nanoseconds, 1e6),
        ("precopy", "bytes") => (Unit::Bytes, 1.0),
        ("colo", "pause" | "pause_p50" | "secondary_pause" | "flush" | "interval") => (Unit::Nanoseconds, 1e3),
        ("colo", "run_share") => (Unit::Ratio, 1.0),
        _ => (Unit::None, 1.0),
    }
}
