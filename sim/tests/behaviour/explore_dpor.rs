//! The reduction finds all that running every single interleaving finds, on programs small enough for both.

use crate::common::{SHORT, config};
use colosim_sim::explore::{Dpor, DporState, Experiment, Trial};
use colosim_sim::link::{Loss, Path, PathConfig, Piece, Transport, connect};
use colosim_sim::{
    Cx, Event, Kind, Memory, Mutex, Outcome, Plain, Plan, ProcessId, Semaphore, Sim, Simulator, Span, Violation,
};
use std::collections::BTreeSet;

/// A program, and what an observer reports as its final state.
struct Program {
    build: fn(&Sim, ProcessId) -> Box<dyn Fn() -> String>,
}

const FINAL: Kind = Kind("final state");

impl Experiment for Program {
    fn fault_count(&self) -> u32 {
        0
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, _: bool) -> Outcome {
        let config = colosim_sim::Config { seed: trial.seed, plan: trial.plan.clone(), ..config() };
        simulator.run(config, |sim| {
            sim.explore_from_here();
            let (process, outside) = (sim.process("program"), sim.process("outside"));
            sim.outside(outside);
            let state = (self.build)(sim, process);
            sim.spawn(outside, "observer", |cx| async move {
                cx.settle(Span::millis(1)).await;
                cx.violate(FINAL, "state", None, state());
            });
        })
    }
}

struct Explored {
    states: BTreeSet<String>,
    progress: DporState,
}

fn explore(program: &Program, reduces: bool) -> Explored {
    let (mut states, mut progress) = (BTreeSet::new(), DporState::default());
    let trial = Trial { seed: 1, faults: Vec::new(), plan: Plan::undisturbed() };
    let mut each = |outcome: Outcome, progress: &DporState| {
        let of = |v: &Violation| match v.kind {
            FINAL => v.detail.clone(),
            kind => format!("{} of {} by {}", kind.0, v.object, v.culprit.thread),
        };
        let found: Vec<String> = outcome.violations.iter().map(of).collect();
        states.insert(found.join("; "));
        assert!(progress.interleavings < 200_000, "the program is too large for this test");
        true
    };
    Dpor { reduces }.explore(program, &mut Simulator::new(), &trial, &mut progress, &mut each);
    // Runs that were given up have no final state.
    states.remove("");
    Explored { states, progress }
}

/// Both find the same final states; returns how many there are and how many runs each took.
fn compare(program: &Program) -> (usize, u64, u64) {
    let (all, reduced) = (explore(program, false), explore(program, true));
    assert_eq!(reduced.states, all.states);
    assert!(all.progress.complete && reduced.progress.complete);
    assert_eq!(all.progress.given_up, 0);
    let runs = reduced.progress.interleavings + reduced.progress.given_up;
    println!(
        "{} states, {} of {} runs, {} given up",
        all.states.len(),
        reduced.progress.interleavings,
        all.progress.interleavings,
        reduced.progress.given_up
    );
    assert!(runs <= all.progress.interleavings);
    (all.states.len(), all.progress.interleavings, reduced.progress.interleavings)
}

/// Three threads each add to a variable without a lock: read in one step, write in the next.
fn adders() -> Program {
    Program {
        build: |sim, process| {
            let sum = Plain::new(sim, "sum", 0u32);
            for i in 0..3u32 {
                let sum = sum.clone();
                sim.spawn(process, &format!("adder {i}"), move |cx| async move {
                    let before = sum.read(&cx);
                    cx.step(SHORT).await;
                    sum.write(&cx, before + (1 << (4 * i)));
                });
            }
            Box::new(move || format!("{:x}", sum.peek()))
        },
    }
}

#[test]
fn lost_updates_of_a_plain_variable() {
    let (states, all, reduced) = compare(&adders());
    assert_eq!(states, 7, "every non-empty subset of the additions");
    assert!(reduced < all, "{reduced} of {all}");
}

/// Two threads, two mutexes, taken in opposite orders by some: a deadlock is one of the final states.
#[test]
fn two_mutexes_taken_in_opposite_orders() {
    let program = Program {
        build: |sim, process| {
            let (a, b) = (Mutex::new(sim, "a"), Mutex::new(sim, "b"));
            let trail = Plain::new(sim, "trail", String::new());
            for (name, first, second) in [("one", &a, &b), ("two", &b, &a), ("three", &a, &a)] {
                let (first, second, trail) = (first.clone(), second.clone(), trail.clone());
                sim.spawn(process, name, move |cx| async move {
                    first.lock(&cx).await;
                    cx.step(SHORT).await;
                    if name != "three" {
                        second.lock(&cx).await;
                        let so_far = trail.read(&cx);
                        trail.write(&cx, so_far + name);
                        second.unlock(&cx);
                    }
                    first.unlock(&cx);
                });
            }
            Box::new(move || trail.peek())
        },
    };
    let (states, _, _) = compare(&program);
    assert!(states >= 3, "both orders, and the deadlock");
}

/// Semaphores and an event: two producers, one consumer that reads what is there when it is let go on.
#[test]
fn producers_and_a_consumer_with_a_semaphore_and_an_event() {
    let program = Program {
        build: |sim, process| {
            let (items, ready) = (Semaphore::new(sim, "items", 0), Event::new(sim, "ready"));
            let list = Plain::new(sim, "list", String::new());
            for name in ["p", "q"] {
                let (items, ready, list) = (items.clone(), ready.clone(), list.clone());
                sim.spawn(process, name, move |cx| async move {
                    let so_far = list.read(&cx);
                    cx.step(SHORT).await;
                    list.write(&cx, so_far + name);
                    items.post(&cx);
                    if name == "q" {
                        ready.set(&cx);
                    }
                });
            }
            let own = list.clone();
            sim.spawn(process, "consumer", move |cx| async move {
                items.wait(&cx).await;
                let so_far = own.read(&cx);
                own.write(&cx, so_far + "1");
                ready.wait(&cx).await;
                items.wait(&cx).await;
                let so_far = own.read(&cx);
                own.write(&cx, so_far + "2");
            });
            Box::new(move || list.peek())
        },
    };
    compare(&program);
}

