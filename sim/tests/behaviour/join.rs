//! What starting and joining a thread, a lock, or nothing at all orders.

use crate::common::{SHORT, run};
use colosim_sim::{Memory, Outcome, Plain, Span};

/// A thread writes; the main thread waits long enough, joins it or not, then frees.
fn writer_and_main(joins: bool) -> Outcome {
    run(|sim, process| {
        let memory = Memory::allocate(sim, "cache", 1);
        let written = memory.clone();
        let writer = sim.spawn(process, "writer", |cx| async move {
            cx.step(SHORT).await;
            written.write(&cx, 0, 7);
        });
        sim.spawn(process, "main", |cx| async move {
            cx.sleep(Span(500)).await;
            if joins {
                cx.join(writer).await;
            }
            cx.step(SHORT).await;
            memory.free(&cx);
        });
    })
}

#[test]
fn a_free_after_a_join_is_ordered() {
    let outcome = writer_and_main(true);
    assert_eq!((outcome.violations.len(), outcome.hazards.len()), (0, 0));
}

#[test]
fn a_free_without_a_join_is_a_hazard_though_time_kept_the_two_apart() {
    let outcome = writer_and_main(false);
    assert!(outcome.violations.is_empty());
    let [hazard] = &outcome.hazards[..] else { panic!("one hazard, not {:?}", outcome.hazards) };
    assert_eq!((&*hazard.object, hazard.conflict), ("cache", "free after access"));
    assert_eq!((&*hazard.first.thread, hazard.first.at.0), ("writer", 10));
    assert_eq!((&*hazard.second.thread, hazard.second.at.0), ("main", 510));
}

#[test]
fn a_join_waits_for_the_end_of_the_thread() {
    let outcome = run(|sim, process| {
        let slow = sim.spawn(process, "slow", |cx| async move { cx.sleep(Span(123)).await });
        sim.spawn(process, "main", |cx| async move {
            cx.join(slow).await;
            cx.step(SHORT).await;
        });
    });
    assert_eq!(outcome.time.0, 133);
}

#[test]
fn what_a_thread_did_before_it_started_another_is_ordered_before_the_other() {
    let outcome = run(|sim, process| {
        let shared = Plain::new(sim, "parameters", 0);
        sim.spawn(process, "parent", |cx| async move {
            shared.write(&cx, 1);
            let for_child = shared.clone();
            cx.sim.spawn(process, "child", |cx| async move {
                cx.step(SHORT).await;
                assert_eq!(for_child.read(&cx), 1);
            });
        });
    });
    assert_eq!(outcome.hazards, []);
}

#[test]
fn what_a_thread_does_after_it_started_another_is_not_ordered() {
    let outcome = run(|sim, process| {
        let shared = Plain::new(sim, "parameters", 0);
        sim.spawn(process, "parent", |cx| async move {
            let for_child = shared.clone();
            cx.sim.spawn(process, "child", |cx| async move {
                cx.step(SHORT).await;
                for_child.read(&cx);
            });
            shared.write(&cx, 1);
        });
    });
    assert_eq!(outcome.hazards.len(), 1);
    assert_eq!(outcome.hazards[0].conflict, "read after write");
}
