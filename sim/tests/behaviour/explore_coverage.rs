//! How many distinct interleavings a search saw.

use colosim_sim::explore::{Experiment, Report, Search, Stalls, Strategy, Timed, Trial};
use colosim_sim::{Config, Mutex, Noise, Outcome, Simulator, Span};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

fn search(experiment: &dyn Experiment, strategy: &dyn Strategy, seeds: Range<u64>, jobs: usize) -> Report {
    let (experiments, stop) = ([experiment], AtomicBool::new(false));
    let search =
        Search { experiments: &experiments, strategy, seeds, jobs, budget: None, stop: &stop, progress: &|_| {} };
    search.run().unwrap()
}

/// Each run is the interleaving that `interleaving` makes of its seed.
struct Said<F>(F);

impl<F: Fn(u64) -> u64 + Sync> Experiment for Said<F> {
    fn fault_count(&self) -> u32 {
        0
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, _: bool) -> Outcome {
        let outcome = simulator.run(crate::common::config(), |_| {});
        Outcome { interleaving: (self.0)(trial.seed), ..outcome }
    }
}

/// Three threads work for about as long and then take the mutex, once each.
struct ThreeTakers;

impl Experiment for ThreeTakers {
    fn fault_count(&self) -> u32 {
        0
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, _: bool) -> Outcome {
        let noise = Noise { spread_permille: 200, ..Noise::default() };
        let config = Config { seed: trial.seed, noise, plan: trial.plan.clone(), ..crate::common::config() };
        simulator.run(config, |sim| {
            let process = sim.process("qemu");
            let mutex = Rc::new(Mutex::new(sim, "bql"));
            for name in ["one", "two", "three"] {
                let mutex = mutex.clone();
                sim.spawn(process, name, |cx| async move {
                    cx.step(crate::common::LONG).await;
                    mutex.lock(&cx).await;
                    cx.step(crate::common::SHORT).await;
                    mutex.unlock(&cx);
                });
            }
        })
    }
}

#[test]
fn three_threads_that_take_a_mutex_have_six_interleavings_and_dry_up() {
    for (strategy, jobs) in [(&Timed as &dyn Strategy, 1), (&Stalls { span_max: Span::millis(4) }, 2)] {
        let report = search(&ThreeTakers, strategy, 0..1_500, jobs);
        assert_eq!(report.interleavings.distinct(), 6);
        assert_eq!(report.interleavings.new_per_thousand(), [6, 0]);
        assert!(report.interleavings.dried_up());
    }
}

#[test]
fn a_program_that_shows_another_interleaving_in_each_run_does_not_dry_up() {
    let report = search(&Said(|seed| seed), &Timed, 0..2_500, 2);
    // The undisturbed run has the first seed too.
    assert_eq!(report.interleavings.distinct(), 2_500);
    assert_eq!(report.interleavings.new_per_thousand(), [999, 1_000, 501]);
    assert!(!report.interleavings.dried_up());
}

#[test]
fn the_thousand_that_is_not_full_yet_is_not_judged() {
    let nothing_new_from = |dry: u64| move |seed: u64| seed.min(dry);
    assert!(!search(&Said(nothing_new_from(5)), &Timed, 0..900, 1).interleavings.dried_up());
    assert!(!search(&Said(nothing_new_from(1_500)), &Timed, 0..2_900, 1).interleavings.dried_up());
    assert!(search(&Said(nothing_new_from(1_500)), &Timed, 0..3_000, 1).interleavings.dried_up());
}

#[test]
fn one_percent_of_new_interleavings_is_not_dry() {
    let new_in_the_second_thousand = |new: u64| move |seed: u64| seed.min(998 + new);
    assert!(search(&Said(new_in_the_second_thousand(9)), &Timed, 0..1_999, 1).interleavings.dried_up());
    assert!(!search(&Said(new_in_the_second_thousand(10)), &Timed, 0..1_999, 1).interleavings.dried_up());
}
