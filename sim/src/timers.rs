//! What is due when: a priority queue with first-in, first-out order at equal times.
//!
//! Few things are due at once (one for each thread, and the links), and what is put in is mostly later than most of what is
//! there. So the first of them stand in a sorted list that is filled from its late end; what has no room there is in a heap.

use crate::thread::ThreadId;
use crate::time::Time;
use std::collections::BinaryHeap;

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A thread goes on, unless it has been resumed since `generation` was read.
    Resume { thread: ThreadId, generation: u32 },
    /// A timed object acts.
    Fire { object: u32, argument: u32 },
}

/// An event and its place in the order. The order is turned round, for the heap gives the greatest first.
#[derive(Debug, Clone, Copy)]
struct Entry {
    time: u64,
    sequence: u64,
    /// A packed [`Event`]: a third of the entry would be padding otherwise.
    event: u64,
}

const FIRE: u64 = 1 << 63;

impl Event {
    fn pack(self) -> u64 {
        match self {
            Event::Resume { thread, generation } => u64::from(thread.0) << 32 | u64::from(generation),
            Event::Fire { object, argument } => FIRE | u64::from(object) << 32 | u64::from(argument),
        }
    }

    fn unpack(packed: u64) -> Event {
        let (high, low) = ((packed & !FIRE) >> 32, packed as u32);
        match packed & FIRE {
            0 => Event::Resume { thread: ThreadId(high as u16), generation: low },
            _ => Event::Fire { object: high as u32, argument: low },
        }
    }
}

impl Entry {
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.sequence)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        other.key().cmp(&self.key())
    }
}

/// The most entries of the sorted list.
const NEAR_MAX: usize = 64;
/// The places of the list: the entries move to its beginning only now and then.
const NEAR_PLACES: usize = 4 * NEAR_MAX;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Sorted from `first` on; what is before that has been taken out.
    near: Vec<Entry>,
    first: usize,
    far: BinaryHeap<Entry>,
    sequence: u64,
}

impl Timers {
    pub fn clear(&mut self) {
        self.near.clear();
        self.first = 0;
        self.far.clear();
        self.sequence = 0;
    }

    #[inline]
    pub fn push(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        let entry = Entry { time: at.0, sequence: self.sequence, event: event.pack() };
        if self.near.len() - self.first == NEAR_MAX {
            match self.near.pop_if(|last| last.time > entry.time) {
                Some(last) => self.far.push(last),
                None => return self.far.push(entry),
            }
        }
        if self.near.len() == NEAR_PLACES {
            self.near.drain(..self.first);
            self.first = 0;
        }
        self.near.push(entry);
        // It is the newest, so it comes after all that are due at the same time.
        let near = &mut self.near[self.first..];
        let mut place = near.len() - 1;
        while place > 0 && near[place - 1].time > entry.time {
            near[place] = near[place - 1];
            place -= 1;
        }
        near[place] = entry;
    }

    /// The earliest time at which something is due.
    #[inline]
    pub fn next(&self) -> Option<Time> {
        let near = self.near.get(self.first).map(|entry| entry.time);
        let next = match self.far.peek() {
            Some(far) => Some(near.map_or(far.time, |near| near.min(far.time))),
            None => near,
        };
        next.map(Time)
    }

    #[inline]
    pub fn pop(&mut self) -> Option<(Time, Event)> {
        let first = match (self.near.get(self.first), self.far.peek()) {
            (None, None) => return None,
            (Some(near), far) if far.is_none_or(|far| near.key() < far.key()) => {
                self.first += 1;
                *near
            }
            _ => self.far.pop()?,
        };
        if self.first == self.near.len() {
            self.near.clear();
            self.first = 0;
        }
        Some((Time(first.time), Event::unpack(first.event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_being_packed() {
        let events = [
            Event::Resume { thread: ThreadId(0), generation: 0 },
            Event::Resume { thread: ThreadId(u16::MAX), generation: u32::MAX },
            Event::Fire { object: 0, argument: 0 },
            Event::Fire { object: (1 << 31) - 1, argument: u32::MAX },
        ];
        for event in events {
            assert_eq!(Event::unpack(event.pack()), event);
        }
    }

    /// Against a sorted list, with pushes and pops in every mixture.
    #[test]
    fn entries_come_out_by_time_and_at_equal_times_in_the_order_of_their_arrival() {
        let mut draws = crate::random::Stream::new(1, "test", "timers");
        let (mut timers, mut expected) = (Timers::default(), Vec::new());
        for n in 0..20_000u32 {
            if draws.chance(1, 2) {
                let at = draws.below(50);
                let event = Event::Fire { object: 0, argument: n };
                timers.push(Time(at), event);
                expected.push((at, n, event));
            } else {
                expected.sort_by_key(|(at, n, _)| (*at, *n));
                let first = (!expected.is_empty()).then(|| expected.remove(0)).map(|(at, _, event)| (Time(at), event));
                assert_eq!(timers.next(), first.map(|(at, _)| at));
                assert_eq!(timers.pop(), first);
            }
        }
    }
}
