//! Why and when a run ends.

use crate::common::{LONG, SHORT, config, run, run_with};
use colosim_sim::{Config, Ended, Span, Time};

#[test]
fn a_run_in_which_nothing_can_happen_any_more_is_quiet() {
    let outcome = run(|sim, process| {
        sim.spawn(process, "worker", |cx| async move { cx.step(SHORT).await });
    });
    assert_eq!((outcome.ended, outcome.time, outcome.steps), (Ended::Quiet, Time(10), 1));
}

#[test]
fn a_run_ends_when_the_model_says_so() {
    let outcome = run(|sim, process| {
        sim.spawn(process, "worker", |cx| async move {
            cx.step(SHORT).await;
            cx.sim.finish();
            cx.step(SHORT).await;
            unreachable!("the run is over");
        });
        sim.spawn(process, "sleeper", |cx| async move { cx.sleep(Span(1_000)).await });
    });
    assert_eq!((outcome.ended, outcome.time, outcome.steps), (Ended::Finished, Time(10), 1));
}

#[test]
fn a_run_ends_at_its_time_limit_and_what_is_due_then_still_happens() {
    for threads in [1, 2] {
        let limited = Config { time_limit: Span(3_000), ..config() };
        let outcome = run_with(limited, |sim, process| {
            for i in 0..threads {
                sim.spawn(process, &format!("worker {i}"), |cx| async move {
                    loop {
                        cx.step(LONG).await;
                    }
                });
            }
        });
        assert_eq!((outcome.ended, outcome.time, outcome.steps), (Ended::TimeLimit, Time(3_000), 3 * threads));
    }
}

#[test]
fn a_thread_that_spins_without_spending_time_ends_at_the_step_limit() {
    let limited = Config { step_limit: 500, ..config() };
    let outcome = run_with(limited, |sim, process| {
        sim.spawn(process, "spinner", |cx| async move {
            loop {
                cx.step_on(crate::common::UNITS, 0).await;
            }
        });
    });
    assert_eq!((outcome.ended, outcome.time, outcome.steps), (Ended::StepLimit, Time::ZERO, 500));
}

#[test]
fn visits_are_counted_for_each_thread_and_step() {
    let outcome = run(|sim, process| {
        for (name, n) in [("a", 1), ("b", 3)] {
            sim.spawn(process, name, |cx| async move {
                for _ in 0..n {
                    cx.step(SHORT).await;
                }
                cx.step(LONG).await;
            });
        }
    });
    let expected = [("a", SHORT, 1), ("a", LONG, 1), ("b", SHORT, 3), ("b", LONG, 1)];
    let named = outcome.visits.iter().map(|(thread, step, n)| (&*outcome.thread_names[thread.index()], *step, *n));
    assert_eq!(named.collect::<Vec<_>>(), expected);
}
