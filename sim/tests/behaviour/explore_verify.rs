//! Determinism: two runs of a trial, compared.

use crate::explore_toy::{Toy, trial};
use colosim_sim::explore::{Determinism, Difference, verify};
use colosim_sim::{Simulator, Time};

fn difference(toy: &Toy) -> Difference {
    match verify(toy, &mut Simulator::new(), &trial(&[])) {
        Determinism::Differs(difference) => difference,
        same => panic!("a difference was planted, but {same}"),
    }
}

#[test]
fn a_run_that_is_a_function_of_its_trial_has_the_same_trace_twice() {
    let verdict = verify(&Toy::new(false), &mut Simulator::new(), &trial(&[]));
    let Determinism::Same { hash, steps: 3 } = verdict else { panic!("{verdict}") };
    assert_eq!(verdict.to_string(), format!("two runs gave the same trace: 3 steps, hash {hash:016x}"));
}

#[test]
fn a_step_that_moves_from_run_to_run_is_named_with_both_records() {
    let difference = difference(&Toy { drifts_at_run: 1, ..Toy::new(false) });
    assert_eq!(difference.step, 2);
    let (first, second) = (difference.first.as_ref().unwrap(), difference.second.as_ref().unwrap());
    assert_eq!((first.time, second.time), (Time(102), Time(103)));
    let text = difference.to_string();
    assert_eq!(
        text,
        "two runs of the same trial differ, first at step 2:\n  \
           first run:  102 ns main main.free (visit 1)\n  \
           second run: 103 ns main main.free (visit 1)\n  \
           the last step in common: 15 ns receiver receiver.use (visit 1)"
    );
}

#[test]
fn a_run_that_writes_other_content_at_the_same_steps_is_named_too() {
    let difference = difference(&Toy { rewrites_at_run: 1, pages: 2, ..Toy::new(false) });
    // The first use writes after step 1; the chain shows it at the next step.
    assert_eq!(difference.step, 2);
    assert_eq!(difference.before.as_ref().unwrap().step, "receiver.use");
    assert!(difference.to_string().contains("what was written or reported before them is not"));
}
