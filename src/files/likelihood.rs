//! The files of the likelihood along a run: `likelihood.json`, which `plot` reads, and `likelihood.csv` for other programs.

use super::{from_json, read_text, write_whole};
use crate::exit::Failure;
use colosim_plots::LikelihoodResults;
use std::path::{Path, PathBuf};

/// Longest `likelihood.json` that is read: some thousand points.
const JSON_BYTES_MAX: usize = 4 << 20;

/// Name of the file that `plot` reads.
pub const JSON_NAME: &str = "likelihood.json";

/// Write both files; their paths.
///
/// # Errors
/// If one cannot be written.
pub fn write(dir: &Path, results: &LikelihoodResults) -> Result<[PathBuf; 2], Failure> {
    let paths = [dir.join("likelihood.csv"), dir.join(JSON_NAME)];
    let mut table = csv::Writer::from_writer(Vec::new());
    let made = results.points.iter().try_for_each(|point| table.serialize(point));
    let table = made.and_then(|()| table.into_inner().map_err(|error| error.into_error().into()));
    let table = table.map_err(|error| Failure::Unfinished(format!("cannot make the CSV: {error}")))?;
    let json = serde_json::to_string_pretty(results)
        .map_err(|error| Failure::Unfinished(format!("cannot make the JSON: {error}")))?;
    write_whole(&paths[0], &table)?;
    write_whole(&paths[1], (json + "\n").as_bytes())?;
    Ok(paths)
}

/// Read `likelihood.json` of a directory; none if there is none.
///
/// # Errors
/// If it is not what `colosim explore --likelihood` writes.
pub fn read(dir: &Path) -> Result<Option<LikelihoodResults>, Failure> {
    let path = dir.join(JSON_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(&path, JSON_BYTES_MAX)?;
    let advice = Some("this file is written by `colosim explore --likelihood --out`".to_owned());
    let read = from_json(&text, &path, ToString::to_string);
    Ok(Some(read.map_err(|found| found.with_suggestion(advice))?))
}
