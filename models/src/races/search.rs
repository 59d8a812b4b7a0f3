//! Looking for the races of one scenario in one design.

use super::{Race, races};
use crate::experiment::{ScenarioExperiment, stall_max};
use crate::host_profile::HostProfile;
use crate::scenario::{Scenario, builtin};
use crate::steps::STEPS;
use crate::variant::Variant;
use colosim_sim::explore::{Experiment, Report, Search, Stalls, shrink};
use colosim_sim::{Simulator, StepId, Violation};
use std::io;
use std::sync::atomic::AtomicBool;

/// Most runs in which a finding is made smaller.
const SHRINK_RUNS_MAX: u64 = 60;

/// How far to look.
#[derive(Debug, Clone, Copy)]
pub struct Effort<'a> {
    /// Seeds for each fault plan.
    pub seeds: u64,
    /// Worker threads; zero: one per processor.
    pub jobs: usize,
    /// Set when the user has had enough.
    pub stop: &'a AtomicBool,
}

/// A race that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Stalls that have to be placed; none if an undisturbed run shows it.
    pub stalls: usize,
    /// The first run that showed it; 1 is the first.
    pub at_run: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Searched {
    /// Runs that were made.
    pub runs: u64,
    /// All runs that were planned were made.
    pub complete: bool,
    /// For each of the races: how it shows, if it does.
    pub shown: Vec<Option<Shown>>,
    /// For each violation that was found, the races of the whole table that it is an instance of.
    pub explained: Vec<(Violation, Vec<&'static Race>)>,
    /// Fault plans that struck as a whole in no run.
    pub unreached: Vec<usize>,
}

impl Searched {
    /// Where the table of races and what was found for `design` contradict each other, in words; empty: nowhere. `wanted` are the
    /// races that were searched for.
    pub fn disagreements(&self, design: &str, wanted: &[&Race]) -> Vec<String> {
        let mut found = Vec::new();
        for (race, shown) in wanted.iter().zip(&self.shown) {
            if shown.is_none() && race.found_in.contains(&design) {
                found.push(format!("{} is not found in {} runs", race.title(), self.runs));
            }
        }
        for (violation, races) in &self.explained {
            if !races.iter().any(|race| race.may_be_in(design)) {
                let races: Vec<String> = races.iter().map(|race| race.title()).collect();
                found.push(format!("no race, or one that must not be ({races:?}): {}", said(violation)));
            }
        }
        // A process that has come to its end before is no place for a fault.
        let ended_before = self.explained.iter().any(|(violation, _)| violation.kind.is_fatal());
        if !self.unreached.is_empty() && !ended_before {
            found.push(format!("fault plans {:?} never struck as a whole", self.unreached));
        }
        found
    }
}

fn said(violation: &Violation) -> String {
    let step = |step: StepId| STEPS[usize::from(step.0)].name;
    let cause = violation.cause.as_ref().map_or("", |place| step(place.step));
    format!(
        "{} of {} at {} after {cause}: {}",
        violation.kind.0,
        violation.object,
        step(violation.culprit.step),
        violation.detail
    )
}

/// The shipped scenario that shows a race, with the race's changes; and its host profile.
///
/// # Panics
/// If the table names a scenario that is not shipped, or a field that cannot be changed: the tests read all of it.
pub fn scenario_of(name: &str, changes: &[(&str, &str)]) -> (Scenario, HostProfile) {
    let text = builtin(name).unwrap_or_else(|| panic!("{name} is not shipped"));
    let scenario = Scenario::from_ron(text, name).unwrap_or_else(|error| panic!("{error}"));
    let scenario = changes.iter().fold(scenario, |scenario, (path, value)| {
        scenario.set(path, value).unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    let host = HostProfile::builtin(&scenario.host).unwrap_or_else(|| panic!("{name}: no such host profile"));
    (scenario, host)
}

/// Search every fault plan of a scenario for what a design does wrong, and look which of `wanted` it is.
///
/// # Errors
/// If the worker threads do not start.
pub fn search(
    scenario: &Scenario,
    host: &HostProfile,
    variant: &Variant,
    wanted: &[&Race],
    effort: Effort<'_>,
) -> io::Result<Searched> {
    let experiments = ScenarioExperiment::all(scenario, variant, host);
    let dynamic: Vec<&dyn Experiment> = experiments.iter().map(|e| e as &dyn Experiment).collect();
    let report = Search {
        experiments: &dynamic,
        strategy: &Stalls { span_max: stall_max(scenario) },
        seeds: 0..effort.seeds,
        jobs: effort.jobs,
        budget: None,
        stop: effort.stop,
        progress: &|_| {},
    }
    .run()?;
    let mut simulator = Simulator::new();
    let shown = wanted.iter().map(|race| shows(race, &report, &dynamic, &mut simulator)).collect();
    let instance_of = |violation: &Violation| races().into_iter().filter(|race| race.explains(violation)).collect();
    let explained: Vec<(Violation, Vec<_>)> =
        report.findings.iter().map(|f| (f.violation.clone(), instance_of(&f.violation))).collect();
    let unreached = experiments.iter().filter(|e| e.runs_that_reached_all_faults() == 0);
    let unreached = unreached.filter_map(ScenarioExperiment::fault_plan).collect();
    Ok(Searched { runs: report.runs, complete: report.complete, shown, explained, unreached })
}

/// With how few stalls? One that was seen undisturbed needs none; else the first one that was seen is made small.
fn shows(race: &Race, report: &Report, experiments: &[&dyn Experiment], simulator: &mut Simulator) -> Option<Shown> {
    let found = race.shown_by(&report.findings);
    let at_run = found.iter().map(|finding| finding.first_found_at_run).min()?;
    if found.iter().any(|finding| finding.shown_undisturbed > 0) {
        return Some(Shown { stalls: 0, at_run });
    }
    let stalls = found.iter().map(|finding| {
        let experiment = experiments[finding.experiment];
        shrink(experiment, simulator, &finding.trial, &finding.violation, SHRINK_RUNS_MAX).trial.plan.stalls.len()
    });
    Some(Shown { stalls: stalls.min()?, at_run })
}
