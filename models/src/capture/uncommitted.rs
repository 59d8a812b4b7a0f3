//! Pages of a checkpoint that was never whole, in the guest of a recorded secondary after its failover.
//!
//! They are the pages whose content differs from the last committed state and is what a packet of the unfinished checkpoint
//! carried. The real guest ran on before its memory was read, though, and may have written the very same content itself: it
//! is the same program, started from the same state. Only who built the guest knows how its own writes can be told apart;
//! where the recording says which pages are not the guest's own, these are the recorded leak, and elsewhere none is claimed.
//!
//! **Not modelled**: pages that came on the main connection (plain migration).

use super::head::{PAGE_BYTES, head_of};
use super::{Ends, RecordedPacket, Recording, Replay, ReplayError, main_items, packets};
use crate::secondary::PageContent;
use crate::wire::codec::Decompressor;
use crate::wire::multifd_init::{INIT_LEN, MultifdInit};
use crate::wire::multifd_packet::{Offsets, RamCounts, packet_len, slots};
use std::collections::BTreeSet;

/// A data packet of the unfinished checkpoint, whole in the recording, of the block that is compared.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    /// Id of its channel.
    pub channel: u8,
    /// Its number.
    pub packet_num: u64,
    /// Which packet of the channel it is; 1 is the first.
    pub nth: u32,
    /// Which packet with pages of the channel it is; 1 is the first.
    pub nth_with_pages: u32,
    /// Its pages, and their content as the recordings hash it.
    pub pages: Vec<(usize, u64)>,
}

/// What a recording says about pages of its unfinished checkpoint in the guest's memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncommitted {
    /// Pages of `pc.ram` that the guest did not write itself.
    pub pages: BTreeSet<usize>,
    /// Pages that either side may have written.
    pub undecided: usize,
}

/// The recorded leak. None: the run did not fail over inside a checkpoint, or nobody read the secondary's memory.
///
/// # Errors
/// If the recording names pages that its own bytes contradict.
pub fn uncommitted(recording: &Recording, replay: &Replay) -> Result<Option<Uncommitted>, ReplayError> {
    let memory = recording.memories.iter().find(|(name, _)| name == "secondary");
    let (Some((_, memory)), Ends::InCheckpoint, Some(_)) = (memory, recording.ended, recording.failover_us) else {
        return Ok(None);
    };
    let Some(committed) = replay.states.last().map(|state| &state.blocks[replay.compared_block]) else {
        return Ok(None);
    };
    let zero = super::verdict::zero_page_hash();
    let carried = carried(recording)?;
    let candidates: BTreeSet<usize> = carried
        .iter()
        .flat_map(|packet| &packet.pages)
        .filter(|(page, content)| {
            let held = memory.get(*page).map(|held| if *held == zero { 0 } else { *held });
            held == Some(*content) && (*page >= committed.len() || committed.get(*page) != *content)
        })
        .map(|(page, _)| *page)
        .collect();
    let Some(named) = &recording.uncommitted else {
        return Ok(Some(Uncommitted { pages: BTreeSet::new(), undecided: candidates.len() }));
    };
    if let Some(page) = named.difference(&candidates).next() {
        return Err(ReplayError::NotCarried { page: *page });
    }
    Ok(Some(Uncommitted { pages: named.clone(), undecided: 0 }))
}

/// Pages of the guest that a replay left different from the last committed state; its guest writes nothing itself.
pub fn leaked(replay: &Replay) -> BTreeSet<usize> {
    let Some(state) = replay.states.last() else { return BTreeSet::new() };
    replay.guest.differing(&state.blocks[replay.compared_block]).collect()
}

/// The whole packets of the checkpoint that was never committed, channel by channel in the order of each stream.
pub(super) fn carried(recording: &Recording) -> Result<Vec<Carried>, ReplayError> {
    let head = head_of(recording)?;
    let block = &head.layout.blocks[head.compared_block];
    let items = main_items(recording).0;
    let mut requests = items.iter().filter(|item| item.what == "COLO message checkpoint-request");
    let unfinished = requests.nth(recording.states.len().saturating_sub(1));
    let (Some(main), Some(request)) = (recording.main(), unfinished) else { return Ok(Vec::new()) };
    let begun_us = main.sent.time_of_byte(request.offset as u64);

    let mut all = Vec::new();
    for connection in recording.connections.iter().filter(|connection| connection.name != "main") {
        let bytes = &connection.sent.bytes;
        let Some(Ok(init)) = bytes.first_chunk::<INIT_LEN>().map(MultifdInit::decode) else { continue };
        let method = recording.compression.on_the_wire();
        let mut decompressor = Decompressor::new(method).expect("all three methods are modelled");
        let mut with_pages = 0;
        for (index, packet) in packets(bytes).0.iter().enumerate() {
            let Some(idstr) = &packet.block else { continue };
            with_pages += 1;
            let pages = pages_of(bytes, packet, &mut decompressor)?;
            if *idstr == block.idstr && connection.sent.time_of_byte(packet.offset as u64) > begun_us {
                all.push(Carried {
                    channel: init.id,
                    packet_num: packet.packet_num,
                    nth: index as u32 + 1,
                    nth_with_pages: with_pages,
                    pages,
                });
            }
        }
    }
    Ok(all)
}

/// Pages of any block, and their content.
fn pages_of(
    stream: &[u8],
    packet: &RecordedPacket,
    decompressor: &mut Decompressor,
) -> Result<Vec<(usize, u64)>, ReplayError> {
    let data = packet.offset + packet_len(PAGE_BYTES);
    let head = &stream[packet.offset..data];
    let counts = RamCounts::decode(head, slots(PAGE_BYTES))?;
    // The replay has checked the offsets against the length of their block.
    let offsets = Offsets::decode(head, &counts, u64::MAX, PAGE_BYTES)?;
    let content = PageContent::Sha256 { page_bytes: PAGE_BYTES };
    let mut words = Vec::new();
    let payload = &stream[data..data + packet.data_bytes as usize];
    decompressor
        .pages(payload, offsets.normal.len(), PAGE_BYTES as usize, |_, bytes| words.push(content.word_of_bytes(bytes)))
        .map_err(|error| ReplayError::Payload { packet_num: packet.packet_num, error })?;
    let normal = offsets.normal.into_iter().zip(words);
    let zero = offsets.zero.into_iter().map(|offset| (offset, 0));
    Ok(normal.chain(zero).map(|(offset, word)| ((offset / PAGE_BYTES) as usize, word)).collect())
}
