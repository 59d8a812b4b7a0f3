//! Acknowledgements on their way back to the sender, in order.

use super::path::Path;
use super::receiver::Acknowledgement;
use crate::random::Stream;
use crate::time::Time;
use std::collections::VecDeque;

pub(super) struct Acknowledgements {
    on_their_way: VecDeque<Acknowledgement>,
    back: Path,
    header_bytes: u64,
    jitter: Stream,
}

impl Acknowledgements {
    pub fn new(back: Path, header_bytes: u64, jitter: Stream) -> Acknowledgements {
        Acknowledgements { on_their_way: VecDeque::new(), back, header_bytes, jitter }
    }

    /// One leaves the receiver at its `at`, and is at the sender at the `at` that it then has.
    pub fn push(&mut self, acknowledgement: Acknowledgement) {
        let at = self.back.acknowledgement(acknowledgement.at, self.header_bytes, &mut self.jitter);
        let at = self.on_their_way.back().map_or(at, |last| at.max(last.at));
        self.on_their_way.push_back(Acknowledgement { at, ..acknowledgement });
    }

    pub fn last_mut(&mut self) -> Option<&mut Acknowledgement> {
        self.on_their_way.back_mut()
    }

    pub fn drop_last(&mut self) {
        self.on_their_way.pop_back();
    }

    /// When the next one is at the sender.
    pub fn next_at(&self) -> Option<Time> {
        self.on_their_way.front().map(|acknowledgement| acknowledgement.at)
    }

    /// The next one that is at the sender by `now`.
    pub fn arrived(&mut self, now: Time) -> Option<Acknowledgement> {
        self.on_their_way.pop_front_if(|acknowledgement| acknowledgement.at <= now)
    }
}
