//! The report of one run.

use super::hazards::{self, JsonHazard};
use super::held_back::{self, JsonHeldBack};
use super::json::JsonViolation;
use super::metrics::MeasuredRun;
use super::names::{counted, faults, step_function, step_name};
use super::story::place;
use crate::files::scenario::{Chosen, Loaded};
use crate::inquiry::is_asked;
use colosim_models::scenario::Fault;
use colosim_models::world::Run;
use colosim_sim::explore::Trial;
use colosim_sim::{Ended, Outcome, Violation};
use serde::Serialize;

/// One run and what it was of.
#[derive(Debug)]
pub struct RunReport<'a> {
    /// The scenario.
    pub loaded: &'a Loaded,
    /// The design.
    pub chosen: &'a Chosen,
    /// Index of the fault plan.
    pub fault_plan: Option<usize>,
    /// What was run.
    pub trial: &'a Trial,
    /// What came of it.
    pub run: &'a Run,
}

/// The same as JSON.
#[derive(Debug, Serialize)]
pub struct RunJson {
    scenario: String,
    variant: String,
    seed: u64,
    fault_plan: Option<usize>,
    faults: String,
    faults_struck: u32,
    ended: &'static str,
    trace_hash: String,
    steps: u64,
    virtual_time_ns: u64,
    violations: Vec<JsonViolation>,
    hazards: Vec<JsonHazard>,
    held_back: Vec<JsonHeldBack>,
    metrics: MeasuredRun,
}

impl RunReport<'_> {
    fn faults(&self) -> Vec<Fault> {
        let all = self.loaded.faults(self.fault_plan);
        self.trial.faults.iter().map(|index| all[*index as usize].clone()).collect()
    }

    /// As JSON.
    pub fn json(&self) -> RunJson {
        let outcome = &self.run.outcome;
        let violation = |v: &Violation| JsonViolation::of(v, is_asked(&self.loaded.scenario, v.kind));
        RunJson {
            scenario: self.loaded.name.clone(),
            variant: self.chosen.name.clone(),
            seed: self.trial.seed,
            fault_plan: self.fault_plan,
            faults: faults(&self.faults()),
            faults_struck: self.run.faults_struck,
            ended: ended(outcome.ended),
            trace_hash: format!("{:016x}", outcome.hash),
            steps: outcome.steps,
            virtual_time_ns: outcome.time.0,
            violations: outcome.violations.iter().map(violation).collect(),
            hazards: outcome.hazards.iter().map(|hazard| JsonHazard::of(hazard, &self.loaded.scenario)).collect(),
            held_back: held_back::of(outcome),
            metrics: MeasuredRun::new(&self.run.metrics),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let outcome = &self.run.outcome;
        let faults_planned = self.faults();
        let mut text = format!("{}, {}, seed {}\n", self.loaded.name, self.chosen.name, self.trial.seed);
        text += &format!("{}\n", self.loaded.scenario.question);
        text += &format!("faults: {}", faults(&faults_planned));
        if !faults_planned.is_empty() {
            text += &format!(" ({} of {} struck)", self.run.faults_struck, faults_planned.len());
        }
        text += &format!(
            "\nended at {} of virtual time after {} ({}), trace {:016x}\n\n",
            outcome.time,
            counted(outcome.steps, "step"),
            ended(outcome.ended),
            outcome.hash
        );
        text += &MeasuredRun::new(&self.run.metrics).text();
        text += &held_back::text(&held_back::of(outcome));
        text += &violations(outcome);
        text += &format!("\n{}", hazards::text(&hazards::of_one(&outcome.hazards), &self.loaded.scenario));
        text
    }
}

fn violations(outcome: &Outcome) -> String {
    if outcome.violations.is_empty() {
        return "\nviolations: none\n".to_owned();
    }
    let mut text = "\nviolations:\n".to_owned();
    for violation in &outcome.violations {
        let culprit = &violation.culprit;
        text += &format!("- {} of {}: {}\n", violation.kind.0, violation.object, violation.detail);
        text += &format!(
            "  {} at {} ({}), visit {}, at {}\n",
            culprit.thread,
            step_name(culprit.step),
            step_function(culprit.step),
            culprit.visit,
            culprit.at
        );
        if let Some(cause) = &violation.cause {
            text += &format!("  after {}, at {}\n", place(cause), cause.at);
        }
    }
    text
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Finished => "finished",
        Ended::Quiet => "quiet: nothing could happen any more",
        Ended::Broken => "broken: what comes after the violation is undefined",
        Ended::TimeLimit => "time limit",
        Ended::StepLimit => "step limit",
    }
}
