//! Strategy `swarm`: stalls under knobs that are themselves drawn by seed, some switched off as a whole.
//!
//! Follows Groce, Zhang, Eide, Chen and Regehr, "Swarm testing", ISSTA 2012: tests of one rich configuration, in which everything
//! may happen, find less than tests of many poorer ones, each of which leaves out a random part of the features. A feature that is
//! present can keep another one from getting anywhere: with every thread stalled now and then, none ever gets far ahead.
//!
//! The features here, and what they are called in [`Swarm::knobs`]:
//!
//! | knob | its values | what it does |
//! |---|---|---|
//! | `threads` | all, some | only these may be stalled |
//! | `steps` | all, once, hazards | stalls go anywhere, to steps that a thread does once, or to first accesses of hazards |
//! | `stalls` | 0 to 4 | how many a trial has |
//! | `spans` | any, short, middle, long | which of the doublings from 1 µs to the longest span; uniform over these |
//! | `host preempts` | yes, no | the host's own preemptions |
//! | `faults` | all, some, none | which of the experiment's faults strike |
//!
//! Places are drawn as by [`Stalls`](super::Stalls), among those that are left.
//!
//! # Where it departs from the paper
//! - Each seed draws a configuration of its own and is one trial of it; the paper runs many tests of each of some hundred
//!   configurations. A trial is then a function of its seed alone.
//! - The paper leaves out each feature with a chance of a half. So it is for a single thread or fault when only some are in; but
//!   that all are in, which the paper leaves to chance, is drawn half of the time: with ten threads it would be one in a thousand.
//! - A value that would leave no place at all is not drawn: hazards where none were seen among the chosen threads, once where all
//!   steps repeat.

use super::places::Places;
use super::stalls::SPAN_MIN;
use super::{Course, Strategy, Trial};
use crate::random::Stream;
use crate::{Outcome, Plan, Span, Stall};
use std::ops::Range;

/// How many stalls a trial has: 0 to 4, by weight. Without any there is only the rest of the knobs.
const COUNT_WEIGHTS: [u64; 5] = [1, 3, 3, 2, 2];

/// Which of all, some and none of the faults strike, by weight. Most models do little without their faults.
const FAULTS_WEIGHTS: [u64; 3] = [8, 6, 2];

/// Stalls under knobs drawn by seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swarm {
    /// The longest stall that is drawn.
    pub span_max: Span,
}

/// Which steps of the chosen threads are stalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    All,
    Once,
    Hazards,
}

/// What one seed has drawn.
struct Knobs<'a> {
    /// The threads that may be stalled; `None`: all.
    threads: Option<Vec<&'a str>>,
    steps: Steps,
    places: Places<'a>,
    stalls: usize,
    spans: &'static str,
    span_min_ns: u64,
    span_max_ns: u64,
    host_preempts: bool,
    faults: Vec<u32>,
}

impl Swarm {
    /// The configuration of one seed, each knob with its value, in the order of the table above.
    pub fn knobs(&self, seed: u64, base: &Trial, undisturbed: &Outcome) -> Vec<(&'static str, String)> {
        let knobs = self.draw(&mut stream(seed), base, undisturbed);
        let steps = match knobs.steps {
            Steps::All => "all",
            Steps::Once => "once",
            Steps::Hazards => "hazards",
        };
        let (from, to) = (Span(knobs.span_min_ns), Span(knobs.span_max_ns));
        let faults: Vec<String> = knobs.faults.iter().map(u32::to_string).collect();
        vec![
            ("threads", knobs.threads.map_or_else(|| "all".to_owned(), |names| names.join(", "))),
            ("steps", steps.to_owned()),
            ("stalls", knobs.stalls.to_string()),
            ("spans", format!("{}, {from} to {to}", knobs.spans)),
            ("host preempts", if knobs.host_preempts { "yes" } else { "no" }.to_owned()),
            (
                "faults",
                match knobs.faults.len() {
                    n if n == base.faults.len() => "all".to_owned(),
                    0 => "none".to_owned(),
                    _ => faults.join(", "),
                },
            ),
        ]
    }

