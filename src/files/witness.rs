//! Witness files: a run in which something breaks, with everything that is needed to run it again.
//!
//! The scenario is in the file as canonical text, so a witness still means the same when the scenario's file has changed.
//! The fingerprint guards that text; the trace hash tells whether another version of the program still makes the same run.

use super::ron::{FILE_BYTES_MAX, from_ron, to_ron};
use super::scenario::{Chosen, Loaded, load_embedded};
use super::{plan, read_text, write_whole};
use crate::exit::Failure;
use crate::inquiry::Found;
use crate::report::names::step_name;
use crate::report::story;
use colosim_models::diagnostic::Diagnostic;
use colosim_models::scenario::Scenario;
use colosim_sim::explore::Trial;
use colosim_sim::{Plan, Violation};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A witness file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// What happens in the run, for people.
    pub story: String,
    /// Name of the scenario's file.
    pub scenario_name: String,
    /// Fingerprint of the scenario, 16 hexadecimal digits.
    pub scenario_fingerprint: String,
    /// The design, as `merged + cache_release: AfterColoJoin`.
    pub variant: String,
    /// Which of the scenario's fault plans; none: no fault.
    pub fault_plan: Option<usize>,
    /// Which faults of that plan strike, by position.
    pub faults: Vec<u32>,
    /// Seed of all randomness.
    pub seed: u64,
    /// The stalls.
    pub plan: Plan,
    /// What breaks.
    pub violation: Broken,
    /// The shortest stall that suffices, nanoseconds; of several stalls the longest. Zero: no stall is needed.
    pub window_ns: u64,
    /// Hash of the whole trace, 16 hexadecimal digits.
    pub trace_hash: String,
    /// Canonical text of the scenario.
    pub scenario: String,
    /// Text of the scenario's host profile, if that is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_profile: Option<String>,
}

/// What breaks, as far as it makes a finding: two violations that agree in this are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// Kind of violation, as `use-after-free`.
    pub kind: String,
    /// The object, as `colo_cache`.
    pub object: String,
    /// The step that did it.
    pub step: String,
    /// The step that made it wrong before.
    pub cause: Option<String>,
}

impl Broken {
    /// What identifies a violation.
    pub fn of(violation: &Violation) -> Broken {
        Broken {
            kind: violation.kind.0.to_owned(),
            object: violation.object.clone(),
            step: step_name(violation.culprit.step).to_owned(),
            cause: violation.cause.as_ref().map(|cause| step_name(cause.step).to_owned()),
        }
    }
}

impl Witness {
    /// The witness of a finding.
    pub fn new(loaded: &Loaded, chosen: &Chosen, found: &Found) -> Witness {
        Witness {
            story: story::tell(found),
            scenario_name: loaded.name.clone(),
            scenario_fingerprint: fingerprint(&loaded.scenario),
            variant: chosen.name.clone(),
            fault_plan: found.fault_plan,
            faults: found.trial.faults.clone(),
            seed: found.trial.seed,
            plan: found.trial.plan.clone(),
            violation: Broken::of(&found.violation),
            window_ns: found.window_ns(),
            trace_hash: format!("{:016x}", found.trace_hash),
            scenario: loaded.scenario.to_ron(),
            host_profile: loaded.host_text.clone(),
        }
    }

    /// Write it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = to_ron(self, "Witness").map_err(|error| Failure::Unfinished(format!("witness: {error}")))?;
        write_whole(path, text.as_bytes())
    }

    /// The scenario in it; `file` is the witness in messages.
    ///
    /// # Errors
    /// If this version of the program does not take it.
    pub fn load(&self, file: &str) -> Result<Loaded, Failure> {
        load_embedded(&self.scenario_name, &self.scenario, self.host_profile.as_deref(), file)
    }

    /// The trial of the run.
    pub fn trial(&self) -> Trial {
        Trial { seed: self.seed, faults: self.faults.clone(), plan: self.plan.clone() }
    }
}

/// As it stands in a witness.
pub fn fingerprint(scenario: &Scenario) -> String {
    format!("{:016x}", scenario.fingerprint())
}

/// Read a witness file.
///
/// # Errors
/// If it is garbled, or was edited so that its parts do not belong together any more.
pub fn read(path: &Path) -> Result<Witness, Failure> {
    parse(&read_text(path, FILE_BYTES_MAX)?, &path.display().to_string())
}

/// Read the text of a witness; `name` is the file in messages.
///
/// # Errors
/// See [`read`].
pub fn parse(text: &str, name: &str) -> Result<Witness, Failure> {
    let witness: Witness = from_ron(text, name)?;
    let refuse = |message: String| Err(Failure::from(Diagnostic::unplaced(name, message)));
    let scenario = Scenario::from_ron(&witness.scenario, &format!("{name} (the scenario in it)"))?;
    if fingerprint(&scenario) != witness.scenario_fingerprint {
        return refuse(format!(
            "the scenario in this witness was changed: its fingerprint is {}, the witness is of {}",
            fingerprint(&scenario),
            witness.scenario_fingerprint
        ));
    }
    let faults = match witness.fault_plan {
        None => 0,
        Some(plan) => match scenario.faults.get(plan) {
            Some(faults) => faults.len(),
            None => return refuse(format!("the scenario in this witness has no fault plan {plan}")),
        },
    };
    let ascending = witness.faults.is_sorted_by(|a, b| a < b);
    if !ascending || witness.faults.iter().any(|fault| *fault as usize >= faults) {
        return refuse(format!("`faults` must be ascending positions below {faults}"));
    }
    plan::check(&witness.plan, text, name)?;
    Ok(witness)
}
