//! Strategy `exhaustive:k`: every placement of up to `k` logical holds.
//!
//! Most bugs need few reversals of what would come by itself, so a search that tries all schedules with few of them covers much
//! (bounded search: Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", PLDI
//! 2007, who bound preemptions). A reversal here is a hold, "T waits at `s` until U has passed `u`", and it is tried where it can
//! make a difference: for two events that conflict and that nothing else orders (`reversals.rs`), faults included.
//!
//! Level by level: the undisturbed run gives the plans of one hold; the run of each plan of `n < k` holds gives those of `n + 1`
//! holds that begin with it. A plan is tried once, in whatever order its holds were found.
//!
//! **What it proves**: if it is complete, then no plan of up to `k` such holds breaks the program, on the host and with the costs
//! of its one seed. Left out are, besides what `reversals.rs` leaves out of loops:
//! - holds of what a thread does before its first step;
//! - a second hold at the very same place, which would be another way to wait there for longer;
//! - what would have to follow a hold that is not brought about: if the other thread does not come to its step within the given
//!   time, mostly since it waits for the held one, the run is judged but its plan is not continued.
//!
//! **Not modelled**: other seeds than the first. A hold is as long as it takes, whatever the noise.

use super::reversals::reversals;
use super::{Course, Strategy, Trial};
use crate::{Hold, HoldEnd, Outcome, Plan, Span, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

/// Every placement of up to so many holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhaustive {
    /// The most holds of a plan.
    pub holds: usize,
    /// Who is held goes on after this time, if nobody releases it.
    pub longest: Span,
    /// A thread, as the one that makes the faults strike. Holds are placed only where they reverse what comes once it has done its
    /// first step, that step included. None: anywhere.
    pub after: Option<String>,
}

impl Strategy for Exhaustive {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, _: Range<u64>) -> Box<dyn Course + 'a> {
        let mut placements = Placements::new(self, base);
        placements.extend(&[], undisturbed);
        Box::new(placements)
    }

    fn needs_events(&self, trial: &Trial) -> bool {
        trial.plan.holds.len() < self.holds
    }
}

/// Holds of a plan, as ascending numbers in the table of holds.
type Placed = Box<[u32]>;

/// The plans found so far, in the order of their runs, and how far these have come.
struct Placements<'a> {
    strategy: &'a Exhaustive,
    base: &'a Trial,
    holds: Vec<Hold>,
    numbers: BTreeMap<Hold, u32>,
    plans: Vec<Placed>,
    known: BTreeSet<Placed>,
    given: usize,
    learned: usize,
}

impl<'a> Placements<'a> {
    fn new(strategy: &'a Exhaustive, base: &'a Trial) -> Placements<'a> {
        Placements {
            strategy,
            base,
            holds: Vec::new(),
            numbers: BTreeMap::new(),
            plans: Vec::new(),
            known: BTreeSet::new(),
            given: 0,
            learned: 0,
        }
    }

    /// Note the plans that have one hold more than the plan of this run.
    fn extend(&mut self, placed: &[u32], outcome: &Outcome) {
        if placed.len() >= self.strategy.holds {
            return;
        }
        for hold in reversals(outcome, self.strategy.longest, self.strategy.after.as_deref()) {
            let contradicts = |number: &u32| {
                let other = &self.holds[*number as usize];
                other.at == hold.at || other.at == hold.until && other.until == hold.at
            };
            if placed.iter().any(contradicts) {
                continue;
            }
            let number = self.number(hold);
            let at = placed.partition_point(|other| *other < number);
            let plan: Placed = [&placed[..at], &[number], &placed[at..]].concat().into();
            if self.known.insert(plan.clone()) {
                self.plans.push(plan);
            }
        }
    }

    fn number(&mut self, hold: Hold) -> u32 {
        let next = self.holds.len() as u32;
        let number = *self.numbers.entry(hold.clone()).or_insert(next);
        if number == next {
            self.holds.push(hold);
        }
        number
    }

    /// Plans with so many holds.
    fn count(&self, holds: usize) -> u64 {
        let upto = |holds: usize| self.plans.partition_point(|plan| plan.len() <= holds);
        (upto(holds) - upto(holds - 1)) as u64
    }
}

