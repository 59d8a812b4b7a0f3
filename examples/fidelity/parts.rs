//! The parts of the report: what was recorded of one kind, beside its simulation.

use colosim_measured::{Comparison, colo, network, precopy};
use std::path::{Path, PathBuf};

/// Everything of one kind, of all folders.
pub struct Part {
    /// `precopy`, `colo` or `net`.
    pub name: &'static str,
    pub comparisons: Vec<Comparison>,
}

/// Simulate what the folders hold, in their order.
pub fn compare(folders: &[PathBuf]) -> Result<Vec<Part>, String> {
    let mut parts = ["precopy", "colo", "net"].map(|name| Part { name, comparisons: Vec::new() });
    for folder in folders {
        if !folder.is_dir() {
            return Err(format!("{} is no folder; name one with measurements", folder.display()));
        }
        let found = of_folder(folder).map_err(|error| error.to_string())?;
        if found.iter().all(Vec::is_empty) {
            return Err(format!(
                "{} has no measurements: neither precopy.json, colo.json, bulk.json, parallel.json, gilbert_elliott.json, \
                 segmentation_bursts.json, burst.json nor pingpong.json",
                folder.display()
            ));
        }
        for (part, found) in parts.iter_mut().zip(found) {
            part.comparisons.extend(found);
        }
    }
    Ok(parts.into_iter().filter(|part| !part.comparisons.is_empty()).collect())
}

fn of_folder(folder: &Path) -> Result<[Vec<Comparison>; 3], colosim_measured::Error> {
    Ok([
        precopy::compare(folder)?.unwrap_or_default(),
        colo::compare(folder)?.unwrap_or_default(),
        network::compare(folder)?.comparisons,
    ])
}
