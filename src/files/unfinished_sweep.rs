//! `unfinished.json` beside the tables of a sweep: the runs of a sweep that is not through, so that the same command makes only
//! the others.

use super::scenario::Loaded;
use super::witness::fingerprint;
use super::{from_json, read_text, write_whole};
use crate::exit::Failure;
use colosim_models::scenario::Scenario;
use colosim_plots::results::SweepPoint;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file that is read: about a hundred thousand runs.
const JSON_BYTES_MAX: usize = 64 << 20;

/// What a sweep is of: two that agree in all of it make the same runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepIdentity {
    /// Version of the program.
    pub colosim: String,
    /// Fingerprint of the scenario with the fields that are swept, 16 hexadecimal digits.
    pub scenario_fingerprint: String,
    /// Text of the scenario's host profile, if that is a file.
    pub host_profile: Option<String>,
    /// The design.
    pub variant: String,
    /// As `0..5`.
    pub seeds: String,
}

impl SweepIdentity {
    /// Of this sweep; `scenario` is the one with all of its fields.
    pub fn new(loaded: &Loaded, scenario: &Scenario, variant: &str, seeds: &std::ops::Range<u64>) -> SweepIdentity {
        SweepIdentity {
            colosim: env!("CARGO_PKG_VERSION").to_owned(),
            scenario_fingerprint: fingerprint(scenario),
            host_profile: loaded.host_text.clone(),
            variant: variant.to_owned(),
            seeds: format!("{}..{}", seeds.start, seeds.end),
        }
    }

    fn differences(&self, stored: &SweepIdentity) -> Vec<String> {
        let told = [
            ("colosim", &stored.colosim, &self.colosim),
            ("scenario or fields", &stored.scenario_fingerprint, &self.scenario_fingerprint),
            ("variant", &stored.variant, &self.variant),
            ("seeds", &stored.seeds, &self.seeds),
        ];
        let told = told.into_iter().filter(|(_, stored, this)| stored != this);
        let mut differences: Vec<String> =
            told.map(|(what, stored, this)| format!("{what} was `{stored}`, now `{this}`")).collect();
        if stored.host_profile != self.host_profile {
            differences.push("the host profile was another one".to_owned());
        }
        differences
    }
}

/// A run that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedRun {
    /// Its place in the order of the sweep.
    pub index: u64,
    /// What was measured.
    pub point: SweepPoint,
    /// Does it show what the scenario asks about?
    pub violated: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// For people.
    about: String,
    identity: SweepIdentity,
    runs: Vec<FinishedRun>,
}

/// Where the runs of an unfinished sweep are kept.
#[derive(Debug)]
pub struct UnfinishedSweep {
    path: PathBuf,
    identity: SweepIdentity,
}

impl UnfinishedSweep {
    /// In the directory for output.
    pub fn new(dir: &Path, identity: SweepIdentity) -> UnfinishedSweep {
        UnfinishedSweep { path: dir.join("unfinished.json"), identity }
    }

    /// The runs that were made, of so many that are planned; none if there is no unfinished sweep.
    ///
    /// # Errors
    /// If the directory holds another sweep, or the file is garbled.
    pub fn read(&self, planned: u64) -> Result<Vec<FinishedRun>, Failure> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let text = read_text(&self.path, JSON_BYTES_MAX)?;
        let advice = Some("this file is written by `colosim sweep`; without it the sweep starts again".to_owned());
        let stored: Stored =
            from_json(&text, &self.path, ToString::to_string).map_err(|found| found.with_suggestion(advice.clone()))?;
        let path = self.path.display();
        let differences = self.identity.differences(&stored.identity);
        if !differences.is_empty() {
            let message = format!("{path} is an unfinished sweep of another kind: {}", differences.join("; "));
            let advice = "name another directory, give the same arguments, or remove that file";
            return Err(Failure::usage(message, Some(advice.to_owned())));
        }
        let in_order = stored.runs.is_sorted_by(|run, next| run.index < next.index);
        if !in_order || stored.runs.last().is_some_and(|run| run.index >= planned) {
            return Err(Failure::usage(format!("{path}: these are not the runs of this sweep"), advice));
        }
        Ok(stored.runs)
    }

    /// Keep the runs that were made.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, runs: Vec<FinishedRun>) -> Result<(), Failure> {
        let about = "A sweep that is not through: the same command makes the other runs.".to_owned();
        let json = serde_json::to_string(&Stored { about, identity: self.identity.clone(), runs })
            .map_err(|error| Failure::Unfinished(format!("cannot make {}: {error}", self.path.display())))?;
        write_whole(&self.path, (json + "\n").as_bytes())
    }

    /// It is through.
    ///
    /// # Errors
    /// If there is a file that cannot be removed.
    pub fn remove(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::writing(&self.path, &error)),
            _ => Ok(()),
        }
    }
}
