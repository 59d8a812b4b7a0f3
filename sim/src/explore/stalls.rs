//! Strategy `stalls`: random stalls by seed.
//!
//! A seed draws one stall (three times out of four), two or three. Each is a place and a span.
//!
//! **The place** is one occurrence of a step in the undisturbed run: (thread, step, visit). Drawing all occurrences alike gives
//! each thread a weight by the work it has left, which keeps a random walk over interleavings near to uniform where a choice
//! by thread would favour the short ones: the idea of URW in Zhao, Wolff, Mathur and Roychoudhury, "Selectively Uniform
//! Concurrency Testing", ASPLOS 2025. But a step that is done for each page would then take nearly all draws, and steps done
//! once, as those of a teardown, would starve; their paper answers that by singling out the events of interest. Here half of
//! the draws are uniform over occurrences; the other half are uniform over pairs (thread, step), and there the visit is
//! uniform for one half, and for the other lies at a distance from the last one that is uniform over doublings, because what a
//! fault interrupts is mostly the last visit before it.
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
//! A stall changes what comes after it, so visits a little beyond the counted ones are drawn too; where one does not occur,
//! its stall does nothing. The trial's seed is the seed of the run, so that costs and network vary as well; the
//! host's own preemptions are off, so that what a finding needs of the stalls is exact.
//!
//! **Not modelled**: logical stalls ("until another thread has passed that step"); a long enough span stands for one.

use super::{Strategy, Trial};
use crate::random::Stream;
use crate::{Outcome, Plan, Span, Stall, StepInfo};
use std::ops::Range;

/// The shortest stall that is drawn: a host's scheduler does not take a CPU away for less.
const SPAN_MIN: Span = Span::micros(1);

/// How many stalls a trial has: 1, 2 or 3, by weight.
const COUNT_WEIGHTS: [u64; 3] = [12, 3, 1];

/// Random stalls by seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stalls {
    /// The longest stall that is drawn. To outlast every timer of the program, take twice its longest time limit.
    pub span_max: Span,
}

impl Strategy for Stalls {
    fn trials<'a>(
        &'a self,
        base: &'a Trial,
        undisturbed: &'a Outcome,
        seeds: Range<u64>,
    ) -> Box<dyn Iterator<Item = Trial> + 'a> {
        let places = Places::new(undisturbed);
        let span_max = self.span_max.max(SPAN_MIN);
        Box::new(seeds.map(move |seed| {
            let mut draws = Stream::new(seed, "explore", "stalls");
            let count = if places.pairs.is_empty() { 0 } else { 1 + draws.weighted(&COUNT_WEIGHTS).unwrap_or(0) };
            let stalls = (0..count).map(|_| places.draw(&mut draws, span_max)).collect();
            Trial { seed, faults: base.faults.clone(), plan: Plan { stalls, host_preempts: false } }
        }))
    }
}

/// Draws of five that go to a step of a hazard, if there is one.
const DIRECTED_OF_5: u64 = 2;

/// Where a stall can be placed.
struct Places<'a> {
    /// Thread, step, visits in the undisturbed run.
    pairs: Vec<(&'a str, &'static str, u64)>,
    visits: Vec<u64>,
    hazards: Vec<Directed>,
}

/// Where the first access of a hazard can be held.
struct Directed {
    /// Index into `pairs` and visit of the access itself.
    exact: (usize, u64),
    /// Indices into `pairs` of every thread that does the same step.
    alike: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(undisturbed: &'a Outcome) -> Places<'a> {
        let name = |step: crate::StepId| {
            let info: &'static StepInfo = &undisturbed.step_table[step.index()];
            info.name
        };
        let pairs: Vec<(&str, &'static str, u64)> =
            undisturbed.visits.iter().map(|(thread, step, n)| (&**thread, name(*step), u64::from(*n))).collect();
        let visits = pairs.iter().map(|(.., visits)| *visits).collect();
        let hazards = undisturbed.hazards.iter().filter_map(|hazard| {
            let step = name(hazard.first.step);
            let exact = pairs.iter().position(|pair| pair.0 == hazard.first.thread && pair.1 == step)?;
            let alike = (0..pairs.len()).filter(|i| pairs[*i].1 == step).collect();
            Some(Directed { exact: (exact, u64::from(hazard.first.visit)), alike })
        });
        let hazards = hazards.collect();
        Places { pairs, visits, hazards }
    }

    fn draw(&self, draws: &mut Stream, span_max: Span) -> Stall {
        let directed = !self.hazards.is_empty() && draws.chance(DIRECTED_OF_5, 5);
        let (pair, visit) = if directed { self.draw_directed(draws) } else { self.draw_anywhere(draws) };
        let span_min = if directed { libm::sqrt(SPAN_MIN.0 as f64 * span_max.0 as f64) as u64 } else { SPAN_MIN.0 };
        Stall {
            thread: self.pairs[pair].0.to_owned(),
            step: self.pairs[pair].1.to_owned(),
            visit: u32::try_from(visit).unwrap_or(u32::MAX),
            span_ns: draws.doubling(span_min, span_max.0),
        }
    }

    fn draw_directed(&self, draws: &mut Stream) -> (usize, u64) {
        let hazard = &self.hazards[draws.below(self.hazards.len() as u64) as usize];
        if draws.chance(1, 2) {
            return hazard.exact;
        }
        let pair = hazard.alike[draws.below(hazard.alike.len() as u64) as usize];
        (pair, self.late_visit(draws, pair))
    }

    fn draw_anywhere(&self, draws: &mut Stream) -> (usize, u64) {
        let by_occurrence = draws.chance(1, 2);
        let pair = match by_occurrence {
            true => draws.weighted(&self.visits).expect("a step that was visited has a weight"),
            false => draws.below(self.pairs.len() as u64) as usize,
        };
        if by_occurrence || draws.chance(1, 2) {
            let counted = self.visits[pair];
            return (pair, 1 + draws.below(counted + counted / 8 + 1));
        }
        (pair, self.late_visit(draws, pair))
    }

    /// A visit whose distance from the last one, or from the one that may come after it, is uniform over doublings.
    fn late_visit(&self, draws: &mut Stream, pair: usize) -> u64 {
        let counted = self.visits[pair];
        counted + 2 - draws.doubling(1, counted + 1)
    }
}
