//! Every placement of logical holds at conflicting accesses is tried once, and none is left out.

use crate::explore_toy::{Toy, trial};
use colosim_sim::explore::{Exhaustive, Experiment, Report, Search, Strategy, Trial};
use colosim_sim::{Hold, Kind, Outcome, Simulator, Span};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn exhaustive(holds: usize) -> Exhaustive {
    Exhaustive { holds, longest: Span::micros(10), after: None }
}

fn toy(pages: usize, joins: bool) -> Toy {
    Toy { pages, ..Toy::new(joins) }
}

fn search<T>(toy: &Toy, strategy: &Exhaustive, jobs: usize, then: impl FnOnce(Search<'_>) -> T) -> T {
    let stop = AtomicBool::new(false);
    let experiments: [&dyn Experiment; 1] = [toy];
    let (progress, budget) = (&|_| {}, None);
    then(Search { experiments: &experiments, strategy, seeds: 1..2, jobs, budget, stop: &stop, progress })
}

fn report(toy: &Toy, holds: usize, jobs: usize) -> Report {
    search(toy, &exhaustive(holds), jobs, |search| search.run().unwrap())
}

fn run(toy: &Toy, records: bool) -> Outcome {
    let mut simulator = Simulator::new();
    simulator.record_events(records);
    toy.run(&mut simulator, &trial(&[]), false)
}

fn first_level(toy: &Toy) -> Vec<Hold> {
    let (base, undisturbed, strategy) = (trial(&[]), run(toy, true), exhaustive(1));
    let mut course = strategy.trials(&base, &undisturbed, 1..2);
    std::iter::from_fn(|| course.next_trial()).map(|trial| trial.plan.holds[0].clone()).collect()
}

fn names(hold: &Hold) -> (&str, u32, &str) {
    (&hold.at.step, hold.at.visit, &hold.until.step)
}

#[test]
fn recording_the_events_does_not_change_the_run() {
    let toy = toy(20, false);
    assert_eq!(run(&toy, true).hash, run(&toy, false).hash);
}

#[test]
fn the_conflicting_pairs_of_an_unordered_free_are_found() {
    // The check reads what the free changes; so does the use.
    let holds = first_level(&toy(1, false));
    let found: Vec<_> = holds.iter().map(names).collect();
    assert!(found.contains(&("receiver.use", 1, "main.free")), "{found:?}");
    assert!(found.iter().all(|(_, _, until)| *until == "main.free"), "{found:?}");
}

#[test]
fn what_a_join_orders_is_not_tried() {
    assert_eq!(first_level(&toy(3, true)), []);
    let report = report(&toy(3, true), 2, 1);
    assert_eq!((report.runs, report.complete, report.findings.len()), (1, true, 0));
}

#[test]
fn of_a_loop_the_first_and_the_last_visit_are_held() {
    let holds = first_level(&toy(5, false));
    let uses: Vec<u32> = holds.iter().filter(|h| h.at.step == "receiver.use").map(|h| h.at.visit).collect();
    assert_eq!(uses, [1, 5]);
}

#[test]
fn one_hold_finds_the_race_and_the_result_does_not_depend_on_the_workers() {
    let found = report(&toy(3, false), 2, 1);
    assert!(found.complete);
    let finding = found.findings.iter().find(|f| f.violation.kind == Kind::USE_AFTER_FREE).unwrap();
    assert_eq!(finding.trial.plan.holds.len(), 1);
    assert_eq!(report(&toy(3, false), 2, 2), found);
}

#[test]
fn only_what_comes_after_the_given_thread_has_begun_is_reversed() {
    let base: Trial = trial(&[]);
    let undisturbed = run(&toy(3, false), true);
    for (after, any) in [("main", true), ("receiver", true), ("network", false)] {
        let strategy = Exhaustive { after: Some(after.into()), ..exhaustive(1) };
        let left = strategy.trials(&base, &undisturbed, 1..2).trials_left().unwrap();
        assert_eq!(left > 0, any, "{after}");
    }
}

#[test]
fn a_search_goes_on_where_it_stood() {
    let toy = toy(3, false);
    let strategy = exhaustive(2);
    let whole = report(&toy, 2, 1);
    let (mut states, mut budget) = (vec![None], Duration::ZERO);
    let again = loop {
        let from = states.pop().unwrap();
        let kept = std::cell::RefCell::new(None);
        let save = |state: &colosim_sim::explore::SearchState| *kept.borrow_mut() = Some(state.clone());
        let part = search(&toy, &strategy, 1, |search| {
            Search { budget: Some(budget), ..search }.run_from(from.as_ref(), &save).unwrap()
        });
        if part.complete {
            break part;
        }
        // The clock begins when the state is restored: a budget of nothing stays where it is, any other goes on.
        assert!(part.runs >= from.map_or(0, |state| state.runs()));
        states.push(kept.into_inner());
        budget = Duration::from_micros(1 + budget.as_micros() as u64 * 2);
    };
    assert_eq!(again, whole);
}

#[test]
fn a_memory_that_is_none_is_refused() {
    let (base, undisturbed, strategy) = (trial(&[]), run(&toy(3, false), true), exhaustive(2));
    let mut course = strategy.trials(&base, &undisturbed, 1..2);
    let memory = course.memory().unwrap();
    course.remember(&memory).unwrap();
    for garbled in ["", "x", "0\n9 9", "99999", "0\n1\n0\n", &memory.replace("main.free", "main.keep")] {
        assert!(course.remember(garbled).is_err(), "{garbled}");
    }
    assert_eq!(course.memory().unwrap(), memory);
}

#[test]
fn the_estimate_counts_pairs_of_first_holds() {
    let (base, undisturbed) = (trial(&[]), run(&toy(3, false), true));
    let of = |holds| exhaustive(holds).trials(&base, &undisturbed, 1..2).estimated_trials().unwrap();
    let first = of(1);
    assert_eq!(of(2), first + first * first / 2);
    assert_eq!(exhaustive(2).trials(&base, &undisturbed, 1..2).trials_left(), None);
}
