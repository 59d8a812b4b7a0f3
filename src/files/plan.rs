//! What `run --plan` reads: a witness, or a plan alone.

use super::ron::{FILE_BYTES_MAX, from_ron};
use super::witness::Witness;
use super::{read_text, witness};
use crate::exit::Failure;
use colosim_models::diagnostic::{Diagnostic, did_you_mean};
use colosim_models::steps::{STEPS, step_named, step_names};
use colosim_sim::Plan;
use std::path::Path;

/// A file with a plan in it.
#[derive(Debug)]
pub enum PlanFile {
    /// A plan with all that belongs to it.
    Witness(Box<Witness>),
    /// A plan.
    Plan(Plan),
}

/// Read a witness or a plan.
///
/// # Errors
/// If it is neither, or names a step that does not exist.
pub fn read(path: &Path) -> Result<PlanFile, Failure> {
    let text = read_text(path, FILE_BYTES_MAX)?;
    let name = path.display().to_string();
    // A field that every witness has and no plan can have.
    if text.contains("scenario_fingerprint") {
        return Ok(PlanFile::Witness(Box::new(witness::parse(&text, &name)?)));
    }
    let plan: Plan = from_ron(&text, &name)?;
    check(&plan, &text, &name)?;
    Ok(PlanFile::Plan(plan))
}

/// Refuse a plan that can have no effect because a name in it is wrong.
///
/// # Errors
/// The first step that does not exist, or visit 0.
pub fn check(plan: &Plan, text: &str, name: &str) -> Result<(), Failure> {
    let stalls = plan.stalls.iter().map(|stall| (&stall.step, stall.visit));
    let holds = plan.holds.iter().flat_map(|hold| [&hold.at, &hold.until]).map(|at| (&at.step, at.visit));
    for (step, visit) in stalls.chain(holds) {
        let quoted = format!("\"{step}\"");
        let at = text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
        if step_named(step).is_none() {
            let suggestion = did_you_mean(step, step_names());
            let message = format!("unknown step `{step}`");
            return Err(Diagnostic::at(name, text, at, message).with_suggestion(suggestion).into());
        }
        // A thread that has done no step yet is at the first one of the table.
        if visit == 0 && *step != STEPS[0].name {
            return Err(Diagnostic::at(name, text, at, "visits are counted from 1").into());
        }
    }
    Ok(())
}
