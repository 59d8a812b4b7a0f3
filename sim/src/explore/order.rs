//! The order of a run's events: which must come before which, and which pairs could have come the other way round.
//!
//! Two events of a run are ordered if they are of one thread, if one brought the other about (woke, spawned, was taken from), or
//! if they touch the same object in conflicting ways; and by transitivity. Runs with the same order lead to the same state. A *race*
//! is a pair of events of two threads that conflict, with nothing between them in the order, where the later one was
//! possible without the earlier (definitions 2.1 and 3.1 of Abdulla, Aronis, Jonsson and Sagonas, "Optimal dynamic partial order
//! reduction", POPL 2014; their treatment of locks, where an acquire races with the acquire before the release it took).

use crate::{Actor, Blocked, EventRecord, Touch};
use std::collections::BTreeMap;

/// The order of one run. Events are numbered from 0, as in [`crate::Outcome::events`].
pub struct EventOrder<'a> {
    events: &'a [EventRecord],
    /// Events before this one are not looked at: they come first in every run.
    start: usize,
    threads: usize,
    /// For each event and thread: 1 + the number of that thread's last event that is ordered before or is the event, or 0.
    clocks: Vec<u32>,
    /// Pairs of racing events, earlier and later one.
    pub races: Vec<Race>,
}

/// Two events that could have come the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    /// Number of the earlier event.
    pub first: usize,
    /// The later one.
    pub second: Second,
    /// The object over which they race.
    pub object: u32,
}

/// The later one of two racing events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// The event of this number.
    Event(usize),
    /// What this thread still waited for when the run ended.
    Blocked(u16),
}

/// Who has touched one location so far.
#[derive(Default)]
struct Touches {
    write: Option<usize>,
    /// Since that write, the last of each thread: (event, touch).
    since: Vec<(usize, Touch)>,
}

/// A touch before that conflicts.
#[derive(Clone, Copy)]
struct Before {
    event: usize,
    object: u32,
    /// Both acquire the object: what hands it over does not order them.
    both_acquire: bool,
}

