//! Reversals: the pairs of events of a run that conflict and that nothing else orders, as holds that bring them about in the
//! other order.
//!
//! An event of one thread that comes before an event of another is ordered before it for good if a chain of *must* edges leads
//! there: a thread does one thing after the other, a thread is spawned by another, and what is taken was given before (a message,
//! a post, a set, the end of a thread, a lock that was let go). That the two touch the same object in conflicting ways
//! is no such edge, nor is the hand-over of an object for which they themselves compete: who takes a lock first could have
//! taken it last. (In [`EventOrder`](super::EventOrder) conflicts order as well, for there it is asked which runs are the same.)
//!
//! Each such pair (`a` of T, then `b` of U) gives the hold "T waits at `a` until U has passed `b`".
//!
//! **Loops**: two steps that touch one object again and again, as those that write the pages of a memory, give a pair of events
//! for every two visits. Of these are kept the first and the last visit of the earlier step (who waits at the first holds back all
//! of them; the last is the latest moment), each until the first and until the last visit of the later step that it could wait
//! for. The visits between are left out.
//!
//! **Not seen**: an order that holds only in this run. A post that a semaphore's waiter took counts as given before, even where
//! another thread's post would have done as well; that other order is found from a run in which the posts come the other way
//! round, at the cost of one hold.

use super::order::took;
use crate::{EventRecord, Hold, Outcome, Span, Touch, Visit};
use std::collections::BTreeMap;

/// The holds that reverse a pair of events of `outcome`, whose events must have been recorded; each once, in the order in which the
/// later events come in the run.
///
/// With `after`, the name of a thread, only pairs of which the later event comes once that thread is past its first step, or is that.
pub(super) fn reversals(outcome: &Outcome, longest: Span, after: Option<&str>) -> Vec<Hold> {
    let mut pairs = Pairs::of(&outcome.events).found;
    if let Some(after) = after {
        let is_it = |event: &EventRecord| outcome.thread_names[usize::from(event.actor.thread())] == after;
        let from = outcome.events.iter().position(|event| event.visit > 0 && is_it(event));
        pairs.retain(|pair| from.is_some_and(|from| pair.second as usize >= from));
    }
    let pairs = thinned(pairs);
    let mut holds: Vec<Hold> = Vec::with_capacity(pairs.len());
    let mut last = None;
    for pair in pairs {
        // The same two events over another object.
        if last.replace((pair.first, pair.second)) != Some((pair.first, pair.second)) {
            let [at, until] = [pair.first, pair.second].map(|event| visit(outcome, &outcome.events[event as usize]));
            holds.push(Hold { at, until, longest_ns: longest.0 });
        }
    }
    holds
}

fn visit(outcome: &Outcome, event: &EventRecord) -> Visit {
    Visit {
        thread: outcome.thread_names[usize::from(event.actor.thread())].clone(),
        step: outcome.step_table[event.step.index()].name.to_owned(),
        visit: event.visit,
        at_wait: event.at_wait,
    }
}

/// Two conflicting events and what they conflict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    second: u32,
    first: u32,
    object: u32,
    /// Thread and step of the earlier, and of the later.
    steps: [(u16, u16); 2],
}

/// For each location and thread, what the thread did there: (event, touch), in the order of the run.
type Touches = BTreeMap<(u32, u32), Vec<(u16, Vec<(u32, Touch)>)>>;

struct Pairs<'a> {
    events: &'a [EventRecord],
    threads: usize,
    /// For each event and thread: 1 + the number of that thread's last event that must come before or is the event, or 0.
    clocks: Vec<u32>,
    last_of_thread: Vec<Option<usize>>,
    touches: Touches,
    found: Vec<Pair>,
}

