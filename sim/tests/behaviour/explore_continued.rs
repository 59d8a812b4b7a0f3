//! A stored plan's beginning, continued: on the toy in which two stalls are needed, one of them stored.

use crate::explore_sequence::{Sequence, events, pause, search, trial_of, undisturbed};
use colosim_sim::explore::{Continued, Course, Experiment, Stalls, Strategy, Timed, Trial};
use colosim_sim::{Hold, Noise, Outcome, Plan, Simulator, Span, Stall, StepId, Time, Visit};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Mutex;

/// a2 has to be held until after b1, and b2 until after a2.
const BREAKS: &[&str] = &["a1", "b1", "a2", "b2"];
const STALLS: Stalls = Stalls { span_max: Span::millis(4) };

fn continued<'a>(toy: &Sequence, trial: &Trial, pauses: usize, then: &'a dyn Strategy) -> Continued<'a> {
    Continued::new(toy, &mut Simulator::new(), trial, pauses, then)
}

fn trials(strategy: &dyn Strategy, toy: &Sequence, seeds: Range<u64>) -> Vec<Trial> {
    crate::explore_sequence::draw(strategy, toy, seeds)
}

fn visit(event: &str) -> Visit {
    Visit { thread: event[..1].into(), step: event.into(), visit: 1, at_wait: 0 }
}

/// Stored: first c1 (5 ns), then a2 (20 ns), then b2 (101 ns); in the plan they stand in another order, and one does not occur.
#[test]
fn the_first_pauses_are_those_that_took_effect_first() {
    let toy = Sequence::new(BREAKS);
    let never = Stall { visit: 2, ..pause("a1", 9) };
    let stored = trial_of(&[never, pause("b2", 5_000), pause("a2", 1_000), pause("c1", 1)]);
    let prefix = |pauses| continued(&toy, &stored, pauses, &STALLS).prefix().plan.stalls.clone();
    assert_eq!(prefix(0), []);
    assert_eq!(prefix(1), [pause("c1", 1)]);
    assert_eq!(prefix(2), [pause("c1", 1), pause("a2", 1_000)]);
    assert_eq!(prefix(9), [pause("c1", 1), pause("a2", 1_000), pause("b2", 5_000)]);
    assert_eq!(continued(&toy, &stored, 2, &STALLS).end(), Time(20));
    assert_eq!(continued(&toy, &stored, 0, &STALLS).end(), Time::ZERO);
}

/// The first stall moves b1, so the second takes effect at 1101, not at 101; the hold is there from 20 on.
#[test]
fn holds_and_the_delay_by_earlier_pauses_count_for_the_order() {
    let toy = Sequence::new(BREAKS);
    let hold = Hold { at: visit("a2"), until: visit("b1"), longest_ns: 9_000 };
    let needless = Hold { at: visit("b2"), until: visit("c1"), longest_ns: 9_000 };
    let mut stored = trial_of(&[pause("b2", 50), pause("b1", 1_000)]);
    stored.plan.holds = vec![needless, hold.clone()];
    let prefix = |pauses| continued(&toy, &stored, pauses, &STALLS).prefix().plan.clone();
    assert_eq!(prefix(1), Plan::of_holds(vec![hold.clone()]));
    assert_eq!(prefix(2), Plan { stalls: vec![pause("b1", 1_000)], ..Plan::of_holds(vec![hold.clone()]) });
    assert_eq!(prefix(3).stalls, [pause("b1", 1_000), pause("b2", 50)]);
    assert_eq!(prefix(4).holds, [hold]);
    assert_eq!(continued(&toy, &stored, 3, &STALLS).end(), Time(1_101));
}

#[test]
fn the_second_stall_is_found_behind_the_stored_one() {
    let toy = Sequence::new(BREAKS);
    let stored = trial_of(&[pause("a2", 1_000), pause("c1", 0)]);
    assert!(search(&toy, &STALLS, 0..20).findings.is_empty());
    let continued = continued(&toy, &stored, 1, &STALLS);
    let report = search(&toy, &continued, 0..20);
    assert_eq!(report.findings.len(), 1);
    let found = &report.findings[0].trial;
    assert_eq!((found.seed, &found.plan.stalls[0]), (1, &pause("a2", 1_000)));
    assert_eq!(events(&toy, found), ["c1", "a1", "b1", "a2", "b2"]);
    assert_eq!((report.runs, report.complete), (21, true));
}

/// With a2 held from 20 on, c1 (5) and a1 (10) have been, and a2 is the prefix's own.
#[test]
fn what_comes_before_the_end_of_the_prefix_is_left_out() {
    let toy = Sequence::new(BREAKS);
    let continued = continued(&toy, &trial_of(&[pause("a2", 1_000)]), 1, &STALLS);
    let drawn = trials(&continued, &toy, 0..300);
    let mut bare = 0;
    for trial in &drawn {
        assert_eq!((trial.seed, &trial.faults[..], &trial.plan.stalls[0]), (1, &[0, 1, 2][..], &pause("a2", 1_000)));
        let added = &trial.plan.stalls[1..];
        assert!(added.iter().all(|stall| stall.thread == "b" || stall.visit > 1), "{added:?}");
        bare += usize::from(added.is_empty());
        assert_eq!(events(&toy, trial)[..2], ["c1", "a1"]);
    }
    assert!(bare > 0 && bare < drawn.len() / 2, "{bare} trials without a stall of their own");
}

