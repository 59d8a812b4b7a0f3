//! Ten thousand runs are the same runs on one worker, on two, and at every optimisation level.
//!
//! Goal: no run depends on who makes it, on what its simulator ran before, on addresses, or on how the compiler was told to
//! optimise. Method: the shipped scenarios, made small, with every preset, under their own faults and under one of each other
//! kind; for each of these, seeds with the host's noise, with stalls, and with both. The trace hashes of all runs, in order,
//! are folded into one number, the same in an optimised build, in a test build and in one without any optimisation:
//!
//! ```text
//! cargo test -p colosim-models --test races determinism --release
//! cargo test -p colosim-models --test races determinism
//! CARGO_PROFILE_DEV_OPT_LEVEL=0 cargo test -p colosim-models --test races determinism
//! ```

use crate::search::{design, scenario};
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::host_profile::HostProfile;
use colosim_models::preset::PRESETS;
use colosim_models::scenario::{Action, Fault, Place, Scenario, Span, Stop};
use colosim_models::variant::Variant;
use colosim_sim::explore::{Course, Determinism, Experiment, Report, Search, Stalls, Strategy, Trial, verify};
use colosim_sim::{Outcome, Simulator};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// All trace hashes, folded. A change that moves this changes what runs mean, and says so in its commit message.
const GOLDEN: u64 = 0x7779_0e64_a7de_380f;

const RUNS_MIN: usize = 10_000;

/// A shipped scenario with a guest of 16 pages that ends after one checkpoint, which is where its faults strike.
fn small(name: &str) -> Scenario {
    let mut scenario = scenario(name);
    for (path, value) in [
        ("guest.ram", "64 KiB"),
        ("guest.workload", "EachRun(pages: 4)"),
        ("migration.max_bandwidth", "0"),
        ("migration.multifd_channels", "2"),
        ("migration.x_checkpoint_delay", "2 ms"),
        ("migration.device_state", "128 B"),
    ] {
        scenario = scenario.set(path, value).expect("the field is there");
    }
    if scenario.stop != Stop::AfterPrecopy {
        scenario.stop = Stop::AfterCheckpoints(1);
    }
    for fault in scenario.faults.iter_mut().flatten() {
        if let Some(Place::LoadingRam { checkpoint } | Place::Idle { checkpoint }) = &mut fault.at {
            *checkpoint = 1;
        }
    }
    scenario
}

/// A scenario in which every kind of fault strikes that the shipped ones do without.
fn every_fault() -> Scenario {
    use Action::*;
    let fault = |at, action| Fault { at: Some(at), after: None, action };
    let then = |action| Fault { at: None, after: Some(Span::from_nanos(1_000_000)), action };
    let checkpoint = 1;
    let plan = |at: Place, action, failover| vec![fault(at, action), then(failover)];
    let mut scenario = small("cache-teardown");
    scenario.faults = vec![
        plan(Place::Requested { checkpoint }, FreezePrimary, FailoverSecondary),
        plan(Place::SavingRam { checkpoint }, KillSecondary, FailoverPrimary),
        plan(Place::LoadingRam { checkpoint }, FreezeSecondary, FailoverPrimary),
        plan(Place::SavingRam { checkpoint }, YankPrimary, FailoverSecondary),
        plan(Place::LoadingRam { checkpoint }, CutMain, FailoverSecondary),
        plan(Place::LoadingRam { checkpoint }, CutChannel { channel: 1 }, FailoverPrimary),
        plan(Place::Received { checkpoint }, CutAll, FailoverSecondary),
        plan(Place::LoadingRam { checkpoint }, ResetMain, FailoverSecondary),
        plan(Place::LoadingRam { checkpoint }, ResetChannel { channel: 0 }, FailoverSecondary),
        plan(Place::Flushing { checkpoint }, KillPrimary, FailoverSecondary),
        vec![fault(Place::LoadingRam { checkpoint }, KillPrimary)],
    ];
    scenario
}

fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<Scenario> =
        ["cache-teardown", "cache-teardown-idle", "failover-leak", "checkpoint-interval", "precopy"].map(small).into();
    all.push(every_fault());
    all
}

/// An experiment that keeps the trace hash of each of its runs.
struct Hashed<'a> {
    experiment: ScenarioExperiment<'a>,
    /// By seed: no two trials of [`Mixed`] have the same.
    hashes: Mutex<BTreeMap<u64, u64>>,
}

impl Experiment for Hashed<'_> {
    fn fault_count(&self) -> u32 {
        self.experiment.fault_count()
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let outcome = self.experiment.run(simulator, trial, record);
        let before = self.hashes.lock().expect("no run panics").insert(trial.seed, outcome.hash);
        assert!(before.is_none_or(|hash| hash == outcome.hash), "seed {} was run twice and differs", trial.seed);
        outcome
    }
}

/// By turns the host's noise alone, stalls alone, and both. The first seed is that of the undisturbed run.
struct Mixed;

