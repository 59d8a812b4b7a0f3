//! Randomness that stays the same for ever: one ChaCha8 stream per (seed, purpose, object), and our own samplers.
//!
//! A new consumer takes a stream of its own, so it never moves the draws of another. The samplers are written here because
//! those of the `rand` crate change between releases; each has a golden value in the tests below. Transcendental
//! functions come from `libm`, the same on every platform.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A stream of random draws.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `purpose` for `object` in the run with this seed.
    pub fn new(seed: u64, purpose: &str, object: &str) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&fingerprint(purpose).to_le_bytes());
        key[16..24].copy_from_slice(&fingerprint(object).to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An integer in `0..bound`, each equally likely (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `bound` is zero.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no element to draw");
        let mut product = u128::from(self.bits()) * u128::from(bound);
        // The division is needed only where the low half lies below the bound.
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.bits()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An exponentially distributed integer with this mean, rounded down.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        (-libm::log(1.0 - self.unit()) * mean as f64) as u64
    }

    /// How many trials pass before the next success of probability `p`: 0, 1, 2, … (never, as `u64::MAX`, for `p <= 0`).
    pub fn failures_before_success(&mut self, p: f64) -> u64 {
        if p <= 0.0 {
            return u64::MAX;
        }
        if p >= 1.0 {
            return 0;
        }
        (libm::log(1.0 - self.unit()) / libm::log1p(-p)) as u64
    }

    /// An integer in `low..=high`, uniform over doublings: `low..2*low` is as likely as `2*low..4*low` and so on; a last
    /// interval that `high` cuts short has the share that is left of it.
    ///
    /// # Panics
    /// If `low` is zero or above `high`.
    pub fn doubling(&mut self, low: u64, high: u64) -> u64 {
        assert!(0 < low && low <= high, "an interval of doublings starts above zero and below its end");
        let octaves = u64::from((high / low).ilog2()) + 1;
        if octaves == 1 {
            return low + self.below(high - low + 1);
        }
        loop {
            let from = low << self.below(octaves);
            let drawn = u128::from(from) + u128::from(self.below(from));
            if let Ok(value) = u64::try_from(drawn)
                && value <= high
            {
                return value;
            }
        }
    }

    /// An index, each as likely as its weight says; `None` if all weights are zero.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut rest = self.below(total);
        weights.iter().position(|&weight| {
            let hit = rest < weight;
            rest = rest.wrapping_sub(if hit { 0 } else { weight });
            hit
        })
    }
}

/// A 64-bit fingerprint of a name (FNV-1a), stable for ever: it is part of every random stream and every trace hash.
pub fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(7, "test", "golden")
    }

    #[test]
    fn every_sampler_has_a_golden_value() {
        let mut draws = stream();
        let golden = [
            draws.bits(),
            draws.below(1_000),
            u64::from(draws.chance(1, 3)),
            (draws.unit() * 1e9) as u64,
            draws.exponential(1_000_000),
            draws.failures_before_success(1e-3),
            draws.doubling(1_000, 1_000_000),
            draws.weighted(&[1, 0, 5, 4]).unwrap() as u64,
        ];
        assert_eq!(golden, GOLDEN);
    }

    const GOLDEN: [u64; 8] = [5125226369891955831, 114, 0, 331380680, 52747, 204, 830369, 3];

    #[test]
    fn streams_differ_by_seed_purpose_and_object() {
        let first = |mut s: Stream| s.bits();
        let base = first(Stream::new(1, "a", "b"));
        for other in [Stream::new(2, "a", "b"), Stream::new(1, "b", "b"), Stream::new(1, "a", "a")] {
            assert_ne!(base, first(other));
        }
    }

    #[test]
    fn doublings_stay_in_their_interval_and_reach_both_ends_of_it() {
        let mut draws = stream();
        let values: Vec<u64> = (0..2_000).map(|_| draws.doubling(1_000, 1_000_000)).collect();
        assert!(values.iter().all(|v| (1_000..=1_000_000).contains(v)));
        assert!(values.iter().any(|&v| v < 2_000) && values.iter().any(|&v| v > 500_000));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut draws = stream();
        assert!((0..1_000).all(|_| draws.weighted(&[0, 3, 0, 1]).is_some_and(|i| i == 1 || i == 3)));
        assert_eq!(draws.weighted(&[0, 0]), None);
    }
}
