//! How likely a finding is along its run, as the charts want it.

use super::Found;
use crate::exit::Failure;
use crate::files::scenario::{Chosen, Loaded};
use crate::report::names::step_name;
use colosim_models::experiment::ScenarioExperiment;
use colosim_plots::LikelihoodResults;
use colosim_plots::likelihood::{Decided, LikelihoodPoint};
use colosim_sim::explore::{self, Experiment, decided_after};
use colosim_sim::{Outcome, Simulator};
use std::sync::atomic::AtomicBool;

/// Points along the run, beside those that bisect the rise.
const POINTS: usize = 33;
/// Continuations of each: the interval about one half is then ± 10 %.
const RUNS_PER_POINT: u64 = 100;

/// Measure it for one finding. After an interrupt there are fewer points.
///
/// # Errors
/// If the host does not start the worker threads, or the finding is not there any more.
pub fn along_the_run(
    loaded: &Loaded,
    chosen: &Chosen,
    found: &Found,
    jobs: usize,
    stop: &AtomicBool,
) -> Result<LikelihoodResults, Failure> {
    let experiment = ScenarioExperiment::new(&loaded.scenario, &chosen.variant, &loaded.host, found.fault_plan);
    let measured = explore::likelihood(&experiment, &found.trial, &found.violation, POINTS, RUNS_PER_POINT, jobs, stop)
        .map_err(|error| Failure::Unfinished(format!("cannot start workers: {error}")))?;
    let run = experiment.run(&mut Simulator::new(), &found.trial, true);
    let decided = decided_after(&measured).and_then(|after| measured.iter().find(|point| point.after_steps == after));
    let point = |point: &explore::LikelihoodPoint| {
        let (low, high) = point.rate.interval();
        LikelihoodPoint {
            after_steps: point.after_steps,
            time_ns: point.time.0,
            hits: point.rate.hits,
            runs: point.rate.runs,
            share: point.rate.share(),
            low,
            high,
        }
    };
    Ok(LikelihoodResults {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        variant: chosen.name.clone(),
        finding: format!("{} of {}", found.violation.kind.0, found.violation.object),
        seed: found.trial.seed,
        shows_at_ns: Some(found.violation.culprit.at.0),
        decided: decided.map(|point| Decided {
            after_steps: point.after_steps,
            time_ns: point.time.0,
            step: last_step(&run, point.after_steps),
        }),
        points: measured.iter().map(point).collect(),
    })
}

/// The last of so many steps of a recorded run.
fn last_step(run: &Outcome, after_steps: u64) -> String {
    let last = usize::try_from(after_steps).ok().and_then(|after| after.checked_sub(1));
    match last.and_then(|last| run.records.get(last)) {
        Some(record) => {
            let thread = &run.thread_names[record.thread.index()];
            format!("{} of {thread} (visit {})", step_name(record.step), record.visit)
        }
        None => "the start".to_owned(),
    }
}
