//! `--continue-from`: the stored run that every run of the search begins with.

use crate::cli::ExploreArgs;
use crate::commands::run::of_this_scenario;
use crate::exit::Failure;
use crate::files::scenario::Loaded;
use crate::files::witness;
use crate::inquiry::Prefix;

/// The prefix, if one is asked for, and the design of its witness.
///
/// # Errors
/// If the witness is none of this scenario, or has fewer pauses than are asked for.
pub fn read(args: &ExploreArgs, loaded: &Loaded) -> Result<(Option<Prefix>, Option<String>), Failure> {
    let Some(path) = &args.continue_from else { return Ok((None, None)) };
    let witness = witness::read(path)?;
    of_this_scenario(&witness, path, loaded)?;
    let there = witness.plan.stalls.len() + witness.plan.holds.len();
    let pauses = args.pauses.unwrap_or(there);
    if pauses > there {
        let message = format!("--pauses {pauses}: the run of {} has only {there}", path.display());
        return Err(Failure::usage(message, None));
    }
    let prefix = Prefix { fault_plan: witness.fault_plan, trial: witness.trial(), pauses };
    Ok((Some(prefix), Some(witness.variant)))
}
