//! What the 64-bit content of a page stands for.
//!
//! A simulated guest's page *is* its tag, repeated to the page's length or followed by what is drawn from it; a recorded page is the first eight bytes of its
//! SHA-256, as the recordings list them. Zero is always a page of zeros.

use crate::guest::word_of_random_page;
use colosim_sim::Counting;
use colosim_sim::link::{PageRead, PagesRead};
use sha2::{Digest, Sha256};

/// How contents of pages become words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageContent {
    /// A page of one repeated word is that word.
    Tag,
    /// The first eight bytes, big-endian, of the page's SHA-256; zero for a page of zeros.
    Sha256 {
        /// Length of a page.
        page_bytes: u64,
    },
}

impl PageContent {
    /// The word of a page as it came from a stream.
    pub fn word(self, page: &PageRead) -> u64 {
        match (self, page) {
            (PageContent::Tag, PageRead::Word(word)) => *word,
            (_, PageRead::Bytes(bytes)) => self.word_of_bytes(bytes),
            (PageContent::Sha256 { .. }, PageRead::Word(0)) => 0,
            (PageContent::Sha256 { page_bytes }, PageRead::Word(word)) => {
                let mut hash = Sha256::new();
                (0..page_bytes / 8).for_each(|_| hash.update(word.to_le_bytes()));
                first_eight(&hash.finalize())
            }
        }
    }

    /// How many of `pages` pages may be read at once: words that count up are no hashes that do.
    pub fn pages_at_once(self, pages: usize) -> usize {
        match self {
            PageContent::Tag => pages,
            PageContent::Sha256 { .. } => 1,
        }
    }

    /// The words of pages that were read at once, and how many they are.
    pub fn words(self, read: &PagesRead) -> (Counting, usize) {
        let one = |word| (Counting { first: word, step: 0 }, 1);
        match (self, read) {
            (PageContent::Tag, PagesRead::Words(words, count)) => (*words, *count),
            (_, PagesRead::Words(words, _)) => one(self.word(&PageRead::Word(words.first))),
            (_, PagesRead::Bytes(bytes)) => one(self.word_of_bytes(bytes)),
        }
    }

    /// The word of a page of these bytes.
    pub fn word_of_bytes(self, bytes: &[u8]) -> u64 {
        let (words, _) = bytes.as_chunks::<8>();
        if words.iter().all(|word| *word == words[0]) && (self == PageContent::Tag || words[0] == [0; 8]) {
            return u64::from_le_bytes(words[0]);
        }
        if let (PageContent::Tag, Some(word)) = (self, word_of_random_page(words)) {
            return word;
        }
        first_eight(&Sha256::digest(bytes))
    }

    /// Is this the word of such a page as [`PageContent::torn`] makes, where contents are tags?
    pub fn is_torn(word: u64) -> bool {
        word >> 63 == 1
    }

    /// The word of a page of which only the first `got` bytes of `new` replaced those of `old`: equal to neither.
    pub fn torn(old: u64, new_bytes: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(old.to_le_bytes());
        hash.update(new_bytes.to_le_bytes());
        first_eight(&hash.finalize()) | 1 << 63
    }
}

/// The first eight bytes of a hash as a number.
pub(crate) fn first_eight(hash: &[u8]) -> u64 {
    let (words, _) = hash.as_chunks::<8>();
    u64::from_be_bytes(words[0])
}
