//! `plot`: the charts of a sweep, as SVG and PNG beside its data.

use super::Settings;
use crate::cli::{PlotArgs, ThemeName};
use crate::exit::{Answer, Exit, Failure};
use crate::files::{sweep, write_whole};
use crate::report::json;
use crate::values::Format;
use colosim_plots::{PlotError, Theme, render};
use serde::Serialize;

#[derive(Serialize)]
struct Plotted {
    scenario: String,
    runs: usize,
    files: Vec<String>,
}

/// Draw them.
pub fn plot(args: &PlotArgs, settings: Settings) -> Result<Answer, Failure> {
    let results = sweep::read(&args.dir)?;
    let theme = match args.theme {
        ThemeName::Light => Theme::LIGHT,
        ThemeName::Dark => Theme::DARK,
    };
    let plots = render(&results, &theme).map_err(|error| match error {
        PlotError::EmptySweep { .. } | PlotError::NothingToDraw { .. } => Failure::usage(error.to_string(), None),
        PlotError::Drawing { .. } | PlotError::Encoding(_) => Failure::Unfinished(error.to_string()),
    })?;
    let mut files = Vec::new();
    for plot in &plots {
        for (extension, content) in [("svg", plot.svg.as_bytes()), ("png", &plot.png)] {
            let path = args.dir.join(format!("{}.{extension}", plot.name));
            write_whole(&path, content)?;
            files.push(path.display().to_string());
        }
    }
    let text = match settings.format {
        Format::Json => json::document(&Plotted { scenario: results.scenario, runs: results.points.len(), files }),
        Format::Text => files.join("\n") + "\n",
    };
    Ok(Answer { text, exit: Exit::Done })
}
