//! `replay`: the run of a witness, again.

use super::Settings;
use super::run::verify_determinism;
use crate::cli::ReplayArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::witness::{self, Broken};
use crate::report::json;
use crate::report::run::{RunJson, RunReport};
use crate::values::Format;
use colosim_models::experiment::ScenarioExperiment;
use colosim_sim::Simulator;
use serde::Serialize;

#[derive(Serialize)]
struct Replayed {
    witness: String,
    shows_violation: bool,
    same_trace: bool,
    expected_trace_hash: String,
    #[serde(flatten)]
    run: RunJson,
}

/// Run a witness and compare with what it promises.
pub fn replay(args: &ReplayArgs, settings: Settings) -> Result<Answer, Failure> {
    let file = args.witness.display().to_string();
    let witness = witness::read(&args.witness)?;
    let loaded = witness.load(&file)?;
    let chosen = loaded.variant(Some(&witness.variant))?;
    let trial = witness.trial();
    let experiment = ScenarioExperiment::new(&loaded.scenario, &chosen.variant, &loaded.host, witness.fault_plan);
    let mut simulator = Simulator::new();
    let run = experiment.run_whole(&mut simulator, &trial, false);
    if args.verify_determinism {
        verify_determinism(&experiment, &mut simulator, &trial, settings)?;
    }
    let report =
        RunReport { loaded: &loaded, chosen: &chosen, fault_plan: witness.fault_plan, trial: &trial, run: &run };
    let replayed = Replayed {
        witness: file,
        shows_violation: run.outcome.violations.iter().any(|violation| Broken::of(violation) == witness.violation),
        same_trace: format!("{:016x}", run.outcome.hash) == witness.trace_hash,
        expected_trace_hash: witness.trace_hash,
        run: report.json(),
    };
    let text = match settings.format {
        Format::Json => json::document(&replayed),
        Format::Text => format!("{}{}\n", report.text(), verdict(&replayed, &witness.violation, &witness.story)),
    };
    Ok(Answer { text, exit: if replayed.shows_violation { Exit::Violated } else { Exit::Unfinished } })
}

fn verdict(replayed: &Replayed, violation: &Broken, story: &str) -> String {
    let what = format!("{} of {} at {}", violation.kind, violation.object, violation.step);
    match (replayed.shows_violation, replayed.same_trace) {
        (true, true) => format!("\nreproduced, with the same trace: {what}\n{story}"),
        (true, false) => format!(
            "\nreproduced, but with another trace than {}: {what}\n\
             (the witness was edited, or another version of colosim made it)",
            replayed.expected_trace_hash
        ),
        (false, _) => format!("\nnot reproduced: {what}"),
    }
}
