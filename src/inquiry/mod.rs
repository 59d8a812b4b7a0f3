//! One design under all fault plans of a scenario: search, then make what was found small and measure its window.
//!
//! ```text
//!  fault plans ─▶ explore::Search ─▶ findings ─▶ shrink ─▶ windows ─▶ run once more ─▶ Found ─▶ rate, likelihood
//!                    │       ▲                                └─▶ nearest run that holds
//!                  probes    └─▶ search.json, if it ends early
//! ```

mod draws;
mod found;
pub mod likelihood;
pub mod matrix;
mod probes;
pub mod rate;
mod trials;

pub use draws::{Chance, Knobs};
pub use found::{Found, is_asked};
pub use probes::{Missed, Reached};
pub use trials::Prefix;

use crate::exit::Failure;
use crate::files::scenario::{Chosen, Loaded};
use crate::files::search::SearchFile;
use crate::progress::Progress;
use crate::report::names::counted;
use crate::report::tell;
use crate::strategy::StrategyChoice;
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::scenario::Scenario;
use colosim_sim::Simulator;
use colosim_sim::explore::{self, Experiment, Finding, Report, Search, SearchState, Strategy, Trial};
use probes::{Probed, Probes};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Most runs in which one finding is made smaller.
const SHRINK_RUNS_MAX: u64 = 100;
/// Most runs in which the window of one stall is bisected; a stall of seconds takes about 30 down to nanoseconds.
const WINDOW_RUNS_MAX: u64 = 60;

/// A plan of more stalls than this, as `dpor` makes them, is thinned out in large pieces first.
const MANY_STALLS: usize = 8;
/// Most runs for that.
const FEWER_PAUSES_RUNS_MAX: u64 = 500;
/// A search that would take longer than this has to be asked for with a budget.
const UNASKED_SECONDS_MAX: f64 = 300.0;

/// What to search, and how.
pub struct Inquiry<'a> {
    /// How trials are chosen.
    pub strategy: StrategyChoice,
    /// What every trial begins with, if it is a stored run that is continued.
    pub prefix: Option<Prefix>,
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
    /// For whom the findings are.
    pub detail: Detail,
    /// Where the search is kept while it is not through.
    pub file: Option<&'a SearchFile>,
}

