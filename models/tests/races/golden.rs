//! The same input gives the same run: on every machine, at every optimisation level, for ever. A change that moves one of these
//! hashes changes what runs mean, and says so in its commit message.

use crate::search::{design, scenario};
use colosim_models::host_profile::HostProfile;
use colosim_models::world::{RunInput, run};
use colosim_sim::{Plan, Simulator};

/// Trace hash and number of steps of each design, as an optimised build gave them.
const SERIES_V5: (u64, u64) = (0x7422_a640_8d8c_21bf, 23_951);
const MERGED: (u64, u64) = (0x312c_b9a6_49d1_0b66, 21_923);
const PLAIN: (u64, u64) = (0xf0ef_3d1b_92a0_266c, 52_986);

fn trace(name: &str) -> (u64, u64) {
    let scenario = scenario("cache-teardown");
    let host = HostProfile::builtin(&scenario.host).expect("the profile is built in");
    let input = RunInput {
        scenario: &scenario,
        variant: &design(name),
        host: &host,
        faults: &scenario.faults[2],
        seed: 7,
        plan: &Plan::natural(),
        record: false,
    };
    let outcome = run(&mut Simulator::new(), input).outcome;
    (outcome.hash, outcome.steps)
}

#[test]
fn traces_are_what_they_were() {
    assert_eq!(trace("series-v5"), SERIES_V5);
    assert_eq!(trace("merged"), MERGED);
    assert_eq!(trace("plain-ram.c"), PLAIN);
}

#[test]
fn a_simulator_that_ran_something_else_before_gives_the_same_trace() {
    let scenario = scenario("cache-teardown");
    let host = HostProfile::builtin(&scenario.host).expect("the profile is built in");
    let mut simulator = Simulator::new();
    let mut hash = |seed| {
        let (variant, plan) = (design("merged"), Plan::natural());
        let faults = &scenario.faults[2];
        let (scenario, variant, host, plan) = (&scenario, &variant, &host, &plan);
        run(&mut simulator, RunInput { scenario, variant, host, faults, seed, plan, record: false }).outcome.hash
    };
    let first = hash(7);
    assert_ne!(hash(8), first);
    assert_eq!(hash(7), first);
}
