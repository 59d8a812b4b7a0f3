//! The bytes of a simulated page, where somebody looks at them: the codecs.

use crate::scenario::Contents;

/// The page that this word stands for, `words` words long.
pub(crate) fn page_bytes(word: u64, contents: Contents, words: usize) -> Vec<u8> {
    match (word, contents) {
        (0, _) | (_, Contents::RepeatedWord) => word.to_le_bytes().repeat(words),
        (_, Contents::Random) => (0..words as u64).flat_map(|index| random_word(word, index).to_le_bytes()).collect(),
    }
}

/// The word that a page of random words stands for; none if it is no such page.
pub(crate) fn word_of_random_page(page: &[[u8; 8]]) -> Option<u64> {
    let word = u64::from_le_bytes(*page.first()?);
    let mut words = page.iter().zip(0..);
    words.all(|(bytes, index)| u64::from_le_bytes(*bytes) == random_word(word, index)).then_some(word)
}

/// The word itself comes first; the others are SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) with it as the seed.
fn random_word(word: u64, index: u64) -> u64 {
    if index == 0 {
        return word;
    }
    let mut mixed = word.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_page_gives_back_its_word_and_a_changed_one_does_not() {
        let mut page = page_bytes(7, Contents::Random, 512);
        assert_eq!(word_of_random_page(page.as_chunks().0), Some(7));
        page[4095] ^= 1;
        assert_eq!(word_of_random_page(page.as_chunks().0), None);
    }

    #[test]
    fn a_page_of_zeros_has_no_other_contents() {
        assert_eq!(page_bytes(0, Contents::Random, 512), vec![0; 4096]);
    }
}
