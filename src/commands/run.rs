//! `run`: one run of a scenario.

use super::Settings;
use crate::cli::RunArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::plan::{self, PlanFile};
use crate::files::scenario::{Chosen, Loaded, load};
use crate::files::witness::{Witness, fingerprint};
use crate::files::write_whole;
use crate::report::held_back::trace_line;
use crate::report::json;
use crate::report::names::step_name;
use crate::report::run::RunReport;
use crate::values::Format;
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::scenario::Stop;
use colosim_models::world::Run;
use colosim_sim::explore::{Determinism, Experiment, Trial, verify};
use colosim_sim::{Ended, HeldBack, Outcome, Plan, Simulator};
use std::fmt::Write as _;
use std::path::Path;

/// One run: its design, its faults, its trial.
struct Choice {
    chosen: Chosen,
    fault_plan: Option<usize>,
    trial: Trial,
}

/// Run once and report.
pub fn run(args: &RunArgs, settings: Settings) -> Result<Answer, Failure> {
    let loaded = load(&args.source)?;
    let choice = choose(args, &loaded)?;
    let experiment = ScenarioExperiment::new(&loaded.scenario, &choice.chosen.variant, &loaded.host, choice.fault_plan);
    let mut simulator = Simulator::new();
    let run = experiment.run_whole(&mut simulator, &choice.trial, args.trace.is_some());
    if let Some(path) = &args.trace {
        write_whole(path, trace(&run.outcome).as_bytes())?;
    }
    if args.verify_determinism {
        verify_determinism(&experiment, &mut simulator, &choice.trial, settings)?;
    }
    note_what_had_no_effect(&choice.trial.plan, &run.outcome, settings);
    let report = RunReport {
        loaded: &loaded,
        chosen: &choice.chosen,
        fault_plan: choice.fault_plan,
        trial: &choice.trial,
        run: &run,
    };
    let text = match settings.format {
        Format::Json => json::document(&report.json()),
        Format::Text => report.text(),
    };
    Ok(Answer { text, exit: exit(&loaded, &run, settings) })
}

/// What flags, plan file and scenario say together.
fn choose(args: &RunArgs, loaded: &Loaded) -> Result<Choice, Failure> {
    let file = match args.plan.as_deref() {
        Some(path) => Some((path, plan::read(path)?)),
        None => None,
    };
    let witness = match &file {
        Some((path, PlanFile::Witness(witness))) => Some(of_this_scenario(witness, path, loaded)?),
        _ => None,
    };
    let variant = args.variant.as_deref().or(witness.map(|witness| witness.variant.as_str()));
    let (fault_plan, faults) = match (witness, args.fault_plan) {
        (Some(witness), None) => (witness.fault_plan, witness.faults.clone()),
        (_, asked) => {
            let fault_plan = loaded.fault_plan(asked)?;
            (fault_plan, (0..loaded.faults(fault_plan).len() as u32).collect())
        }
    };
    let seed = args.seed.or(witness.map(|witness| witness.seed)).unwrap_or(0);
    let plan = match &file {
        None => Plan::natural(),
        Some((_, PlanFile::Plan(plan))) => plan.clone(),
        Some((_, PlanFile::Witness(witness))) => witness.plan.clone(),
    };
    Ok(Choice { chosen: loaded.variant(variant)?, fault_plan, trial: Trial { seed, faults, plan } })
}

/// A witness of another scenario would be a plan without meaning.
///
/// # Errors
/// If it is one.
pub fn of_this_scenario<'a>(witness: &'a Witness, path: &Path, loaded: &Loaded) -> Result<&'a Witness, Failure> {
    let here = fingerprint(&loaded.scenario);
    if witness.scenario_fingerprint == here {
        return Ok(witness);
    }
    let message = format!(
        "{} is a witness of scenario `{}` (fingerprint {}), not of `{}` as given (fingerprint {here})",
        path.display(),
        witness.scenario_name,
        witness.scenario_fingerprint,
        loaded.name
    );
    let advice = format!("`colosim replay {}` runs it with the scenario that is in it", path.display());
    Err(Failure::usage(message, Some(advice)))
}

/// Run a trial twice and compare the traces.
///
/// # Errors
/// The first step that differs.
pub fn verify_determinism(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &Trial,
    settings: Settings,
) -> Result<(), Failure> {
    match verify(experiment, simulator, trial) {
        same @ Determinism::Same { .. } => {
            settings.note(&same.to_string());
            Ok(())
        }
        Determinism::Differs(difference) => Err(Failure::Unfinished(difference.to_string())),
    }
}

/// Every step in fixed columns: time in ns, thread, step, visit; and what waited for an acknowledgement, where it was written.
fn trace(outcome: &Outcome) -> String {
    let mut text = format!("{:>15} {:<32} {:<44} {}\n", "# time ns", "thread", "step", "visit");
    let mut held_back: Vec<&HeldBack> = outcome.held_back.iter().collect();
    held_back.sort_by_key(|held_back| held_back.since);
    let mut held_back = held_back.into_iter().peekable();
    for record in &outcome.records {
        while let Some(written) = held_back.next_if(|held_back| held_back.since < record.time) {
            text += &trace_line(written, outcome);
        }
        let thread = &outcome.thread_names[record.thread.index()];
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>15} {thread:<32} {:<44} {}", record.time.0, step_name(record.step), record.visit);
    }
    held_back.for_each(|written| text += &trace_line(written, outcome));
    text
}

/// A stall at a visit that does not occur is probably a slip.
fn note_what_had_no_effect(plan: &Plan, outcome: &Outcome, settings: Settings) {
    for stall in &plan.stalls {
        let visits = outcome.visits.iter().find(|(thread, step, _)| {
            outcome.thread_names[thread.index()] == stall.thread && step_name(*step) == stall.step
        });
        let visits = visits.map_or(0, |(.., visits)| *visits);
        if visits < stall.visit {
            settings.note(&format!(
                "the stall of {} at visit {} of {} had no effect: it was there {visits} times",
                stall.thread, stall.visit, stall.step
            ));
        }
    }
}

/// A violation, a limit, or neither.
pub fn exit(loaded: &Loaded, run: &Run, settings: Settings) -> Exit {
    let limit = match run.outcome.ended {
        Ended::StepLimit => Some("steps"),
        Ended::TimeLimit if !matches!(loaded.scenario.stop, Stop::AtTime(_)) => Some("time"),
        _ => None,
    };
    match limit {
        _ if !run.outcome.violations.is_empty() => Exit::Violated,
        Some(limit) => {
            settings.note(&format!("the run was ended by its limit of {limit}"));
            Exit::Unfinished
        }
        None => Exit::Done,
    }
}