impl Strategy for Mixed {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        const STALLS: Stalls = Stalls { span_max: colosim_sim::Span::millis(20) };
        let mut stalls = STALLS.trials(base, undisturbed, seeds.start + 1..seeds.end);
        Box::new(std::iter::from_fn(move || {
            let mut trial = stalls.next_trial()?;
            trial.plan.host_preempts = !trial.seed.is_multiple_of(3);
            if trial.seed % 3 == 1 {
                trial.plan.stalls.clear();
            }
            Some(trial)
        }))
    }
}

/// The hashes of all runs, folded in the order of scenarios, designs, fault plans and seeds; how many there are; and what
/// the search reports.
fn fold(scenarios: &[Scenario], designs: &[Variant], host: &HostProfile, jobs: usize) -> (u64, usize, Report) {
    let pairs = scenarios.iter().flat_map(|scenario| designs.iter().map(move |design| (scenario, design)));
    let experiments = pairs.flat_map(|(scenario, design)| ScenarioExperiment::all(scenario, design, host));
    let hashed: Vec<Hashed<'_>> =
        experiments.map(|experiment| Hashed { experiment, hashes: Mutex::default() }).collect();
    let experiments: Vec<&dyn Experiment> = hashed.iter().map(|hashed| hashed as &dyn Experiment).collect();
    let seeds_each = RUNS_MIN.div_ceil(experiments.len()) as u64;
    let search = Search {
        experiments: &experiments,
        strategy: &Mixed,
        seeds: 0..seeds_each,
        jobs,
        budget: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let report = search.run().expect("workers start");
    assert!(report.complete);
    let hashes: Vec<u64> = hashed
        .into_iter()
        .flat_map(|hashed| hashed.hashes.into_inner().expect("no run panics").into_values())
        .collect();
    let folded =
        hashes.iter().fold(0, |folded: u64, hash| (folded.rotate_left(5) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (folded, hashes.len(), report)
}

#[test]
fn ten_thousand_runs_hash_the_same_on_one_worker_on_two_and_at_every_optimisation_level() {
    let (scenarios, host) =
        (scenarios(), HostProfile::builtin("lab-loopback-medians").expect("the profile is built in"));
    let designs: Vec<Variant> = PRESETS.iter().map(|preset| preset.variant.clone()).collect();
    let (one, runs, report) = fold(&scenarios, &designs, &host, 1);
    assert!(runs >= RUNS_MIN, "{runs}");
    assert_eq!(report.runs, runs as u64);
    // The runs are worth something: they break in many ways.
    assert!(report.findings.len() >= 10, "{:#?}", report.findings);
    let (two, _, report_of_two) = fold(&scenarios, &designs, &host, 2);
    assert_eq!(two, one, "two workers, one worker");
    assert_eq!(report_of_two, report);
    assert_eq!(one, GOLDEN, "{one:#018x}, {:?}", report.runs_by_experiment);
}

/// From its second run on, one step of a receive thread takes a little longer: what a look at the real clock would do.
struct Planted<'a> {
    first: ScenarioExperiment<'a>,
    later: ScenarioExperiment<'a>,
    runs: AtomicU64,
}

impl Experiment for Planted<'_> {
    fn fault_count(&self) -> u32 {
        self.first.fault_count()
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let experiment = if run == 0 { &self.first } else { &self.later };
        experiment.run(simulator, trial, record)
    }
}

#[test]
fn a_receive_thread_that_depends_on_more_than_the_trial_is_named_with_both_records() {
    const STEP: &str = "multifd_recv.readv_pages";
    let (scenario, design) = (small("cache-teardown"), design("merged"));
    let host = HostProfile::builtin("uniform").expect("the profile is built in");
    let mut later = host.clone();
    let mut cost = later.cost(STEP);
    cost.fixed = Span::from_nanos(cost.fixed.nanos() + 1);
    later.steps.insert(STEP.to_owned(), cost);
    let planted = Planted {
        first: ScenarioExperiment::new(&scenario, &design, &host, Some(0)),
        later: ScenarioExperiment::new(&scenario, &design, &later, Some(0)),
        runs: AtomicU64::new(0),
    };
    let trial = Trial::undisturbed(&planted, 1);
    let Determinism::Differs(difference) = verify(&planted, &mut Simulator::new(), &trial) else {
        panic!("a difference was planted")
    };
    let (first, second) = (difference.first.as_ref().expect("a step"), difference.second.as_ref().expect("a step"));
    assert_eq!((first.step, &first.thread, first.visit), (STEP, &second.thread, second.visit));
    assert_eq!((second.step, second.time.0), (STEP, first.time.0 + 1));
    assert!(first.thread.starts_with("mig/dst/recv_"), "{difference}");
    let text = difference.to_string();
    for part in ["first run:  ", "second run: ", STEP, "the last step in common: "] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
