//! From a trial to the least one, and to its window.

use crate::explore_toy::{Toy, WINDOW_NS, stall, trial};
use colosim_sim::explore::{Experiment, Trial, Window, shrink, windows};
use colosim_sim::{Simulator, Violation};

fn finding(toy: &Toy, trial: &Trial) -> Violation {
    toy.run(&mut Simulator::new(), trial, false).violations.remove(0)
}

#[test]
fn one_stall_and_one_fault_are_left_of_three_and_two() {
    let toy = Toy::new(false);
    let stalls = [stall("receiver.check", 1, 3), stall("receiver.use", 1, 5_000), stall("main.free", 1, 40)];
    let big = trial(&stalls);
    let finding = finding(&toy, &big);
    let small = shrink(&toy, &mut Simulator::new(), &big, &finding, 100);
    assert_eq!(small.trial, Trial { seed: 1, faults: vec![0], plan: trial(&stalls[1..2]).plan });
    assert!(small.is_minimal && small.runs <= 12, "{} runs", small.runs);
}

/// Visit 40 is too late to be needed: visit 1, stalled as long, breaks the program too.
#[test]
fn the_stall_moves_to_an_earlier_visit() {
    let toy = Toy { pages: 6, ..Toy::new(false) };
    let late = trial(&[stall("receiver.use", 6, 5_000)]);
    let small = shrink(&toy, &mut Simulator::new(), &late, &finding(&toy, &late), 100);
    assert_eq!(small.trial.plan.stalls, [stall("receiver.use", 1, 5_000)]);
}

#[test]
fn a_cap_on_the_runs_ends_the_shrinking_with_the_best_so_far() {
    let toy = Toy::new(false);
    let big = trial(&[stall("receiver.check", 1, 3), stall("receiver.use", 1, 5_000)]);
    let small = shrink(&toy, &mut Simulator::new(), &big, &finding(&toy, &big), 2);
    assert_eq!((small.runs, small.is_minimal), (2, false));
    assert_eq!(small.trial.plan.stalls, big.plan.stalls[1..]);
}

#[test]
fn a_trial_that_does_not_show_the_finding_stays_as_it_is() {
    let toy = Toy::new(false);
    let finding = finding(&toy, &trial(&[stall("receiver.use", 1, 5_000)]));
    let innocent = trial(&[stall("main.free", 1, 7)]);
    let kept = shrink(&toy, &mut Simulator::new(), &innocent, &finding, 100);
    assert_eq!((kept.trial, kept.runs, kept.is_minimal), (innocent, 1, false));
}

#[test]
fn the_window_is_the_one_worked_out_by_hand() {
    let toy = Toy::new(false);
    let mut trial = trial(&[stall("receiver.use", 1, 1_000_000_000)]);
    let finding = finding(&toy, &trial);
    let found = windows(&toy, &mut Simulator::new(), &mut trial, &finding, 100);
    assert_eq!(found, [Window { span_ns: WINDOW_NS, too_short_ns: Some(WINDOW_NS - 1), is_resolved: true }]);
    assert_eq!(trial.plan.stalls[0].span_ns, WINDOW_NS);
}

/// The free is held back by 50 ns, so the use has to be held back by as much more; then the free by nothing at all.
#[test]
fn stalls_are_shortened_in_turn_while_the_others_keep_their_span() {
    let toy = Toy::new(false);
    let mut trial = trial(&[stall("receiver.use", 1, 5_000), stall("main.free", 1, 50)]);
    let finding = finding(&toy, &trial);
    let found = windows(&toy, &mut Simulator::new(), &mut trial, &finding, 100);
    let resolution = (WINDOW_NS + 50) / 100;
    assert!((WINDOW_NS + 50..=WINDOW_NS + 50 + resolution).contains(&found[0].span_ns), "{found:?}");
    assert_eq!(found[1], Window { span_ns: 0, too_short_ns: None, is_resolved: true });
}
