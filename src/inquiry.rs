//! One design under all fault plans of a scenario: search, then make what was found small and measure its window.
//!
//! ```text
//!  fault plans ─▶ explore::Search ─▶ findings ─▶ shrink ─▶ windows ─▶ run once more ─▶ Found
//! ```

use crate::exit::Failure;
use crate::files::scenario::{Chosen, Loaded};
use crate::progress::Progress;
use crate::values::StrategyName;
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::oracle::asks_of;
use colosim_models::scenario::{Fault, Scenario};
use colosim_sim::explore::{self, Experiment, Finding, Report, Search, Stalls, Strategy, Timed, Trial, Window};
use colosim_sim::{Kind, Simulator, Span, Violation};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Most runs in which one finding is made smaller.
const SHRINK_RUNS_MAX: u64 = 100;
/// Most runs in which the window of one stall is bisected; a stall of seconds takes about 30 down to nanoseconds.
const WINDOW_RUNS_MAX: u64 = 60;
/// Stalls are drawn up to this part of the bound of a failover, so that three of them together do not exceed it: a hang
/// that is reported is none that the stalls themselves are.
const SPAN_MAX_PART_OF_BOUND: u64 = 4;

/// What to search, and how.
#[derive(Debug, Clone)]
pub struct Inquiry<'a> {
    /// How trials are chosen.
    pub strategy: StrategyName,
    /// Their seeds.
    pub seeds: Range<u64>,
    /// Worker threads; zero: one per processor.
    pub jobs: usize,
    /// Start no run of the search after this time.
    pub budget: Option<Duration>,
    /// Set when the user has had enough.
    pub stop: &'a AtomicBool,
    /// Show no progress.
    pub quiet: bool,
    /// Make only those findings small that the scenario asks about.
    pub only_asked: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Answered {
    /// As the search gave it.
    pub report: Report,
    /// Its findings, in the order in which they were found.
    pub found: Vec<Found>,
    /// Fault plans of which no run came so far that every fault struck.
    pub unreached: Vec<usize>,
}

/// A violation, and the smallest trial that shows it.
#[derive(Debug, Clone)]
pub struct Found {
    /// As the trial shows it.
    pub violation: Violation,
    /// Is the scenario's question about it?
    pub asked: bool,
    /// Index of the fault plan in the scenario.
    pub fault_plan: Option<usize>,
    /// The faults that the trial chose from that plan.
    pub faults: Vec<Fault>,
    /// The trial.
    pub trial: Trial,
    /// Was the trial made small, and are its spans the shortest? For each stall: the span before, and its window.
    pub windows: Option<Vec<(u64, Window)>>,
    /// No stall or fault of the trial can be left out.
    pub is_minimal: bool,
    /// Hash of its trace.
    pub trace_hash: u64,
    /// Number of the first run that showed it.
    pub first_found_at_run: u64,
    /// Runs of the search that showed it.
    pub shown: u64,
    /// Of that many runs of the fault plans in which it was seen.
    pub of_runs: u64,
}

impl Found {
    /// The shortest stall that suffices; of several the longest. Zero: no stall is needed.
    pub fn window_ns(&self) -> u64 {
        self.trial.plan.stalls.iter().map(|stall| stall.span_ns).max().unwrap_or(0)
    }
}

/// Does the scenario's question include this kind of violation? A scenario that asks nothing in particular asks all.
pub fn is_asked(scenario: &Scenario, kind: Kind) -> bool {
    scenario.asks.is_empty() || scenario.asks.contains(&asks_of(kind))
}

/// The longest stall that is drawn for a scenario.
pub fn span_max(scenario: &Scenario) -> Span {
    Span(scenario.failover_bound.nanos() / SPAN_MAX_PART_OF_BOUND)
}

fn strategy(name: StrategyName, scenario: &Scenario) -> Box<dyn Strategy> {
    match name {
        StrategyName::Stalls => Box::new(Stalls { span_max: span_max(scenario) }),
        StrategyName::Timed => Box::new(Timed),
    }
}

