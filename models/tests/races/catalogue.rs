//! Every race of the table is found where it has to be, and nowhere else.
//!
//! Method: each scenario that a race names is searched once for every design that one of its races names; then every finding must
//! be an instance of a race that this design may have, every race that has to be there must be among them, and none that
//! must not.

use crate::search::{scenario, search_with};
use colosim_models::races::{Race, races};
use colosim_models::scenario::VariantChoice;
use colosim_sim::Violation;
use std::collections::BTreeSet;

/// Seeds for each fault plan. What has to be found is found within them.
const SEEDS: u64 = 48;

/// What is wrong in one scenario: empty if the table and the search agree.
fn disagreements(scenario_name: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let of_scenario: Vec<&Race> =
        races().into_iter().filter(|race| race.scenario == scenario_name && race.changes == changes).collect();
    let designs: BTreeSet<&str> =
        of_scenario.iter().flat_map(|race| race.found_in.iter().chain(race.absent_in)).copied().collect();
    let mut wrong = Vec::new();
    for design in designs {
        wrong.extend(disagreements_of(scenario_name, changes, &of_scenario, design));
    }
    wrong
}

fn disagreements_of(name: &str, changes: &[(&str, &str)], races_here: &[&Race], design: &str) -> Vec<String> {
    let changed = changes
        .iter()
        .fold(scenario(name), |scenario, (path, value)| scenario.set(path, value).expect("the field can be set"));
    let choice: VariantChoice = design.parse().unwrap_or_else(|error| panic!("{design}: {error}"));
    let mut wrong = Vec::new();
    for resolved in choice.resolve_all().unwrap_or_else(|error| panic!("{design}: {error}")) {
        let report = search_with(&changed, &resolved.variant, SEEDS);
        let design_name = resolved.choice.to_string();
        for race in races_here {
            let shown = report.findings.iter().any(|finding| race.explains(&finding.violation));
            if race.found_in.contains(&design) && !shown {
                wrong.push(format!("{name}, {design_name}: {} is not found in {} runs", race.title(), report.runs));
            }
        }
        for finding in &report.findings {
            let explains = |race: &&Race| race.explains(&finding.violation) && !race.absent_in.contains(&design);
            if !races().iter().any(explains) {
                wrong.push(format!("{name}, {design_name}: no race explains {}", said(&finding.violation)));
            }
        }
    }
    wrong
}

fn said(violation: &Violation) -> String {
    let step = |step: colosim_sim::StepId| colosim_models::steps::STEPS[usize::from(step.0)].name;
    let cause = violation.cause.as_ref().map_or("", |place| step(place.step));
    format!(
        "{} of {} at {} after {cause}: {}",
        violation.kind.0,
        violation.object,
        step(violation.culprit.step),
        violation.detail
    )
}

macro_rules! scenarios {
    ($($test:ident: $name:literal,)+) => {
        $(#[test]
        fn $test() {
            let changes: BTreeSet<&[(&str, &str)]> =
                races().iter().filter(|race| race.scenario == $name).map(|race| race.changes).collect();
            let wrong: Vec<String> = changes.into_iter().flat_map(|changes| disagreements($name, changes)).collect();
            assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        })+

        #[test]
        fn every_race_has_a_scenario_that_is_tested() {
            let tested = [$($name),+];
            for race in races() {
                assert!(tested.contains(&race.scenario), "{} is not tested", race.title());
            }
        }
    };
}

scenarios! {
    cache_teardown: "cache-teardown",
    failover_leak: "failover-leak",
}
