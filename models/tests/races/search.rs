//! Running the search of a shipped scenario for one design.

use colosim_models::experiment::{ScenarioExperiment, stall_max};
use colosim_models::host_profile::HostProfile;
use colosim_models::oracle::asks_of;
use colosim_models::preset::preset;
use colosim_models::scenario::{Asks, Scenario, VariantChoice};
use colosim_models::steps::STEPS;
use colosim_models::variant::{Overrides, Variant};
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::explore::{Experiment, Finding, Report, Search, Stalls};
use colosim_sim::{Plan, Simulator, StepId};
use std::sync::atomic::AtomicBool;

/// A shipped scenario.
pub fn scenario(name: &str) -> Scenario {
    let path = format!("{}/../scenarios/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the scenario is shipped");
    Scenario::from_ron(&text, &path).expect("the scenario is valid")
}

/// The design of this name.
pub fn design(name: &str) -> Variant {
    preset(name).expect("the preset is shipped").variant.clone()
}

/// A design with switches changed.
pub fn changed(name: &str, overrides: Overrides) -> Variant {
    VariantChoice { preset: name.into(), overrides }.resolve().expect("the switches go together")
}

/// One run of `merged` with the first fault plan of the scenario, in which every fault strikes.
pub fn run_of_merged(scenario: &Scenario) -> Run {
    let host = HostProfile::builtin(&scenario.host).expect("the profile is built in");
    let input = RunInput {
        scenario,
        variant: &design("merged"),
        host: &host,
        faults: &scenario.faults[0],
        seed: 1,
        plan: &Plan::undisturbed(),
        record: false,
    };
    let run = run(&mut Simulator::new(), input);
    assert_eq!(run.faults_struck as usize, scenario.faults[0].len(), "every fault strikes");
    run
}

/// What a search found, and whether it reached every fault of every plan.
pub struct Found {
    report: Report,
}

/// Search every fault plan of the scenario with this many seeds.
pub fn search(scenario: &Scenario, design: &Variant, seeds: u64) -> Found {
    let host = HostProfile::builtin(&scenario.host).expect("the profile is built in");
    let experiments = ScenarioExperiment::all(scenario, design, &host);
    let dynamic: Vec<&dyn Experiment> = experiments.iter().map(|e| e as &dyn Experiment).collect();
    let search = Search {
        experiments: &dynamic,
        strategy: &Stalls { span_max: stall_max(scenario) },
        seeds: 0..seeds,
        jobs: 0,
        budget: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let report = search.run().expect("workers start");
    assert!(report.complete);
    assert!(experiments.iter().all(|e| e.runs_that_reached_all_faults() > 0), "a fault never struck");
    Found { report }
}

impl Found {
    /// Findings of one oracle.
    pub fn of(&self, asks: Asks) -> Vec<&Finding> {
        self.report.findings.iter().filter(|finding| asks_of(finding.violation.kind) == asks).collect()
    }

    /// The finding of this kind on this object with these steps.
    pub fn finding(&self, kind: &str, object: &str, step: &str, cause: &str) -> Option<&Finding> {
        let name = |step: StepId| STEPS[usize::from(step.0)].name;
        self.report.findings.iter().find(|finding| {
            let violation = &finding.violation;
            violation.kind.0 == kind
                && violation.object == object
                && name(violation.culprit.step) == step
                && violation.cause.as_ref().is_some_and(|place| name(place.step) == cause)
        })
    }
}
