//! How likely a finding is, seen from points along the run that shows it.
//!
//! ```text
//!  the failing run   ──────●──────────●──────────●──────✗   with its plan, up to a point
//!                          ├─▶ ok     ├─▶ ✗      ├─▶ ✗      continuations with other noise: no stalls, and the host
//!                          ├─▶ ok     ├─▶ ok     ├─▶ ✗      preempts threads as its profile says
//!                          └─▶ ✗      └─▶ ✗      └─▶ ✗
//!  share that shows it      1/3        2/3        3/3
//! ```
//!
//! Where the share jumps, the run was decided: what happened there is what to look at, however much later the harm is seen. The
//! jump is bisected down to one step.
//!
//! A pause that has begun at a point goes on, for it has happened.
//!
//! **Not modelled**: a second fork. The curve of a trial that forks ends where it does. A share that rises and falls again is
//! bisected at its last rise through one half only.

use super::search::run;
use super::{Experiment, Rate, Trial};
use crate::random::Stream;
use crate::{Fork, Plan, Time, Violation};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// How likely a finding is, after some steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikelihoodPoint {
    /// So many steps went as in the failing run; at zero, none.
    pub after_steps: u64,
    /// When the last of them was done.
    pub time: Time,
    /// How many of the continuations showed the finding.
    pub rate: Rate,
}

impl LikelihoodPoint {
    fn is_likely(&self) -> bool {
        self.rate.hits * 2 >= self.rate.runs && self.rate.runs > 0
    }
}

/// After how many steps the run was decided: from this point on, at least half of the continuations show the finding. `None`
/// if that is not so even at the last point.
pub fn decided_after(likelihood: &[LikelihoodPoint]) -> Option<u64> {
    likelihood.iter().rev().take_while(|point| point.is_likely()).last().map(|point| point.after_steps)
}

/// How likely `finding` is along the run of `trial`, which shows it: at so many `points`, evenly spaced in steps from the start
/// to the end of that run, and where the rate last rises through one half, at those that bisect the rise. In the order of the
/// run.
///
/// A run that a fatal violation ends has its last point there, a trial that forks at the fork. At the first point the whole run is that of another seed, under
/// no plan. The seeds of the continuations depend on the seed of `trial` and on the point alone; `jobs` are the worker threads,
/// zero for as many as the machine has processors, and make no difference to the result. No point at all if the run does not
/// show `finding`. Once `stop` is set, no further point is begun.
///
/// # Errors
/// If the host does not start the worker threads.
pub fn likelihood(
    experiment: &dyn Experiment,
    trial: &Trial,
    finding: &Violation,
    points: usize,
    runs_per_point: u64,
    jobs: usize,
    stop: &AtomicBool,
) -> io::Result<Vec<LikelihoodPoint>> {
    let workers = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().map_err(io::Error::other)?;
    let failing = experiment.run(&mut crate::Simulator::new(), trial, true);
    if !failing.violations.iter().any(|v| v.is_same_finding(finding)) {
        return Ok(Vec::new());
    }
    let mut times = vec![Time::ZERO];
    times.extend(failing.records.iter().map(|record| record.time));
    let curve = Curve { experiment, trial, finding, runs_per_point, times, workers };

    let mut likelihood = Vec::new();
    let last = trial.plan.fork.map_or(failing.steps, |fork| fork.after_steps.min(failing.steps));
    for after_steps in evenly_spaced(last, points) {
        if stop.load(Ordering::Relaxed) {
            return Ok(likelihood);
        }
        likelihood.push(curve.point(after_steps));
    }
    // An index: the point at it is not likely, and all that come after it are.
    let Some(mut unlikely) = likelihood.iter().rposition(|point| !point.is_likely()) else { return Ok(likelihood) };
    while let Some(likely) = likelihood.get(unlikely + 1).map(|point| point.after_steps) {
        let from = likelihood[unlikely].after_steps;
        if likely - from <= 1 || stop.load(Ordering::Relaxed) {
            break;
        }
        let between = curve.point(from + (likely - from) / 2);
        likelihood.insert(unlikely + 1, between);
        unlikely += usize::from(!between.is_likely());
    }
    Ok(likelihood)
}

/// From zero to `last`, both included.
fn evenly_spaced(last: u64, points: usize) -> impl Iterator<Item = u64> {
    let intervals = (points as u64).saturating_sub(1).clamp(1, last.max(1));
    let at = move |i: u64| (u128::from(last) * u128::from(i) / u128::from(intervals)) as u64;
    (0..=intervals.min(last)).map(at)
}

struct Curve<'a> {
    experiment: &'a dyn Experiment,
    trial: &'a Trial,
    finding: &'a Violation,
    runs_per_point: u64,
    /// When so many steps of the failing run were done.
    times: Vec<Time>,
    workers: ThreadPool,
}

impl Curve<'_> {
    fn point(&self, after_steps: u64) -> LikelihoodPoint {
        let mut draws = Stream::new(self.trial.seed, "likelihood", &after_steps.to_string());
        let seeds: Vec<u64> = (0..self.runs_per_point).map(|_| draws.bits()).collect();
        let shows = |seed: &&u64| {
            let outcome = run(self.experiment, &continuation(self.trial, after_steps, **seed));
            outcome.violations.iter().any(|v| v.is_same_finding(self.finding))
        };
        let hits = self.workers.install(|| seeds.par_iter().filter(shows).count()) as u64;
        let time = self.times[after_steps as usize];
        LikelihoodPoint { after_steps, time, rate: Rate { hits, runs: self.runs_per_point } }
    }
}

/// The run of `trial`, and from a point on that of another seed.
fn continuation(trial: &Trial, after_steps: u64, seed: u64) -> Trial {
    if after_steps == 0 {
        return Trial { seed, faults: trial.faults.clone(), plan: Plan::natural() };
    }
    let plan = Plan { fork: Some(Fork { after_steps, seed }), ..trial.plan.clone() };
    Trial { plan, ..trial.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_spaced_from_the_start_to_the_end_and_never_twice_the_same() {
        let spaced = |last, points| evenly_spaced(last, points).collect::<Vec<u64>>();
        assert_eq!(spaced(100, 5), [0, 25, 50, 75, 100]);
        assert_eq!(spaced(10, 4), [0, 3, 6, 10]);
        assert_eq!(spaced(3, 10), [0, 1, 2, 3]);
        assert_eq!(spaced(7, 1), [0, 7]);
        assert_eq!(spaced(7, 0), [0, 7]);
        assert_eq!(spaced(0, 5), [0]);
    }

    #[test]
    fn a_run_is_decided_where_the_last_stretch_of_likely_points_begins() {
        let curve = |hits: &[u64]| -> Vec<LikelihoodPoint> {
            let point = |(i, hits): (usize, &u64)| LikelihoodPoint {
                after_steps: i as u64 * 10,
                time: Time(0),
                rate: Rate { hits: *hits, runs: 10 },
            };
            hits.iter().enumerate().map(point).collect()
        };
        assert_eq!(decided_after(&curve(&[0, 6, 2, 5, 10])), Some(30));
        assert_eq!(decided_after(&curve(&[7, 10])), Some(0));
        assert_eq!(decided_after(&curve(&[0, 10, 4])), None);
        assert_eq!(decided_after(&[]), None);
    }
}
