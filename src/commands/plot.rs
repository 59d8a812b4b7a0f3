//! `plot`: the charts of a sweep or of the likelihood along a run, as SVG and PNG beside their data.

use super::Settings;
use crate::cli::{PlotArgs, ThemeName};
use crate::exit::{Answer, Exit, Failure};
use crate::files::{likelihood, sweep, write_whole};
use crate::report::json;
use crate::values::Format;
use colosim_plots::{Plot, PlotError, Theme, render, render_likelihood};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Plotted {
    scenario: String,
    runs: usize,
    files: Vec<String>,
}

/// Draw whatever the directory has the data of.
pub fn plot(args: &PlotArgs, settings: Settings) -> Result<Answer, Failure> {
    let theme = match args.theme {
        ThemeName::Light => Theme::LIGHT,
        ThemeName::Dark => Theme::DARK,
    };
    let (swept, likelihood) = (sweep::read(&args.dir)?, likelihood::read(&args.dir)?);
    let mut plots = Vec::new();
    let mut plotted = Plotted { scenario: String::new(), runs: 0, files: Vec::new() };
    if let Some(results) = &likelihood {
        plots.push(render_likelihood(results, &theme).map_err(refused)?);
        plotted.scenario.clone_from(&results.scenario);
        plotted.runs += results.points.iter().map(|point| point.runs as usize).sum::<usize>();
    }
    if let Some(results) = &swept {
        plots.extend(render(results, &theme).map_err(refused)?);
        plotted.scenario.clone_from(&results.scenario);
        plotted.runs += results.points.len();
    }
    if plots.is_empty() {
        return Err(no_data(&args.dir));
    }
    plotted.files = write(&args.dir, &plots)?;
    let text = match settings.format {
        Format::Json => json::document(&plotted),
        Format::Text => plotted.files.join("\n") + "\n",
    };
    Ok(Answer { text, exit: Exit::Done })
}

fn no_data(dir: &Path) -> Failure {
    let dir = dir.display();
    let advice =
        format!("write one: colosim sweep SCENARIO --out {dir}, or colosim explore SCENARIO --likelihood --out {dir}");
    Failure::usage(format!("there is neither sweep.json nor likelihood.json in {dir}"), Some(advice))
}

fn refused(error: PlotError) -> Failure {
    match error {
        PlotError::EmptySweep { .. } | PlotError::NothingToDraw { .. } => Failure::usage(error.to_string(), None),
        PlotError::Drawing { .. } | PlotError::Encoding(_) => Failure::Unfinished(error.to_string()),
    }
}

/// An SVG and a PNG of each; the names of the files.
fn write(dir: &Path, plots: &[Plot]) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    for plot in plots {
        for (extension, content) in [("svg", plot.svg.as_bytes()), ("png", &plot.png)] {
            let path = dir.join(format!("{}.{extension}", plot.name));
            write_whole(&path, content)?;
            files.push(path.display().to_string());
        }
    }
    Ok(files)
}
