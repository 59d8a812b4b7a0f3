//! Which costs are free, and which of them stand for one measurement.

use super::direct::{DIRECT, PER_FLUSHED_PAGE};
use super::search::SEARCHED;
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::Span;
use std::fmt;

/// Costs are whole nanoseconds from here up to [`COST_MAX_NS`].
const COST_MIN_NS: f64 = 1.0;
const COST_MAX_NS: f64 = 1e9;

/// Which part of a step's cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Of every visit.
    Fixed,
    /// Of every page.
    PerPage,
}

impl Part {
    /// The field of a profile that holds it.
    pub fn field(self) -> &'static str {
        match self {
            Part::Fixed => "fixed",
            Part::PerPage => "per_page",
        }
    }

    /// In this profile, in nanoseconds.
    pub(super) fn of(self, profile: &HostProfile, step: &str) -> u64 {
        let cost = profile.cost(step);
        match self {
            Part::Fixed => cost.fixed.nanos(),
            Part::PerPage => cost.per_page.nanos(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.field())
    }
}

/// Costs that keep their proportions.
#[derive(Debug)]
pub struct Group {
    /// The steps.
    pub steps: &'static [&'static str],
    /// Which part of their costs.
    pub part: Part,
    /// What it is read from.
    pub source: &'static str,
}

impl Group {
    /// Their sum, in nanoseconds.
    pub(super) fn sum(&self, profile: &HostProfile) -> f64 {
        self.steps.iter().map(|step| self.part.of(profile, step) as f64).sum()
    }

    /// Let them add up to this, in nanoseconds.
    pub(super) fn set_sum(&self, profile: &mut HostProfile, sum: f64) {
        let before = self.sum(profile);
        for step in self.steps {
            let own = self.part.of(profile, step) as f64;
            let share = if before > 0.0 { own / before } else { 1.0 / self.steps.len() as f64 };
            let cost = Span::from_nanos((sum * share).clamp(COST_MIN_NS, COST_MAX_NS).round() as u64);
            let mut entry = profile.cost(step);
            match self.part {
                Part::Fixed => entry.fixed = cost,
                Part::PerPage => entry.per_page = cost,
            }
            profile.steps.insert((*step).to_owned(), entry);
        }
    }
}

/// All that are free.
pub(super) fn all() -> impl Iterator<Item = &'static Group> {
    let direct = DIRECT.iter().map(|interval| &interval.group);
    direct.chain([&PER_FLUSHED_PAGE]).chain(SEARCHED.iter())
}