    fn draw<'a>(&self, draws: &mut Stream, base: &Trial, undisturbed: &'a Outcome) -> Knobs<'a> {
        let threads = draw_threads(draws, undisturbed);
        let (steps, places) = draw_steps(draws, threads.as_deref(), undisturbed);
        let wanted = draws.weighted(&COUNT_WEIGHTS).unwrap_or(0);
        let (spans, span_min_ns, span_max_ns) = draw_spans(draws, self.span_max.max(SPAN_MIN).0);
        Knobs {
            threads,
            steps,
            stalls: if places.is_empty() { 0 } else { wanted },
            places,
            spans,
            span_min_ns,
            span_max_ns,
            host_preempts: draws.chance(1, 2),
            faults: draw_faults(draws, &base.faults),
        }
    }
}

fn stream(seed: u64) -> Stream {
    Stream::new(seed, "explore", "swarm")
}

/// Half of the time all of them, as `None`, else each with a half, but at least one and not all.
fn draw_threads<'a>(draws: &mut Stream, undisturbed: &'a Outcome) -> Option<Vec<&'a str>> {
    let mut threads: Vec<&str> =
        undisturbed.visits.iter().map(|(thread, ..)| &*undisturbed.thread_names[thread.index()]).collect();
    threads.dedup();
    if threads.len() < 2 || draws.chance(1, 2) {
        return None;
    }
    Some(draw_some(draws, &threads))
}

/// Each with a half, but at least one and not all. There must be two.
fn draw_some<T: Copy>(draws: &mut Stream, all: &[T]) -> Vec<T> {
    loop {
        let some: Vec<T> = all.iter().copied().filter(|_| draws.chance(1, 2)).collect();
        if !some.is_empty() && some.len() < all.len() {
            return some;
        }
    }
}

/// Each value that leaves a place is as likely as the others.
fn draw_steps<'a>(draws: &mut Stream, threads: Option<&[&str]>, undisturbed: &'a Outcome) -> (Steps, Places<'a>) {
    let is_chosen = |thread: &str| threads.is_none_or(|chosen| chosen.contains(&thread));
    let all = Places::among(undisturbed, |thread, _| is_chosen(thread));
    let once = Places::among(undisturbed, |thread, visits| is_chosen(thread) && visits == 1);
    let has_hazards = all.has_hazards();
    let weights = [1, u64::from(!once.is_empty()), u64::from(has_hazards)];
    match draws.weighted(&weights) {
        Some(1) => (Steps::Once, once),
        Some(2) => (Steps::Hazards, all),
        _ => (Steps::All, all),
    }
}

/// The name of a part of the doublings up to `span_max_ns`, its shortest and its longest span.
fn draw_spans(draws: &mut Stream, span_max_ns: u64) -> (&'static str, u64, u64) {
    let ratio = span_max_ns as f64 / SPAN_MIN.0 as f64;
    let third = libm::cbrt(ratio);
    let low_ns = (SPAN_MIN.0 as f64 * third) as u64;
    let high_ns = (SPAN_MIN.0 as f64 * third * third) as u64;
    match draws.below(4) {
        0 => ("any", SPAN_MIN.0, span_max_ns),
        1 => ("short", SPAN_MIN.0, low_ns),
        2 => ("middle", low_ns, high_ns),
        _ => ("long", high_ns, span_max_ns),
    }
}

fn draw_faults(draws: &mut Stream, all: &[u32]) -> Vec<u32> {
    match draws.weighted(&FAULTS_WEIGHTS) {
        Some(1) if all.len() >= 2 => draw_some(draws, all),
        Some(2) => Vec::new(),
        _ => all.to_vec(),
    }
}

impl Knobs<'_> {
    fn stall(&self, draws: &mut Stream) -> Stall {
        let place = match self.steps {
            Steps::All => self.places.draw_anywhere(draws),
            Steps::Once => self.places.draw_occurrence(draws),
            Steps::Hazards => self.places.draw_directed(draws),
        };
        self.places.stall(place, draws.doubling(self.span_min_ns, self.span_max_ns))
    }
}

impl Strategy for Swarm {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        Box::new(seeds.map(move |seed| {
            let mut draws = stream(seed);
            let knobs = self.draw(&mut draws, base, undisturbed);
            let stalls = (0..knobs.stalls).map(|_| knobs.stall(&mut draws)).collect();
            let plan = Plan { host_preempts: knobs.host_preempts, ..Plan::of_stalls(stalls) };
            Trial { seed, faults: knobs.faults, plan }
        }))
    }
}
