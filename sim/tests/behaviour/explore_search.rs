//! Searches: what they find, and that it does not depend on who does the work.

use crate::explore_toy::{Toy, stall, trial};
use colosim_sim::explore::{Experiment, Progress, Report, Search, Stalls, Strategy, Timed, Trial};
use colosim_sim::{Kind, Noise, Outcome, Simulator, Span};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const STALLS: Stalls = Stalls { span_max: Span::millis(4) };

fn search(experiments: &[&dyn Experiment], strategy: &dyn Strategy, seeds: Range<u64>, jobs: usize) -> Report {
    let stop = AtomicBool::new(false);
    Search { experiments, strategy, seeds, jobs, budget: None, stop: &stop, progress: &|_| {} }.run().unwrap()
}

/// A third of all single stalls hits the use of the only page, and all of them are long enough.
#[test]
fn stalls_find_the_use_after_free_where_nothing_joins_and_nothing_where_it_does() {
    let (buggy, fixed) = (Toy::new(false), Toy::new(true));
    let report = search(&[&buggy], &STALLS, 0..100, 1);
    let [finding] = &report.findings[..] else { panic!("one finding, not {:?}", report.findings) };
    assert_eq!((finding.violation.kind, &*finding.violation.object), (Kind::USE_AFTER_FREE, "colo_cache"));
    assert!(finding.first_found_at_run <= 20, "found at run {}", finding.first_found_at_run);
    assert!(finding.shown[0] >= 20, "shown by {} runs", finding.shown[0]);
    let again = buggy.run(&mut Simulator::new(), &finding.trial, false);
    assert_eq!(again.violations[0], finding.violation);

    let report = search(&[&fixed], &STALLS, 0..100, 1);
    assert_eq!((report.findings.len(), report.hazards.len()), (0, 0));
    assert!(report.complete);
    assert_eq!(report.runs, 101);
}

#[test]
fn the_hazard_is_found_without_any_stall() {
    let report = search(&[&Toy::new(false)], &Timed, 0..0, 1);
    assert_eq!((report.runs, report.findings.len(), report.hazards.len()), (1, 0, 1));
}

#[test]
fn the_report_does_not_depend_on_the_number_of_workers() {
    let noisy = Noise { spread_permille: 200, preemption_interval_ns: 100, preemption_length_ns: 200 };
    let (one, two) = (Toy { noise: noisy, ..Toy::new(false) }, Toy { noise: noisy, pages: 9, ..Toy::new(false) });
    for strategy in [&STALLS as &dyn Strategy, &Timed] {
        let report = search(&[&one, &two], strategy, 5..205, 1);
        assert!(!report.findings.is_empty());
        assert_eq!(report, search(&[&one, &two], strategy, 5..205, 2));
        assert_eq!(report, search(&[&one, &two], strategy, 5..205, 3));
    }
}

#[test]
fn experiments_take_turns_and_findings_count_for_each() {
    let (fixed, buggy) = (Toy::new(true), Toy::new(false));
    let report = search(&[&fixed, &buggy], &STALLS, 0..50, 2);
    assert_eq!(report.runs_by_experiment, [51, 51]);
    let [finding] = &report.findings[..] else { panic!("one finding, not {:?}", report.findings) };
    assert_eq!((finding.experiment, finding.shown[0]), (1, 0));
    // Runs 1 and 2 are undisturbed; seed s of the second experiment is run 2 * s + 4.
    assert_eq!(finding.first_found_at_run, 2 * finding.trial.seed + 4);
}

/// Preemptions each 40 ns of work, of 300 ns: some natural runs break the program, the undisturbed one never does.
#[test]
fn timed_tells_how_often_a_race_is_hit_by_the_hosts_own_noise() {
    let noise = Noise { spread_permille: 0, preemption_interval_ns: 40, preemption_length_ns: 300 };
    let report = search(&[&Toy { noise, ..Toy::new(false) }], &Timed, 10..2_010, 2);
    assert_eq!((report.runs, report.complete), (2_001, true));
    let rate = report.rate(&report.findings[0]);
    assert_eq!(rate.runs, 2_000);
    assert_eq!(report.findings[0].shown_undisturbed, 0);
    // The use is preempted with 1 - e^(-5/40) = 0.118, and long enough with about e^(-88/300) = 0.746, while the free, not
    // preempted mostly, comes at 102; what the check adds before and the free behind roughly cancel out.
    assert!(rate.interval().0 < 0.11 && rate.interval().1 > 0.07, "{rate}");
}

#[test]
fn a_violation_of_the_undisturbed_run_is_no_hit_of_the_strategy() {
    struct Broken;
    impl Experiment for Broken {
        fn fault_count(&self) -> u32 {
            0
        }
        fn run(&self, simulator: &mut Simulator, trial: &Trial, _: bool) -> Outcome {
            let stalled = !trial.plan.stalls.is_empty();
            simulator.run(crate::common::config(), |sim| {
                let process = sim.process("qemu");
                sim.spawn(process, "worker", |cx| async move {
                    cx.step(crate::common::SHORT).await;
                    cx.assert(stalled, "state", "it holds under a stall only");
                });
            })
        }
    }
    let report = search(&[&Broken], &STALLS, 0..10, 1);
    let finding = &report.findings[0];
    assert_eq!((finding.first_found_at_run, &finding.shown[..], finding.shown_undisturbed), (1, &[1][..], 1));
    let rate = report.rate(finding);
    assert_eq!((rate.hits, rate.runs), (0, 10));
}

