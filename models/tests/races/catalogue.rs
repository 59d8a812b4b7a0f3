//! Every race of the table is found where it has to be, and nowhere else.
//!
//! Method: each scenario that a race names is searched once for every design that one of its races names; then every finding must
//! be an instance of a race that this design may have, every race that has to be there must be among them, and none that
//! must not.

use colosim_models::races::{Effort, Race, races, scenario_of, search};
use colosim_models::scenario::VariantChoice;
use colosim_sim::Violation;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

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
    let (scenario, host) = scenario_of(name, changes);
    let choice: VariantChoice = design.parse().unwrap_or_else(|error| panic!("{design}: {error}"));
    let mut wrong = Vec::new();
    for resolved in choice.resolve_all().unwrap_or_else(|error| panic!("{design}: {error}")) {
        let effort = Effort { seeds: SEEDS, jobs: 1, stop: &AtomicBool::new(false) };
        let searched = search(&scenario, &host, &resolved.variant, races_here, effort).expect("workers start");
        let here = format!("{name}, {}", resolved.choice);
        for (race, shown) in races_here.iter().zip(&searched.shown) {
            if race.found_in.contains(&design) && shown.is_none() {
                wrong.push(format!("{here}: {} is not found in {} runs", race.title(), searched.runs));
            }
        }
        for (violation, races) in &searched.explained {
            if !races.iter().any(|race| may_be(race, design)) {
                let races: Vec<String> = races.iter().map(|race| race.title()).collect();
                wrong.push(format!("{here}: no race, or one that must not be ({races:?}): {}", said(violation)));
            }
        }
        let unreached = &searched.unreached;
        let ended_before = searched.explained.iter().any(|(violation, _)| violation.kind.is_fatal());
        if !unreached.is_empty() && !ended_before {
            wrong.push(format!("{here}: fault plans {unreached:?} never struck as a whole"));
        }
    }
    wrong
}

/// May this design have the race? A fixed design with one change taken back has the race that the change closes, and the known
/// limits, and nothing else.
fn may_be(race: &Race, design: &str) -> bool {
    match design.strip_prefix("merged-fixed + ") {
        Some(_) => race.found_in.contains(&design) || race.found_in.contains(&"merged-fixed"),
        None => !race.absent_in.contains(&design),
    }
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
    channel_count: "channel-count",
    codec_hook: "codec-hook",
    copy_order: "copy-order",
    dead_channel: "dead-channel",
    early_packet: "early-packet",
    enter_colo: "enter-colo",
    kick_fix: "kick-fix",
    predicates: "predicates",
    receivedmap_2024: "receivedmap-2024",
    resize: "resize",
    sync_modes: "sync-modes",
    vm_restart: "vm-restart",
    zero_pages: "zero-pages",
    zero_shortcut: "zero-shortcut",
    load_error: "load-error",
    received_window: "received-window",
    dead_main_channel: "dead-main-channel",
    failed_load: "failed-load",
    failover_at_start: "failover-at-start",
    partition: "partition",
    user_cont: "user-cont",
    cache_teardown: "cache-teardown",
    failover_leak: "failover-leak",
    output_commit: "output-commit",
    primary_failover: "primary-failover",
}