impl<'a> Pairs<'a> {
    fn of(events: &'a [EventRecord]) -> Pairs<'a> {
        let threads = events.iter().map(|event| usize::from(event.actor.thread()) + 1).max().unwrap_or(0);
        let clocks = vec![0; events.len() * threads];
        let last_of_thread = vec![None; threads];
        let mut pairs = Pairs { events, threads, clocks, last_of_thread, touches: Touches::new(), found: Vec::new() };
        for number in 0..events.len() {
            pairs.add(number);
        }
        pairs
    }

    fn add(&mut self, number: usize) {
        let event = &self.events[number];
        let thread = event.actor.thread();
        let taken: Vec<(u32, usize)> = took(event, 0, number).collect();
        let must = |but| must(&self.clocks, self.threads, event, &self.last_of_thread, &taken, but);
        let mut clock = must(None);
        for touched in &event.touched {
            // Without the hand-over by which it took what it now competes for.
            let competes = touched.touch == Touch::Acquire && taken.iter().any(|(object, _)| *object == touched.object);
            let competing = if competes { must(Some(touched.object)) } else { clock.clone() };
            let Some(known) = self.touches.get(&(touched.object, touched.location)) else { continue };
            for (other, touches) in known.iter().filter(|(other, _)| *other != thread) {
                // What must come before is the beginning of what the other thread did.
                let (before, before_if_competing) = (clock[usize::from(*other)], competing[usize::from(*other)]);
                let free = touches.partition_point(|(first, _)| *first < before_if_competing);
                for (first, touch) in &touches[free..] {
                    let is_free = *first >= before || *touch == Touch::Acquire;
                    let earlier = &self.events[*first as usize];
                    let can_be_held = earlier.visit > 0 && event.visit > 0;
                    if is_free && can_be_held && touched.touch.conflicts_with(*touch) {
                        let steps = [(*other, earlier.step.0), (thread, event.step.0)];
                        self.found.push(Pair { second: number as u32, first: *first, object: touched.object, steps });
                    }
                }
            }
        }
        clock[usize::from(thread)] = number as u32 + 1;
        self.clocks[number * self.threads..(number + 1) * self.threads].copy_from_slice(&clock);
        self.last_of_thread[usize::from(thread)] = Some(number);
        for touched in &event.touched {
            let known = self.touches.entry((touched.object, touched.location)).or_default();
            let own = match known.iter_mut().find(|(other, _)| *other == thread) {
                Some((_, own)) => own,
                None => {
                    known.push((thread, Vec::new()));
                    &mut known.last_mut().expect("it was pushed just now").1
                }
            };
            own.push((number as u32, touched.touch));
        }
    }
}

/// What must come before an event, for each thread; the hand-over of `but` aside.
fn must(
    clocks: &[u32],
    threads: usize,
    event: &EventRecord,
    last_of_thread: &[Option<usize>],
    taken: &[(u32, usize)],
    but: Option<u32>,
) -> Vec<u32> {
    let mut clock = vec![0; threads];
    let mut join = |from: usize| {
        for (mine, theirs) in clock.iter_mut().zip(&clocks[from * threads..(from + 1) * threads]) {
            *mine = (*mine).max(*theirs);
        }
    };
    if let Some(last) = last_of_thread[usize::from(event.actor.thread())] {
        join(last);
    }
    // Whoever starts a thread. Who wakes one is known from what it takes; a message that arrives, or a limit of time, wakes it too.
    if event.visit == 0
        && let Some(creator) = (event.creator as usize).checked_sub(1)
    {
        join(creator);
    }
    for (_, release) in taken.iter().filter(|(object, _)| Some(*object) != but) {
        join(*release);
    }
    clock
}

/// Of the pairs of two steps over one object, those of the first and the last visit of the earlier step with the first and the last
/// visit of the later.
fn thinned(mut pairs: Vec<Pair>) -> Vec<Pair> {
    pairs.sort_unstable_by_key(|pair| (pair.object, pair.steps, pair.first, pair.second));
    let mut kept = Vec::new();
    for of_steps in pairs.chunk_by(|a, b| (a.object, a.steps) == (b.object, b.steps)) {
        let mut visits = of_steps.chunk_by(|a, b| a.first == b.first);
        for of_visit in visits.next().into_iter().chain(visits.next_back()) {
            kept.push(of_visit[0]);
            kept.push(of_visit[of_visit.len() - 1]);
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}
