//! Which unordered accesses are hazards (FastTrack), and which synchronisation orders them.

use crate::common::{SHORT, run};
use colosim_sim::{Atomic, Cx, Event, Memory, Mutex, Ordering, Outcome, Plain, Semaphore, Sim, Span};
use std::rc::Rc;

type Body = Rc<dyn Fn(&Cx)>;

/// Threads "0", "1", … act on the world one after the other, 10 ns apart; nothing else orders them.
fn in_turn(bodies: impl FnOnce(&Sim) -> Vec<Body>) -> Outcome {
    run(|sim, process| {
        for (i, body) in bodies(sim).into_iter().enumerate() {
            sim.spawn(process, &i.to_string(), |cx| async move {
                cx.sleep(Span(10 * i as u64)).await;
                cx.step(SHORT).await;
                body(&cx);
            });
        }
    })
}

fn conflicts(outcome: &Outcome) -> Vec<(&str, &str, &str)> {
    let hazards = outcome.hazards.iter();
    hazards.map(|h| (h.conflict, &*h.first.thread, &*h.second.thread)).collect()
}

fn variable(sim: &Sim) -> (Body, Body) {
    let variable = Plain::new(sim, "x", 0);
    let read = variable.clone();
    (Rc::new(move |cx| _ = read.read(cx)), Rc::new(move |cx| variable.write(cx, 1)))
}

#[test]
fn reads_do_not_conflict_with_reads() {
    let outcome = in_turn(|sim| {
        let (read, _) = variable(sim);
        vec![read.clone(), read.clone(), read]
    });
    assert_eq!(conflicts(&outcome), []);
}

#[test]
fn a_write_conflicts_with_what_comes_after_it() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        vec![write, read]
    });
    assert_eq!(conflicts(&outcome), [("read after write", "0", "1")]);
    let outcome = in_turn(|sim| {
        let (_, write) = variable(sim);
        vec![write.clone(), write]
    });
    assert_eq!(conflicts(&outcome), [("write after write", "0", "1")]);
}

/// Two threads have read; the write that follows conflicts with the first of them too, though a later read came between. Both
/// pairs have the same steps, so one hazard stands for both.
#[test]
fn a_write_conflicts_with_reads_of_several_threads() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        vec![read.clone(), read, write]
    });
    assert_eq!(conflicts(&outcome), [("write after read", "0", "2")]);
}

/// The second reader is ordered before the writer, the first is not: a single epoch for all reads would miss it.
#[test]
fn a_read_that_is_not_ordered_is_seen_beside_one_that_is() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        let flag = Atomic::new(sim, 0);
        let seen = flag.clone();
        let also_read = read.clone();
        vec![
            read,
            Rc::new(move |cx: &Cx| {
                also_read(cx);
                flag.store(cx, 1, Ordering::AcquireRelease);
            }),
            Rc::new(move |cx: &Cx| {
                assert_eq!(seen.load(cx, Ordering::AcquireRelease), 1);
                write(cx);
            }),
        ]
    });
    assert_eq!(conflicts(&outcome), [("write after read", "0", "2")]);
}

#[test]
fn a_thread_does_not_conflict_with_itself() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        vec![Rc::new(move |cx: &Cx| {
            write(cx);
            read(cx);
            write(cx);
        })]
    });
    assert_eq!(conflicts(&outcome), []);
}

#[test]
fn a_pair_of_steps_is_one_hazard_however_often_it_shows() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        vec![write, read.clone(), read.clone(), read]
    });
    assert_eq!(outcome.hazards.len(), 1);
}

#[test]
fn different_pages_do_not_conflict_and_equal_ones_do() {
    let pages = |first, second| {
        in_turn(move |sim| {
            let memory = Memory::allocate(sim, "ram", 2);
            let also = memory.clone();
            vec![Rc::new(move |cx: &Cx| memory.write(cx, first, 1)), Rc::new(move |cx: &Cx| also.write(cx, second, 1))]
        })
    };
    assert_eq!(conflicts(&pages(0, 1)), []);
    assert_eq!(conflicts(&pages(1, 1)), [("write after write", "0", "1")]);
}

#[test]
fn atomics_order_what_was_released_unless_they_are_relaxed() {
    let through = |ordering| {
        in_turn(move |sim| {
            let (read, write) = variable(sim);
            let flag = Atomic::new(sim, false);
            let seen = flag.clone();
            vec![
                Rc::new(move |cx: &Cx| {
                    write(cx);
                    flag.store(cx, true, ordering);
                }),
                Rc::new(move |cx: &Cx| {
                    assert!(seen.load(cx, ordering));
                    read(cx);
                }),
            ]
        })
    };
    assert_eq!(conflicts(&through(Ordering::AcquireRelease)), []);
    assert_eq!(conflicts(&through(Ordering::Relaxed)), [("read after write", "0", "1")]);
}

#[test]
fn an_exchange_orders_and_a_failed_compare_exchange_releases_nothing() {
    let outcome = |succeeds: bool| {
        in_turn(move |sim| {
            let (read, write) = variable(sim);
            let state = Atomic::new(sim, 0);
            let seen = state.clone();
            vec![
                Rc::new(move |cx: &Cx| {
                    write(cx);
                    assert_eq!(state.compare_exchange(cx, if succeeds { 0 } else { 5 }, 1), succeeds);
                }),
                Rc::new(move |cx: &Cx| {
                    assert_eq!(seen.exchange(cx, 2), u32::from(succeeds));
                    read(cx);
                }),
            ]
        })
    };
    assert_eq!(conflicts(&outcome(true)), []);
    assert_eq!(conflicts(&outcome(false)), [("read after write", "0", "1")]);
}

/// A release covers what came before it, not what its thread does later.
#[test]
fn what_comes_after_a_release_is_not_ordered_by_it() {
    let outcome = in_turn(|sim| {
        let (read, write) = variable(sim);
        let flag = Atomic::new(sim, false);
        let seen = flag.clone();
        vec![
            Rc::new(move |cx: &Cx| {
                flag.store(cx, true, Ordering::AcquireRelease);
                write(cx);
            }),
            Rc::new(move |cx: &Cx| {
                seen.load(cx, Ordering::AcquireRelease);
                read(cx);
            }),
        ]
    });
    assert_eq!(conflicts(&outcome), [("read after write", "0", "1")]);
}

#[test]
fn mutex_semaphore_and_event_order_what_is_done_before_them() {
    let outcome = run(|sim, process| {
        let (mutex, semaphore, event) = (Mutex::new(sim, "m"), Semaphore::new(sim, "s", 0), Event::new(sim, "e"));
        let [guarded, posted, announced] = ["guarded", "posted", "announced"].map(|name| Plain::new(sim, name, 0));
        let (m, s, e) = (mutex.clone(), semaphore.clone(), event.clone());
        let (g, p, a) = (guarded.clone(), posted.clone(), announced.clone());
        sim.spawn(process, "writer", |cx| async move {
            m.lock(&cx).await;
            g.write(&cx, 1);
            m.unlock(&cx);
            cx.step(SHORT).await;
            p.write(&cx, 1);
            s.post(&cx);
            cx.step(SHORT).await;
            a.write(&cx, 1);
            e.set(&cx);
        });
        sim.spawn(process, "reader", |cx| async move {
            mutex.lock(&cx).await;
            guarded.read(&cx);
            mutex.unlock(&cx);
            semaphore.wait(&cx).await;
            posted.read(&cx);
            event.wait(&cx).await;
            announced.read(&cx);
        });
    });
    assert_eq!(conflicts(&outcome), []);
}
