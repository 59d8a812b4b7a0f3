//! Strategy `dpor`: every interleaving up to equivalence, with free delays.
//!
//! Stateless model checking with source sets and sleep sets: Abdulla, Aronis, Jonsson and Sagonas, "Optimal dynamic partial order
//! reduction", POPL 2014, algorithm 1. Each run is made from the beginning, controlled ([`Scheduler`]): first the choices that
//! led to a state before, then any. From its record the races are found ([`EventOrder`]); for each, a run in which the later event
//! comes first is due, unless one that leads there is known. An event that was tried before stays asleep as long as only
//! events that are independent of it happen.
//!
//! Where this departs from the paper:
//! - An event is what a thread does from one point at which it can be delayed to the next; what it touches is known
//!   after it has happened, so sleep sets hold what was touched when it was tried.
//! - An event that was possible and is not any more because of another one (the end of a wait by its time limit, when the wait
//!   ends by itself) is tried at that place too, as if the two raced.
//! - Killing a process makes its threads' events impossible. They are not tried for that reason: the world outside acts
//!   last unless a race tells otherwise, so each run with a kill begins as one in which the process lived longer.
//! - Events of patience (a time limit of an observer) come only when nothing else is possible, and are not chosen.
//!
//! **What it proves**: if it is complete, every order of conflicting events that a host and a network can bring about, from the
//! point on from which the model lets it choose, was run. It does not see what threads share without touching an object of
//! the simulator.

use super::order::{EventOrder, Race, Second};
use super::{Course, Experiment, Strategy, Trial};
use crate::{Actor, Choice, EventRecord, Outcome, Scheduler, Simulator, Touched};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// An event that was tried, and what it touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    actor: Actor,
    touched: Vec<Touched>,
}

/// A state at which there was a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    possible: Vec<Actor>,
    chosen: Actor,
    /// To be tried here, and tried.
    due: Vec<Actor>,
    /// Tried here or before; what comes of it has been seen.
    asleep: Vec<Tried>,
    /// Number of the event that was chosen, from 0.
    event: usize,
}

/// How far an exploration has come; it can go on from there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DporState {
    states: Vec<State>,
    /// Runs that ended by themselves: one for each class of equivalent interleavings.
    pub interleavings: u64,
    /// Runs that were given up because all that was possible was asleep: they would have been equivalent to others.
    pub given_up: u64,
    /// The most choices in one run.
    pub deepest: u64,
    /// Every interleaving was run.
    pub complete: bool,
}

/// Every interleaving of a trial's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dpor {
    /// Leave out what is equivalent. Without, every single interleaving is run: for tests of the reduction.
    pub reduces: bool,
}

impl Strategy for Dpor {
    fn trials<'a>(&'a self, _: &'a Trial, _: &'a Outcome, _: Range<u64>) -> Box<dyn Course + 'a> {
        Box::new(std::iter::empty())
    }

    fn controls(&self) -> Option<Dpor> {
        Some(*self)
    }
}

impl Dpor {
    /// Go on from `progress`, which is new or was given back by this function, until all is done or `each`, which is shown
    /// every run, returns false.
    pub fn explore(
        self,
        experiment: &dyn Experiment,
        simulator: &mut Simulator,
        trial: &Trial,
        progress: &mut DporState,
        each: &mut dyn FnMut(Outcome, &DporState) -> bool,
    ) {
        while !progress.complete {
            let known = progress.states.len();
            let follow =
                Follow { states: std::mem::take(&mut progress.states), at: 0, reduces: self.reduces, given_up: false };
            let follow = Rc::new(RefCell::new(follow));
            simulator.control(Some(follow.clone()));
            let outcome = experiment.run(simulator, trial, false);
            simulator.control(None);
            let follow = &mut *follow.borrow_mut();
            progress.states = std::mem::take(&mut follow.states);
            match follow.given_up {
                true => progress.given_up += 1,
                false => progress.interleavings += 1,
            }
            progress.deepest = progress.deepest.max(progress.states.len() as u64);
            if self.reduces {
                // The last of the known choices is new: it was another one in the run before.
                progress.reverse_races(&outcome, known.saturating_sub(1), follow.given_up);
            }
            progress.complete = !progress.go_to_next(&outcome.events);
            if !each(outcome, progress) {
                return;
            }
        }
    }
}

/// Follows the choices that are given, then makes its own.
struct Follow {
    states: Vec<State>,
    at: usize,
    reduces: bool,
    given_up: bool,
}

