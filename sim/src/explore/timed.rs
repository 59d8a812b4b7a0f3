//! Strategy `timed`: no stalls, only the host's natural noise; and how likely something is, from k of n runs.

use super::{Course, Strategy, Trial};
use crate::{Outcome, Plan};
use std::fmt;
use std::ops::Range;

/// Runs that nothing but the host's natural noise disturbs, one for each seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timed;

impl Strategy for Timed {
    fn trials<'a>(&'a self, base: &'a Trial, _: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        Box::new(seeds.map(|seed| Trial { seed, faults: base.faults.clone(), plan: Plan::natural() }))
    }
}

/// How often something was seen: `hits` of `runs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Runs that showed it.
    pub hits: u64,
    /// All runs.
    pub runs: u64,
}

/// The 97.5 % quantile of the normal distribution, for a two-sided interval at 95 %.
const Z: f64 = 1.959_963_984_540_054;

impl Rate {
    /// The share of runs that showed it; zero without any run.
    pub fn share(self) -> f64 {
        if self.runs == 0 { 0.0 } else { self.hits as f64 / self.runs as f64 }
    }

    /// The 95 % interval of the true rate (Wilson, "Probable inference, the law of succession, and statistical inference",
    /// JASA 1927). It is sound for no hit and for all hits too; without any run it is all of `[0, 1]`.
    pub fn interval(self) -> (f64, f64) {
        if self.runs == 0 {
            return (0.0, 1.0);
        }
        let n = self.runs as f64;
        let p = self.share();
        let spread = 1.0 + Z * Z / n;
        let centre = (p + Z * Z / (2.0 * n)) / spread;
        let half = Z / spread * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        // Rounding must not push an end that is exact beyond what was seen.
        let low = if self.hits == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if self.hits == self.runs { 1.0 } else { (centre + half).min(1.0) };
        (low, high)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval();
        write!(f, "{} of {} ({:.3} % to {:.3} % with 95 % confidence)", self.hits, self.runs, low * 100.0, high * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(hits: u64, runs: u64) -> [f64; 2] {
        let (low, high) = Rate { hits, runs }.interval();
        [low, high].map(|end| (end * 1e4).round() / 1e4)
    }

    /// Golden values from Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998,
    /// table I, method 3: 81/263, 15/148, 0/20, 1/29.
    #[test]
    fn the_wilson_interval_has_the_published_values() {
        assert_eq!(interval(81, 263), [0.2553, 0.3662]);
        assert_eq!(interval(15, 148), [0.0624, 0.1605]);
        assert_eq!(interval(0, 20), [0.0, 0.1611]);
        assert_eq!(interval(1, 29), [0.0061, 0.1718]);
    }

    #[test]
    fn the_interval_of_no_run_is_everything_and_of_all_hits_reaches_one() {
        assert_eq!(interval(0, 0), [0.0, 1.0]);
        assert_eq!(interval(20, 20), [0.8389, 1.0]);
    }
}
