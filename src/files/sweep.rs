//! The files of a sweep: `sweep.json`, which `plot` reads, and `sweep.csv` for other programs.

use super::{from_json, read_text, write_whole};
use crate::exit::Failure;
use colosim_plots::SweepResults;
use std::path::{Path, PathBuf};

/// Longest `sweep.json` that is read: about a hundred thousand runs.
const JSON_BYTES_MAX: usize = 64 << 20;

/// Write both files; their paths.
///
/// # Errors
/// If one cannot be written.
pub fn write(dir: &Path, results: &SweepResults) -> Result<[PathBuf; 2], Failure> {
    let paths = [dir.join("sweep.csv"), dir.join("sweep.json")];
    let table = csv_table(results).map_err(|error| Failure::Unfinished(format!("cannot make the CSV: {error}")))?;
    let json = serde_json::to_string_pretty(results)
        .map_err(|error| Failure::Unfinished(format!("cannot make the JSON: {error}")))?;
    write_whole(&paths[0], &table)?;
    write_whole(&paths[1], (json + "\n").as_bytes())?;
    Ok(paths)
}

/// One line for each run, the swept fields under their paths.
fn csv_table(results: &SweepResults) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let series = results.series.as_ref().map(|field| field.path.as_str());
    let measured = [
        "seed",
        "guest_progress",
        "throughput_gbit_per_s",
        "checkpoints",
        "pause_p50_ns",
        "pause_p99_ns",
        "total_time_ns",
        "downtime_ns",
        "transferred_bytes",
        "pages",
        "rounds",
        "packets_released",
        "held_mean_ns",
        "held_p99_ns",
    ];
    table.write_record([results.x.path.as_str()].into_iter().chain(series).chain(measured))?;
    for point in &results.points {
        let metrics = &point.metrics;
        let numbers = [
            point.seed.to_string(),
            metrics.guest_progress.to_string(),
            metrics.throughput_gbit_per_s.to_string(),
            metrics.checkpoints.to_string(),
            metrics.pause_p50_ns.to_string(),
            metrics.pause_p99_ns.to_string(),
            metrics.total_time_ns.to_string(),
            metrics.downtime_ns.to_string(),
            metrics.transferred_bytes.to_string(),
            metrics.pages.to_string(),
            metrics.rounds.to_string(),
            metrics.packets_released.to_string(),
            metrics.held_mean_ns.to_string(),
            metrics.held_p99_ns.to_string(),
        ];
        let fields = [point.x_text.clone()].into_iter().chain(series.map(|_| point.series.clone()));
        table.write_record(fields.chain(numbers))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// Read `sweep.json` of a directory; none if there is none.
///
/// # Errors
/// If it is not what `colosim sweep` writes.
pub fn read(dir: &Path) -> Result<Option<SweepResults>, Failure> {
    let path = dir.join("sweep.json");
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(&path, JSON_BYTES_MAX)?;
    let advice = Some("this file is written by `colosim sweep`".to_owned());
    let read = from_json(&text, &path, ToString::to_string);
    Ok(Some(read.map_err(|found| found.with_suggestion(advice))?))
}
