//! `search.json` beside the witnesses: a search that is not through, so that the same command takes up where it stopped.

use super::witness::fingerprint;
use super::{from_json, read_text, write_whole};
use crate::exit::Failure;
use crate::files::scenario::{Chosen, Loaded};
use crate::inquiry::{Prefix, Reached};
use crate::strategy::StrategyChoice;
use colosim_models::diagnostic::Diagnostic;
use colosim_sim::explore::SearchState;
use serde::{Deserialize, Serialize};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest file that is read: some ten million distinct interleavings.
const JSON_BYTES_MAX: usize = 256 << 20;

/// What a search is of: two that agree in all of it make the same runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of the program.
    pub colosim: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Fingerprint of the scenario, 16 hexadecimal digits.
    pub scenario_fingerprint: String,
    /// Text of the scenario's host profile, if that is a file.
    pub host_profile: Option<String>,
    /// The design.
    pub variant: String,
    /// As `pct:3`.
    pub strategy: String,
    /// As `0..200`.
    pub seeds: String,
    /// The run that is continued, if there is one, and how much of it.
    pub continued: Option<String>,
}

impl Identity {
    /// Of this search.
    pub fn new(
        loaded: &Loaded,
        chosen: &Chosen,
        strategy: StrategyChoice,
        seeds: &Range<u64>,
        prefix: Option<&Prefix>,
    ) -> Identity {
        Identity {
            colosim: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: loaded.name.clone(),
            scenario_fingerprint: fingerprint(&loaded.scenario),
            host_profile: loaded.host_text.clone(),
            variant: chosen.name.clone(),
            strategy: strategy.to_string(),
            seeds: format!("{}..{}", seeds.start, seeds.end),
            continued: prefix.map(|prefix| super::ron::inline(&(&prefix.fault_plan, &prefix.trial, prefix.pauses))),
        }
    }

    /// In what two searches differ: the name, what the other one has, what this one has.
    fn differences(&self, stored: &Identity) -> Vec<String> {
        let is = |text: &Option<String>| text.as_ref().map_or("none", |_| "another one").to_owned();
        let told = [
            ("colosim", stored.colosim.clone(), self.colosim.clone()),
            ("scenario", stored.scenario.clone(), self.scenario.clone()),
            ("fingerprint", stored.scenario_fingerprint.clone(), self.scenario_fingerprint.clone()),
            ("variant", stored.variant.clone(), self.variant.clone()),
            ("strategy", stored.strategy.clone(), self.strategy.clone()),
            ("seeds", stored.seeds.clone(), self.seeds.clone()),
        ];
        let told = told.into_iter().filter(|(_, stored, this)| stored != this);
        let mut differences: Vec<String> =
            told.map(|(what, stored, this)| format!("{what} was `{stored}`, now `{this}`")).collect();
        for (what, stored, this) in [
            ("host profile", &stored.host_profile, &self.host_profile),
            ("continued run", &stored.continued, &self.continued),
        ] {
            if stored != this {
                differences.push(format!("{what}: {} then, {} now", is(stored), is(this)));
            }
        }
        differences
    }
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// For people.
    about: String,
    identity: Identity,
    /// What its runs reached.
    pub reached: Reached,
    /// How far it came.
    pub state: SearchState,
}

/// Where a search is kept.
#[derive(Debug)]
pub struct SearchFile {
    path: PathBuf,
    identity: Identity,
    fault_plans: usize,
}

impl SearchFile {
    /// In the directory for output; the search has so many fault plans, none counting as one.
    pub fn new(dir: &Path, identity: Identity, fault_plans: usize) -> SearchFile {
        SearchFile { path: dir.join("search.json"), identity, fault_plans }
    }

    /// Where it stopped; none if there is no unfinished search.
    ///
    /// # Errors
    /// If the directory holds another search, or the file is garbled.
    pub fn read(&self) -> Result<Option<Stored>, Failure> {
        if !self.path.exists() {
            return Ok(None);
        }
        let text = read_text(&self.path, JSON_BYTES_MAX)?;
        let advice = Some("this file is written by `colosim explore`; without it the search starts again".to_owned());
        let stored: Stored =
            from_json(&text, &self.path, ToString::to_string).map_err(|found| found.with_suggestion(advice))?;
        let differences = self.identity.differences(&stored.identity);
        if !differences.is_empty() {
            let message =
                format!("{} is an unfinished search of another kind: {}", self.path.display(), differences.join("; "));
            let advice = "name another directory, give the same arguments, or remove that file";
            return Err(Failure::usage(message, Some(advice.to_owned())));
        }
        match stored.reached.is_of(self.fault_plans) {
            true => Ok(Some(stored)),
            false => Err(self.refuse("what was reached does not fit the scenario")),
        }
    }

    /// Keep how far it has come.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, state: &SearchState, reached: Reached) -> Result<(), Failure> {
        let stored = Stored {
            about: "A search that is not through: the same command goes on from here.".to_owned(),
            identity: self.identity.clone(),
            reached,
            state: state.clone(),
        };
        let json = serde_json::to_string(&stored)
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

    /// The file is not what it should be.
    pub fn refuse(&self, what: &str) -> Failure {
        let advice = Some("without this file the search starts again".to_owned());
        Diagnostic::unplaced(&self.path.display().to_string(), what).with_suggestion(advice).into()
    }
}
