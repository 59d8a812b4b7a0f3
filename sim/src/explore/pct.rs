//! Strategy `pct:d`: priorities as stalls, with a bound on the chance of a hit.
//!
//! Follows Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding bugs",
//! ASPLOS 2010. Their scheduler runs one thread at a time, always the enabled one of the highest priority. The priorities that the
//! n threads begin with are drawn; at d-1 points, drawn uniformly from the k steps of a run, the thread that is running falls to a
//! priority below all of those. A bug of depth d (one that d constraints on the order of steps suffice to show) is hit with a
//! chance of at least 1/(n k^(d-1)): 1/n for the right thread to be the lowest at first, 1/k for each point.
//!
//! # Priorities where every thread runs on a core of its own
//! Nothing makes a thread wait here until others are done, but it can be stalled until they are most likely done. Let S be the
//! longest span.
//! - **The i-th change point**, i = 1 … d-1, is a stall of S / 2^(i-1) at one occurrence (thread, step, visit) of the undisturbed
//!   run; each of its k occurrences is as likely as any other. As in the paper the first point's priority is the lowest.
//! - **The initial priorities** come down to which thread has the lowest, each of the n being as likely: it is all that the bound
//!   takes of them. That thread is stalled at its first visit of each of its steps, for equal spans that add up to S / 2^(d-1).
//!
//! So each change point outlasts all stalls of a higher priority together, and by S / 2^(d-1): the time in which the other threads
//! have to get done what the order is about. For the lowest thread that time is its share of as much. All stalls of a trial
//! together stay below 2 S.
//!
//! # Where it departs from the paper
//! - **The threads above the lowest are not ranked.** To stall each of them by its rank would hold up set-ups in which one thread
//!   waits for the next, so that most runs would be over before anything of interest happens.
//! - **A low priority does not last.** In the paper the thread yields at every step from then on. Here it goes on at full speed
//!   after its stall, until it comes to its next kind of step (the lowest) or for good (a change point): one stall for each visit
//!   would be a plan that nobody can read. An order that needs a thread behind at a later visit takes one more change point.
//! - **Points are named, not numbered.** They are occurrences of the undisturbed run; one that does not come in the trial's run
//!   has no effect, and one that comes in disturbed runs only is never drawn.
//! - **Time passes in a stall.** Timers run out, and an order that has to be made before one does is hit only with a shorter S.
//!
//! # What remains of the bound
//! A bug has depth d here if there are a thread and d-1 occurrences such that every run breaks in which just these are stalled in
//! the way described. Then one trial shows it with [`Pct::chance_at_least`], whatever the rest of the program is like: the thread
//! is the lowest with 1/n, each of the occurrences is its point with 1/k, and the draws are independent. What is lost against the
//! paper is in the depth: it may be greater than in the paper's sense, by one for each constraint that no single stall can keep.

use super::places::Places;
use super::{Course, Strategy, Trial};
use crate::random::Stream;
use crate::{Outcome, Plan, Span, Stall};
use std::ops::Range;

/// One thread of the lowest priority and `depth - 1` points at which a thread falls below that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pct {
    /// The depth d of the bugs that the bound is about; zero is taken as one.
    pub depth: u32,
    /// The longest stall, S above.
    pub span_max: Span,
}

impl Pct {
    /// The least chance that one trial shows a bug of this depth, for `n` threads that do `k` steps in all.
    pub fn chance_at_least(&self, n: u64, k: u64) -> f64 {
        let points = self.depth.max(1) - 1;
        let k = k.max(1) as f64;
        (0..points).fold(1.0 / n.max(1) as f64, |chance, _| chance / k)
    }

    /// What `n` and `k` are for an experiment with this undisturbed run: threads that do a step, and steps that they begin.
    pub fn threads_and_steps(undisturbed: &Outcome) -> (u64, u64) {
        let places = Places::new(undisturbed);
        (threads(&places).len() as u64, places.occurrences())
    }

    /// The span of the change point with this priority, the lowest being 0; that of the lowest thread comes after the last point.
    fn span_ns(&self, priority: u32) -> u64 {
        self.span_max.0.checked_shr(priority).unwrap_or(0).max(1)
    }

    fn draw(&self, draws: &mut Stream, places: &Places<'_>, threads: &[&str]) -> Vec<Stall> {
        if threads.is_empty() {
            return Vec::new();
        }
        let points = self.depth.max(1) - 1;
        let lowest = threads[draws.below(threads.len() as u64) as usize];
        let own: Vec<usize> = (0..places.pairs().len()).filter(|pair| places.pairs()[*pair].0 == lowest).collect();
        let share_ns = (self.span_ns(points) / own.len() as u64).max(1);
        let mut stalls: Vec<Stall> = own.iter().map(|pair| places.stall((*pair, 1), share_ns)).collect();
        for priority in 0..points {
            stalls.push(places.stall(places.draw_occurrence(draws), self.span_ns(priority)));
        }
        stalls
    }
}

/// The threads that do a step, each once.
fn threads<'a>(places: &Places<'a>) -> Vec<&'a str> {
    let mut threads: Vec<&str> = Vec::new();
    for (thread, ..) in places.pairs() {
        if !threads.contains(thread) {
            threads.push(thread);
        }
    }
    threads
}

impl Strategy for Pct {
    fn trials<'a>(&'a self, base: &'a Trial, undisturbed: &'a Outcome, seeds: Range<u64>) -> Box<dyn Course + 'a> {
        let places = Places::new(undisturbed);
        let threads = threads(&places);
        Box::new(seeds.map(move |seed| {
            let mut draws = Stream::new(seed, "explore", "pct");
            let stalls = self.draw(&mut draws, &places, &threads);
            Trial { seed, faults: base.faults.clone(), plan: Plan::of_stalls(stalls) }
        }))
    }
}
