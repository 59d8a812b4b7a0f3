//! Swarm: the knobs, and that trials are drawn under them.

use crate::explore_sequence::{Sequence, draw, search, trial_of, undisturbed};
use crate::explore_toy::{Toy, trial};
use colosim_sim::explore::{Experiment, Strategy, Swarm, Trial};
use colosim_sim::{Outcome, Simulator, Span};
use std::collections::{BTreeMap, BTreeSet};

const SWARM: Swarm = Swarm { span_max: Span::millis(8) };

/// The knobs of a seed by name.
fn knobs(seed: u64, base: &Trial, undisturbed: &Outcome) -> BTreeMap<&'static str, String> {
    SWARM.knobs(seed, base, undisturbed).into_iter().collect()
}

#[test]
fn knobs_are_shown_in_the_order_of_the_table() {
    let toy = Sequence::new(&[]);
    let shown = SWARM.knobs(1, &trial_of(&[]), &undisturbed(&toy));
    let names: Vec<&str> = shown.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["threads", "steps", "stalls", "spans", "host preempts", "faults"]);
}

#[test]
fn every_knob_takes_each_of_its_values() {
    let toy = Toy { pages: 2, ..Toy::new(false) };
    let base = trial(&[]);
    let outcome = toy.run(&mut Simulator::new(), &base, false);
    assert!(!outcome.hazards.is_empty());
    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for seed in 0..300 {
        for (name, value) in knobs(seed, &base, &outcome) {
            values.entry(name).or_default().insert(value);
        }
    }
    let expected = [
        ("faults", &["0", "1", "all", "none"][..]),
        ("host preempts", &["no", "yes"]),
        ("spans", &["any, 1 µs to 8 ms", "long, 400 µs to 8 ms", "middle, 20 µs to 400 µs", "short, 1 µs to 20 µs"]),
        ("stalls", &["0", "1", "2", "3", "4"]),
        ("steps", &["all", "hazards", "once"]),
        ("threads", &["all", "main", "receiver"]),
    ];
    let expected: BTreeMap<&str, BTreeSet<String>> =
        expected.map(|(name, values)| (name, values.iter().map(|value| value.to_string()).collect())).into();
    assert_eq!(values, expected);
}

#[test]
fn a_trial_keeps_to_its_knobs() {
    let toy = Toy { pages: 4, ..Toy::new(false) };
    let base = trial(&[]);
    let outcome = toy.run(&mut Simulator::new(), &base, false);
    let mut course = SWARM.trials(&base, &outcome, 0..300);
    for seed in 0..300 {
        let (trial, knobs) = (course.next_trial().unwrap(), knobs(seed, &base, &outcome));
        let stalls = &trial.plan.stalls;
        assert_eq!((trial.seed, stalls.len().to_string()), (seed, knobs["stalls"].clone()));
        assert_eq!(trial.plan.host_preempts, knobs["host preempts"] == "yes");
        assert!(knobs["threads"] == "all" || stalls.iter().all(|stall| stall.thread == knobs["threads"]));
        match &*knobs["steps"] {
            "once" => assert!(stalls.iter().all(|stall| stall.step == "main.free" && stall.visit == 1)),
            "hazards" => assert!(stalls.iter().all(|stall| stall.step == "receiver.use")),
            _ => {}
        }
        let (low_ns, high_ns) = match &knobs["spans"][..3] {
            "any" => (1_000, 8_000_000),
            "sho" => (1_000, 20_000),
            "mid" => (20_000, 400_000),
            _ => (400_000, 8_000_000),
        };
        assert!(stalls.iter().all(|stall| (low_ns..=high_ns).contains(&stall.span_ns)), "{trial:?} {knobs:?}");
        let faults = match &*knobs["faults"] {
            "all" => vec![0, 1],
            "none" => vec![],
            one => vec![one.parse().unwrap()],
        };
        assert_eq!(trial.faults, faults);
    }
    assert!(course.next_trial().is_none());
}

#[test]
fn a_value_that_leaves_no_place_is_not_drawn() {
    let toy = Sequence::new(&[]);
    let outcome = undisturbed(&toy);
    assert!(outcome.hazards.is_empty());
    assert!((0..200).all(|seed| knobs(seed, &trial_of(&[]), &outcome)["steps"] != "hazards"));
}

#[test]
fn a_seed_draws_the_same_trial_in_any_range() {
    let toy = Sequence::new(&[]);
    assert_eq!(draw(&SWARM, &toy, 0..40)[17..32], draw(&SWARM, &toy, 17..32));
}

#[test]
fn it_finds_a_bug_that_needs_two_stalls() {
    let report = search(&Sequence::new(&["a1", "b1", "a2", "b2"]), &SWARM, 0..2_000);
    let finding = &report.findings[0];
    assert!(finding.shown[0] >= 5, "shown by {} runs", finding.shown[0]);
    let again = Sequence::new(&["a1", "b1", "a2", "b2"]).run(&mut Simulator::new(), &finding.trial, false);
    assert_eq!(again.violations[0], finding.violation);
}

#[test]
fn an_experiment_without_steps_has_no_stalls() {
    let empty = Simulator::new().run(crate::common::config(), |_| {});
    let base = Trial { faults: vec![], ..trial(&[]) };
    assert!((0..50).all(|seed| knobs(seed, &base, &empty)["stalls"] == "0"));
}
