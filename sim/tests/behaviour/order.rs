//! Which of two things comes first.

use crate::common::{LONG, LONG_NS, Log, SHORT, SHORT_NS, STEPS, UNITS, config, run, run_with};
use crate::link_path::{BYTE_PER_NS, IDEAL, PLAIN, bytes};
use colosim_sim::link::{Path, PathConfig, connect};
use colosim_sim::{Noise, Plan, Simulator, Span, Stall, Time};

#[test]
fn events_at_equal_times_run_in_the_order_in_which_they_were_scheduled() {
    let log = Log::default();
    run(|sim, process| {
        for name in ["first", "second", "third"] {
            let log = log.clone();
            sim.spawn(process, name, |cx| async move {
                cx.sleep(Span(100)).await;
                log.add(&cx, name);
                cx.step(SHORT).await;
                log.add(&cx, name);
            });
        }
    });
    log.assert_is(&[(100, "first"), (100, "second"), (100, "third"), (110, "first"), (110, "second"), (110, "third")]);
}

/// A step that ends when another event is due must not overtake it, though it could be done without the executor.
#[test]
fn a_step_that_ends_when_an_event_is_due_comes_after_it() {
    let log = Log::default();
    run(|sim, process| {
        let (sleeper_log, worker_log) = (log.clone(), log.clone());
        sim.spawn(process, "sleeper", |cx| async move {
            cx.sleep(Span(LONG_NS)).await;
            sleeper_log.add(&cx, "sleeper");
        });
        sim.spawn(process, "worker", |cx| async move {
            cx.step(LONG).await;
            worker_log.add(&cx, "worker");
        });
    });
    log.assert_is(&[(LONG_NS, "sleeper"), (LONG_NS, "worker")]);
}

#[test]
fn a_step_costs_its_fixed_part_and_its_units() {
    let outcome = run(|sim, process| {
        sim.spawn(process, "worker", |cx| async move {
            cx.step_on(UNITS, 37).await;
            cx.step_on(SHORT, 37).await;
        });
    });
    assert_eq!(outcome.time, Time(37 + SHORT_NS));
    assert_eq!(outcome.steps, 2);
}

#[test]
fn a_stall_at_a_visit_delays_that_visit_alone_by_its_span() {
    let stall = Stall { thread: "worker".into(), step: STEPS[0].name.into(), visit: 3, at_wait: 0, span_ns: 777 };
    let disturbed = colosim_sim::Config { plan: Plan { stalls: vec![stall], ..Plan::default() }, ..config() };
    let times = |config| {
        let outcome = run_with(config, |sim, process| {
            for name in ["worker", "other"] {
                sim.spawn(process, name, |cx| async move {
                    for _ in 0..5 {
                        cx.step(SHORT).await;
                    }
                });
            }
        });
        let of_worker = outcome.records.iter().filter(|r| r.thread.index() == 0).map(|r| r.time.0);
        of_worker.collect::<Vec<u64>>()
    };
    assert_eq!(times(config()), [10, 20, 30, 40, 50]);
    assert_eq!(times(disturbed), [10, 20, 30 + 777, 40 + 777, 50 + 777]);
}

#[test]
fn a_stall_of_an_unknown_thread_or_step_or_of_a_visit_that_never_comes_changes_nothing() {
    let program = |stall: Option<(&str, &str, u32)>| {
        let stalls = stall.map(|(thread, step, visit)| Stall {
            thread: thread.into(),
            step: step.into(),
            visit,
            at_wait: 0,
            span_ns: 5,
        });
        let plan = Plan { stalls: stalls.into_iter().collect(), ..Plan::default() };
        let outcome = run_with(colosim_sim::Config { plan, ..config() }, |sim, process| {
            sim.spawn(process, "worker", |cx| async move { cx.step(SHORT).await });
        });
        outcome.hash
    };
    for nowhere in [("nobody", "test.short", 1), ("worker", "test.none", 1), ("worker", "test.short", 2)] {
        assert_eq!(program(Some(nowhere)), program(None));
    }
    assert_ne!(program(Some(("worker", "test.short", 1))), program(None));
}

