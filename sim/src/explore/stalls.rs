//! Strategy `stalls`: random stalls by seed.
//!
//! A seed draws one stall (three times out of four), two or three. Each is a place and a span.
//!
//! **The place** is one occurrence of a step in the undisturbed run, (thread, step, visit), weighted by the visits that a thread
//! has left, as in URW (Zhao, Wolff, Mathur and Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025), mixed with
//! draws that keep steps done once from starving; `places.rs` says how.
//!
//! If the undisturbed run showed hazards, two draws of five go there instead: the thread that accessed first is held at just
//! that visit, or a thread that does the same step at a late visit of its own, so that the other access may come first. This is
//! the idea of race-directed testing (Sen, "Race directed random testing of concurrent programs", PLDI 2008) with a pause in
//! place of a scheduler's choice.
//!
//! **The span** is uniform over doublings from 1 µs to the given maximum: a race's window is not known before, not even its
//! order of magnitude. A hold at a hazard is meant to outlast the other access, so it is drawn from the longer half of the
//! doublings; shrinking finds out how short it may be.
//!
//! The trial's seed is the seed of the run, so that costs and network vary as well; the host's own preemptions are off, so that
//! what a finding needs of the stalls is exact.
//!
//! **Not modelled**: logical stalls ("until another thread has passed that step"); a long enough span stands for one.

use super::places::Places;
use super::{Course, Strategy, Trial};
use crate::random::Stream;
use crate::{Outcome, Plan, Span, Stall};
use std::ops::Range;

/// The shortest stall that is drawn: a host's scheduler does not take a CPU away for less.
pub(super) const SPAN_MIN: Span = Span::micros(1);

/// How many stalls a trial has: 1, 2 or 3, by weight.
const COUNT_WEIGHTS: [u64; 3] = [12, 3, 1];

/// Random stalls by seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stalls {
    /// The longest stall that is drawn. To outlast every timer of the program, take twice its longest time limit.
    pub span_max: Span,
}

impl Strategy for Stalls {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        let places = Places::new(undisturbed);
        let span_max = self.span_max.max(SPAN_MIN);
        Box::new(seeds.map(move |seed| {
            let mut draws = Stream::new(seed, "explore", "stalls");
            let count = if places.is_empty() { 0 } else { 1 + draws.weighted(&COUNT_WEIGHTS).unwrap_or(0) };
            let stalls = (0..count).map(|_| draw(&places, &mut draws, span_max)).collect();
            Trial { seed, faults: base.faults.clone(), plan: Plan::of_stalls(stalls) }
        }))
    }
}

/// Draws of five that go to a step of a hazard, if there is one.
const DIRECTED_OF_5: u64 = 2;

fn draw(places: &Places<'_>, draws: &mut Stream, span_max: Span) -> Stall {
    let directed = places.has_hazards() && draws.chance(DIRECTED_OF_5, 5);
    let place = if directed { places.draw_directed(draws) } else { places.draw_anywhere(draws) };
    let span_min = if directed { libm::sqrt(SPAN_MIN.0 as f64 * span_max.0 as f64) as u64 } else { SPAN_MIN.0 };
    places.stall(place, draws.doubling(span_min, span_max.0))
}
