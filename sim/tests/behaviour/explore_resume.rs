//! Searches that are interrupted and go on later.

use crate::explore_toy::{Toy, stall};
use colosim_sim::explore::{Course, Experiment, Report, Search, SearchState, Stalls, Strategy, Timed, Trial};
use colosim_sim::{Noise, Outcome, Plan, Simulator, Span};
use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const STALLS: Stalls = Stalls { span_max: Span::millis(4) };
const SEEDS: Range<u64> = 5..205;

/// Each span follows from the hashes of all runs before, and trials are given out by threes.
struct Learning;

struct Lesson<'a> {
    base: &'a Trial,
    given: u64,
    learned: u64,
    hashes: u64,
}

impl Strategy for Learning {
    fn trials<'a>(&'a self, base: &'a Trial, _: &'a Outcome, _: Range<u64>) -> Box<dyn Course + 'a> {
        Box::new(Lesson { base, given: 0, learned: 0, hashes: 0 })
    }
}

impl Course for Lesson<'_> {
    fn next_trial(&mut self) -> Option<Trial> {
        if self.given == 150 || self.given == self.learned + 3 {
            return None;
        }
        self.given += 1;
        let stalls = vec![stall("receiver.use", 1 + (self.given % 5) as u32, 1 + self.hashes % 150)];
        Some(Trial { seed: self.given, plan: Plan::of_stalls(stalls), ..self.base.clone() })
    }

    fn learn(&mut self, _: &Trial, outcome: &Outcome) {
        self.learned += 1;
        self.hashes = self.hashes.rotate_left(7) ^ outcome.hash;
    }

    fn trials_left(&self) -> Option<u64> {
        Some(150 - self.given)
    }

    fn memory(&self) -> Option<String> {
        assert_eq!(self.given, self.learned, "a state is taken between batches");
        Some(format!("{} {}", self.given, self.hashes))
    }

    fn remember(&mut self, memory: &str) -> Result<(), String> {
        let (given, hashes) = memory.split_once(' ').ok_or("two numbers were expected")?;
        self.given = given.parse().map_err(|_| "no number of trials")?;
        self.learned = self.given;
        self.hashes = hashes.parse().map_err(|_| "no hash")?;
        Ok(())
    }
}

/// A toy in which runs whose hashes agree in a few bits are the same interleaving.
struct Varied(Toy);

impl Experiment for Varied {
    fn fault_count(&self) -> u32 {
        self.0.fault_count()
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let outcome = self.0.run(simulator, trial, record);
        Outcome { interleaving: outcome.hash % 300, ..outcome }
    }
}

fn experiments() -> [Varied; 2] {
    let noise = Noise { spread_permille: 200, preemption_interval_ns: 100, preemption_length_ns: 200 };
    [1, 9].map(|pages| Varied(Toy { noise, pages, ..Toy::new(false) }))
}

/// As it comes back from a file.
fn reread(state: &SearchState) -> SearchState {
    let text = serde_json::to_string(state).unwrap();
    let read: SearchState = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *state);
    read
}

/// Go on from a state until so many runs were made in all; the state at the end, if it is not the end of the search.
fn search_until(
    runs: u64,
    toys: &[Varied],
    strategy: &dyn Strategy,
    seeds: Range<u64>,
    from: Option<&SearchState>,
) -> io::Result<(Report, Option<SearchState>)> {
    let experiments: Vec<&dyn Experiment> = toys.iter().map(|toy| toy as &dyn Experiment).collect();
    let (stop, saved) = (AtomicBool::new(false), RefCell::new(None));
    let search = Search {
        experiments: &experiments,
        strategy,
        seeds,
        jobs: 2,
        budget: None,
        stop: &stop,
        progress: &|progress| stop.store(progress.runs >= runs, Ordering::Relaxed),
    };
    let report = search.run_from(from, &|state| *saved.borrow_mut() = Some(reread(state)))?;
    Ok((report, saved.into_inner()))
}