#[test]
fn a_prefix_without_pauses_is_the_other_strategy_with_the_stored_seed() {
    let toy = Sequence::new(BREAKS);
    let continued = continued(&toy, &trial_of(&[pause("a2", 1_000)]), 0, &STALLS);
    let alone: Vec<Plan> = trials(&STALLS, &toy, 0..50).into_iter().map(|trial| trial.plan).collect();
    let drawn = trials(&continued, &toy, 0..50);
    assert!(drawn.iter().all(|trial| trial.seed == 1));
    assert_eq!(drawn.into_iter().map(|trial| trial.plan).collect::<Vec<_>>(), alone);
}

/// Goal: the same beginning up to the end of the stored stall, another end by each seed.
#[test]
fn the_hosts_noise_continues_the_run_once_the_last_pause_is_over() {
    let noise = Noise { spread_permille: 500, preemption_interval_ns: 50, preemption_length_ns: 100 };
    let toy = Sequence { noise, ..Sequence::new(BREAKS) };
    let stored = trial_of(&[pause("a1", 30)]);
    let continued = continued(&toy, &stored, 1, &Timed);
    let records = |trial: &Trial| toy.run(&mut Simulator::new(), trial, true).records;
    let prefix = records(&stored);
    let a1 = 1 + prefix.iter().position(|record| record.step == StepId(0)).unwrap();
    let drawn = trials(&continued, &toy, 3..23);
    assert!(drawn.iter().all(|trial| trial.plan.stalls == [pause("a1", 30)]));
    let runs: Vec<_> = drawn.iter().map(records).collect();
    assert!(runs.iter().all(|run| run[..a1] == prefix[..a1]));
    let mut ends: Vec<Time> = runs.iter().map(|run| run.last().unwrap().time).collect();
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 5, "{ends:?}");
}

/// What a strategy hears of its trials, and with which of them.
struct Listening(Mutex<Vec<(u64, u64)>>);

impl Strategy for Listening {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        assert_eq!((base.plan.stalls.len(), undisturbed.time), (1, Time(1_020)));
        Box::new(Listener { heard: self, seeds: RefCell::new(seeds) })
    }
}

struct Listener<'a> {
    heard: &'a Listening,
    seeds: RefCell<Range<u64>>,
}

impl Course for Listener<'_> {
    fn next_trial(&mut self) -> Option<Trial> {
        let seed = self.seeds.borrow_mut().next()?;
        Some(Trial { seed, faults: vec![], plan: Plan::of_stalls(vec![pause("b2", 100 * seed)]) })
    }

    fn learn(&mut self, trial: &Trial, outcome: &Outcome) {
        let b2 = outcome.visits.len() as u64;
        self.heard.0.lock().unwrap().push((trial.seed, b2));
    }

    fn trials_left(&self) -> Option<u64> {
        None
    }

    fn memory(&self) -> Option<String> {
        Some("what it heard".to_owned())
    }
}

#[test]
fn the_other_strategy_hears_what_came_of_its_own_trials() {
    let toy = Sequence::new(BREAKS);
    let listening = Listening(Mutex::new(Vec::new()));
    let continued = continued(&toy, &trial_of(&[pause("a2", 1_000)]), 1, &listening);
    let report = search(&toy, &continued, 0..70);
    assert_eq!((report.runs, report.findings.len()), (71, 1));
    let heard = listening.0.lock().unwrap().clone();
    assert_eq!(heard, (0..70).map(|seed| (seed, 5)).collect::<Vec<_>>());
    let (base, outcome) = (trial_of(&[]), undisturbed(&toy));
    assert_eq!(continued.trials(&base, &outcome, 0..1).memory().as_deref(), Some("what it heard"));
}

/// c1 is stalled beyond the time limit of the run, so that no record says where.
#[test]
fn a_pause_in_force_at_the_end_of_the_run_counts_and_stays() {
    let noise = Noise { spread_permille: 500, preemption_interval_ns: 50, preemption_length_ns: 100 };
    let toy = Sequence { noise, ..Sequence::new(BREAKS) };
    let stored = trial_of(&[pause("c1", 100_000_000_000), pause("b2", 1_000)]);
    for then in [&STALLS as &dyn Strategy, &Timed] {
        let continued = continued(&toy, &stored, 1, then);
        assert_eq!(continued.prefix().plan.stalls, [pause("c1", 100_000_000_000)]);
        assert!(continued.end() < Time(10));
        for trial in trials(&continued, &toy, 0..50) {
            assert!(trial.plan.stalls[1..].iter().all(|stall| stall.thread != "c" || stall.visit > 1));
            assert!(!events(&toy, &trial).contains(&"c1"));
        }
    }
}
