//! When the bytes of a stream are there for the reader.

use super::path::Path;
use crate::time::Time;
use std::collections::VecDeque;

/// Bytes up to a place that arrive one behind the other, in equal steps.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: u64,
    to: u64,
    steps: u64,
    first: Time,
    last: Time,
    /// The event that sent it, if events are recorded.
    sent_by: u32,
}

/// The arrivals of a stream that the reader has not taken, in order.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    stretches: VecDeque<Stretch>,
    /// The end of what will arrive.
    pub to: u64,
    /// When it does.
    pub last: Time,
}

impl Arrivals {
    /// The stream goes on until `to` in `steps` equal steps.
    pub fn add(&mut self, to: u64, steps: u64, first: Time, last: Time, sent_by: u32) {
        if let Some(back) = self.stretches.back_mut()
            && back.first == last
            && back.last == last
            && back.sent_by == sent_by
        {
            back.to = to;
        } else {
            self.stretches.push_back(Stretch { from: self.to, to, steps, first, last, sent_by });
        }
        (self.to, self.last) = (to, last);
    }

    /// When all before `place` is there, if that is known.
    pub fn at(&self, place: u64) -> Option<Time> {
        let Stretch { from, to, steps, first, last, .. } = *self.with(place)?;
        if steps < 2 || first == last || place >= to {
            return Some(last);
        }
        let step = (place.saturating_sub(from) * steps).div_ceil(to - from).max(1);
        Some(Time(first.0 + (last.since(first).0 * (step - 1)).div_ceil(steps - 1)))
    }

    /// The end of what arrives together with the byte before `place`, if that is known.
    pub fn train_end(&self, place: u64) -> Option<u64> {
        self.with(place).map(|stretch| stretch.to)
    }

    /// The stretch that brings the byte before `place`.
    fn with(&self, place: u64) -> Option<&Stretch> {
        // Who reads asks for what is next, who sends is where the last ends: a search is for the others.
        let stretch = match (self.stretches.front()?, self.stretches.back()?) {
            (front, _) if front.to >= place => front,
            (_, back) if back.from < place => back,
            _ => &self.stretches[self.stretches.partition_point(|stretch| stretch.to < place)],
        };
        (place <= stretch.to).then_some(stretch)
    }

    /// The end of what is there at `now`.
    pub fn there(&self, now: Time, read_to: u64) -> u64 {
        let index = self.stretches.partition_point(|stretch| stretch.last <= now);
        let whole = if index == 0 { read_to } else { self.stretches[index - 1].to };
        let Some(partly) = self.stretches.get(index).filter(|stretch| stretch.first <= now && stretch.steps > 1) else {
            return whole;
        };
        let gone = partly.last.since(partly.first).0.max(1);
        let step = now.since(partly.first).0 * (partly.steps - 1) / gone + 1;
        whole.max(partly.from + (partly.to - partly.from) * step / partly.steps)
    }

    /// The reader has taken all before `place`; the event that sent each stretch that it took something of.
    pub fn take(&mut self, place: u64, mut took: impl FnMut(u32)) {
        while let Some(front) = self.stretches.front()
            && front.from.min(place) < place
        {
            took(front.sent_by);
            if front.to > place {
                break;
            }
            self.stretches.pop_front();
        }
    }

    /// What is not there at `now` never comes; when the first of it would have come.
    pub fn cut_off(&mut self, now: Time, read_to: u64) -> Option<Time> {
        let there = self.there(now, read_to);
        let next = (self.to > there).then(|| self.at(there + 1)).flatten();
        self.stretches.retain(|stretch| stretch.from < there);
        if let Some(back) = self.stretches.back_mut()
            && back.to > there
        {
            *back = Stretch { to: there, steps: 1, first: now, last: now, ..*back };
        }
        self.to = there;
        next
    }
}

/// Segments of one train: as many as fit into 64 KiB, as a sender's segmentation offload makes them, or, where nothing can be lost, what
/// takes the path 20 µs if that is more.
pub(super) fn train_segments(path: &Path, segment_bytes: u64) -> u64 {
    let most = match path.is_lossless() {
        true => (path.config().rate_bits_per_s / 8 / 50_000).max(64 * 1024),
        false => 64 * 1024,
    };
    (most / segment_bytes).max(1)
}
