//! Places: where in a program a stall can be put, and how one is drawn.
//!
//! A place is one occurrence of a step in the undisturbed run: (thread, step, visit).
//!
//! Drawing all occurrences alike gives each thread a weight by the work it has left, which keeps a random walk over
//! interleavings near to uniform where a choice by thread would favour the short ones: the idea of URW in Zhao, Wolff, Mathur and
//! Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025. But a step that is done for each page would then take
//! nearly all draws, and steps done once, as those of a teardown, would starve; their paper answers that by singling out the
//! events of interest. Here half of the draws are uniform over occurrences; the other half are uniform over pairs (thread,
//! step), and there the visit is uniform for one half, and for the other lies at a distance from the last one that is uniform
//! over doublings, because what a fault interrupts is mostly the last visit before it.
//!
//! A stall changes what comes after it, so visits a little beyond the counted ones are drawn too; where one does not occur,
//! its stall does nothing.

use crate::random::Stream;
use crate::{Outcome, Stall, StepInfo, ThreadId};

/// Where a stall can be put.
#[derive(Debug, Clone)]
pub(super) struct Places<'a> {
    /// Thread, step, visits in the undisturbed run.
    pairs: Vec<(&'a str, &'static str, u64)>,
    visits: Vec<u64>,
    hazards: Vec<Directed>,
}

/// Where the first access of a hazard can be held.
#[derive(Debug, Clone)]
struct Directed {
    /// Index into `pairs` and visit of the access itself.
    exact: (usize, u64),
    /// Indices into `pairs` of every thread that does the same step.
    alike: Vec<usize>,
}

/// A drawn place: index of a pair, and a visit.
pub(super) type Drawn = (usize, u64);

impl<'a> Places<'a> {
    pub fn new(undisturbed: &'a Outcome) -> Places<'a> {
        Places::among(undisturbed, |_, _| true)
    }

    /// Only the pairs of a thread and its visits of one step that `keep` allows.
    pub fn among(undisturbed: &'a Outcome, keep: impl Fn(&str, u64) -> bool) -> Places<'a> {
        let name = |step: crate::StepId| {
            let info: &'static StepInfo = &undisturbed.step_table[step.index()];
            info.name
        };
        let thread_name = |thread: ThreadId| &*undisturbed.thread_names[thread.index()];
        let all = undisturbed.visits.iter().map(|(thread, step, n)| (thread_name(*thread), name(*step), u64::from(*n)));
        let pairs: Vec<(&str, &'static str, u64)> = all.filter(|(thread, _, n)| keep(thread, *n)).collect();
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

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub fn has_hazards(&self) -> bool {
        !self.hazards.is_empty()
    }

    pub fn pairs(&self) -> &[(&'a str, &'static str, u64)] {
        &self.pairs
    }

    /// How many occurrences there are.
    pub fn occurrences(&self) -> u64 {
        self.visits.iter().sum()
    }

    pub fn stall(&self, (pair, visit): Drawn, span_ns: u64) -> Stall {
        let (thread, step, _) = self.pairs[pair];
        let visit = u32::try_from(visit).unwrap_or(u32::MAX);
        Stall { thread: thread.to_owned(), step: step.to_owned(), visit, at_wait: 0, span_ns }
    }

    /// Each of the occurrences as likely as any other. There must be one.
    pub fn draw_occurrence(&self, draws: &mut Stream) -> Drawn {
        let pair = draws.weighted(&self.visits).expect("a step that was visited has a weight");
        (pair, 1 + draws.below(self.visits[pair]))
    }

    /// At a step of a hazard: half of the time the very visit, else a late one of a thread that does the same. There must be a
    /// hazard.
    pub fn draw_directed(&self, draws: &mut Stream) -> Drawn {
        let hazard = &self.hazards[draws.below(self.hazards.len() as u64) as usize];
        if draws.chance(1, 2) {
            return hazard.exact;
        }
        let pair = hazard.alike[draws.below(hazard.alike.len() as u64) as usize];
        (pair, self.late_visit(draws, pair))
    }

    /// The mixture that is described above. There must be a place.
    pub fn draw_anywhere(&self, draws: &mut Stream) -> Drawn {
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