#[test]
fn a_watcher_goes_on_when_the_watched_step_begins() {
    let log = Log::default();
    run(|sim, process| {
        let log = log.clone();
        sim.spawn(process, "watcher", |cx| async move {
            cx.reached("worker", LONG, 2).await;
            log.add(&cx, "reached");
        });
        sim.spawn(process, "worker", |cx| async move {
            for _ in 0..3 {
                cx.step(LONG).await;
            }
        });
    });
    log.assert_is(&[(LONG_NS, "reached")]);
}

#[test]
fn spread_stays_within_its_bounds_and_preemptions_prolong_some_steps() {
    let spans = |noise| {
        let outcome = run_with(colosim_sim::Config { noise, plan: Plan::natural(), ..config() }, |sim, process| {
            sim.spawn(process, "worker", |cx| async move {
                for _ in 0..2_000 {
                    cx.step(LONG).await;
                }
            });
        });
        let times: Vec<u64> = outcome.records.iter().map(|r| r.time.0).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<u64>>()
    };
    let spread = spans(Noise { spread_permille: 100, ..Noise::default() });
    assert!(spread.iter().all(|span| (900..=1_100).contains(span)));
    assert!(spread.iter().any(|span| *span < 920) && spread.iter().any(|span| *span > 1_080));
    let noise = Noise { spread_permille: 0, preemption_interval_ns: 50_000, preemption_length_ns: 200_000 };
    let preempted = spans(noise).iter().filter(|span| **span > 10 * LONG_NS).count();
    // 2 ms of work with a preemption each 50 µs: 40 expected; 95 % of them, e^(-9/200), last longer than 9 µs.
    assert!((15..=70).contains(&preempted), "{preempted} preemptions");
}

/// A writer that waits for room in its send buffer is woken by the acknowledgement, while another thread has just acted.
#[test]
fn a_thread_that_a_connection_wakes_was_brought_about_by_nobody() {
    let mut simulator = Simulator::new();
    simulator.record_events(true);
    let outcome = simulator.run(config(), |sim| {
        let (here, there) = (sim.process("writer"), sim.process("reader"));
        let path = PathConfig { latency: Span(1_000), rate_bits_per_s: BYTE_PER_NS, ..IDEAL };
        let (to, fro) = (Path::new(path), Path::new(path));
        let (near, far) = connect(sim, "link", (here, &to), (there, &fro), PLAIN, 4_096, 1 << 16);
        sim.spawn(here, "writer", |cx| async move { near.write(&cx, [bytes(3 * 4_096)]).await.expect("it is taken") });
        sim.spawn(there, "reader", |cx| async move {
            far.read_exact(&cx, &mut vec![0; 3 * 4_096]).await.expect("it arrives");
        });
        sim.spawn(here, "bystander", |cx| async move {
            for _ in 0..1_000 {
                cx.step(SHORT).await;
                cx.sleep(Span(1)).await;
            }
        });
    });
    let of = |name: &str| outcome.thread_names.iter().position(|thread| thread == name).expect("it ran") as u16;
    let (writer, bystander) = (of("writer"), of("bystander"));
    let events = outcome.events.iter().filter(|event| event.actor.thread() == writer);
    let creators: Vec<u32> = events.skip(1).map(|event| event.creator).collect();
    assert!(creators.len() >= 2, "it waited for room more than once");
    for creator in creators.into_iter().filter(|creator| *creator > 0) {
        assert_ne!(outcome.events[creator as usize - 1].actor.thread(), bystander);
    }
}

#[test]
fn threads_that_share_a_core_take_so_much_longer() {
    let ends_with = |cores| {
        let (log, mut simulator) = (Log::default(), Simulator::new());
        simulator.share_cores(cores);
        simulator.run(config(), |sim| {
            let process = sim.process("qemu");
            for name in ["first", "second", "third"] {
                let log = log.clone();
                sim.spawn(process, name, |cx| async move {
                    cx.step(LONG).await;
                    log.add(&cx, "");
                });
            }
        });
        log.take().into_iter().map(|(at, _)| at).collect::<Vec<u64>>()
    };
    // Each share is that of the moment at which the work begins.
    assert_eq!(ends_with(1), [1_000, 2_000, 3_000]);
    assert_eq!(ends_with(2), [1_000, 1_000, 1_500]);
    assert_eq!(ends_with(0), [1_000, 1_000, 1_000], "zero: a core for each");
}