/// How closely findings are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Those that the scenario asks about are made small.
    Verdict,
    /// All are made small; those that are asked about are set beside the nearest run that holds.
    Full,
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
    /// What no run did, although an asked oracle needs it.
    pub missed: Vec<Missed>,
    /// What one run finds at the least, if the strategy knows.
    pub chance: Option<Chance>,
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
    /// If the host does not start the worker threads, or the search cannot be kept, or what was kept is not its state.
    pub fn ask(&self, loaded: &Loaded, chosen: &Chosen) -> Result<Answered, Failure> {
        let experiments = self.experiments(loaded, chosen);
        let probes = Probes::new(experiments.len());
        let stored = match self.file {
            Some(file) => file.read()?,
            None => None,
        };
        if let Some(stored) = &stored {
            probes.restore(&stored.reached);
            if !self.quiet {
                tell(&format!("note: the search goes on after {}\n", counted(stored.state.runs(), "run")));
            }
        }
        let report = self.search(loaded, chosen, &experiments, &probes, stored.map(|stored| stored.state))?;
        // Shrinking makes runs of its own, which must not count as reached.
        let reached = probes.reached();
        let plans = experiments.iter().zip(&reached.fault_plans).filter(|(_, struck)| !**struck);
        let unreached = plans.filter_map(|(experiment, _)| experiment.fault_plan()).collect();
        let missed = reached.missed(&loaded.scenario);
        let found = workers(self.jobs)?.install(|| {
            let findings = report.findings.par_iter();
            let look = |simulator: &mut Simulator, finding| {
                self.look(&loaded.scenario, &experiments, &report, finding, simulator)
            };
            findings.map_init(Simulator::new, look).collect()
        });
        let chance = match self.prefix {
            None => draws::chance(self.strategy, &loaded.scenario, &experiments, self.seeds.start),
            Some(_) => None,
        };
        Ok(Answered { report, found, unreached, missed, chance })
    }

    /// A run that is continued is one of one fault plan; else each fault plan is tried.
    fn experiments<'b>(&self, loaded: &'b Loaded, chosen: &'b Chosen) -> Vec<ScenarioExperiment<'b>> {
        let (scenario, variant, host) = (&loaded.scenario, &chosen.variant, &loaded.host);
        match &self.prefix {
            Some(prefix) => vec![ScenarioExperiment::new(scenario, variant, host, prefix.fault_plan)],
            None => ScenarioExperiment::all(scenario, variant, host),
        }
    }

    fn search(
        &self,
        loaded: &Loaded,
        chosen: &Chosen,
        experiments: &[ScenarioExperiment<'_>],
        probes: &Probes,
        from: Option<SearchState>,
    ) -> Result<Report, Failure> {
        let probed: Vec<Probed<'_>> =
            experiments.iter().enumerate().map(|(index, experiment)| Probed { experiment, index, probes }).collect();
        let as_experiments: Vec<&dyn Experiment> = probed.iter().map(|e| e as &dyn Experiment).collect();
        let drawn = trials::strategy(self.strategy, &loaded.scenario)?;
        self.refuse_what_takes_too_long(&*drawn, &as_experiments)?;
        let continued = self.prefix.as_ref().map(|prefix| prefix.continued(&experiments[0], &*drawn));
        let progress = Progress::new(&chosen.name, self.quiet);
        let search = Search {
            experiments: &as_experiments,
            strategy: match &continued {
                Some(continued) => continued,
                None => &*drawn,
            },
            seeds: self.seeds.clone(),
            jobs: self.jobs,
            budget: self.budget,
            stop: self.stop,
            progress: &|at| {
                progress.set(at.runs, at.runs_planned, format!("runs, {} findings", at.findings));
            },
        };
        let unsaved = RefCell::new(None);
        let save = |state: &SearchState| {
            if let Some(file) = self.file
                && let Err(failure) = file.write(state, probes.reached())
            {
                unsaved.borrow_mut().get_or_insert(failure);
            }
        };
        let report = search.run_from(from.as_ref(), &save).map_err(|error| match (error.kind(), self.file) {
            (io::ErrorKind::InvalidData, Some(file)) => file.refuse(&error.to_string()),
            _ => no_workers(&error),
        })?;
        match (unsaved.into_inner(), self.file) {
            (Some(failure), _) => return Err(failure),
            (None, Some(file)) if report.complete => file.remove()?,
            (None, _) => {}
        }
        Ok(report)
    }

    /// An exhaustive search can be out of reach. Its size is known from the undisturbed runs, at the least.
    fn refuse_what_takes_too_long(&self, drawn: &dyn Strategy, experiments: &[&dyn Experiment]) -> Result<(), Failure> {
        if self.budget.is_some() || !matches!(self.strategy, StrategyChoice::Exhaustive(_)) {
            return Ok(());
        }
        let mut simulator = Simulator::new();
        simulator.record_events(true);
        let (mut runs, mut seconds) = (0.0, 0.0);
        for experiment in experiments {
            let base = Trial::undisturbed(*experiment, self.seeds.start);
            let started = Instant::now();
            let outcome = experiment.run(&mut simulator, &base, false);
            let one_run = started.elapsed().as_secs_f64();
            let trials = drawn.trials(&base, &outcome, self.seeds.clone()).estimated_trials().unwrap_or(0) as f64;
            runs += trials;
            seconds += trials * one_run;
        }
        let workers = match self.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        let seconds = seconds / workers as f64;
        if seconds <= UNASKED_SECONDS_MAX {
            return Ok(());
        }
        let time = match seconds {
            ..7_200.0 => format!("{:.0} minutes", seconds / 60.0),
            ..172_800.0 => format!("{:.0} hours", seconds / 3_600.0),
            ..63_072_000.0 => format!("{:.0} days", seconds / 86_400.0),
            _ => format!("{:.0} years", seconds / 31_536_000.0),
        };
        let message = format!(
            "{} would take at least {time}: {runs:.0} runs or more on {}",
            self.strategy,
            counted(workers as u64, "worker")
        );
        Err(Failure::usage(message, Some("give `--budget 30s` to search for that long".to_owned())))
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
        let goes_on = || !self.stop.load(Ordering::Relaxed);
        let mut found = Found::new(experiment, finding, report, asked);
        if self.prefix.is_none() {
            let (first, trial) = (self.seeds.start, &finding.trial);
            found.knobs = draws::knobs(self.strategy, scenario, experiment, simulator, first, trial);
        }
        if (asked || self.detail == Detail::Full) && goes_on() {
            if let Some(timed) = explore::timed_plan(experiment, simulator, &found.trial, &finding.violation) {
                found.trial = timed;
            }
            if found.trial.plan.stalls.len() > MANY_STALLS {
                found.trial = explore::fewer_pauses(
                    experiment,
                    simulator,
                    &found.trial,
                    &finding.violation,
                    FEWER_PAUSES_RUNS_MAX,
                );
            }
            let shrunk = explore::shrink(experiment, simulator, &found.trial, &finding.violation, SHRINK_RUNS_MAX);
            (found.trial, found.is_minimal) = (shrunk.trial, shrunk.is_minimal);
            let before: Vec<u64> = found.trial.plan.stalls.iter().map(|stall| stall.span_ns).collect();
            let measured =
                explore::windows(experiment, simulator, &mut found.trial, &finding.violation, WINDOW_RUNS_MAX);
            if asked && self.detail == Detail::Full && goes_on() {
                found.nearest = explore::nearest(experiment, simulator, &found.trial, &measured, &finding.violation);
            }
            found.windows = Some(before.into_iter().zip(measured).collect());
        }
        let outcome = experiment.run(simulator, &found.trial, false);
        found.faults = experiment.faults_of(&found.trial);
        found.trace_hash = outcome.hash;
        match outcome.violations.into_iter().find(|again| again.is_same_finding(&finding.violation)) {
            Some(again) => found.violation = again,
            None => {
                found.replays = false;
                found.windows = None;
                found.nearest = None;
            }
        }
        found
    }
}