impl<'a> EventOrder<'a> {
    /// The order of these events from number `start` on. What `blocked` threads wait for at the end may race too.
    pub fn new(events: &'a [EventRecord], start: usize, blocked: &[Blocked]) -> EventOrder<'a> {
        let threads = events.iter().map(|event| usize::from(event.actor.thread()) + 1).max().unwrap_or(0);
        let mut order =
            EventOrder { events, start, threads, clocks: vec![0; events.len() * threads], races: Vec::new() };
        let mut last_of_thread: Vec<Option<usize>> = vec![None; threads];
        let mut touches: BTreeMap<(u32, u32), Touches> = BTreeMap::new();
        let mut before: Vec<Before> = Vec::new();
        for number in start..events.len() {
            let event = &events[number];
            order.begin(number, &last_of_thread);
            collect(event, number, events, &mut touches, &mut before);
            order.find_races(number, &before);
            for release in took(event, start, number) {
                order.join(number, release.1);
            }
            for earlier in &before {
                order.join(number, earlier.event);
            }
            let thread = usize::from(event.actor.thread());
            order.clocks[number * threads + thread] = number as u32 + 1;
            last_of_thread[thread] = Some(number);
        }
        for blocked in blocked {
            order.find_races_of_blocked(blocked, &last_of_thread, &touches);
        }
        order
    }

    /// A thread that still waits for an object would go on if it came before those who took the object, or changed it.
    fn find_races_of_blocked(
        &mut self,
        blocked: &Blocked,
        last_of_thread: &[Option<usize>],
        touches: &BTreeMap<(u32, u32), Touches>,
    ) {
        let thread = usize::from(blocked.thread);
        let Some(last) = last_of_thread.get(thread).copied().flatten() else { return };
        let all = blocked.objects.iter().filter_map(|object| Some((*object, touches.get(&(*object, 0))?)));
        let before: Vec<(u32, usize)> = all
            .flat_map(|(object, known)| {
                let takers = known.since.iter().filter(|(_, touch)| Touch::Acquire.conflicts_with(*touch));
                takers.map(|(event, _)| *event).chain(known.write).map(move |event| (object, event))
            })
            .collect();
        for (object, first) in &before {
            let by_another = before.iter().any(|(_, other)| other != first && self.is_before(*first, *other));
            if !self.is_before(*first, last) && !by_another {
                self.races.push(Race { first: *first, second: Second::Blocked(blocked.thread), object: *object });
            }
        }
    }

    /// Is event `a` ordered before event `b`, or the same?
    pub fn is_before(&self, a: usize, b: usize) -> bool {
        let thread = usize::from(self.events[a].actor.thread());
        self.clocks[b * self.threads + thread] > a as u32
    }

    /// The actors of which an event is first in `v`: the events after `first` that are not ordered behind it, and then
    /// `second`.
    pub fn initials(&self, race: Race) -> Vec<Actor> {
        let mut first_of_thread: Vec<Option<usize>> = vec![None; self.threads];
        let (end, last) = match race.second {
            Second::Event(second) => (second, Some(second)),
            Second::Blocked(_) => (self.events.len(), None),
        };
        let independent = (race.first + 1..end).filter(|event| !self.is_before(race.first, *event));
        for event in independent.chain(last) {
            first_of_thread[usize::from(self.events[event].actor.thread())].get_or_insert(event);
        }
        let firsts: Vec<usize> = first_of_thread.iter().flatten().copied().collect();
        let is_first =
            |event: &&usize| firsts.iter().all(|other| *other == **event || !self.is_before(*other, **event));
        let mut initials: Vec<Actor> = firsts.iter().filter(is_first).map(|event| self.events[*event].actor).collect();
        if let Second::Blocked(thread) = race.second
            && first_of_thread[usize::from(thread)].is_none()
        {
            initials.push(Actor::Thread(thread));
        }
        initials
    }

    /// What comes before an event for another reason than what it touches: its thread, and what brought it about.
    fn begin(&mut self, number: usize, last_of_thread: &[Option<usize>]) {
        let event = &self.events[number];
        if event.patient {
            // Everything that was possible has happened.
            for last in last_of_thread.iter().flatten() {
                self.join(number, *last);
            }
            return;
        }
        if let Some(last) = last_of_thread[usize::from(event.actor.thread())] {
            self.join(number, last);
        }
        if event.creator as usize > self.start {
            self.join(number, event.creator as usize - 1);
        }
    }

    fn join(&mut self, into: usize, from: usize) {
        let (head, tail) = self.clocks.split_at_mut(into * self.threads);
        let from = &head[from * self.threads..(from + 1) * self.threads];
        for (mine, theirs) in tail[..self.threads].iter_mut().zip(from) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn find_races(&mut self, number: usize, before: &[Before]) {
        let event = &self.events[number];
        for candidate in before {
            let first = candidate.event;
            // By its thread or by what brought it about.
            let by_itself = self.is_before(first, number);
            let by_release = took(event, self.start, number).any(|(object, release)| {
                !(candidate.both_acquire && object == candidate.object) && self.is_before(first, release)
            });
            let by_another = before.iter().any(|other| other.event != first && self.is_before(first, other.event));
            let known = self
                .races
                .iter()
                .rev()
                .take_while(|race| race.second == Second::Event(number))
                .any(|race| race.first == first);
            if !by_itself && !by_release && !by_another && !known {
                self.races.push(Race { first, second: Second::Event(number), object: candidate.object });
            }
        }
    }
}

/// Releases of other events that event `number` took, as (object, number of the event).
pub(super) fn took(event: &EventRecord, start: usize, number: usize) -> impl Iterator<Item = (u32, usize)> + '_ {
    let releases = event.took.iter().map(|(object, release)| (*object, *release as usize));
    releases
        .filter(move |(_, release)| (start + 1..=number).contains(release))
        .map(|(object, release)| (object, release - 1))
}

/// The events of other threads that touched before what `event` touches now, in a conflicting way; and note its own touches.
fn collect(
    event: &EventRecord,
    number: usize,
    events: &[EventRecord],
    touches: &mut BTreeMap<(u32, u32), Touches>,
    before: &mut Vec<Before>,
) {
    before.clear();
    let thread = event.actor.thread();
    for touched in &event.touched {
        let known = touches.entry((touched.object, touched.location)).or_default();
        let mut conflict = |earlier: usize, touch: Touch| {
            if events[earlier].actor.thread() != thread && touched.touch.conflicts_with(touch) {
                let both_acquire = touch == Touch::Acquire && touched.touch == Touch::Acquire;
                before.push(Before { event: earlier, object: touched.object, both_acquire });
            }
        };
        if let Some(write) = known.write {
            conflict(write, Touch::Write);
        }
        for (earlier, touch) in &known.since {
            conflict(*earlier, *touch);
        }
    }
    for touched in &event.touched {
        let known = touches.entry((touched.object, touched.location)).or_default();
        if touched.touch == Touch::Write {
            known.write = Some(number);
            known.since.clear();
        } else {
            known.since.retain(|(earlier, touch)| events[*earlier].actor.thread() != thread || *touch != touched.touch);
            known.since.push((number, touched.touch));
        }
    }
}
