//! JSON answers: one document, keys that scripts rely on.

use super::names::step_name;
use super::nearest::JsonNearest;
use crate::inquiry::Found;
use colosim_models::oracle::asks_of;
use colosim_sim::explore::Rate;
use colosim_sim::{Fork, Hold, Place, Stall, Violation};
use serde::Serialize;
use std::collections::BTreeMap;

/// A document for stdout.
///
/// # Panics
/// Never: every answer consists of structures, lists, strings and finite numbers.
pub fn document<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("structures with string keys have a JSON form");
    text + "\n"
}

/// A thread at a step.
#[derive(Debug, Serialize)]
pub struct JsonPlace {
    thread: String,
    step: &'static str,
    visit: u32,
    at_ns: u64,
}

impl JsonPlace {
    /// Of a violation or a hazard.
    pub fn of(place: &Place) -> JsonPlace {
        JsonPlace { thread: place.thread.clone(), step: step_name(place.step), visit: place.visit, at_ns: place.at.0 }
    }
}

/// A violation of one run.
#[derive(Debug, Serialize)]
pub struct JsonViolation {
    kind: &'static str,
    object: String,
    asks: String,
    asked: bool,
    steps: Vec<&'static str>,
    thread: String,
    culprit: JsonPlace,
    cause: Option<JsonPlace>,
    detail: String,
}

/// The step that did it, then the one that made it wrong before.
fn steps(violation: &Violation) -> Vec<&'static str> {
    let places = [Some(&violation.culprit), violation.cause.as_ref()];
    places.into_iter().flatten().map(|place| step_name(place.step)).collect()
}

impl JsonViolation {
    /// As a run showed it.
    pub fn of(violation: &Violation, asked: bool) -> JsonViolation {
        JsonViolation {
            kind: violation.kind.0,
            object: violation.object.clone(),
            asks: format!("{:?}", asks_of(violation.kind)),
            asked,
            steps: steps(violation),
            thread: violation.culprit.thread.clone(),
            culprit: JsonPlace::of(&violation.culprit),
            cause: violation.cause.as_ref().map(JsonPlace::of),
            detail: violation.detail.clone(),
        }
    }
}

/// How likely something is: so many runs of so many, and the 95 % interval of the rate behind it.
#[derive(Debug, Serialize)]
pub struct JsonRate {
    hits: u64,
    runs: u64,
    share: f64,
    low: f64,
    high: f64,
}

impl JsonRate {
    /// With its interval.
    pub fn of(rate: Rate) -> JsonRate {
        let (low, high) = rate.interval();
        JsonRate { hits: rate.hits, runs: rate.runs, share: rate.share(), low, high }
    }
}

/// A finding of a search.
#[derive(Debug, Serialize)]
pub struct JsonFinding {
    kind: &'static str,
    object: String,
    asks: String,
    steps: Vec<&'static str>,
    thread: String,
    cause_thread: Option<String>,
    seed: u64,
    plan: JsonPlan,
    /// Null where the finding was not made small.
    window_ns: Option<u64>,
    first_found_at_run: u64,
    shown_in_runs: u64,
    of_runs: u64,
    /// On an undisturbed host; null where it was not measured.
    rate: Option<JsonRate>,
    /// What `swarm` had drawn for the first run that showed it; null for other strategies.
    knobs: Option<BTreeMap<&'static str, String>>,
    /// Null where it was not looked for, or there is none.
    nearest: Option<JsonNearest>,
    trace_hash: String,
    witness: Option<String>,
    story: String,
}

/// What makes a finding happen.
#[derive(Debug, Serialize)]
pub struct JsonPlan {
    fault_plan: Option<usize>,
    faults: Vec<u32>,
    faults_text: String,
    stalls: Vec<Stall>,
    holds: Vec<Hold>,
    fork: Option<Fork>,
    host_preempts: bool,
    is_minimal: bool,
}

impl JsonFinding {
    /// A finding, and the file of its witness.
    pub fn of(found: &Found, witness: Option<String>) -> JsonFinding {
        let violation = &found.violation;
        JsonFinding {
            kind: violation.kind.0,
            object: violation.object.clone(),
            asks: format!("{:?}", asks_of(violation.kind)),
            steps: steps(violation),
            thread: violation.culprit.thread.clone(),
            cause_thread: violation.cause.as_ref().map(|cause| cause.thread.clone()),
            seed: found.trial.seed,
            plan: JsonPlan {
                fault_plan: found.fault_plan,
                faults: found.trial.faults.clone(),
                faults_text: super::names::faults(&found.faults),
                stalls: found.trial.plan.stalls.clone(),
                holds: found.trial.plan.holds.clone(),
                fork: found.trial.plan.fork,
                host_preempts: found.trial.plan.host_preempts,
                is_minimal: found.is_minimal,
            },
            window_ns: found.windows.as_ref().map(|_| found.window_ns()),
            first_found_at_run: found.first_found_at_run,
            shown_in_runs: found.shown,
            of_runs: found.of_runs,
            rate: found.rate.map(JsonRate::of),
            knobs: found.knobs.clone().map(|knobs| knobs.into_iter().collect()),
            nearest: JsonNearest::of(found),
            trace_hash: format!("{:016x}", found.trace_hash),
            witness,
            story: super::story::tell(found),
        }
    }
}
