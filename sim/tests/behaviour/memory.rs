//! What a program must not do with memory, and how it is told.

use crate::common::{LONG, SHORT, run};
use colosim_sim::{Cx, Ended, Kind, Memory, Outcome, Place, Pointer, Span, Time};
use std::future::Future;

/// "freer" frees at 10 ns; "culprit" does `then` at 1 µs; "late" would do a step at 2 µs.
fn after_a_free<F: Future<Output = ()> + 'static>(then: impl FnOnce(Cx, Memory) -> F + 'static) -> Outcome {
    run(|sim, process| {
        let memory = Memory::allocate(sim, "cache", 4);
        let freed = memory.clone();
        sim.spawn(process, "freer", |cx| async move {
            cx.step(SHORT).await;
            freed.free(&cx);
        });
        sim.spawn(process, "culprit", |cx| async move {
            cx.step(LONG).await;
            then(cx, memory).await;
        });
        sim.spawn(process, "late", |cx| async move {
            cx.sleep(Span(2_000)).await;
            cx.step(SHORT).await;
        });
    })
}

fn freer_place() -> Place {
    Place { thread: "freer".into(), step: SHORT, visit: 1, at: Time(10) }
}

fn culprit_place() -> Place {
    Place { thread: "culprit".into(), step: LONG, visit: 1, at: Time(1_000) }
}

fn assert_fatal(outcome: &Outcome, kind: Kind, object: &str, cause: Option<Place>) {
    assert_eq!((outcome.ended, outcome.time), (Ended::Broken, Time(1_000)));
    let [violation] = &outcome.violations[..] else { panic!("one violation, not {:?}", outcome.violations) };
    assert_eq!((violation.kind, &*violation.object), (kind, object));
    assert_eq!((&violation.culprit, &violation.cause), (&culprit_place(), &cause));
}

#[test]
fn a_write_to_freed_memory_names_who_wrote_and_who_freed_and_ends_the_run() {
    let outcome = after_a_free(|cx, memory| async move {
        memory.write(&cx, 2, 1);
        // After the first fatal violation the program's behaviour is undefined: nothing more is reported.
        memory.write(&cx, 3, 1);
        cx.step(SHORT).await;
        unreachable!("the run is over");
    });
    assert_fatal(&outcome, Kind::USE_AFTER_FREE, "cache", Some(freer_place()));
    assert_eq!(outcome.violations[0].detail, "culprit writes page 2 of cache after freer freed it");
}

#[test]
fn a_read_of_freed_memory_is_a_use_after_free_and_gives_zero() {
    let outcome = after_a_free(|cx, memory| async move {
        memory.poke(2, 9);
        assert_eq!((memory.read(&cx, 2), memory.load(&cx, 2)), (0, 0));
    });
    assert_fatal(&outcome, Kind::USE_AFTER_FREE, "cache", Some(freer_place()));
    assert_eq!(outcome.violations[0].detail, "culprit reads page 2 of cache after freer freed it");
}

#[test]
fn a_second_free_names_both_who_freed() {
    let outcome = after_a_free(|cx, memory| async move { memory.free(&cx) });
    assert_fatal(&outcome, Kind::DOUBLE_FREE, "cache", Some(freer_place()));
}

#[test]
fn an_access_beyond_the_end_is_out_of_bounds_and_the_last_page_is_not() {
    let outcome = after_a_free(|cx, _| async move {
        let other = Memory::allocate(&cx.sim, "bitmap", 3);
        other.write(&cx, 2, 5);
        assert_eq!(other.read(&cx, 2), 5);
        other.write(&cx, 3, 5);
    });
    assert_fatal(&outcome, Kind::OUT_OF_BOUNDS, "bitmap", None);
    assert_eq!(outcome.violations[0].detail, "culprit accesses page 3 of bitmap, which has 3");
}

#[test]
fn following_a_null_pointer_names_who_cleared_it() {
    let outcome = run(|sim, process| {
        let pointer = Pointer::null(sim, "colo_cache");
        let cleared = pointer.clone();
        sim.spawn(process, "freer", |cx| async move {
            cleared.set(&cx, 5);
            cx.step(SHORT).await;
            assert_eq!(cleared.clear(&cx), Some(5));
        });
        sim.spawn(process, "culprit", |cx| async move {
            assert_eq!(pointer.get(&cx), Some(5));
            cx.step(LONG).await;
            pointer.dereference(&cx).await;
            unreachable!("there is nothing to follow");
        });
    });
    assert_fatal(&outcome, Kind::NULL_DEREFERENCE, "colo_cache", Some(freer_place()));
}

#[test]
fn a_failed_assertion_ends_the_run_and_one_that_holds_does_not() {
    let outcome = after_a_free(|cx, _| async move {
        cx.assert(true, "state", "it holds");
        cx.assert(false, "state", "it does not hold");
    });
    assert_fatal(&outcome, Kind::ASSERTION, "state", None);
}

#[test]
fn a_violation_that_is_not_fatal_lets_the_run_go_on() {
    const STALE: Kind = Kind("stale-page");
    let outcome = after_a_free(|cx, _| async move { cx.violate(STALE, "ram", None, "an oracle says so".into()) });
    assert_eq!((outcome.ended, outcome.time), (Ended::Quiet, Time(2_010)));
    assert_eq!(outcome.violations[0].kind, STALE);
}

#[test]
fn bits_are_set_atomically_and_the_word_before_is_returned() {
    let outcome = run(|sim, process| {
        let memory = Memory::allocate(sim, "bitmap", 1);
        for (name, bits, before) in [("first", 0b0101, 0), ("second", 0b0110, 0b0101)] {
            let memory = memory.clone();
            sim.spawn(process, name, |cx| async move {
                assert_eq!(memory.fetch_or(&cx, 0, bits), before);
            });
        }
    });
    assert_eq!((outcome.violations.len(), outcome.hazards.len()), (0, 0));
}
