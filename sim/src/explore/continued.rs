//! The beginning of a stored plan, continued by another strategy.
//!
//! A stored trial leads the program into a situation: a failover while the receiver is held, say. What else can go wrong from
//! there on? The first pauses of the trial are kept, with its seed and its faults; another strategy draws what comes after.
//!
//! ```text
//!  stored trial   ──●────────●───────────●──────●──▶     its pauses, in the order in which they took effect
//!  prefix         ──●────────●─────────────────────▶     the first two; its run is what the other strategy is shown
//!                            │ end of the prefix
//!  trial          ──●────────●──────○────────○─────▶     the prefix and what the other strategy adds behind its end
//! ```
//!
//! **When a pause takes effect**: at the time at which the action that it holds up would take place without it. Up to then the
//! run is the same with it and without it, so a run of the trial without the pause tells the time. A pause that never takes
//! effect, as one at a visit that does not occur, is no pause of the trial.
//!
//! **What is added**: the stalls and holds of the other strategy's trials at visits that take effect, in the prefix's run, after
//! the last of its pauses. Those before are left out, since they would change the situation; so a trial can have fewer than the
//! strategy has drawn, even none. That a strategy may be told what came of it, such a trial is run all the same.
//!
//! **Continuation by the host's noise**: the run's seed is that of the prefix, for another one would be another prefix, and so the
//! trials differ in their pauses only. A trial without any pause of its own in which the host preempts, as those of
//! [`Timed`](super::Timed), forks the run instead: once the last pause of the prefix is over, the noise goes on by the trial's
//! seed.
//!
//! **Not modelled**: the faults that the other strategy chooses, for they may strike in the prefix; a stored fork, which would
//! switch off what is added. Of a pause before a wait (`at_wait`) it is known only that its step was done, and that counts as
//! the time at which it takes effect.

use super::{Course, Experiment, Strategy, Trial};
use crate::{Fork, HoldEnd, Outcome, Plan, Record, Simulator, Time};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The first pauses of a stored trial, then another strategy. For a search over the one experiment that it was made with.
pub struct Continued<'a> {
    prefix: Trial,
    /// The run of the prefix, without its records.
    run: Outcome,
    fixed: Fixed,
    end: Time,
    /// Steps that are done once all pauses of the prefix are over; zero if it has none.
    steps_to_end: u64,
    then: &'a dyn Strategy,
}

/// By thread and step: up to which visit nothing may be added.
type Fixed = BTreeMap<(String, String), u32>;

/// Which pause of a plan.
#[derive(Debug, Clone, Copy)]
enum Pause {
    Stall(usize),
    Hold(usize),
}

impl<'a> Continued<'a> {
    /// Keep the first `pauses` pauses of `trial`, or all it has, and let `then` go on. Makes a recorded run for each pause of the
    /// trial and one or two more.
    pub fn new(
        experiment: &dyn Experiment,
        simulator: &mut Simulator,
        trial: &Trial,
        pauses: usize,
        then: &'a dyn Strategy,
    ) -> Continued<'a> {
        let stored = Trial { plan: Plan { fork: None, ..trial.plan.clone() }, ..trial.clone() };
        let mut order = effects(experiment, simulator, &stored);
        order.truncate(pauses);
        let prefix = prefix_of(&stored, &order);
        simulator.record_events(then.needs_events(&Trial { plan: Plan::undisturbed(), ..prefix.clone() }));
        let mut run = experiment.run(simulator, &prefix, true);
        simulator.record_events(false);
        let end = order.last().map_or(Time::ZERO, |(at, _)| *at);
        let fixed = fixed(&run, &prefix.plan, end);
        let steps_to_end = steps_to_end(&run, &prefix.plan, end);
        run.records = Vec::new();
        Continued { prefix, run, fixed, end, steps_to_end, then }
    }

    /// The stored trial with its first pauses only.
    pub fn prefix(&self) -> &Trial {
        &self.prefix
    }

    /// When the last pause of the prefix took effect.
    pub fn end(&self) -> Time {
        self.end
    }

    fn is_free(&self, (thread, step, visit): Place<'_>) -> bool {
        let upto = self.fixed.get(&(thread.to_owned(), step.to_owned()));
        upto.is_none_or(|upto| visit > *upto)
    }

    /// The prefix, and of `drawn` what comes after it.
    fn join(&self, drawn: &Trial) -> Trial {
        let faults = self.prefix.faults.clone();
        let mut plan = self.prefix.plan.clone();
        let has_pauses = !(drawn.plan.stalls.is_empty() && drawn.plan.holds.is_empty());
        if !has_pauses && drawn.plan.host_preempts {
            if self.steps_to_end == 0 {
                return Trial { seed: drawn.seed, faults, plan: Plan::natural() };
            }
            plan.fork = Some(Fork { after_steps: self.steps_to_end, seed: drawn.seed });
        }
        let stalls = drawn.plan.stalls.iter().filter(|s| self.is_free((&s.thread, &s.step, s.visit)));
        plan.stalls.extend(stalls.cloned());
        let holds = drawn.plan.holds.iter().filter(|h| self.is_free((&h.at.thread, &h.at.step, h.at.visit)));
        plan.holds.extend(holds.cloned());
        Trial { seed: self.prefix.seed, faults, plan }
    }
}

/// Thread, step and visit.
type Place<'a> = (&'a str, &'a str, u32);

fn names<'a>(run: &'a Outcome, record: &Record) -> (&'a str, &'a str) {
    (&run.thread_names[record.thread.index()], run.step_table[record.step.index()].name)
}

