//! `cargo bench -p colosim-peers`: two tables, and as the last line the same figures as JSON.
//!
//! All on one core. Shuttle has its default features, so it keeps no vector clocks; colosim has its hash, its vector clocks and
//! its counts of steps, which it always has. DFS and loom enumerate; what they do in a tenth of a second is the beginning of that.

use colosim_peers::kernel_cost::{STEPS_PER_RUN, TIMER_EVENTS_PER_RUN, steps, timers};
use colosim_peers::measure::{Contender, UntilFound, rates_per_s};
use colosim_peers::toy::colosim::SPAN_MAX;
use colosim_peers::toy::{self, Shape};
use colosim_sim::explore::{Stalls, Strategy, Timed};
use colosim_sim::{Outcome, Simulator};
use comfy_table::Table;
use serde_json::{Map, Value, json};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use std::time::Duration;

const FIXED: Shape = Shape { messages: 4, delay_steps: 0, joins: true };
const STALLS: Stalls = Stalls { span_max: SPAN_MAX };
const PCT_DEPTH: usize = 3;
const SEED: u64 = 1;

const ROUNDS: usize = 9;
/// Schedules of a portion, so that a portion takes about a tenth of a second.
const COLOSIM_PORTION: u64 = 5_000;
const SHUTTLE_PORTION: usize = 2_000;
const LOOM_PORTION: Duration = Duration::from_millis(100);
const KERNEL_RUNS: u64 = 50;

const DELAYS: [usize; 4] = [0, 12, 24, 48];
const TRIALS: u64 = 100;
const RUNS_MAX: u64 = 10_000;
/// For one tool and one delay: where no trial finds anything, a hundred of them would take minutes.
const TRIALS_TIME_MAX: Duration = Duration::from_secs(8);

fn main() {
    let mut figures = Map::new();
    rates(&mut figures);
    runs_until_found(&mut figures);
    println!("{}", Value::Object(figures));
}

fn colosim(strategy: &'static dyn Strategy) -> impl FnMut() -> u64 {
    move || toy::colosim::search(FIXED, strategy, 0..COLOSIM_PORTION).runs
}

fn shuttle<S: Scheduler + 'static>(scheduler: impl Fn() -> S) -> impl FnMut() -> u64 {
    move || toy::shuttle::run_all(FIXED, scheduler()) as u64
}

fn kernel(program: fn(&mut Simulator) -> Outcome, events_per_run: u64) -> impl FnMut() -> u64 {
    let mut simulator = Simulator::new();
    move || {
        (0..KERNEL_RUNS).for_each(|_| drop(program(&mut simulator)));
        KERNEL_RUNS * events_per_run
    }
}

/// Schedules per second of the program that never breaks, and what a step and a timer cost.
fn rates(figures: &mut Map<String, Value>) {
    let mut contenders = [
        Contender::new("colosim stalls", colosim(&STALLS)),
        Contender::new("colosim timed", colosim(&Timed)),
        Contender::new("shuttle random", shuttle(|| RandomScheduler::new_from_seed(SEED, SHUTTLE_PORTION))),
        Contender::new("shuttle PCT", shuttle(|| PctScheduler::new_from_seed(SEED, PCT_DEPTH, SHUTTLE_PORTION))),
        Contender::new("shuttle URW", shuttle(|| UrwRandomScheduler::new_from_seed(SEED, SHUTTLE_PORTION))),
        Contender::new("shuttle DFS", shuttle(|| DfsScheduler::new(Some(SHUTTLE_PORTION), false))),
        Contender::new("loom", || toy::loom::run_all(FIXED, LOOM_PORTION)),
        Contender::new("kernel steps", kernel(steps, STEPS_PER_RUN)),
        Contender::new("kernel timers", kernel(timers, TIMER_EVENTS_PER_RUN)),
    ];
    let rates = rates_per_s(&mut contenders, ROUNDS);

    let mut table = Table::new();
    table.set_header(["", "per second", "ns each"]);
    for (contender, rate) in contenders.iter().zip(&rates) {
        table.add_row([contender.name.to_owned(), format!("{rate:.0}"), format!("{:.1}", 1e9 / rate)]);
    }
    println!("{table}");
    let random = RandomScheduler::new_from_seed(SEED, 1);
    let steps_per_schedule = toy::colosim::search(FIXED, &STALLS, 0..0).steps;
    let points_per_schedule = toy::shuttle::scheduling_points(FIXED, random);
    println!(
        "a schedule has {steps_per_schedule} steps in colosim, {points_per_schedule} scheduling points in shuttle"
    );

    let [stalls, timed, random, pct, urw, dfs, loom, steps, timers] = rates[..] else { unreachable!("one rate each") };
    let all = json!({
        "schedules_ratio_shuttle_random": stalls / random,
        "schedules_ratio_shuttle_pct": stalls / pct,
        "schedules_ratio_shuttle_urw": stalls / urw,
        "ns_per_step": 1e9 / steps,
        "ns_per_timer_event": 1e9 / timers,
        "schedules_per_s": {
            "colosim_stalls": stalls, "colosim_timed": timed, "shuttle_random": random, "shuttle_pct": pct,
            "shuttle_urw": urw, "shuttle_dfs": dfs, "loom": loom,
        },
        "steps_per_schedule": steps_per_schedule,
        "shuttle_scheduling_points_per_schedule": points_per_schedule,
    });
    let Value::Object(all) = all else { unreachable!("an object was written") };
    figures.extend(all);
}

/// How many schedules each tool needs to find the race, by how late the cache is freed.
fn runs_until_found(figures: &mut Map<String, Value>) {
    type Trial = fn(Shape, u64) -> Option<u64>;
    let tools: [(&str, Trial); 4] = [
        ("colosim_stalls", |shape, trial| {
            let first = trial * RUNS_MAX;
            // The undisturbed run is one of the runs.
            toy::colosim::runs_until_found(shape, &STALLS, first..first + RUNS_MAX - 1)
        }),
        ("shuttle_random", |shape, trial| {
            toy::shuttle::runs_until_found(shape, RandomScheduler::new_from_seed(trial, RUNS_MAX as usize))
        }),
        ("shuttle_pct", |shape, trial| {
            toy::shuttle::runs_until_found(shape, PctScheduler::new_from_seed(trial, PCT_DEPTH, RUNS_MAX as usize))
        }),
        ("shuttle_urw", |shape, trial| {
            toy::shuttle::runs_until_found(shape, UrwRandomScheduler::new_from_seed(trial, RUNS_MAX as usize))
        }),
    ];
    let mut table = Table::new();
    table.set_header(["steps before the free", "colosim stalls", "shuttle random", "shuttle PCT", "shuttle URW"]);
    let mut by_delay = Map::new();
    for delay_steps in DELAYS {
        let shape = Shape { delay_steps, joins: false, ..FIXED };
        let measured = tools.map(|(name, trial)| {
            (name, UntilFound::measure(TRIALS, RUNS_MAX, TRIALS_TIME_MAX, |number| trial(shape, number)))
        });
        let cells = measured.iter().map(|(_, until_found)| until_found.to_string());
        table.add_row([delay_steps.to_string()].into_iter().chain(cells));
        let values = measured.iter().map(|(name, found)| ((*name).to_owned(), found.to_json()));
        by_delay.insert(delay_steps.to_string(), Value::Object(values.collect()));
    }
    println!("schedules until the race was found, mean of up to {TRIALS} trials of up to {RUNS_MAX}\n{table}");
    figures.insert("runs_until_found".to_owned(), Value::Object(by_delay));
}
