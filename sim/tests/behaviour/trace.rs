//! The trace hash: the same for the same input, another for any other.

use crate::common::{LONG, SHORT, STEPS, config, run_with};
use colosim_sim::{CHECKPOINT_INTERVAL, Config, Event, Memory, Mutex, Noise, Outcome, Plan, Simulator};

/// Three threads, a mutex, an event, memory and noise. `more` adds one step at the end of the last thread.
fn program(simulator: &mut Simulator, seed: u64, more: bool, word: u64) -> Outcome {
    let noise = Noise { spread_permille: 100, preemption_interval_ns: 5_000, preemption_length_ns: 3_000 };
    simulator.run(Config { seed, noise, plan: Plan::natural(), ..config() }, |sim| {
        let process = sim.process("qemu");
        let (mutex, done) = (Mutex::new(sim, "lock"), Event::new(sim, "done"));
        let memory = Memory::allocate(sim, "ram", 8);
        for (i, name) in ["one", "two"].into_iter().enumerate() {
            let (mutex, done, memory) = (mutex.clone(), done.clone(), memory.clone());
            sim.spawn(process, name, |cx| async move {
                for page in 0..8 {
                    mutex.lock(&cx).await;
                    cx.step(SHORT).await;
                    memory.write(&cx, page, word + i as u64);
                    mutex.unlock(&cx);
                    cx.step(LONG).await;
                }
                done.set(&cx);
            });
        }
        sim.spawn(process, "last", |cx| async move {
            done.wait(&cx).await;
            cx.step(LONG).await;
            if more {
                cx.step(SHORT).await;
            }
        });
    })
}

fn hash(seed: u64, more: bool, word: u64) -> u64 {
    program(&mut Simulator::new(), seed, more, word).hash
}

/// Whatever changes this value changes every witness and every stored hash: it needs a reason, and a line in the change log.
#[test]
fn the_hash_of_a_small_program_is_the_same_for_ever() {
    let outcome = program(&mut Simulator::new(), 1, false, 7);
    assert_eq!((outcome.hash, outcome.steps, outcome.time.0), (9_945_263_022_798_650_807, 33, 19_035));
}

#[test]
fn the_hash_depends_on_the_seed_on_each_step_and_on_what_is_written() {
    let base = hash(1, false, 7);
    assert_eq!(base, hash(1, false, 7));
    assert_ne!(base, hash(2, false, 7));
    assert_ne!(base, hash(1, true, 7));
    assert_ne!(base, hash(1, false, 8));
}

#[test]
fn a_simulator_that_has_run_before_gives_what_a_new_one_gives() {
    let mut used = Simulator::new();
    program(&mut used, 9, true, 1);
    let (again, fresh) = (program(&mut used, 1, false, 7), program(&mut Simulator::new(), 1, false, 7));
    assert_eq!(again.records, fresh.records);
    assert_eq!((again.hash, again.visits, again.hazards), (fresh.hash, fresh.visits, fresh.hazards));
}

#[test]
fn a_simulator_can_be_used_after_a_run_that_panicked() {
    let mut simulator = Simulator::new();
    let panicking = std::panic::AssertUnwindSafe(|| {
        simulator.run(config(), |sim| {
            let process = sim.process("qemu");
            sim.spawn(process, "bystander", |cx| async move { cx.step(LONG).await });
            sim.spawn(process, "faulty", |_| async { panic!("a bug of the model") });
        })
    });
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert_eq!(program(&mut simulator, 1, false, 7).hash, hash(1, false, 7));
}

#[test]
fn the_chain_is_kept_after_each_interval_and_records_carry_it() {
    let interval = CHECKPOINT_INTERVAL as usize;
    let outcome = run_with(config(), |sim, process| {
        sim.spawn(process, "worker", |cx| async move {
            for _ in 0..2 * interval + 5 {
                cx.step(SHORT).await;
            }
        });
    });
    let kept: Vec<u64> = [interval, 2 * interval].map(|n| outcome.records[n - 1].hash).to_vec();
    assert_eq!(outcome.hash_checkpoints, kept);
    assert_eq!(outcome.records.last().unwrap().hash, outcome.hash);
    assert_eq!((outcome.step_table, &*outcome.thread_names[0]), (STEPS, "worker"));
}
