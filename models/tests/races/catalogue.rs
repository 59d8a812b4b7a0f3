//! Every race of the table is found where it has to be, and nowhere else.
//!
//! Method: each scenario that a race names is searched once for every design that one of its races names; then every finding must
//! be an instance of a race that this design may have, every race that has to be there must be among them, and none that
//! must not.

use colosim_models::races::{Effort, Race, races, scenario_of, search};
use colosim_models::scenario::VariantChoice;
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
        let found = searched.disagreements(design, races_here);
        wrong.extend(found.into_iter().map(|what| format!("{name}, {}: {what}", resolved.choice)));
    }
    wrong
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
