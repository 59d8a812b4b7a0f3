//! Holds become stalls that still break the program, and long plans become short.

use crate::explore_toy::{Toy, WINDOW_NS, stall, trial};
use colosim_sim::explore::{Experiment, Trial, fewer_pauses, timed_plan};
use colosim_sim::{Hold, Plan, Simulator, Violation, Visit};

fn visit(step: &str) -> Visit {
    let thread = step.split_once('.').unwrap().0;
    Visit { thread: thread.into(), step: step.into(), visit: 1, at_wait: 0 }
}

fn held(holds: Vec<Hold>) -> Trial {
    Trial { plan: Plan::of_holds(holds), ..trial(&[]) }
}

fn violation(toy: &Toy, trial: &Trial) -> Violation {
    toy.run(&mut Simulator::new(), trial, false).violations.remove(0)
}

#[test]
fn a_hold_becomes_a_stall_of_its_length_and_one_without_effect_goes() {
    let toy = Toy::new(false);
    let until_freed = Hold { at: visit("receiver.use"), until: visit("main.free"), longest_ns: 1_000 };
    let never = Hold { at: Visit { visit: 7, ..visit("receiver.use") }, ..until_freed.clone() };
    let held = held(vec![until_freed, never]);
    let finding = violation(&toy, &held);
    let timed = timed_plan(&toy, &mut Simulator::new(), &held, &finding).unwrap();
    assert!(timed.plan.holds.is_empty());
    assert_eq!(timed.plan.stalls, [stall("receiver.use", 1, WINDOW_NS)]);
    assert!(violation(&toy, &timed).is_same_finding(&finding));
}

#[test]
fn a_plan_without_holds_is_timed_already() {
    let toy = Toy::new(false);
    let timed = trial(&[stall("receiver.use", 1, WINDOW_NS)]);
    let finding = violation(&toy, &timed);
    assert_eq!(timed_plan(&toy, &mut Simulator::new(), &timed, &finding), None);
}

#[test]
fn of_hundreds_of_stalls_the_one_that_matters_stays() {
    let toy = Toy::new(false);
    let mut stalls: Vec<_> = (2..300).map(|nth| stall("receiver.use", nth, 5)).collect();
    stalls.insert(123, stall("receiver.use", 1, WINDOW_NS));
    let long = trial(&stalls);
    let finding = violation(&toy, &long);
    let before = toy.runs.load(std::sync::atomic::Ordering::Relaxed);
    let short = fewer_pauses(&toy, &mut Simulator::new(), &long, &finding, 100);
    assert_eq!(short.plan.stalls, [stall("receiver.use", 1, WINDOW_NS)]);
    let runs = toy.runs.load(std::sync::atomic::Ordering::Relaxed) - before;
    assert!(runs <= 25, "{runs} runs");
    assert_eq!(fewer_pauses(&toy, &mut Simulator::new(), &long, &finding, 0), long);
}
