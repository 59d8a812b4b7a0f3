//! Stalls at hazards: the draws that a hazard of the undisturbed run directs.

use crate::explore_toy::{Toy, trial};
use colosim_sim::explore::{Experiment, Stalls, Strategy};
use colosim_sim::{Simulator, Span, Stall};

/// From 1 µs to 16 ms the longer half of the doublings begins at the geometric mean, 126 µs.
const STALLS: Stalls = Stalls { span_max: Span::millis(16) };
const LONGER_HALF_NS: u64 = 126_491;

fn draws(toy: &Toy) -> Vec<Stall> {
    let base = trial(&[]);
    let undisturbed = toy.run(&mut Simulator::new(), &base, false);
    let mut course = STALLS.trials(&base, &undisturbed, 0..3_000);
    std::iter::from_fn(|| course.next_trial()).flat_map(|trial| trial.plan.stalls).collect()
}

fn share(stalls: &[Stall], counts: impl Fn(&&Stall) -> bool) -> f64 {
    stalls.iter().filter(counts).count() as f64 / stalls.len() as f64
}

/// The first access of the toy's hazard is a use.
#[test]
fn a_hazard_takes_two_draws_of_five() {
    let used = |joins| {
        let toy = Toy { pages: 6, ..Toy::new(joins) };
        share(&draws(&toy), |stall| stall.step == "receiver.use")
    };
    let (with, without) = (used(false), used(true));
    assert!((with - (0.4 + 0.6 * without)).abs() < 0.03, "{with} with a hazard, {without} without");
}

#[test]
fn directed_stalls_are_from_the_longer_half_of_the_doublings() {
    let long = |stalls: &[Stall]| share(stalls, |stall| stall.span_ns >= LONGER_HALF_NS);
    let (with, without) = (long(&draws(&Toy::new(false))), long(&draws(&Toy::new(true))));
    assert!((without - 0.5).abs() < 0.04, "{without}");
    assert!((with - (0.4 + 0.6 * without)).abs() < 0.04, "{with} with a hazard, {without} without");
}