impl Scheduler for Follow {
    fn choose(&mut self, choices: &[Choice], so_far: &[EventRecord]) -> Option<usize> {
        if self.at == self.states.len() {
            let asleep = self.still_asleep(so_far);
            let is_awake = |choice: &&Choice| asleep.iter().all(|tried| tried.actor != choice.actor);
            let Some(first) = choices.iter().filter(is_awake).min_by_key(|choice| choice.outside) else {
                self.given_up = true;
                return None;
            };
            let possible: Vec<Actor> = choices.iter().map(|choice| choice.actor).collect();
            let due = if self.reduces { vec![first.actor] } else { possible.clone() };
            self.states.push(State { possible, chosen: first.actor, due, asleep, event: so_far.len() });
        }
        let chosen = self.states[self.at].chosen;
        self.at += 1;
        let chosen = choices.iter().position(|choice| choice.actor == chosen);
        Some(chosen.expect("the same choices lead to the same state"))
    }
}

impl Follow {
    /// Whoever was asleep at the last state and is independent of what happened since.
    fn still_asleep(&self, so_far: &[EventRecord]) -> Vec<Tried> {
        let Some(state) = self.states.last().filter(|_| self.reduces) else { return Vec::new() };
        let happened = &so_far[state.event..];
        let still = |tried: &&Tried| happened.iter().all(|event| !event.patient && is_independent(tried, event));
        state.asleep.iter().filter(still).cloned().collect()
    }
}

fn is_independent(tried: &Tried, happened: &EventRecord) -> bool {
    tried.actor.thread() != happened.actor.thread()
        && !tried.touched.iter().any(|a| happened.touched.iter().any(|b| a.conflicts_with(*b)))
}

impl DporState {
    /// Note what is due because of the events of a run from state number `fresh` on.
    fn reverse_races(&mut self, outcome: &Outcome, fresh: usize, given_up: bool) {
        let events = &outcome.events[..];
        let Some(start) = self.states.first().map(|state| state.event) else { return };
        let order = EventOrder::new(events, start, &outcome.blocked);
        let fresh_event = self.states.get(fresh).map_or(events.len(), |state| state.event);
        let is_fresh = |race: &&Race| match race.second {
            Second::Event(second) => second >= fresh_event,
            Second::Blocked(_) => true,
        };
        for race in order.races.iter().filter(is_fresh) {
            self.reverse(*race, &order, events);
        }
        for i in fresh..self.states.len() {
            let is_last = i + 1 == self.states.len();
            if events.get(self.states[i].event).is_none_or(|event| event.killed) || is_last && given_up {
                continue;
            }
            let after: &[Actor] = match self.states.get(i + 1) {
                Some(next) if next.event == self.states[i].event + 1 => &next.possible,
                _ => &[],
            };
            let state = &self.states[i];
            let is_lost = |actor: &&Actor| **actor != state.chosen && !after.contains(actor);
            let lost: Vec<Actor> = state.possible.iter().filter(is_lost).copied().collect();
            lost.into_iter().for_each(|actor| self.states[i].make_due(actor));
        }
    }

    fn reverse(&mut self, race: Race, order: &EventOrder<'_>, events: &[EventRecord]) {
        let Ok(state) = self.states.binary_search_by_key(&race.first, |state| state.event) else { return };
        let state = &mut self.states[state];
        let initials = order.initials(race);
        if initials.iter().any(|actor| state.due.contains(actor) || state.is_asleep(*actor)) {
            return;
        }
        let second = match race.second {
            Second::Event(second) => events[second].actor,
            Second::Blocked(thread) => Actor::Thread(thread),
        };
        let preferred = initials.iter().find(|actor| **actor == second).or(initials.first());
        match preferred.filter(|actor| state.possible.contains(actor)) {
            Some(actor) => state.make_due(*actor),
            None => state.possible.clone().into_iter().for_each(|actor| state.make_due(actor)),
        }
    }

    /// Choose what is due next, at the last state where something is. Returns whether there is anything.
    fn go_to_next(&mut self, events: &[EventRecord]) -> bool {
        while let Some(state) = self.states.last_mut() {
            let touched = events.get(state.event).map_or_else(Vec::new, |event| event.touched.clone());
            state.asleep.push(Tried { actor: state.chosen, touched });
            if let Some(next) = state.due.iter().copied().find(|actor| !state.is_asleep(*actor)) {
                state.chosen = next;
                return true;
            }
            self.states.pop();
        }
        false
    }
}

impl State {
    fn is_asleep(&self, actor: Actor) -> bool {
        self.asleep.iter().any(|tried| tried.actor == actor)
    }

    fn make_due(&mut self, actor: Actor) {
        if !self.due.contains(&actor) {
            self.due.push(actor);
        }
    }
}
