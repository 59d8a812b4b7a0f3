//! What a connection carries: bytes, or runs of one repeated word, in the order in which they were written.

use std::collections::VecDeque;
use std::rc::Rc;

/// A stretch of a byte stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Rc<[u8]>),
    /// One 64-bit word, little-endian, again and again for this many bytes.
    Fill {
        /// The word.
        word: u64,
        /// Length in bytes.
        bytes: u64,
    },
}

impl Piece {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Fill { bytes, .. } => *bytes,
        }
    }

    /// Has it no byte?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A piece and the part of it that is meant: cutting one copies nothing.
#[derive(Debug)]
pub(super) struct Stretch {
    piece: Piece,
    from: u64,
    to: u64,
}

impl From<Piece> for Stretch {
    fn from(piece: Piece) -> Stretch {
        let to = piece.len();
        Stretch { piece, from: 0, to }
    }
}

impl Stretch {
    pub fn len(&self) -> u64 {
        self.to - self.from
    }

    /// The first `bytes`, if there are any; the rest stays.
    pub fn split_off_front(&mut self, bytes: u64) -> Option<Stretch> {
        let middle = self.to.min(self.from + bytes);
        let front = Stretch { piece: self.piece.clone(), from: self.from, to: middle };
        self.from = middle;
        (front.len() > 0).then_some(front)
    }
}

/// What was written and not yet read, with the places in the stream that it has.
#[derive(Debug, Default)]
pub(super) struct Stream {
    stretches: VecDeque<Stretch>,
    /// All bytes written so far.
    pub written_to: u64,
    /// All bytes read so far.
    pub read_to: u64,
}

impl Stream {
    pub fn write(&mut self, stretch: Stretch) {
        self.written_to += stretch.len();
        self.stretches.push_back(stretch);
    }

    /// Forget what was written from `place` on.
    pub fn truncate(&mut self, place: u64) {
        while self.written_to > place {
            let Some(mut last) = self.stretches.pop_back() else { break };
            let start = self.written_to - last.len();
            self.written_to = start;
            if start < place {
                let kept = last.split_off_front(place - start).expect("it begins before the place");
                self.write(kept);
            }
        }
    }

    /// The word of the next `bytes`, if they are one word again and again; they are read then.
    pub fn read_fill(&mut self, bytes: u64) -> Option<u64> {
        let front = self.stretches.front_mut()?;
        let Piece::Fill { word, .. } = front.piece else { return None };
        if front.len() < bytes || !front.from.is_multiple_of(8) {
            return None;
        }
        self.advance(bytes);
        Some(word)
    }

    /// Fill the buffer with what comes next.
    pub fn read(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            let front = self.stretches.front().expect("so much was written");
            let n = front.len().min(buffer.len() as u64) as usize;
            let (target, rest) = buffer.split_at_mut(n);
            match &front.piece {
                Piece::Bytes(bytes) => target.copy_from_slice(&bytes[front.from as usize..front.from as usize + n]),
                Piece::Fill { word, .. } => {
                    let pattern = word.rotate_right((front.from % 8 * 8) as u32).to_le_bytes();
                    target.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&pattern[..chunk.len()]));
                }
            }
            buffer = rest;
            self.advance(n as u64);
        }
    }

    /// Step over bytes of the front stretch.
    fn advance(&mut self, bytes: u64) {
        let front = self.stretches.front_mut().expect("there is a front");
        front.from += bytes;
        self.read_to += bytes;
        if front.len() == 0 {
            self.stretches.pop_front();
        }
    }
}
