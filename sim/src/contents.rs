//! The contents of many pages, one 64-bit word each, in as little room as they need.
//!
//! Pages are kept in chunks. A chunk whose words are equal, or count up, is kept as the first of them and the step; only a
//! chunk with other words has room for each, from the first such write on. Copies share their chunks until one of them is written,
//! so a copy of a large memory costs little, and so does looking where two copies differ.

use std::iter;
use std::ops::Range;
use std::rc::Rc;

/// Pages of a chunk: those of one multifd packet with pages of 4 KiB.
const CHUNK_PAGES: usize = 128;

/// Words that are equal or count up: the k-th is `first` + k · `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counting {
    /// The first.
    pub first: u64,
    /// From one to the next.
    pub step: u64,
}

impl Counting {
    /// Zero, again and again.
    pub const ZERO: Counting = Counting { first: 0, step: 0 };

    /// The word at this place; wraps around.
    #[inline]
    pub fn at(self, place: usize) -> u64 {
        self.first.wrapping_add(self.step.wrapping_mul(place as u64))
    }

    /// The same without its first words.
    pub fn skip(self, words: usize) -> Counting {
        Counting { first: self.at(words), step: self.step }
    }

    /// Are these the first words?
    fn begins(self, words: &[u64]) -> bool {
        words.iter().enumerate().all(|(place, word)| *word == self.at(place))
    }
}

#[derive(Debug, Clone)]
enum Chunk {
    Counting(Counting),
    Words(Rc<[u64; CHUNK_PAGES]>),
}

impl Chunk {
    #[inline]
    fn get(&self, place: usize) -> u64 {
        match self {
            Chunk::Counting(counting) => counting.at(place),
            Chunk::Words(words) => words[place],
        }
    }

    fn words(&mut self) -> &mut [u64; CHUNK_PAGES] {
        if let Chunk::Counting(counting) = *self {
            *self = Chunk::Words(Rc::new(std::array::from_fn(|place| counting.at(place))));
        }
        match self {
            Chunk::Words(words) => Rc::make_mut(words),
            Chunk::Counting(_) => unreachable!("it has words now"),
        }
    }

    fn set(&mut self, place: usize, word: u64) {
        if self.get(place) == word {
            return;
        }
        let words = self.words();
        words[place] = word;
        // Whoever fills a chunk page by page ends with this one.
        if place == CHUNK_PAGES - 1 {
            let counting = Counting { first: words[0], step: words[1].wrapping_sub(words[0]) };
            self.become_counting_if(counting);
        }
    }

    /// Drop the words if they are these.
    fn become_counting_if(&mut self, counting: Counting) {
        if matches!(self, Chunk::Words(words) if counting.begins(&words[..])) {
            *self = Chunk::Counting(counting);
        }
    }