impl Course for Placements<'_> {
    fn next_trial(&mut self) -> Option<Trial> {
        let plan = self.plans.get(self.given)?;
        self.given += 1;
        let holds = plan.iter().map(|number| self.holds[*number as usize].clone()).collect();
        Some(Trial { plan: Plan::of_holds(holds), ..self.base.clone() })
    }

    fn learn(&mut self, _: &Trial, outcome: &Outcome) {
        let plan = self.plans[self.learned].clone();
        self.learned += 1;
        // Where a stored plan is continued, its holds stand before.
        let is_brought_about =
            outcome.holds.iter().rev().take(plan.len()).all(|end| matches!(end, HoldEnd::Released(_)));
        if is_brought_about {
            self.extend(&plan, outcome);
        }
    }

    fn trials_left(&self) -> Option<u64> {
        let is_last_level = self.plans.get(self.learned).is_none_or(|plan| plan.len() >= self.strategy.holds);
        is_last_level.then(|| (self.plans.len() - self.given) as u64)
    }

    fn estimated_trials(&self) -> Option<u64> {
        // Each of the first holds with each other once, and so on; holds that only others bring about come on top.
        let first = self.count(1);
        let mut of_level = 1u64;
        let mut all = 0u64;
        for level in 1..=self.strategy.holds as u64 {
            of_level = of_level.saturating_mul(first) / level;
            all = all.saturating_add(of_level);
        }
        Some(all.max(self.plans.len() as u64))
    }

    fn memory(&self) -> Option<String> {
        let mut memory = format!("{}\n", self.learned);
        for hold in &self.holds {
            let [at, until] = [&hold.at, &hold.until]
                .map(|visit| format!("{}\t{}\t{}\t{}", visit.thread, visit.step, visit.visit, visit.at_wait));
            let _ = writeln!(memory, "{at}\t{until}");
        }
        for plan in &self.plans {
            let numbers: Vec<String> = plan.iter().map(u32::to_string).collect();
            memory += &(numbers.join(" ") + "\n");
        }
        Some(memory)
    }

    fn remember(&mut self, memory: &str) -> Result<(), String> {
        let mut stored = Placements::new(self.strategy, self.base);
        let mut lines = memory.lines();
        let learned = lines.next().and_then(|line| line.parse().ok()).ok_or("it does not say how far it has come")?;
        for line in lines {
            if line.contains('\t') {
                let hold = hold_of(line, self.strategy.longest).ok_or_else(|| format!("`{line}` is no hold"))?;
                stored.number(hold);
            } else {
                let plan = plan_of(line, stored.holds.len(), self.strategy.holds);
                let plan = plan.ok_or_else(|| format!("`{line}` is no plan"))?;
                let in_order = stored.plans.last().is_none_or(|last| last.len() <= plan.len());
                if !in_order || !stored.known.insert(plan.clone()) {
                    return Err(format!("the plan `{line}` is out of order"));
                }
                stored.plans.push(plan);
            }
        }
        let first = self.count(1) as usize;
        let same_plans = stored.plans.get(..first) == Some(&self.plans[..first]);
        // Each plan of one hold brought a hold of its own.
        let same_holds = stored.holds.get(..first) == Some(&self.holds[..first]);
        if learned > stored.plans.len() || !same_plans || !same_holds {
            return Err("its plans are not those of this search".to_owned());
        }
        (stored.given, stored.learned) = (learned, learned);
        *self = stored;
        Ok(())
    }
}

fn hold_of(line: &str, longest: Span) -> Option<Hold> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [at, until] = [fields.get(..4)?, fields.get(4..8)?].map(|fields| {
        let [visit, at_wait] = [fields[2], fields[3]].map(str::parse);
        Some(Visit {
            thread: fields[0].to_owned(),
            step: fields[1].to_owned(),
            visit: visit.ok()?,
            at_wait: at_wait.ok()?,
        })
    });
    (fields.len() == 8).then_some(Hold { at: at?, until: until?, longest_ns: longest.0 })
}

fn plan_of(line: &str, holds: usize, most: usize) -> Option<Placed> {
    let numbers: Option<Vec<u32>> = line.split(' ').map(|number| number.parse().ok()).collect();
    let numbers = numbers?;
    let is_sorted = numbers.is_sorted_by(|a, b| a < b);
    let in_range = numbers.iter().all(|number| (*number as usize) < holds);
    (is_sorted && in_range && numbers.len() <= most).then(|| numbers.into())
}
