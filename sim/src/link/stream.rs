//! What a connection carries: bytes, runs of one repeated word, or pages of such, in the order in which they were written.

use crate::contents::Counting;
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
    /// Pages, each of one 64-bit word again and again.
    Pages {
        /// The words of the pages, the first one's first.
        words: Counting,
        /// How many pages.
        pages: u64,
        /// Length of a page in bytes, a multiple of 8.
        page_bytes: u64,
    },
}

impl Piece {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Fill { bytes, .. } => *bytes,
            Piece::Pages { pages, page_bytes, .. } => pages * page_bytes,
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

    /// The words of the next pages, and of how many, at most `pages_max`, if each is one word again and again. They are read then.
    pub fn read_pages(&mut self, page_bytes: u64, pages_max: u64) -> Option<(Counting, u64)> {
        let front = self.stretches.front()?;
        let words = match front.piece {
            Piece::Fill { word, .. } if front.from.is_multiple_of(8) => Counting { first: word, step: 0 },
            Piece::Pages { words, page_bytes: length, .. }
                if length == page_bytes && front.from.is_multiple_of(page_bytes) =>
            {
                words.skip((front.from / page_bytes) as usize)
            }
            _ => return None,
        };
        let pages = (front.len() / page_bytes).min(pages_max);
        if pages == 0 {
            return None;
        }
        self.advance(pages * page_bytes);
        Some((words, pages))
    }

    /// Fill the buffer with what comes next.
    pub fn read(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            let front = self.stretches.front().expect("so much was written");
            let n = front.len().min(buffer.len() as u64) as usize;
            let (target, rest) = buffer.split_at_mut(n);
            match &front.piece {
                Piece::Bytes(bytes) => target.copy_from_slice(&bytes[front.from as usize..front.from as usize + n]),
                Piece::Fill { word, .. } => fill(target, *word, front.from),
                Piece::Pages { words, page_bytes, .. } => {
                    let (mut target, mut from) = (target, front.from);
                    while !target.is_empty() {
                        let in_page = from % page_bytes;
                        let n = (page_bytes - in_page).min(target.len() as u64);
                        let (page, behind) = target.split_at_mut(n as usize);
                        fill(page, words.at((from / page_bytes) as usize), in_page);
                        (target, from) = (behind, from + n);
                    }
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

/// One word again and again, from its byte `from` on.
fn fill(target: &mut [u8], word: u64, from: u64) {
    let pattern = word.rotate_right((from % 8 * 8) as u32).to_le_bytes();
    target.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&pattern[..chunk.len()]));
}