    /// What is certainly the same in both; `false` if that takes a look at each word.
    fn is_same(&self, other: &Chunk) -> bool {
        match (self, other) {
            (Chunk::Counting(own), Chunk::Counting(other)) => own == other,
            (Chunk::Words(own), Chunk::Words(other)) => Rc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// The contents of a number of pages.
#[derive(Debug, Clone)]
pub struct Contents {
    chunks: Vec<Chunk>,
    pages: usize,
}

impl Contents {
    /// Bytes that so many pages take at least, and at most.
    pub fn bytes(pages: u64) -> (u64, u64) {
        let chunks = pages.div_ceil(CHUNK_PAGES as u64);
        let index = chunks * size_of::<Chunk>() as u64;
        // With the counts of what shares them, and what the allocator adds.
        (index, index + chunks * (8 * CHUNK_PAGES as u64 + 32))
    }

    /// Pages of zeros.
    pub fn zeros(pages: usize) -> Contents {
        Contents { chunks: vec![Chunk::Counting(Counting::ZERO); pages.div_ceil(CHUNK_PAGES)], pages }
    }

    /// How many pages.
    pub fn len(&self) -> usize {
        self.pages
    }

    /// Is there no page at all?
    pub fn is_empty(&self) -> bool {
        self.pages == 0
    }

    /// The content of a page.
    ///
    /// # Panics
    /// If there is no such page.
    #[inline]
    pub fn get(&self, page: usize) -> u64 {
        assert!(page < self.pages, "page {page} of {}", self.pages);
        self.chunks[page / CHUNK_PAGES].get(page % CHUNK_PAGES)
    }

    /// Change the content of a page.
    ///
    /// # Panics
    /// If there is no such page.
    pub fn set(&mut self, page: usize, word: u64) {
        assert!(page < self.pages, "page {page} of {}", self.pages);
        self.chunks[page / CHUNK_PAGES].set(page % CHUNK_PAGES, word);
    }

    /// Change the contents of pages that follow each other.
    ///
    /// # Panics
    /// If there is no such page.
    pub fn set_run(&mut self, pages: Range<usize>, words: Counting) {
        assert!(pages.end <= self.pages, "pages {pages:?} of {}", self.pages);
        for part in chunk_parts(pages.clone()) {
            let words = words.skip(part.start - pages.start);
            let chunk = &mut self.chunks[part.start / CHUNK_PAGES];
            // Behind the last page nothing is looked at.
            if part.len() == CHUNK_PAGES || (part.start.is_multiple_of(CHUNK_PAGES) && part.end == self.pages) {
                *chunk = Chunk::Counting(words);
                continue;
            }
            let from = part.start % CHUNK_PAGES;
            if part.len() == 1 {
                chunk.set(from, words.first);
                continue;
            }
            let all = chunk.words();
            all[from..from + part.len()].iter_mut().enumerate().for_each(|(place, word)| *word = words.at(place));
            let whole = Counting { first: words.first.wrapping_sub(words.step.wrapping_mul(from as u64)), ..words };
            chunk.become_counting_if(whole);
        }
    }

    /// What the pages from `pages.start` on hold, and for how many of `pages` that is known at a glance: at least one.
    ///
    /// # Panics
    /// If there is no such page.
    pub fn run_at(&self, pages: Range<usize>) -> (Counting, usize) {
        assert!(pages.start < pages.end && pages.end <= self.pages, "pages {pages:?} of {}", self.pages);
        let place = pages.start % CHUNK_PAGES;
        match &self.chunks[pages.start / CHUNK_PAGES] {
            Chunk::Counting(counting) => (counting.skip(place), (CHUNK_PAGES - place).min(pages.len())),
            Chunk::Words(words) => (Counting { first: words[place], step: 0 }, 1),
        }
    }

    /// Does one of these pages hold this word?
    ///
    /// # Panics
    /// If there is no such page.
    pub fn contains(&self, mut pages: Range<usize>, word: u64) -> bool {
        while !pages.is_empty() {
            let (words, count) = self.run_at(pages.clone());
            if (0..count).any(|place| words.at(place) == word) {
                return true;
            }
            pages.start += count;
        }
        false
    }

    /// The contents of all pages, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.pages).map(|page| self.get(page))
    }

    /// The pages whose content is another one than in `other`, as far as both have them.
    pub fn differing<'a>(&'a self, other: &'a Contents) -> impl Iterator<Item = usize> + 'a {
        let pages = self.pages.min(other.pages);
        let chunks = iter::zip(&self.chunks, &other.chunks).enumerate().filter(|(_, (a, b))| !a.is_same(b));
        chunks.flat_map(move |(index, (a, b))| {
            let first = index * CHUNK_PAGES;
            let differs = move |place: &usize| a.get(*place) != b.get(*place);
            (0..CHUNK_PAGES.min(pages.saturating_sub(first))).filter(differs).map(move |place| first + place)
        })
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Contents) -> bool {
        self.pages == other.pages && self.differing(other).next().is_none()
    }
}

impl Eq for Contents {}

/// The parts of `pages` that lie in one chunk each.
fn chunk_parts(pages: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut from = pages.start;
    iter::from_fn(move || {
        let end = ((from / CHUNK_PAGES + 1) * CHUNK_PAGES).min(pages.end);
        let part = from..end;
        from = end;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_PAGES, Chunk, Contents, Counting};

    const UP: Counting = Counting { first: 1000, step: 1 };

    fn is_compact(contents: &Contents) -> bool {
        contents.chunks.iter().all(|chunk| matches!(chunk, Chunk::Counting(_)))
    }

    #[test]
    fn a_run_is_what_writing_its_words_one_by_one_makes() {
        for (pages, run) in [(1, 0..1), (300, 0..300), (300, 5..6), (300, 100..290), (512, 128..256), (400, 250..400)] {
            let (mut by_run, mut by_word) = (Contents::zeros(pages), Contents::zeros(pages));
            by_run.set_run(run.clone(), UP);
            run.clone().for_each(|page| by_word.set(page, UP.at(page - run.start)));
            assert_eq!(by_run, by_word, "{run:?} of {pages}");
            assert!(by_run.iter().eq(by_word.iter()), "{run:?} of {pages}");
        }
    }

    #[test]
    fn what_counts_up_takes_no_room_in_whatever_pieces_it_is_written() {
        let mut contents = Contents::zeros(3 * CHUNK_PAGES + 7);
        for from in (0..contents.len()).step_by(32) {
            let end = (from + 32).min(contents.len());
            contents.set_run(from..end, UP.skip(from));
        }
        assert!(contents.iter().eq((0..contents.len()).map(|page| UP.at(page))));
        assert!(is_compact(&contents));
        contents.set_run(3 * CHUNK_PAGES..contents.len(), UP);
        assert!(is_compact(&contents));
    }

    #[test]
    fn a_chunk_that_is_filled_page_by_page_takes_no_room_in_the_end() {
        let mut contents = Contents::zeros(CHUNK_PAGES);
        (0..CHUNK_PAGES).for_each(|page| contents.set(page, UP.at(page)));
        assert!(is_compact(&contents));
        (0..CHUNK_PAGES).for_each(|page| contents.set_run(page..page + 1, Counting { first: !UP.at(page), step: 0 }));
        assert!(is_compact(&contents));
        assert!(contents.iter().eq((0..CHUNK_PAGES).map(|page| !UP.at(page))));
    }

    #[test]
    fn a_copy_is_not_changed_by_a_write_to_the_other() {
        let mut contents = Contents::zeros(2 * CHUNK_PAGES);
        contents.set(3, 7);
        let copy = contents.clone();
        contents.set(3, 8);
        contents.set(200, 9);
        assert_eq!((copy.get(3), copy.get(200)), (7, 0));
        assert_eq!(contents.differing(&copy).collect::<Vec<_>>(), [3, 200]);
    }

    #[test]
    fn a_glance_shows_runs_and_single_words() {
        let mut contents = Contents::zeros(2 * CHUNK_PAGES);
        contents.set_run(0..CHUNK_PAGES, UP);
        contents.set(CHUNK_PAGES + 1, 5);
        assert_eq!(contents.run_at(10..100), (UP.skip(10), 90));
        assert_eq!(contents.run_at(10..200), (UP.skip(10), CHUNK_PAGES - 10));
        assert_eq!(contents.run_at(CHUNK_PAGES + 1..200), (Counting { first: 5, step: 0 }, 1));
        for word in [0, 5, UP.first, UP.at(CHUNK_PAGES - 1), UP.at(CHUNK_PAGES)] {
            for pages in [0..0, 0..1, 1..CHUNK_PAGES, CHUNK_PAGES - 1..CHUNK_PAGES + 2, 0..2 * CHUNK_PAGES] {
                let there = pages.clone().any(|page| contents.get(page) == word);
                assert_eq!(contents.contains(pages.clone(), word), there, "{word} in {pages:?}");
            }
        }
    }

    #[test]
    fn writing_what_is_there_takes_no_room() {
        let mut contents = Contents::zeros(10);
        contents.set(4, 0);
        assert!(is_compact(&contents));
    }

    #[test]
    #[should_panic(expected = "page 10 of 10")]
    fn a_page_behind_the_last_is_refused() {
        Contents::zeros(10).get(10);
    }
}