#[test]
fn a_search_without_budget_or_that_was_interrupted_is_not_complete() {
    let toy = Toy::new(true);
    let undisturbed_only = |budget, stopped| {
        let stop = AtomicBool::new(stopped);
        let experiments: [&dyn Experiment; 1] = [&toy];
        let strategy = &STALLS;
        Search { experiments: &experiments, strategy, seeds: 0..500, jobs: 1, budget, stop: &stop, progress: &|_| {} }
            .run()
            .unwrap()
    };
    for report in [undisturbed_only(Some(Duration::ZERO), false), undisturbed_only(None, true)] {
        assert_eq!((report.runs, report.complete), (1, false));
    }
}

#[test]
fn progress_is_told_after_each_batch_up_to_the_planned_runs() {
    let (toy, stop) = (Toy::new(true), AtomicBool::new(false));
    let told: RefCell<Vec<Progress>> = RefCell::default();
    let experiments: [&dyn Experiment; 1] = [&toy];
    let progress = &|p| told.borrow_mut().push(p);
    let search = Search {
        experiments: &experiments,
        strategy: &STALLS,
        seeds: 0..70,
        jobs: 2,
        budget: None,
        stop: &stop,
        progress,
    };
    let report = search.run().unwrap();
    let told = told.into_inner();
    assert!(told.iter().all(|p| p.runs_planned == Some(71)));
    assert_eq!(told.iter().map(|p| p.runs).collect::<Vec<u64>>(), [1, 33, 65, 71]);
    assert_eq!(told.last().unwrap().steps, report.steps);
}

fn draws(undisturbed: &Outcome, seeds: Range<u64>) -> Vec<Trial> {
    let base = trial(&[]);
    let mut course = STALLS.trials(&base, undisturbed, seeds);
    std::iter::from_fn(|| course.next_trial()).collect()
}

/// 1000 pages: check and use have 1000 visits each, the free has one. Goal: neither kind of step starves the other, and both
/// ends of a thread's work are reached.
#[test]
fn places_favour_neither_rare_steps_nor_frequent_ones() {
    let toy = Toy { pages: 1_000, ..Toy::new(true) };
    let undisturbed = toy.run(&mut Simulator::new(), &trial(&[]), false);
    let trials = draws(&undisturbed, 0..4_000);
    let stalls: Vec<_> = trials.iter().flat_map(|t| &t.plan.stalls).collect();
    let mut by_step: BTreeMap<&str, usize> = BTreeMap::new();
    for stall in &stalls {
        *by_step.entry(&stall.step).or_default() += 1;
    }
    let share = |step| by_step[step] as f64 / stalls.len() as f64;
    // Half of the draws by visits, 1/2001 for the free; half by pair, 1/3.
    assert!((share("main.free") - 1.0 / 6.0).abs() < 0.02, "{by_step:?}");
    assert!((share("receiver.use") - 5.0 / 12.0).abs() < 0.03, "{by_step:?}");
    let uses: Vec<u32> = stalls.iter().filter(|s| s.step == "receiver.use").map(|s| s.visit).collect();
    let last_ten = uses.iter().filter(|visit| (991..=1_000).contains(*visit)).count();
    assert!(last_ten as f64 / uses.len() as f64 > 0.005, "{last_ten} of {}", uses.len());
    assert!(uses.iter().any(|visit| *visit <= 100) && uses.iter().any(|visit| *visit > 1_000));
    assert!(uses.iter().all(|visit| (1..=1_126).contains(visit)));
}

#[test]
fn most_trials_have_one_stall_and_spans_cover_all_doublings() {
    let undisturbed = Toy::new(true).run(&mut Simulator::new(), &trial(&[]), false);
    let trials = draws(&undisturbed, 0..2_000);
    let with = |n| trials.iter().filter(|t| t.plan.stalls.len() == n).count();
    assert_eq!(with(1) + with(2) + with(3), 2_000);
    assert!((1_400..1_600).contains(&with(1)) && with(2) > 2 * with(3) && with(3) > 60);
    // From 1 µs to 4 ms are 12 doublings.
    let mut by_doubling = [0usize; 12];
    let spans: Vec<u64> = trials.iter().flat_map(|t| &t.plan.stalls).map(|s| s.span_ns).collect();
    for span in &spans {
        assert!((1_000..=4_000_000).contains(span));
        by_doubling[(span / 1_000).ilog2() as usize] += 1;
    }
    assert!(by_doubling.iter().all(|n| (spans.len() / 18..=spans.len() / 8).contains(n)), "{by_doubling:?}");
}

#[test]
fn a_seed_draws_the_same_trial_in_any_range() {
    let undisturbed = Toy::new(true).run(&mut Simulator::new(), &trial(&[]), false);
    let base = trial(&[]);
    let all = draws(&undisturbed, 0..20);
    let some = draws(&undisturbed, 7..12);
    assert_eq!(all[7..12], some);
    assert_eq!(some[0].faults, base.faults);
    assert_ne!(all[0].plan.stalls, vec![stall("receiver.use", 1, 0)]);
}

#[test]
fn an_experiment_without_steps_has_nothing_to_stall() {
    struct Empty;
    impl Experiment for Empty {
        fn fault_count(&self) -> u32 {
            0
        }
        fn run(&self, simulator: &mut Simulator, _: &Trial, _: bool) -> Outcome {
            simulator.run(crate::common::config(), |_| {})
        }
    }
    let report = search(&[&Empty], &STALLS, 0..3, 1);
    assert_eq!((report.runs, report.steps, report.complete), (4, 0, true));
}
