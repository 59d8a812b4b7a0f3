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
//! **The span** is uniform over doublings from 1 µs to the given maximum: a race's window is not known before, not even its
//! order of magnitude.
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

/// Where a stall can be placed.
struct Places<'a> {
    /// Thread, step, visits in the undisturbed run.
    pairs: Vec<(&'a str, &'static str, u64)>,
    visits: Vec<u64>,
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
        Places { pairs, visits }
    }

    fn draw(&self, draws: &mut Stream, span_max: Span) -> Stall {
        let by_occurrence = draws.chance(1, 2);
        let pair = match by_occurrence {
            true => draws.weighted(&self.visits).expect("a step that was visited has a weight"),
            false => draws.below(self.pairs.len() as u64) as usize,
        };
        let (thread, step, counted) = self.pairs[pair];
        let last = counted + counted / 8 + 1;
        let visit = if by_occurrence || draws.chance(1, 2) {
            1 + draws.below(last)
        } else {
            last + 1 - draws.doubling(1, last)
        };
        Stall {
            thread: thread.to_owned(),
            step: step.to_owned(),
            visit: u32::try_from(visit).unwrap_or(u32::MAX),
            span_ns: draws.doubling(SPAN_MIN.0, span_max.0),
        }
    }
}
