//! Processes that are killed or frozen.

use crate::common::{LONG, Log, SHORT, run};
use colosim_sim::{Mutex, ProcessId, Sim, Span};

/// A victim with two threads that log each microsecond, and an observer of another process that does `what` at 2.5 µs.
fn victim_and(log: &Log, what: impl FnOnce(&Sim, ProcessId) + 'static) {
    run(|sim, observers| {
        let victim = sim.process("victim");
        for name in ["one", "two"] {
            let log = log.clone();
            sim.spawn(victim, name, |cx| async move {
                for _ in 0..4 {
                    cx.step(LONG).await;
                    log.add(&cx, name);
                }
            });
        }
        let log = log.clone();
        sim.spawn(observers, "observer", |cx| async move {
            cx.sleep(Span(2_500)).await;
            what(&cx.sim, victim);
            cx.step(LONG).await;
            log.add(&cx, "observer");
        });
    });
}

#[test]
fn a_killed_process_does_nothing_any_more_and_others_go_on() {
    let log = Log::default();
    victim_and(&log, |sim, victim| {
        assert!(!sim.is_dead(victim));
        sim.kill(victim);
        sim.kill(victim);
        assert!(sim.is_dead(victim));
    });
    log.assert_is(&[(1_000, "one"), (1_000, "two"), (2_000, "one"), (2_000, "two"), (3_500, "observer")]);
}

#[test]
fn a_frozen_process_does_nothing_any_more_and_others_go_on() {
    let log = Log::default();
    victim_and(&log, |sim, victim| {
        sim.freeze(victim);
        assert!(sim.is_frozen(victim) && !sim.is_dead(victim));
    });
    log.assert_is(&[(1_000, "one"), (1_000, "two"), (2_000, "one"), (2_000, "two"), (3_500, "observer")]);
}

/// The killing thread has no event of its own pending, so its next step would be done at once if nothing looked.
#[test]
fn a_thread_that_kills_or_freezes_its_own_process_gets_no_further_than_its_next_step() {
    for deadly in [true, false] {
        let log = Log::default();
        run(|sim, process| {
            let log = log.clone();
            sim.spawn(process, "suicide", |cx| async move {
                cx.step(SHORT).await;
                log.add(&cx, "before");
                if deadly {
                    cx.sim.kill(process)
                } else {
                    cx.sim.freeze(process)
                }
                cx.step(SHORT).await;
                log.add(&cx, "after");
            });
        });
        log.assert_is(&[(10, "before")]);
    }
}

#[test]
fn a_mutex_is_not_handed_to_a_thread_that_was_killed_while_it_waited() {
    let log = Log::default();
    run(|sim, process| {
        let victim = sim.process("victim");
        let mutex = Mutex::new(sim, "lock");
        let held = mutex.clone();
        sim.spawn(process, "holder", |cx| async move {
            held.lock(&cx).await;
            cx.step(LONG).await;
            cx.sim.kill(victim);
            held.unlock(&cx);
        });
        for (owner, name) in [(victim, "killed"), (process, "alive")] {
            let (mutex, log) = (mutex.clone(), log.clone());
            sim.spawn(owner, name, |cx| async move {
                mutex.lock(&cx).await;
                log.add(&cx, name);
            });
        }
    });
    log.assert_is(&[(1_000, "alive")]);
}

#[test]
fn a_killed_thread_has_not_ended_for_those_who_join_it() {
    let log = Log::default();
    run(|sim, process| {
        let victim = sim.process("victim");
        let thread = sim.spawn(victim, "victim", |cx| async move { cx.sleep(Span(100)).await });
        let log = log.clone();
        sim.spawn(process, "joiner", |cx| async move {
            cx.sim.kill(victim);
            cx.join(thread).await;
            log.add(&cx, "joined");
        });
    });
    log.assert_is(&[]);
}
