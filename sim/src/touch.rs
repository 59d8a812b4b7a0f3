//! Which thread touches which shared object, as coverage and exhaustive exploration need to know it.
//!
//! Each lock, variable, memory, connection and signal is an *object*. What a thread does with it is a [`Touch`]; two touches of
//! one object that are not independent of each other [`conflict`](Touch::conflicts_with). Two runs in which all conflicting
//! touches come in the same order are the same interleaving in the sense of Mazurkiewicz ("Trace theory", 1987).

use crate::kernel::Core;

/// Names an object of the run, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId(pub u32);

/// What a thread does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Touch {
    /// Look at it.
    Read,
    /// Change it.
    Write,
    /// Take what a release gave: lock, pass a semaphore or an event, read from a connection, join.
    Acquire,
    /// Give what an acquire takes: unlock, post, set, write to a connection, end.
    Release,
}

impl Touch {
    /// May the order of the two, on the same object, make a difference? An acquire comes after the release that enabled it in
    /// any order; with all other releases it commutes.
    pub fn conflicts_with(self, other: Touch) -> bool {
        !matches!(
            (self, other),
            (Touch::Read, Touch::Read) | (Touch::Acquire, Touch::Release) | (Touch::Release, Touch::Acquire)
        )
    }
}

/// A touch of one location of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Touched {
    /// The object, in the order in which the run's objects were made.
    pub object: u32,
    /// The location in it: a page of a memory, else zero.
    pub location: u32,
    /// What was done.
    pub touch: Touch,
}

impl Touched {
    /// May the order of the two make a difference?
    pub fn conflicts_with(self, other: Touched) -> bool {
        (self.object, self.location) == (other.object, other.location) && self.touch.conflicts_with(other.touch)
    }
}

/// Location that stands for a memory as a whole; its free touches it.
pub(crate) const WHOLE: u32 = u32::MAX;

/// Who handed each object over to whom so far.
#[derive(Debug, Default)]
pub(crate) struct HandOvers(Vec<HandOver>);

#[derive(Debug, Clone, Copy)]
struct HandOver {
    last: u16,
    chain: u64,
}

const NOBODY: u16 = u16::MAX;

impl HandOvers {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn add(&mut self) -> ObjectId {
        self.0.push(HandOver { last: NOBODY, chain: 0 });
        ObjectId(self.0.len() as u32 - 1)
    }

    fn touch(&mut self, object: ObjectId, thread: u16) {
        let hand_over = &mut self.0[object.0 as usize];
        if hand_over.last != thread {
            let pair = u64::from(hand_over.last) << 16 | u64::from(thread);
            hand_over.chain = (hand_over.chain.rotate_left(23) ^ pair).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hand_over.last = thread;
        }
    }

    /// One number for all sequences of hand-overs of all objects.
    pub fn fingerprint(&self) -> u64 {
        let of_object = |(object, hand_over): (usize, &HandOver)| {
            (hand_over.chain ^ object as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31)
        };
        self.0.iter().enumerate().map(of_object).fold(0, u64::wrapping_add)
    }
}

impl Core {
    pub fn add_object(&mut self) -> ObjectId {
        self.hand_overs.add()
    }

    /// The running thread touches an object that orders or is shared.
    #[inline]
    pub fn touch(&mut self, object: ObjectId, touch: Touch) {
        if touch != Touch::Read
            && let Some(thread) = self.current
        {
            self.hand_overs.touch(object, thread.0);
        }
        self.touch_location(object, 0, touch);
    }

    /// The running thread touches one location of an object; a page is too small to count as handed over.
    #[inline]
    pub fn touch_location(&mut self, object: ObjectId, location: u32, touch: Touch) {
        if let Some(control) = &mut self.control {
            control.touched(Touched { object: object.0, location, touch });
        }
    }
}
