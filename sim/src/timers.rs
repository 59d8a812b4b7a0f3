//! What is due when: a priority queue with first-in, first-out order at equal times.
//!
//! A thread that ends a step mostly begins the next one, so the entry that was just taken out is soon followed by one put in.
//! That one waits beside the heap and takes the place of the next minimum in a single pass, where a push and a pop would be two.

use crate::thread::ThreadId;
use crate::time::Time;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

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

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Entry>,
    newest: Option<Entry>,
    sequence: u64,
}

impl Timers {
    pub fn clear(&mut self) {
        self.heap.clear();
        self.newest = None;
        self.sequence = 0;
    }

    pub fn push(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        let entry = Entry { time: at.0, sequence: self.sequence, event: event.pack() };
        if let Some(before) = self.newest.replace(entry) {
            self.heap.push(before);
        }
    }

    /// The earliest time at which something is due.
    pub fn next(&self) -> Option<Time> {
        let times = [self.heap.peek(), self.newest.as_ref()].into_iter().flatten().map(|entry| Time(entry.time));
        times.min()
    }

    pub fn pop(&mut self) -> Option<(Time, Event)> {
        let first = match (self.newest.take(), self.heap.peek_mut()) {
            (None, None) => return None,
            (Some(newest), None) => newest,
            (None, Some(top)) => PeekMut::pop(top),
            (Some(newest), Some(mut top)) => {
                if newest.key() < top.key() {
                    newest
                } else {
                    std::mem::replace(&mut *top, newest)
                }
            }
        };
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
