//! Measuring: how much per second, and how long until something is found.
//!
//! A machine is not equally fast at all times, so what is compared is measured in turns, and the median of the rounds counts.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Something that is measured. It does its work in portions, each of which returns how much it was.
pub struct Contender<'a> {
    /// For the table.
    pub name: &'a str,
    portion: Box<dyn FnMut() -> u64 + 'a>,
}

impl<'a> Contender<'a> {
    /// One that does `portion` again and again.
    pub fn new(name: &'a str, portion: impl FnMut() -> u64 + 'a) -> Contender<'a> {
        Contender { name, portion: Box::new(portion) }
    }
}

/// How much each contender does per second: the median of `rounds` rounds, in each of which every contender does one portion.
/// A round before them warms up.
pub fn rates_per_s(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<f64> {
    for contender in contenders.iter_mut() {
        (contender.portion)();
    }
    let mut rates = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for (contender, rates) in contenders.iter_mut().zip(&mut rates) {
            let started = Instant::now();
            let done = (contender.portion)();
            rates.push(done as f64 / started.elapsed().as_secs_f64());
        }
    }
    rates.into_iter().map(median).collect()
}

/// The middle one; of an even number, the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many runs it took until something was found, over some trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntilFound {
    /// Trials made.
    pub trials: u64,
    /// Trials that ended without it; of each, all runs count.
    pub not_found: u64,
    /// Runs of all trials.
    pub runs: u64,
}

impl UntilFound {
    /// Make trials, numbered from 0: up to `trials_max`, but no further one when `time_max` has passed. A trial returns the
    /// runs it took, `None` if `runs_max` did not suffice.
    pub fn measure(
        trials_max: u64,
        runs_max: u64,
        time_max: Duration,
        mut trial: impl FnMut(u64) -> Option<u64>,
    ) -> UntilFound {
        let started = Instant::now();
        let mut sum = UntilFound { trials: 0, not_found: 0, runs: 0 };
        while sum.trials < trials_max && started.elapsed() < time_max {
            let runs = trial(sum.trials);
            sum.trials += 1;
            sum.not_found += u64::from(runs.is_none());
            sum.runs += runs.unwrap_or(runs_max);
        }
        sum
    }

    /// Mean of the runs of a trial; a lower bound of it if there are trials without the finding.
    pub fn mean(&self) -> f64 {
        self.runs as f64 / self.trials as f64
    }

    /// For the line of JSON.
    pub fn to_json(&self) -> Value {
        json!({ "mean": self.mean(), "trials": self.trials, "not_found": self.not_found })
    }
}

impl std::fmt::Display for UntilFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = if self.not_found > 0 { "≥ " } else { "" };
        write!(f, "{bound}{:.1}", self.mean())?;
        if self.not_found > 0 { write!(f, " (not in {} of {})", self.not_found, self.trials) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_slow_round() {
        assert_eq!(median(vec![10.0, 1.0, 11.0]), 10.0);
    }

    #[test]
    fn each_contender_has_the_rate_of_its_own_portions() {
        let portion = |count| {
            move || {
                std::thread::sleep(Duration::from_millis(1));
                count
            }
        };
        let mut contenders = [Contender::new("few", portion(1)), Contender::new("many", portion(1_000))];
        let rates = rates_per_s(&mut contenders, 3);
        assert!(rates[0] <= 1_000.0 && rates[1] > 10.0 * rates[0], "{rates:?}");
    }

    #[test]
    fn a_trial_that_found_nothing_counts_as_all_its_runs_and_makes_the_mean_a_bound() {
        let found = UntilFound::measure(4, 100, Duration::MAX, |trial| (trial != 3).then_some(trial + 1));
        assert_eq!(found, UntilFound { trials: 4, not_found: 1, runs: 1 + 2 + 3 + 100 });
        assert_eq!(found.to_string(), "≥ 26.5 (not in 1 of 4)");
    }

    #[test]
    fn no_trial_begins_when_the_time_is_up() {
        let found = UntilFound::measure(100, 1, Duration::from_millis(5), |_| {
            std::thread::sleep(Duration::from_millis(10));
            Some(1)
        });
        assert_eq!(found, UntilFound { trials: 1, not_found: 0, runs: 1 });
    }
}
