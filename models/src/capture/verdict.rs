//! Did the simulated secondary do what the real one did?

use super::{Ends, Recording, Replay};
use crate::secondary::first_eight;
use colosim_sim::Contents;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A memory that was read out of a real process, compared with the simulated one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryVerdict {
    /// Its name in the recording.
    pub name: String,
    /// Its length in pages.
    pub pages: usize,
    /// Pages that differ.
    pub differ: usize,
    /// Does it count? In an interrupted recording the real guest ran on before its memory was read.
    #[serde(skip)]
    pub counts: bool,
}

/// The comparison of a replay with its recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// States that the real secondary reached.
    pub states_checked: usize,
    /// Those that the simulated one reached too, and where guest and cache are equal to the recorded ones.
    pub states_equal: usize,
    /// Memories.
    pub memories: Vec<MemoryVerdict>,
    /// How the simulated run ended.
    pub ends: Ends,
    /// Are the simulated secondary's answers those of the real one?
    pub answers_equal: bool,
    /// All in all.
    pub agrees: bool,
}

/// Compare.
pub fn judge(recording: &Recording, replay: &Replay) -> Verdict {
    let zero = zero_page_hash();
    let equal = |pages: &Contents, recorded: &str| list_hash(pages, zero) == recorded;
    let states_equal = recording.states.iter().zip(&replay.states).filter(|(recorded, state)| {
        let cache_equal = match (&state.cache, recording.colo) {
            (Some(cache), true) => equal(&cache[replay.compared_block], recorded),
            (None, true) => false,
            (_, false) => true,
        };
        equal(&state.blocks[replay.compared_block], recorded) && cache_equal
    });
    let states_equal = states_equal.count();
    let whole = recording.ended == Ends::Whole;
    let memories: Vec<_> =
        recording.memories.iter().map(|(name, pages)| compare(name, pages, replay, zero, whole)).collect();
    let recorded_answers = recording.main().map_or(&[][..], |main| &main.answered.bytes);
    let answers_equal = replay.answers == recorded_answers;
    let agrees = states_equal == recording.states.len()
        && replay.states.len() == recording.states.len()
        && memories.iter().all(|memory| memory.differ == 0 || !memory.counts)
        && replay.ended == recording.ended
        && answers_equal;
    Verdict {
        states_checked: recording.states.len(),
        states_equal,
        memories,
        ends: replay.ended,
        answers_equal,
        agrees,
    }
}

fn compare(name: &str, recorded: &[u64], replay: &Replay, zero: u64, whole: bool) -> MemoryVerdict {
    let last = replay.states.last();
    let own = match name {
        "secondary-colo-cache" => {
            last.and_then(|state| state.cache.as_ref()).map(|cache| &cache[replay.compared_block])
        }
        "secondary-before-failover" => last.map(|state| &state.blocks[replay.compared_block]),
        _ => Some(&replay.guest),
    };
    let differ = match own {
        Some(own) if own.len() == recorded.len() => {
            own.iter().zip(recorded).filter(|(own, recorded)| hash_of(*own, zero) != **recorded).count()
        }
        _ => recorded.len(),
    };
    MemoryVerdict { name: name.to_owned(), pages: recorded.len(), differ, counts: whole }
}

/// The hash of a page with this content; zero stands for a page of zeros.
fn hash_of(content: u64, zero: u64) -> u64 {
    if content == 0 { zero } else { content }
}

pub(super) fn zero_page_hash() -> u64 {
    first_eight(&Sha256::digest([0; 4096]))
}

/// SHA-256 of the list of 8-byte page hashes, in hexadecimal.
fn list_hash(pages: &Contents, zero: u64) -> String {
    let mut hash = Sha256::new();
    for page in pages.iter() {
        hash.update(hash_of(page, zero).to_be_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
