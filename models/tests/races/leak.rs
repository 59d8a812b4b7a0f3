//! Race 8: pages of a checkpoint that was never whole get into the guest at failover; measured on QEMU 11.1.3, always in
//! whole packets of 128 pages.

use crate::search::{changed, design, scenario, search};
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::Asks;
use colosim_models::variant::{CopyPredicate, Overrides};
use colosim_sim::Simulator;
use colosim_sim::explore::Trial;

const COPY: &str = "multifd_recv.copy_to_guest";
const LEAVE: &str = "failover.leave_colo_state";

#[test]
fn merged_leaks_whole_packets_without_any_stall() {
    let (scenario, merged) = (scenario("failover-leak"), design("merged"));
    let host = HostProfile::builtin(&scenario.host).unwrap();
    let experiment = ScenarioExperiment::new(&scenario, &merged, &host, Some(0));
    let mut simulator = Simulator::new();
    let mut leaks = 0;
    for seed in 0..10 {
        let run = experiment.run_whole(&mut simulator, &Trial::undisturbed(&experiment, seed), false);
        assert_eq!(run.metrics.leaked_pages % 128, 0, "seed {seed} leaks {} pages", run.metrics.leaked_pages);
        leaks += u32::from(run.metrics.leaked_pages > 0);
    }
    assert!(leaks > 0);
}

#[test]
fn with_the_bql_held_over_the_load_the_leak_needs_a_failed_load_and_a_stall() {
    let found = search(&scenario("failover-leak"), &design("merged-bql-held"), 25);
    let leak = found.finding("uncommitted-pages", "guest RAM", COPY, LEAVE).expect("race 8 is found");
    assert_eq!(leak.shown_undisturbed, 0);
    assert_eq!(leak.experiment, 1, "only the plan that kills the primary first");
}

#[test]
fn copying_only_in_state_active_closes_the_leak() {
    let fix = Overrides { copy_predicate: Some(CopyPredicate::ActiveOnly), ..Overrides::default() };
    let found = search(&scenario("failover-leak"), &changed("merged", fix), 25);
    assert_eq!(found.of(Asks::CommittedState), Vec::<&_>::new());
    assert_eq!(found.of(Asks::SecondaryUntouched), Vec::<&_>::new());
}

#[test]
fn one_read_of_the_state_for_each_packet_does_not_close_the_leak() {
    let once = Overrides { copy_predicate: Some(CopyPredicate::Snapshot), ..Overrides::default() };
    let found = search(&scenario("failover-leak"), &changed("merged", once), 40);
    assert!(!found.of(Asks::CommittedState).is_empty());
}

#[test]
fn the_plain_path_leaks_too_and_may_set_a_bit_outside_of_the_received_map() {
    // Races 9 and 16.
    let found = search(&scenario("failover-leak"), &design("plain-ram.c"), 12);
    assert!(!found.of(Asks::CommittedState).is_empty());
    assert!(!found.of(Asks::Bounds).is_empty());
}
