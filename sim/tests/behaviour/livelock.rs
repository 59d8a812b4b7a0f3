//! A thread that spins is reported with the steps it goes round; one that works for long, or waits for what will come, is not.

use crate::common::{LONG, SHORT, UNITS, config, run_with};
use colosim_sim::{Atomic, Config, Ended, Event, Kind, Ordering, Span, Time};
use std::rc::Rc;

/// Limits that a spinning thread does not reach first.
fn patient() -> Config {
    Config { step_limit: 20_000_000, time_limit: Span(u64::MAX / 2), record: false, ..config() }
}

#[test]
fn a_thread_that_spins_without_spending_time_is_a_livelock_with_the_steps_it_goes_round() {
    let outcome = run_with(patient(), |sim, process| {
        sim.spawn(process, "spinner", |cx| async move {
            cx.step(SHORT).await;
            loop {
                cx.step_on(UNITS, 0).await;
            }
        });
        sim.spawn(process, "starved", |cx| async move { cx.sleep(Span(1_000)).await });
    });
    assert_eq!((outcome.ended, outcome.time), (Ended::Quiet, Time(10)));
    let [livelock] = &outcome.violations[..] else { panic!("{:?}", outcome.violations) };
    assert_eq!((livelock.kind, &*livelock.culprit.thread), (Kind::LIVELOCK, "spinner"));
    assert_eq!(livelock.object, "test.units");
    assert_eq!(
        livelock.detail,
        "spinner goes round and round test.units: more than 4194304 steps in which time stands still"
    );
}

#[test]
fn a_thread_that_looks_for_what_nobody_will_do_is_a_livelock_though_time_passes() {
    let outcome = run_with(patient(), |sim, process| {
        let done = Rc::new(Atomic::new(sim, false));
        let seen = done.clone();
        sim.spawn(process, "looks", move |cx| async move {
            while !seen.load(&cx, Ordering::Relaxed) {
                cx.step(LONG).await;
                cx.step(SHORT).await;
            }
        });
        let never = Event::new(sim, "never");
        sim.spawn(process, "forgets", move |cx| async move {
            never.wait(&cx).await;
            done.store(&cx, true, Ordering::Relaxed);
        });
    });
    assert_eq!(outcome.ended, Ended::Quiet);
    let livelock = outcome.violations.iter().find(|violation| violation.kind == Kind::LIVELOCK).unwrap();
    assert_eq!((&*livelock.object, livelock.culprit.step), ("test.short, test.long", SHORT));
    assert!(livelock.detail.ends_with("steps in which nothing else can happen"), "{}", livelock.detail);
}

#[test]
fn a_thread_that_looks_for_what_comes_late_is_none() {
    let outcome = run_with(patient(), |sim, process| {
        let done = Rc::new(Atomic::new(sim, false));
        let seen = done.clone();
        sim.spawn(process, "looks", move |cx| async move {
            while !seen.load(&cx, Ordering::Relaxed) {
                cx.step(SHORT).await;
            }
        });
        sim.spawn(process, "late", move |cx| async move {
            cx.sleep(Span(5_000_000 * 10)).await;
            done.store(&cx, true, Ordering::Relaxed);
        });
    });
    assert_eq!(outcome.violations, Vec::new());
    assert_eq!(outcome.ended, Ended::Quiet);
    assert!(outcome.steps > 1 << 22);
}

#[test]
fn threads_that_do_many_steps_at_one_moment_and_then_go_on_are_none() {
    let outcome = run_with(patient(), |sim, process| {
        for name in ["a", "b"] {
            sim.spawn(process, name, |cx| async move {
                for _ in 0..4 {
                    for _ in 0..1_000_000 {
                        cx.step_on(UNITS, 0).await;
                    }
                    cx.step(SHORT).await;
                }
            });
        }
    });
    assert_eq!(outcome.violations, Vec::new());
}
