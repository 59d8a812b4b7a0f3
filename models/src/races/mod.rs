//! The known races of the debate, as data: where each shows, how it is recognised, and in which designs it must be found and
//! must not be found.
//!
//! A race is tried with a shipped scenario, perhaps with fields changed; a violation of a run is an instance of it if one of its
//! [`Sign`]s fits. The tests search every scenario for every design that a race names, and hold what is found against this table:
//! each race where it has to be, none where it must not be, and no violation that no race explains.

mod primary;
mod receive;
mod search;
mod secondary;

pub use search::{Effort, Searched, Shown, scenario_of, search};

use crate::steps::STEPS;
use colosim_sim::explore::Finding;
use colosim_sim::{Kind, StepId, Violation};

/// One race.
#[derive(Debug, Clone, Copy)]
pub struct Race {
    /// Its number in the documentation; empty for one that only a mutated design has.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What kind of defect it is, as "use after free".
    pub kind: &'static str,
    /// What happens, in a sentence.
    pub what: &'static str,
    /// The shipped scenario that shows it.
    pub scenario: &'static str,
    /// Fields of it that differ, as for `--set`: path and value.
    pub changes: &'static [(&'static str, &'static str)],
    /// How a violation is recognised as this race.
    pub signs: &'static [Sign],
    /// Designs in which it must be found: `preset` or `preset + switch: Value`.
    pub found_in: &'static [&'static str],
    /// Designs in which it must not be found.
    pub absent_in: &'static [&'static str],
    /// How it is known: measured, source, reported, analysis.
    pub evidence: &'static str,
}

/// What a violation of a race looks like. An empty text fits everything.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// What went wrong.
    pub kind: Kind,
    /// Part of the name of the object.
    pub object: &'static str,
    /// The step that did it, or a group of steps with its dot: `multifd_recv.`.
    pub step: &'static str,
    /// The step that made it wrong, likewise.
    pub cause: &'static str,
    /// What it says about the race.
    pub tells: Tells,
}

/// What it says about a race that a violation fits one of its signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// The race is there.
    Present,
    /// Nothing alone, but the race explains it.
    Consequence,
    /// What would show the race comes from something else in this design.
    Elsewhere,
}

impl Sign {
    /// Everything of this kind on such an object.
    pub const fn of(kind: Kind, object: &'static str) -> Sign {
        Sign { kind, object, step: "", cause: "", tells: Tells::Present }
    }

    /// Only at this step.
    pub const fn at(self, step: &'static str) -> Sign {
        Sign { step, ..self }
    }

    /// Only if that step made it wrong.
    pub const fn after(self, cause: &'static str) -> Sign {
        Sign { cause, ..self }
    }

    /// It alone does not show the race.
    pub const fn follows(self) -> Sign {
        Sign { tells: Tells::Consequence, ..self }
    }

    /// Where this is found, the other signs come from something else.
    pub const fn elsewhere(self) -> Sign {
        Sign { tells: Tells::Elsewhere, ..self }
    }

    /// Does it fit?
    pub fn fits(&self, violation: &Violation) -> bool {
        let name = |step: StepId| STEPS[usize::from(step.0)].name;
        let cause = violation.cause.as_ref().map_or("", |place| name(place.step));
        violation.kind == self.kind
            && violation.object.contains(self.object)
            && name(violation.culprit.step).starts_with(self.step)
            && cause.starts_with(self.cause)
    }
}

impl Race {
    /// Is the violation an instance or a consequence of this race?
    pub fn explains(&self, violation: &Violation) -> bool {
        self.signs.iter().any(|sign| sign.tells != Tells::Elsewhere && sign.fits(violation))
    }

    /// Does the table say anything of this design?
    pub fn names(&self, design: &str) -> bool {
        self.found_in.contains(&design) || self.absent_in.contains(&design)
    }

    /// May this design have the race? A fixed design with one change taken back has the race that the change closes, and the
    /// known limits, and nothing else.
    pub fn may_be_in(&self, design: &str) -> bool {
        match design.strip_prefix("merged-fixed + ") {
            Some(_) => self.found_in.contains(&design) || self.found_in.contains(&"merged-fixed"),
            None => !self.absent_in.contains(&design),
        }
    }

    /// Those of the violations of one design that show the race.
    fn shown_by<'a>(&self, found: &'a [Finding]) -> Vec<&'a Finding> {
        let fits = |tells| move |f: &&Finding| self.signs.iter().any(|s| s.tells == tells && s.fits(&f.violation));
        match found.iter().any(|finding| fits(Tells::Elsewhere)(&finding)) {
            true => Vec::new(),
            false => found.iter().filter(fits(Tells::Present)).collect(),
        }
    }

    /// Number and name: `8 uncommitted-pages-at-failover`.
    pub fn title(&self) -> String {
        format!("{} {}", self.id, self.name).trim_start().to_owned()
    }
}

/// All races: the numbered ones in their order, then those of mutated designs.
pub fn races() -> Vec<&'static Race> {
    let mut races: Vec<&Race> = [receive::RACES, secondary::RACES, primary::RACES].into_iter().flatten().collect();
    races.sort_by_key(|race| race.id.parse::<u32>().unwrap_or(u32::MAX));
    races
}