/// Where each pause of a plan is.
fn places(plan: &Plan) -> impl Iterator<Item = Place<'_>> {
    let stalls = plan.stalls.iter().map(|s| (&*s.thread, &*s.step, s.visit));
    let holds = plan.holds.iter().map(|h| (&*h.at.thread, &*h.at.step, h.at.visit));
    stalls.chain(holds)
}

/// Everything that takes effect until `end` in the run of the prefix, and its own pauses.
fn fixed(run: &Outcome, prefix: &Plan, end: Time) -> Fixed {
    let mut fixed = Fixed::new();
    if places(prefix).next().is_none() {
        return fixed;
    }
    let until_end = run.records.iter().take_while(|record| record.time <= end).map(|record| {
        let (thread, step) = names(run, record);
        (thread, step, record.visit)
    });
    for (thread, step, visit) in until_end.chain(places(prefix)) {
        let upto = fixed.entry((thread.to_owned(), step.to_owned())).or_default();
        *upto = visit.max(*upto);
    }
    fixed
}

/// After how many steps of its run all pauses of the prefix are over, or can be no more than in force.
fn steps_to_end(run: &Outcome, prefix: &Plan, end: Time) -> u64 {
    let at_waits = prefix.stalls.iter().map(|stall| stall.at_wait).chain(std::iter::repeat(0));
    let over = places(prefix).zip(at_waits).map(|((thread, step, visit), at_wait)| {
        let done = run.records.iter().position(|r| names(run, r) == (thread, step) && r.visit == visit);
        let last = match done {
            None => run.records.iter().position(|record| record.time > end),
            Some(own) if at_wait == 0 => Some(own),
            Some(own) => (own + 1..run.records.len()).find(|i| run.records[*i].thread == run.records[own].thread),
        };
        last.unwrap_or(run.records.len()) as u64 + 1
    });
    over.max().unwrap_or(0)
}

/// The pauses of `trial` that take effect, and when, in that order.
fn effects(experiment: &dyn Experiment, simulator: &mut Simulator, trial: &Trial) -> Vec<(Time, Pause)> {
    let plan = &trial.plan;
    let held = if plan.holds.is_empty() { Vec::new() } else { experiment.run(simulator, trial, false).holds };
    let is_idle = |hold: &usize| matches!(held[*hold], HoldEnd::NotReached | HoldEnd::NotNeeded);
    let stalls = (0..plan.stalls.len()).filter(|i| plan.stalls[*i].span_ns > 0).map(Pause::Stall);
    let holds = (0..plan.holds.len()).filter(|i| !is_idle(i)).map(Pause::Hold);
    let mut effects: Vec<(Time, usize, Pause)> = Vec::new();
    for pause in stalls.chain(holds) {
        let mut without = trial.clone();
        let number = match pause {
            Pause::Stall(i) => i,
            Pause::Hold(i) => plan.stalls.len() + i,
        };
        match pause {
            Pause::Stall(i) => drop(without.plan.stalls.remove(i)),
            Pause::Hold(i) => drop(without.plan.holds.remove(i)),
        }
        let place = places(plan).nth(number);
        let run = experiment.run(simulator, &without, true);
        let at = run.records.iter().position(|record| {
            let (thread, step) = names(&run, record);
            place == Some((thread, step, record.visit))
        });
        effects.extend(at.map(|at| (run.records[at].time, at, pause)));
    }
    // At equal times the order in the trace decides: up to there the runs are the same.
    effects.sort_by_key(|(time, number, _)| (*time, *number));
    effects.into_iter().map(|(time, _, pause)| (time, pause)).collect()
}

fn prefix_of(stored: &Trial, kept: &[(Time, Pause)]) -> Trial {
    let mut plan = Plan { host_preempts: stored.plan.host_preempts, ..Plan::default() };
    for (_, pause) in kept {
        match *pause {
            Pause::Stall(i) => plan.stalls.push(stored.plan.stalls[i].clone()),
            Pause::Hold(i) => plan.holds.push(stored.plan.holds[i].clone()),
        }
    }
    Trial { seed: stored.seed, faults: stored.faults.clone(), plan }
}

impl Strategy for Continued<'_> {
    fn trials<'a>(&'a self, _: &'a Trial, _: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        let course = self.then.trials(&self.prefix, &self.run, seeds);
        Box::new(Continuation { of: self, course, under_way: VecDeque::new() })
    }

    fn needs_events(&self, trial: &Trial) -> bool {
        // As far as its pauses are not those of the prefix, which stand first.
        let mut own = trial.clone();
        own.plan.stalls.drain(..self.prefix.plan.stalls.len().min(own.plan.stalls.len()));
        own.plan.holds.drain(..self.prefix.plan.holds.len().min(own.plan.holds.len()));
        self.then.needs_events(&own)
    }
}

struct Continuation<'a> {
    of: &'a Continued<'a>,
    course: Box<dyn Course + 'a>,
    /// The other strategy's own trials that it has not been told of.
    under_way: VecDeque<Trial>,
}

impl Course for Continuation<'_> {
    fn next_trial(&mut self) -> Option<Trial> {
        let drawn = self.course.next_trial()?;
        let joined = self.of.join(&drawn);
        self.under_way.push_back(drawn);
        Some(joined)
    }

    fn learn(&mut self, _: &Trial, outcome: &Outcome) {
        if let Some(drawn) = self.under_way.pop_front() {
            self.course.learn(&drawn, outcome);
        }
    }

    fn trials_left(&self) -> Option<u64> {
        self.course.trials_left()
    }

    fn estimated_trials(&self) -> Option<u64> {
        self.course.estimated_trials()
    }

    fn memory(&self) -> Option<String> {
        self.course.memory()
    }

    fn remember(&mut self, memory: &str) -> Result<(), String> {
        self.course.remember(memory)
    }
}
