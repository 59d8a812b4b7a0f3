//! The trial next to a failing one that passes.

use crate::explore_toy::{Toy, WINDOW_NS, stall, trial};
use colosim_sim::explore::{Experiment, Trial, Window, nearest, windows};
use colosim_sim::{Fork, Hold, Outcome, Plan, Simulator, Time, Violation, Visit};

fn finding(experiment: &dyn Experiment, trial: &Trial) -> Violation {
    experiment.run(&mut Simulator::new(), trial, false).violations.remove(0)
}

#[test]
fn a_stall_one_nanosecond_shorter_passes_and_parts_where_the_free_comes_first() {
    let toy = Toy::new(false);
    let failing = trial(&[stall("receiver.use", 1, WINDOW_NS)]);
    let window = Window { span_ns: WINDOW_NS, too_short_ns: Some(WINDOW_NS - 1), is_resolved: true };
    let finding = finding(&toy, &failing);
    let nearest = nearest(&toy, &mut Simulator::new(), &failing, &[window], &finding).unwrap();
    assert_eq!(nearest.trial, trial(&[stall("receiver.use", 1, WINDOW_NS - 1)]));
    let difference = nearest.differs_at;
    assert_eq!((difference.step, difference.before.unwrap().step), (1, "receiver.check"));
    let (first, second) = (difference.first.unwrap(), difference.second.unwrap());
    assert_eq!((first.step, first.time), ("main.free", Time(102)));
    assert_eq!((second.step, second.time), ("receiver.use", Time(102)));
}

/// Both stalls are needed: 30 ns of work and 60 ns of either do not reach the 102 ns of the free.
#[test]
fn of_two_stalls_the_later_one_is_shortened() {
    let toy = Toy { pages: 2, ..Toy::new(false) };
    let mut failing = trial(&[stall("receiver.use", 1, 60), stall("receiver.use", 2, 60)]);
    let finding = finding(&toy, &failing);
    let windows = windows(&toy, &mut Simulator::new(), &mut failing, &finding, 100);
    let nearest = nearest(&toy, &mut Simulator::new(), &failing, &windows, &finding).unwrap();
    assert_eq!(nearest.trial.plan.stalls[0], failing.plan.stalls[0]);
    assert_eq!(Some(nearest.trial.plan.stalls[1].span_ns), windows[1].too_short_ns);
    assert_eq!(nearest.differs_at.step, 3);
}

#[test]
fn a_stall_without_a_window_is_left_out() {
    let toy = Toy::new(false);
    let failing = trial(&[stall("receiver.use", 1, 5_000)]);
    let nearest = nearest(&toy, &mut Simulator::new(), &failing, &[], &finding(&toy, &failing)).unwrap();
    assert_eq!(nearest.trial, trial(&[]));
}

#[test]
fn a_hold_is_left_out() {
    let toy = Toy::new(false);
    let visit = |thread: &str, step: &str| Visit { thread: thread.into(), step: step.into(), visit: 1, at_wait: 0 };
    let hold = Hold { at: visit("receiver", "receiver.use"), until: visit("main", "main.free"), longest_ns: 1_000_000 };
    let failing = Trial { plan: Plan::of_holds(vec![hold]), ..trial(&[]) };
    let nearest = nearest(&toy, &mut Simulator::new(), &failing, &[], &finding(&toy, &failing)).unwrap();
    assert_eq!(nearest.trial, trial(&[]));
}

/// It aborts where `breaks` says so of the trial; no stall changes anything.
struct Aborts<F>(F);

impl<F: Fn(&Trial) -> bool + Sync> Experiment for Aborts<F> {
    fn fault_count(&self) -> u32 {
        2
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let holds = !(self.0)(trial);
        let config = colosim_sim::Config { seed: trial.seed, record, ..crate::common::config() };
        simulator.run(config, |sim| {
            let process = sim.process("qemu");
            sim.spawn(process, "worker", |cx| async move {
                cx.step(crate::common::SHORT).await;
                cx.assert(holds, "state", "it holds");
                cx.step(crate::common::SHORT).await;
            });
        })
    }
}

fn nearest_of(experiment: &dyn Experiment, failing: &Trial) -> Option<Trial> {
    let finding = finding(experiment, failing);
    nearest(experiment, &mut Simulator::new(), failing, &[], &finding).map(|nearest| nearest.trial)
}

#[test]
fn without_a_pause_the_last_fault_is_left_out() {
    let struck = Aborts(|trial: &Trial| trial.faults.contains(&1));
    assert_eq!(nearest_of(&struck, &trial(&[])), Some(Trial { faults: vec![0], ..trial(&[]) }));
}

#[test]
fn where_the_fault_makes_no_difference_another_seed_may() {
    let of_seed = Aborts(|trial: &Trial| trial.seed < 4);
    assert_eq!(nearest_of(&of_seed, &trial(&[])), Some(Trial { seed: 4, ..trial(&[]) }));
}

#[test]
fn a_trial_that_forks_keeps_its_seed_and_forks_to_another() {
    let of_fork = Aborts(|trial: &Trial| trial.plan.fork.is_some_and(|fork| fork.seed != 7));
    let forked =
        |seed| Trial { plan: Plan { fork: Some(Fork { after_steps: 1, seed }), ..Plan::default() }, ..trial(&[]) };
    assert_eq!(nearest_of(&of_fork, &forked(90)), Some(forked(7)));
}

#[test]
fn where_nothing_helps_there_is_no_nearest() {
    assert_eq!(nearest_of(&Aborts(|_: &Trial| true), &trial(&[])), None);
}

#[test]
fn a_trial_that_does_not_show_the_finding_has_no_nearest() {
    let toy = Toy::new(false);
    let finding = finding(&toy, &trial(&[stall("receiver.use", 1, 5_000)]));
    assert_eq!(nearest(&toy, &mut Simulator::new(), &trial(&[]), &[], &finding), None);
}
