//! The parts of the report: what was recorded of one kind, beside its simulation.

use colosim_measured::{Comparison, colo, network, precopy};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything of one kind, of all folders.
pub struct Part {
    /// `precopy`, `colo` or `net`.
    pub name: &'static str,
    pub comparisons: Vec<Comparison>,
    /// What was recorded and is not simulated: how many configurations, by the reason.
    pub left_out: BTreeMap<String, usize>,
}

/// Simulate what the folders hold, in their order.
pub fn compare(folders: &[PathBuf]) -> Result<Vec<Part>, String> {
    let mut parts =
        ["precopy", "colo", "net"].map(|name| Part { name, comparisons: Vec::new(), left_out: BTreeMap::new() });
    for folder in folders {
        if !folder.is_dir() {
            return Err(format!("{} is no folder; name one with measurements", folder.display()));
        }
        let found = of_folder(folder).map_err(|error| error.to_string())?;
        if found.iter().all(|(comparisons, left_out)| comparisons.is_empty() && left_out.is_empty()) {
            return Err(format!(
                "{} has no measurements: neither precopy.json, colo.json, bulk.json, parallel.json, gilbert_elliott.json, \
                 segmentation_bursts.json, burst.json nor pingpong.json",
                folder.display()
            ));
        }
        for (part, (comparisons, left_out)) in parts.iter_mut().zip(found) {
            part.comparisons.extend(comparisons);
            left_out.into_iter().for_each(|reason| *part.left_out.entry(reason).or_default() += 1);
        }
    }
    Ok(parts.into_iter().filter(|part| !part.comparisons.is_empty() || !part.left_out.is_empty()).collect())
}

/// By part, what was compared and the reason why each of the others was not.
type Found = [(Vec<Comparison>, Vec<String>); 3];

fn of_folder(folder: &Path) -> Result<Found, colosim_measured::Error> {
    let network = network::compare(folder)?;
    let not_modelled = network.not_modelled.into_iter().map(|cc| format!("{cc} is not modelled"));
    Ok([
        (precopy::compare(folder)?.unwrap_or_default(), Vec::new()),
        (colo::compare(folder)?.unwrap_or_default(), Vec::new()),
        (network.comparisons, not_modelled.collect()),
    ])
}