fn undisturbed(strategy: &dyn Strategy) -> Report {
    let (report, state) = search_until(u64::MAX, &experiments(), strategy, SEEDS, None).unwrap();
    assert!(report.complete && state.is_none());
    assert!(!report.findings.is_empty() && !report.hazards.is_empty() && report.interleavings.distinct() > 40);
    report
}

#[test]
fn a_search_that_was_interrupted_gives_the_report_of_one_that_was_not() {
    for strategy in [&STALLS as &dyn Strategy, &Timed, &Learning] {
        let whole = undisturbed(strategy);
        for runs in [2, 3, 35, 100, 150] {
            let (part, state) = search_until(runs, &experiments(), strategy, SEEDS, None).unwrap();
            assert!(!part.complete && part.runs >= runs && part.runs < whole.runs);
            let state = state.unwrap();
            assert_eq!(state.runs(), part.runs);
            let (report, none_left) = search_until(u64::MAX, &experiments(), strategy, SEEDS, Some(&state)).unwrap();
            assert_eq!(report, whole);
            assert!(none_left.is_none());
        }
    }
}

#[test]
fn a_search_may_be_interrupted_twice_and_at_the_same_place_again() {
    for strategy in [&STALLS as &dyn Strategy, &Timed, &Learning] {
        let whole = undisturbed(strategy);
        let (_, first) = search_until(40, &experiments(), strategy, SEEDS, None).unwrap();
        let (_, again) = search_until(0, &experiments(), strategy, SEEDS, first.as_ref()).unwrap();
        assert_eq!(again, first);
        let (_, second) = search_until(170, &experiments(), strategy, SEEDS, again.as_ref()).unwrap();
        assert!(second.as_ref().unwrap().runs() >= 170);
        let (report, _) = search_until(u64::MAX, &experiments(), strategy, SEEDS, second.as_ref()).unwrap();
        assert_eq!(report, whole);
    }
}

#[test]
fn a_budget_of_nothing_saves_the_state_after_the_undisturbed_runs() {
    let (toy, stop, saved) = (Toy::new(false), AtomicBool::new(false), RefCell::new(None));
    let experiments: [&dyn Experiment; 1] = [&toy];
    let search = Search {
        experiments: &experiments,
        strategy: &STALLS,
        seeds: 0..70,
        jobs: 1,
        budget: Some(Duration::ZERO),
        stop: &stop,
        progress: &|_| {},
    };
    let report = search.run_from(None, &|state| *saved.borrow_mut() = Some(state.clone())).unwrap();
    assert_eq!((report.runs, report.complete), (1, false));
    assert_eq!(saved.into_inner().unwrap().runs(), 1);
}

#[test]
fn a_search_that_is_stopped_when_it_is_through_is_complete() {
    let whole = undisturbed(&STALLS);
    let (report, state) = search_until(whole.runs, &experiments(), &STALLS, SEEDS, None).unwrap();
    assert!(state.is_none());
    assert_eq!(report, whole);
}

#[test]
fn a_state_of_another_search_or_another_program_is_refused() {
    let state = search_until(100, &experiments(), &STALLS, SEEDS, None).unwrap().1.unwrap();
    let refused = |toys: &[Varied], strategy: &dyn Strategy, seeds, state: &SearchState| {
        let error = search_until(u64::MAX, toys, strategy, seeds, Some(state)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        error.to_string()
    };
    let [one, _] = experiments();
    assert!(refused(&[one], &STALLS, SEEDS, &state).contains("it has 2 experiments, expected 1"));
    let fixed = experiments().map(|Varied(toy)| Varied(Toy { joins: true, ..toy }));
    assert!(refused(&fixed, &STALLS, SEEDS, &state).contains("the program has changed since"));
    assert!(refused(&experiments(), &STALLS, 5..10, &state).contains("fewer trials than were run"));
    let mut newer = state;
    newer.version = SearchState::VERSION + 1;
    assert!(refused(&experiments(), &STALLS, SEEDS, &newer).contains("version 2, expected 1"));

    let learned = search_until(100, &experiments(), &Learning, SEEDS, None).unwrap().1.unwrap();
    assert!(refused(&experiments(), &STALLS, SEEDS, &learned).contains("the strategy learns nothing"));
}
