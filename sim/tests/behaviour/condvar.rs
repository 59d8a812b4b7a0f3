//! Condition variables: who wakes when, with the mutex held; what they order and what they do not.

use crate::common::{LONG, Log, SHORT, run};
use colosim_sim::{Condvar, Ended, Kind, Mutex, Outcome, Plain, ProcessId, Sim, Span};

/// `names` wait from the start, in this order; `notifier` acts 10 ns later.
fn waiters(names: &[&'static str], log: &Log, notifies: impl Fn(&colosim_sim::Cx, &Condvar) + 'static) -> Outcome {
    run(|sim, process| {
        let (mutex, ready) = (Mutex::new(sim, "lock"), Condvar::new(sim, "ready"));
        for &name in names {
            let (mutex, ready, log) = (mutex.clone(), ready.clone(), log.clone());
            sim.spawn(process, name, |cx| async move {
                mutex.lock(&cx).await;
                ready.wait_idle(&cx, &mutex).await;
                assert!(mutex.is_held_by(&cx));
                log.add(&cx, name);
                cx.step(LONG).await;
                mutex.unlock(&cx);
            });
        }
        sim.spawn(process, "notifier", |cx| async move {
            cx.step(SHORT).await;
            notifies(&cx, &ready);
        });
    })
}

#[test]
fn one_notification_wakes_the_thread_that_has_waited_longest_and_no_other() {
    let log = Log::default();
    let outcome = waiters(&["first", "second", "third"], &log, |cx, ready| {
        ready.notify_one(cx);
        ready.notify_one(cx);
    });
    log.assert_is(&[(10, "first"), (1_010, "second")]);
    assert_eq!(outcome.ended, Ended::Quiet);
}

#[test]
fn a_notification_to_all_wakes_each_in_turn_with_the_mutex_held() {
    let log = Log::default();
    waiters(&["first", "second", "third"], &log, |cx, ready| ready.notify_all(cx));
    log.assert_is(&[(10, "first"), (1_010, "second"), (2_010, "third")]);
}

#[test]
fn a_notification_without_a_waiter_is_lost_and_the_deadlock_names_the_condition() {
    let outcome = run(|sim, process| {
        let (mutex, ready) = (Mutex::new(sim, "lock"), Condvar::new(sim, "ready"));
        let early = ready.clone();
        sim.spawn(process, "notifier", |cx| async move { early.notify_one(&cx) });
        sim.spawn(process, "waiter", |cx| async move {
            mutex.lock(&cx).await;
            ready.wait(&cx, &mutex).await;
        });
    });
    let [deadlock] = &outcome.violations[..] else { panic!("one deadlock is reported: {:?}", outcome.violations) };
    assert_eq!((deadlock.kind, &*deadlock.object, &*deadlock.culprit.thread), (Kind::DEADLOCK, "ready", "waiter"));
    assert!(deadlock.detail.ends_with("waiter waits since 0 ns for condvar ready"), "{}", deadlock.detail);
}

#[test]
fn a_thread_that_waits_idly_is_no_deadlock() {
    let outcome = waiters(&["waiter"], &Log::default(), |_, _| {});
    assert_eq!((outcome.ended, outcome.violations), (Ended::Quiet, Vec::new()));
}

#[test]
fn a_notification_goes_past_waiters_whose_process_was_killed() {
    let log = Log::default();
    run(|sim, process| {
        let (mutex, ready) = (Mutex::new(sim, "lock"), Condvar::new(sim, "ready"));
        let other = sim.process("killed");
        let wait = |process: ProcessId, name: &'static str| {
            let (mutex, ready, log) = (mutex.clone(), ready.clone(), log.clone());
            sim.spawn(process, name, |cx| async move {
                mutex.lock(&cx).await;
                ready.wait(&cx, &mutex).await;
                log.add(&cx, name);
                mutex.unlock(&cx);
            });
        };
        wait(other, "dead");
        wait(process, "alive");
        let ready = ready.clone();
        sim.spawn(process, "notifier", |cx| async move {
            cx.step(SHORT).await;
            cx.sim.kill(other);
            ready.notify_one(&cx);
        });
    });
    log.assert_is(&[(10, "alive")]);
}

#[test]
#[should_panic(expected = "waiter unlocks lock without holding it")]
fn waiting_without_the_mutex_is_a_bug_of_the_model() {
    run(|sim, process| {
        let (mutex, ready) = (Mutex::new(sim, "lock"), Condvar::new(sim, "ready"));
        sim.spawn(process, "waiter", |cx| async move { ready.wait(&cx, &mutex).await });
    });
}

/// A writer notifies a reader, and writes with the mutex held or without it.
fn handed_over(sim: &Sim, process: ProcessId, with_mutex: bool) {
    let (mutex, ready) = (Mutex::new(sim, "lock"), Condvar::new(sim, "ready"));
    let value = Plain::new(sim, "value", 0);
    let (read_mutex, read_ready, read) = (mutex.clone(), ready.clone(), value.clone());
    sim.spawn(process, "reader", |cx| async move {
        read_mutex.lock(&cx).await;
        read_ready.wait(&cx, &read_mutex).await;
        read.read(&cx);
        read_mutex.unlock(&cx);
    });
    sim.spawn(process, "writer", move |cx| async move {
        cx.sleep(Span(10)).await;
        if with_mutex {
            mutex.lock(&cx).await;
        }
        value.write(&cx, 1);
        ready.notify_one(&cx);
        if with_mutex {
            mutex.unlock(&cx);
        }
    });
}

#[test]
fn the_mutex_orders_what_was_written_before_a_notification_and_the_notification_alone_does_not() {
    assert!(run(|sim, process| handed_over(sim, process, true)).hazards.is_empty());
    let hazards = run(|sim, process| handed_over(sim, process, false)).hazards;
    assert_eq!((hazards.len(), &*hazards[0].object, hazards[0].conflict), (1, "value", "read after write"));
}
