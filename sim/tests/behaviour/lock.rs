//! Mutex, semaphore, event; and who waits for whom when nothing goes on.

use crate::common::{LONG, Log, SHORT, run};
use colosim_sim::{Ended, Event, Kind, Mutex, Semaphore, Signal, Sim, Span, Time};
use std::cell::RefCell;
use std::rc::Rc;

#[test]
fn a_mutex_goes_to_the_thread_that_has_waited_longest() {
    let log = Log::default();
    run(|sim, process| {
        let mutex = Mutex::new(sim, "lock");
        for name in ["first", "second", "third"] {
            let (mutex, log) = (mutex.clone(), log.clone());
            sim.spawn(process, name, |cx| async move {
                mutex.lock(&cx).await;
                cx.step(LONG).await;
                log.add(&cx, name);
                mutex.unlock(&cx);
                // Whoever asks again queues behind those who wait.
                mutex.lock(&cx).await;
                log.add(&cx, format!("{name} again"));
                mutex.unlock(&cx);
            });
        }
    });
    let expected =
        [(1_000, "first"), (2_000, "second"), (3_000, "third"), (3_000, "first again"), (3_000, "second again")];
    let found = log.take();
    let found: Vec<(u64, &str)> = found.iter().map(|(at, what)| (*at, &**what)).collect();
    assert_eq!(found[..5], expected);
    assert_eq!(found[5].1, "third again");
}

#[test]
#[should_panic(expected = "locks lock twice")]
fn locking_a_mutex_twice_is_a_bug_of_the_model() {
    run(|sim, process| {
        let mutex = Mutex::new(sim, "lock");
        sim.spawn(process, "worker", |cx| async move {
            mutex.lock(&cx).await;
            mutex.lock(&cx).await;
        });
    });
}

/// Two threads take two mutexes in opposite order; a third waits for one of them to end.
#[test]
fn a_deadlock_is_quiet_and_says_who_waits_for_what_and_who_holds_it() {
    let kept: Rc<RefCell<Option<Sim>>> = Rc::default();
    let outcome = run(|sim, process| {
        *kept.borrow_mut() = Some(sim.clone());
        let (a, b) = (Mutex::new(sim, "A"), Mutex::new(sim, "B"));
        let mut ids = Vec::new();
        for (name, first, second) in [("forward", a.clone(), b.clone()), ("backward", b, a)] {
            ids.push(sim.spawn(process, name, |cx| async move {
                first.lock(&cx).await;
                cx.step(SHORT).await;
                second.lock(&cx).await;
            }));
        }
        sim.spawn(process, "joiner", |cx| async move { cx.join(ids[0]).await });
        sim.spawn(process, "main loop", |cx| async move { Signal::new(&cx.sim).wait(&cx, "work").await });
    });
    assert_eq!((outcome.ended, outcome.time), (Ended::Quiet, Time(10)));
    let [deadlock] = &outcome.violations[..] else { panic!("one deadlock is reported: {:?}", outcome.violations) };
    assert_eq!((deadlock.kind, &*deadlock.object, &*deadlock.culprit.thread), (Kind::DEADLOCK, "B", "forward"));
    assert!(deadlock.detail.contains("forward waits since 10 ns for mutex B (held by backward); backward waits"));
    assert!(!deadlock.detail.contains("main loop"), "its normal state is to wait");
    let waiting = kept.borrow().as_ref().unwrap().waiting();
    let lines: Vec<String> = waiting.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "forward waits since 10 ns for mutex B (held by backward)",
            "backward waits since 10 ns for mutex A (held by forward)",
            "joiner waits since 0 ns for join forward",
            "main loop waits since 0 ns for signal work",
        ]
    );
    assert_eq!(waiting.iter().map(|w| w.idle).collect::<Vec<bool>>(), [false, false, false, true]);
    assert_eq!((waiting[0].place.step, waiting[0].place.visit, waiting[0].place.at), (SHORT, 1, Time(10)));
}

#[test]
fn the_holder_of_a_mutex_is_told_anew_to_those_who_still_wait() {
    let kept: Rc<RefCell<Option<Sim>>> = Rc::default();
    run(|sim, process| {
        *kept.borrow_mut() = Some(sim.clone());
        let mutex = Mutex::new(sim, "lock");
        let first = mutex.clone();
        sim.spawn(process, "first", |cx| async move {
            first.lock(&cx).await;
            cx.step(SHORT).await;
            first.unlock(&cx);
        });
        for name in ["keeper", "loser"] {
            let mutex = mutex.clone();
            sim.spawn(process, name, |cx| async move { mutex.lock(&cx).await });
        }
    });
    let waiting = kept.borrow().as_ref().unwrap().waiting();
    assert_eq!(waiting.len(), 1);
    assert_eq!((&*waiting[0].place.thread, waiting[0].holder.as_deref()), ("loser", Some("keeper")));
}

#[test]
fn a_semaphore_counts_posts_and_hands_later_ones_to_those_who_wait() {
    let log = Log::default();
    run(|sim, process| {
        let semaphore = Semaphore::new(sim, "posts", 1);
        for name in ["first", "second", "third"] {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            sim.spawn(process, name, |cx| async move {
                semaphore.wait(&cx).await;
                log.add(&cx, name);
            });
        }
        sim.spawn(process, "poster", |cx| async move {
            cx.step(SHORT).await;
            semaphore.post(&cx);
            cx.step(SHORT).await;
            for _ in 0..3 {
                semaphore.post(&cx);
            }
            assert_eq!(semaphore.count(), 2);
        });
    });
    log.assert_is(&[(0, "first"), (10, "second"), (20, "third")]);
}

#[test]
fn an_event_lets_all_pass_until_it_is_reset() {
    let log = Log::default();
    run(|sim, process| {
        let event = Event::new(sim, "event");
        for name in ["first", "second"] {
            let (event, log) = (event.clone(), log.clone());
            sim.spawn(process, name, |cx| async move {
                event.wait(&cx).await;
                log.add(&cx, name);
            });
        }
        let log = log.clone();
        sim.spawn(process, "setter", |cx| async move {
            cx.step(SHORT).await;
            event.set(&cx);
            cx.step(SHORT).await;
            event.wait(&cx).await;
            event.reset(&cx);
            assert!(!event.is_set(&cx));
            log.add(&cx, "reset");
            event.wait(&cx).await;
            log.add(&cx, "never");
        });
    });
    log.assert_is(&[(10, "first"), (10, "second"), (20, "reset")]);
}

#[test]
fn a_wait_for_an_event_ends_at_its_deadline_or_when_it_is_set() {
    let log = Log::default();
    run(|sim, process| {
        let event = Event::new(sim, "event");
        for deadline in [5, 50, 500] {
            let (event, log) = (event.clone(), log.clone());
            sim.spawn(process, &format!("until {deadline}"), |cx| async move {
                let set = event.wait_deadline(&cx, Time(deadline)).await;
                log.add(&cx, format!("{deadline} {set}"));
                // The overtaken timer of this wait must not end the next one.
                cx.sleep(Span(1_000)).await;
                log.add(&cx, format!("{deadline} slept"));
            });
        }
        sim.spawn(process, "setter", |cx| async move {
            cx.sleep(Span(60)).await;
            event.set(&cx);
        });
    });
    log.assert_is(&[
        (5, "5 false"),
        (50, "50 false"),
        (60, "500 true"),
        (1_005, "5 slept"),
        (1_050, "50 slept"),
        (1_060, "500 slept"),
    ]);
}
