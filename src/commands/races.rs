//! `races`: every known race in every preset, as a page.

use super::Settings;
use crate::cli::RacesArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::inquiry::matrix::matrix;
use crate::interrupt;
use crate::progress::Progress;
use crate::report::races::{JsonMatrix, page};
use crate::report::{json, tell};
use crate::values::Format;
use colosim_models::races::Effort;
use std::sync::atomic::Ordering;

/// Search, and write the page.
pub fn races(args: &RacesArgs, settings: Settings) -> Result<Answer, Failure> {
    let stop = interrupt::watch()?;
    let progress = Progress::new("scenarios", settings.quiet);
    let effort = Effort { seeds: args.seeds, jobs: settings.jobs, stop };
    let matrix = matrix(effort, &|done, of| progress.set(done, Some(of), "scenarios".to_owned()))
        .map_err(|error| Failure::Unfinished(format!("cannot start workers: {error}")))?;
    drop(progress);
    for disagreement in &matrix.disagreements {
        tell(&format!("disagrees with the table of races: {disagreement}\n"));
    }
    let exit = if stop.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else if !matrix.complete {
        Exit::Unfinished
    } else if !matrix.disagreements.is_empty() {
        Exit::Violated
    } else {
        Exit::Done
    };
    let text = match settings.format {
        Format::Json => json::document(&JsonMatrix::of(&matrix)),
        Format::Text => page(&matrix, args.seeds),
    };
    Ok(Answer { text, exit })
}