/// Timers: a sleeper and one who waits for an event with a time limit, against one who sets it. Any order of them is
/// possible, whatever the clock says.
#[test]
fn timers_come_at_any_time_after_they_were_set() {
    let program = Program {
        build: |sim, process| {
            let event = Event::new(sim, "event");
            let trail = Plain::new(sim, "trail", String::new());
            let add = |trail: &Plain<String>, cx: &Cx, what: &str| {
                let so_far = trail.read(cx);
                trail.write(cx, so_far + what);
            };
            let (set, own) = (event.clone(), trail.clone());
            sim.spawn(process, "setter", move |cx| async move {
                cx.sleep(Span::millis(900)).await;
                add(&own, &cx, "s");
                set.set(&cx);
            });
            let own = trail.clone();
            sim.spawn(process, "waiter", move |cx| async move {
                let deadline = cx.sim.now() + Span::millis(5);
                let in_time = event.wait_deadline(&cx, deadline).await;
                add(&own, &cx, if in_time { "i" } else { "l" });
            });
            let own = trail.clone();
            sim.spawn(process, "sleeper", move |cx| async move {
                cx.sleep(Span::millis(1)).await;
                add(&own, &cx, "z");
            });
            Box::new(move || trail.peek())
        },
    };
    let (states, all, _) = compare(&program);
    // The waiter is late before the setter, or in time after it; the sleeper comes anywhere between.
    assert_eq!(states, 2 * 3, "of {all}");
}

/// A link: two messages and the end of the stream, read by one, while another counts what the reader has got and the
/// sender's process may be killed at any time.
#[test]
fn messages_on_a_link_and_the_death_of_the_sender() {
    let program = Program {
        build: |sim, process| {
            let sender = sim.process("sender");
            let reaper = sim.process("reaper");
            sim.outside(reaper);
            let path = Path::new(PathConfig {
                rate_bits_per_s: 1_000_000_000,
                latency: Span::micros(50),
                jitter: Span::ZERO,
                loss: Loss::None,
                queue_bytes: 1 << 20,
            });
            let (there, here) =
                connect(sim, "link", (sender, &path), (process, &path), Transport::Unix, 1 << 16, 1 << 16);
            let got = Plain::new(sim, "got", String::new());
            sim.spawn(sender, "sender", move |cx| async move {
                for message in [b"a", b"b"] {
                    cx.step(SHORT).await;
                    if there.write(&cx, [Piece::Bytes(message.as_slice().into())]).await.is_err() {
                        return;
                    }
                }
                there.shutdown();
            });
            let own = got.clone();
            sim.spawn(process, "reader", move |cx| async move {
                let mut byte = [0];
                while here.read_exact(&cx, &mut byte).await.is_ok() {
                    cx.step(SHORT).await;
                    let so_far = own.read(&cx);
                    own.write(&cx, so_far + &String::from_utf8_lossy(&byte));
                }
            });
            let seen = Plain::new(sim, "seen", String::new());
            let (own, note) = (got.clone(), seen.clone());
            sim.spawn(process, "looker", move |cx| async move {
                let so_far = own.read(&cx);
                note.write(&cx, so_far);
            });
            sim.spawn(reaper, "reaper", move |cx| async move { cx.sim.kill(sender) });
            Box::new(move || format!("{} seen {}", got.peek(), seen.peek()))
        },
    };
    let (states, _, _) = compare(&program);
    assert_eq!(states, 1 + 2 + 3, "nothing, one or both came, and the looker saw any part of it");
}

/// A use after free in some interleavings ends neither the run's other threads nor the search.
#[test]
fn a_free_between_check_and_use() {
    let program = Program {
        build: |sim, process| {
            let cache = Memory::allocate(sim, "cache", 2);
            let alive = Plain::new(sim, "alive", true);
            for page in 0..2 {
                let (cache, alive) = (cache.clone(), alive.clone());
                sim.spawn(process, &format!("user {page}"), move |cx| async move {
                    cx.step(SHORT).await;
                    if alive.read(&cx) {
                        cx.step(SHORT).await;
                        cache.write(&cx, page, 1);
                    }
                });
            }
            let own = cache.clone();
            sim.spawn(process, "owner", move |cx| async move {
                alive.write(&cx, false);
                cx.step(SHORT).await;
                own.free(&cx);
            });
            Box::new(move || format!("{} {}", cache.peek(0), cache.peek(1)))
        },
    };
    let (states, _, _) = compare(&program);
    assert!(states >= 4, "{states}");
}

/// The same choices give the same run, and a search that was interrupted goes on to the same end.
#[test]
fn an_exploration_can_be_taken_up_again() {
    let program = adders();
    let whole = explore(&program, true);
    let trial = Trial { seed: 1, faults: Vec::new(), plan: Plan::undisturbed() };
    let (mut progress, mut pauses) = (DporState::default(), 0);
    while !progress.complete {
        let mut runs = 0;
        let mut each = |_: Outcome, _: &DporState| {
            runs += 1;
            runs < 3
        };
        let text = serde_json::to_string(&progress).unwrap();
        progress = serde_json::from_str(&text).unwrap();
        Dpor { reduces: true }.explore(&program, &mut Simulator::new(), &trial, &mut progress, &mut each);
        pauses += 1;
    }
    assert!(pauses > 3);
    assert_eq!(progress, whole.progress);
}