/// So many worker threads; zero: one per processor.
///
/// # Errors
/// If the host does not start them.
pub fn workers(jobs: usize) -> Result<ThreadPool, Failure> {
    ThreadPoolBuilder::new().num_threads(jobs).build().map_err(|error| no_workers(&error))
}

fn no_workers(error: &dyn std::fmt::Display) -> Failure {
    Failure::Unfinished(format!("cannot start workers: {error}"))
}

impl Inquiry<'_> {
    /// Do it for one design.
    ///
    /// # Errors
    /// If the host does not start the worker threads.
    pub fn ask(&self, loaded: &Loaded, chosen: &Chosen) -> Result<Answered, Failure> {
        let experiments = ScenarioExperiment::all(&loaded.scenario, &chosen.variant, &loaded.host);
        let as_experiments: Vec<&dyn Experiment> = experiments.iter().map(|e| e as &dyn Experiment).collect();
        let strategy = strategy(self.strategy, &loaded.scenario);
        let progress = Progress::new(&chosen.name, self.quiet);
        let search = Search {
            experiments: &as_experiments,
            strategy: &*strategy,
            seeds: self.seeds.clone(),
            jobs: self.jobs,
            budget: self.budget,
            stop: self.stop,
            progress: &|at| {
                progress.set(at.runs, at.runs_planned, format!("runs, {} findings", at.findings));
            },
        };
        let report = search.run().map_err(|error| no_workers(&error))?;
        // Shrinking makes runs of its own, which must not count as reached.
        let reached = |experiment: &ScenarioExperiment<'_>| experiment.runs_that_reached_all_faults() > 0;
        let unreached = experiments.iter().filter(|e| !reached(e)).filter_map(ScenarioExperiment::fault_plan).collect();
        let found = workers(self.jobs)?.install(|| {
            let findings = report.findings.par_iter();
            let look = |simulator: &mut Simulator, finding| {
                self.look(&loaded.scenario, &experiments, &report, finding, simulator)
            };
            findings.map_init(Simulator::new, look).collect()
        });
        Ok(Answered { report, found, unreached })
    }

    /// Make one finding small, if it is asked about and the user has not had enough.
    fn look(
        &self,
        scenario: &Scenario,
        experiments: &[ScenarioExperiment<'_>],
        report: &Report,
        finding: &Finding,
        simulator: &mut Simulator,
    ) -> Found {
        let experiment = &experiments[finding.experiment];
        let asked = is_asked(scenario, finding.violation.kind);
        let mut trial = finding.trial.clone();
        let mut windows = None;
        let mut is_minimal = false;
        if (asked || !self.only_asked) && !self.stop.load(Ordering::Relaxed) {
            let shrunk = explore::shrink(experiment, simulator, &trial, &finding.violation, SHRINK_RUNS_MAX);
            (trial, is_minimal) = (shrunk.trial, shrunk.is_minimal);
            let before: Vec<u64> = trial.plan.stalls.iter().map(|stall| stall.span_ns).collect();
            let measured = explore::windows(experiment, simulator, &mut trial, &finding.violation, WINDOW_RUNS_MAX);
            windows = Some(before.into_iter().zip(measured).collect());
        }
        let outcome = experiment.run(simulator, &trial, false);
        let again = outcome.violations.into_iter().find(|violation| violation.is_same_finding(&finding.violation));
        let runs = finding.shown.iter().zip(&report.runs_by_experiment);
        Found {
            violation: again.unwrap_or_else(|| finding.violation.clone()),
            asked,
            fault_plan: experiment.fault_plan(),
            faults: experiment.faults_of(&trial),
            trial,
            windows,
            is_minimal,
            trace_hash: outcome.hash,
            first_found_at_run: finding.first_found_at_run,
            shown: finding.shown.iter().sum(),
            of_runs: runs.filter(|(shown, _)| **shown > 0).map(|(_, runs)| runs).sum(),
        }
    }
}
