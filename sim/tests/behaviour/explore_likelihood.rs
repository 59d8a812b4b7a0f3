//! How likely a finding is, along the run that shows it.

use crate::explore_toy::{Toy, stall, trial};
use colosim_sim::explore::{Experiment, LikelihoodPoint, Trial, decided_after, likelihood};
use colosim_sim::{Fork, Noise, Simulator, Time, Violation};
use std::sync::atomic::AtomicBool;

/// Six pages take 90 ns, the cache is freed at 102 ns. Preemptions each 200 ns of work on average, of 50 ns.
fn toy() -> Toy {
    Toy {
        pages: 6,
        noise: Noise { spread_permille: 0, preemption_interval_ns: 200, preemption_length_ns: 50 },
        ..Toy::new(false)
    }
}

/// Steps 1 to 11: six checks, five uses. Step 12 at 102 ns: the free. Step 13: the last use.
fn failing() -> Trial {
    trial(&[stall("receiver.use", 6, 5_000)])
}

fn finding(toy: &Toy) -> Violation {
    toy.run(&mut Simulator::new(), &failing(), false).violations.remove(0)
}

fn curve(points: usize, runs: u64, jobs: usize) -> Vec<LikelihoodPoint> {
    let toy = toy();
    likelihood(&toy, &failing(), &finding(&toy), points, runs, jobs, &AtomicBool::new(false)).unwrap()
}

fn steps(curve: &[LikelihoodPoint]) -> Vec<u64> {
    curve.iter().map(|point| point.after_steps).collect()
}

/// Once the cache is freed while the use of the last page is under way, nothing can save it; a step before, the host would have
/// to preempt the receiver by itself.
#[test]
fn the_run_is_decided_when_the_cache_is_freed_under_a_stalled_use() {
    let curve = curve(14, 200, 1);
    assert_eq!(steps(&curve), (0..=13).collect::<Vec<u64>>());
    assert!(curve[..12].iter().all(|point| point.rate.share() < 0.3), "{curve:?}");
    assert!(curve[0].rate.hits > 0, "{curve:?}");
    assert!(curve[12..].iter().all(|point| point.rate.hits == 200), "{curve:?}");
    assert_eq!(decided_after(&curve), Some(12));
    assert_eq!([curve[0].time, curve[11].time, curve[12].time], [Time(0), Time(85), Time(102)]);
    assert_eq!(curve[13].time, Time(5_090));
}

#[test]
fn a_jump_between_two_points_is_bisected_down_to_a_step() {
    let curve = curve(2, 50, 1);
    assert_eq!(steps(&curve), [0, 6, 9, 11, 12, 13]);
    assert_eq!(decided_after(&curve), Some(12));
}

#[test]
fn the_likelihood_does_not_depend_on_the_number_of_workers_nor_on_the_other_points() {
    let one = curve(5, 60, 1);
    assert_eq!(one, curve(5, 60, 2));
    let many = curve(14, 60, 2);
    assert!(one.iter().all(|point| many.contains(point)));
}

#[test]
fn a_run_that_does_not_show_the_finding_has_no_likelihood() {
    let toy = toy();
    let go_on = AtomicBool::new(false);
    let points = likelihood(&toy, &trial(&[]), &finding(&toy), 5, 10, 1, &go_on).unwrap();
    assert_eq!((points.len(), decided_after(&points)), (0, None));
}

#[test]
fn the_curve_of_a_trial_that_forks_ends_at_the_fork() {
    let (toy, mut forked) = (toy(), failing());
    forked.plan.fork = Some(Fork { after_steps: 12, seed: 3 });
    let points = likelihood(&toy, &forked, &finding(&toy), 3, 20, 1, &AtomicBool::new(false)).unwrap();
    assert_eq!(steps(&points), [0, 6, 9, 10, 11, 12]);
    assert_eq!(points[5].rate.hits, 20);
}

#[test]
fn no_point_is_begun_once_it_is_stopped() {
    let toy = toy();
    let points = likelihood(&toy, &failing(), &finding(&toy), 5, 10, 1, &AtomicBool::new(true)).unwrap();
    assert_eq!(points, []);
}
