//! Coverage: how many distinct interleavings a search has seen, and whether new ones still come.
//!
//! Runs whose shared objects went from thread to thread in the same order count as one ([`Outcome::interleaving`]). A search
//! that sees hardly any new ones has nearly used up what its strategy reaches; that is when another strategy is worth more than
//! more seeds.
//!
//! **Not modelled**: interleavings that no run has shown. The count says nothing about how many there are.
//!
//! [`Outcome::interleaving`]: crate::Outcome::interleaving

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Runs that are counted together.
const THOUSAND: u64 = 1_000;

/// New interleavings in a thousand runs below which a search has dried up: 1 %.
const DRY_BELOW: u64 = THOUSAND / 100;

/// The distinct interleavings of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    seen: BTreeSet<u64>,
    runs: u64,
    new_per_thousand: Vec<u64>,
}

impl Coverage {
    /// How many distinct interleavings there were.
    pub fn distinct(&self) -> u64 {
        self.seen.len() as u64
    }

    /// How many of them were new, for each thousand runs that was begun.
    pub fn new_per_thousand(&self) -> &[u64] {
        &self.new_per_thousand
    }

    /// Less than 1 % of the last full thousand of runs showed an interleaving that was new. False before the first thousand is
    /// full.
    pub fn dried_up(&self) -> bool {
        let full = usize::try_from(self.runs / THOUSAND).unwrap_or(usize::MAX);
        full.checked_sub(1).and_then(|last| self.new_per_thousand.get(last)).is_some_and(|new| *new < DRY_BELOW)
    }

    /// One more run.
    pub(super) fn add(&mut self, interleaving: u64) {
        if self.runs.is_multiple_of(THOUSAND) {
            self.new_per_thousand.push(0);
        }
        self.runs += 1;
        if self.seen.insert(interleaving) {
            *self.new_per_thousand.last_mut().expect("the first run begins a thousand") += 1;
        }
    }

    /// Can this be the coverage of so many runs?
    pub(super) fn is_of(&self, runs: u64) -> bool {
        let new = self.new_per_thousand.iter().try_fold(0u64, |sum, new| sum.checked_add(*new));
        self.runs == runs
            && self.new_per_thousand.len() as u64 == runs.div_ceil(THOUSAND)
            && new == Some(self.distinct())
    }
}
