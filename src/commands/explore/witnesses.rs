//! A witness file for each finding.

use crate::commands::Settings;
use crate::commands::run::verify_determinism;
use crate::exit::Failure;
use crate::files::scenario::{Chosen, Loaded};
use crate::files::witness::Witness;
use crate::inquiry::Found;
use colosim_models::experiment::ScenarioExperiment;
use colosim_sim::Simulator;
use std::path::{Path, PathBuf};

/// One file for each finding that can be replayed, if there is a directory for them.
///
/// # Errors
/// If one cannot be written.
pub fn write(
    dir: Option<&Path>,
    loaded: &Loaded,
    chosen: &Chosen,
    found: &[Found],
) -> Result<Vec<Option<PathBuf>>, Failure> {
    let Some(dir) = dir else { return Ok(vec![None; found.len()]) };
    let write = |(number, found): (usize, &Found)| {
        if !found.replays {
            return Ok(None);
        }
        let path = dir.join(file_name(chosen, number + 1, found));
        Witness::new(loaded, chosen, found).write(&path)?;
        Ok(Some(path))
    };
    found.iter().enumerate().map(write).collect()
}

/// As `series-v5-1-use-after-free-colo_cache.ron`.
fn file_name(chosen: &Chosen, number: usize, found: &Found) -> String {
    let name = format!("{}-{number}-{}-{}", chosen.name, found.violation.kind.0, found.violation.object);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let mut plain: String = name.chars().map(plain).collect();
    while plain.contains("--") {
        plain = plain.replace("--", "-");
    }
    plain + ".ron"
}

/// Run each twice and compare the traces.
///
/// # Errors
/// The first step that differs.
pub fn verify(loaded: &Loaded, chosen: &Chosen, found: &[Found], settings: Settings) -> Result<(), Failure> {
    let mut simulator = Simulator::new();
    for found in found {
        let experiment = ScenarioExperiment::new(&loaded.scenario, &chosen.variant, &loaded.host, found.fault_plan);
        verify_determinism(&experiment, &mut simulator, &found.trial, settings)?;
    }
    Ok(())
}
