//! What is in a recording: the items of the main stream and the packets of each multifd stream.

use super::Recording;
use super::head::PAGE_BYTES;
use crate::wire::colo_message::{ColoMessage, read_message, read_vmstate_blob};
use crate::wire::multifd_init::INIT_LEN;
use crate::wire::multifd_packet::{
    HEADER_LEN, PacketFlags, PacketHeader, RamCounts, block_idstr, packet_len, read_packet_header, read_packet_rest,
    slots,
};
use crate::wire::ram_section::{LastBlock, Word, read_word};
use crate::wire::stream::{Item, read_footer, read_header, read_item, read_opaque_payload};
use crate::wire::{ReadError, SliceSource, Source, WireError, now, read_announced};
use serde::Serialize;
use std::collections::BTreeMap;

/// One packet of a multifd stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedPacket {
    /// Where it starts in the stream.
    pub offset: usize,
    /// Its number.
    pub packet_num: u64,
    /// Its flags.
    pub flags: u32,
    /// Its block; none in a packet without pages.
    pub block: Option<String>,
    /// Pages with content.
    pub normal: u32,
    /// Zero pages.
    pub zero: u32,
    /// Bytes of page data that follow.
    pub data_bytes: u32,
    /// SYNC packets before it on its channel: it belongs to the epoch of this number, and a SYNC packet ends its own.
    pub epoch: usize,
}

/// The packets of a multifd stream, and what ended it early.
pub fn packets(bytes: &[u8]) -> (Vec<RecordedPacket>, Option<WireError>) {
    let mut source = SliceSource::new(bytes);
    let mut packets: Vec<RecordedPacket> = Vec::new();
    if let Err(error) = now(skip(&mut source, INIT_LEN as u64)) {
        return (packets, Some(WireError::Read { reading: "the init packet", error }));
    }
    loop {
        let offset = source.position();
        let epoch = packets.last().map_or(0, |last| last.epoch + usize::from(PacketFlags(last.flags).is_sync()));
        match now(read_packet(&mut source, offset, epoch)) {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

async fn read_packet(
    source: &mut SliceSource<'_>,
    offset: usize,
    epoch: usize,
) -> Result<Option<RecordedPacket>, WireError> {
    let Some(header) = read_packet_header(source).await? else { return Ok(None) };
    let flags = PacketHeader::decode(&header)?.flags;
    let mut packet = vec![0; packet_len(PAGE_BYTES)];
    packet[..HEADER_LEN].copy_from_slice(&header);
    read_packet_rest(source, &mut packet[HEADER_LEN..]).await?;
    let counts = RamCounts::decode(&packet, slots(PAGE_BYTES))?;
    let block = if counts.is_empty() { None } else { Some(block_idstr(&packet)?.to_owned()) };
    let data = skip(source, u64::from(counts.next_packet_size)).await;
    data.map_err(|error| WireError::Read { reading: "page data", error })?;
    Ok(Some(RecordedPacket {
        offset,
        packet_num: counts.packet_num,
        flags: flags.0,
        block,
        normal: counts.normal_pages,
        zero: counts.zero_pages,
        data_bytes: counts.next_packet_size,
        epoch,
    }))
}

async fn skip(source: &mut SliceSource<'_>, bytes: u64) -> Result<(), ReadError> {
    read_announced(source, bytes).await.map(drop)
}

/// What lies between two synchronisations, on all multifd channels together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Epoch {
    /// Data packets.
    pub packets: usize,
    /// Pages with content.
    pub normal: u64,
    /// Zero pages that came in packets.
    pub zero: u64,
    /// Channels on which its SYNC packet came; the loader waits for all of them.
    pub synced_channels: usize,
}

/// The epochs of a recording, from the packets of each channel.
pub fn epochs(channels: &[Vec<RecordedPacket>]) -> Vec<Epoch> {
    let mut epochs: Vec<Epoch> = Vec::new();
    for packet in channels.iter().flatten() {
        if epochs.len() <= packet.epoch {
            epochs.resize(packet.epoch + 1, Epoch::default());
        }
        let epoch = &mut epochs[packet.epoch];
        epoch.normal += u64::from(packet.normal);
        epoch.zero += u64::from(packet.zero);
        epoch.packets += usize::from(packet.block.is_some());
        epoch.synced_channels += usize::from(PacketFlags(packet.flags).is_sync());
    }
    epochs
}

/// One item of the main stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainItem {
    /// Where it starts in the stream.
    pub offset: usize,
    /// What it is.
    pub what: String,
    /// Words of a ram section by kind, in the order in which each kind came first.
    pub words: Vec<(&'static str, u64)>,
}

/// The items of the main stream, and what ended it early.
pub fn main_items(recording: &Recording) -> (Vec<MainItem>, Option<WireError>) {
    let bytes = recording.main().map_or(&[][..], |main| &main.sent.bytes);
    let mut walk =
        Walk { source: SliceSource::new(bytes), last: LastBlock::default(), blocks: BTreeMap::new(), items: vec![] };
    let end = now(walk.all()).err();
    // A stream that ends between two messages has ended in order.
    let end = end.filter(|error| !matches!(error, WireError::Read { error: ReadError::Eof { got: 0 }, reading } if *reading == "a COLO message"));
    (walk.items, end)
}

struct Walk<'a> {
    source: SliceSource<'a>,
    last: LastBlock,
    blocks: BTreeMap<String, u64>,
    items: Vec<MainItem>,
}

impl Walk<'_> {
    async fn all(&mut self) -> Result<(), WireError> {
        read_header(&mut self.source).await?;
        self.items_to_eof().await?;
        let offset = self.source.position();
        if self.source.rest().is_empty() {
            return Ok(());
        }
        if let Item::VmDescription { text } = read_item(&mut self.source, None).await? {
            self.push(offset, format!("VMDESCRIPTION, {} bytes", text.len()));
        }
        while !self.source.rest().is_empty() {
            let offset = self.source.position();
            let message = read_message(&mut self.source).await?;
            self.push(offset, format!("COLO message {}", message.name()));
            match message {
                ColoMessage::VmstateSend => self.items_to_eof().await?,
                ColoMessage::VmstateSize => {
                    let mut size = [0; 8];
                    let reading = "the size of the device state";
                    self.source.read_exact(&mut size).await.map_err(|error| WireError::Read { reading, error })?;
                    read_vmstate_blob(&mut self.source, u64::from_be_bytes(size)).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, offset: usize, what: String) {
        self.items.push(MainItem { offset, what, words: Vec::new() });
    }

    async fn items_to_eof(&mut self) -> Result<(), WireError> {
        let mut first = None;
        loop {
            let offset = self.source.position() - usize::from(first.is_some());
            match read_item(&mut self.source, first.take()).await? {
                Item::Eof => {
                    self.push(offset, "EOF".into());
                    return Ok(());
                }
                Item::SectionStart(header) if header.idstr == "ram" => {
                    self.ram(offset, "SECTION_START ram", header.section_id).await?;
                }
                Item::SectionPart { section_id } => self.ram(offset, "SECTION_PART", section_id).await?,
                Item::SectionEnd { section_id } => self.ram(offset, "SECTION_END", section_id).await?,
                Item::SectionStart(header) | Item::SectionFull(header) => {
                    let (payload, next) = read_opaque_payload(&mut self.source, &header).await?;
                    self.push(offset, format!("SECTION_FULL {}, {} bytes", header.idstr, payload.len()));
                    first = Some(next);
                }
                item => self.push(offset, format!("{item:?}")),
            }
        }
    }

    async fn ram(&mut self, offset: usize, what: &str, section_id: u32) -> Result<(), WireError> {
        self.push(offset, what.to_owned());
        let index = self.items.len() - 1;
        loop {
            let word = read_word(&mut self.source, &mut self.last, &self.blocks, PAGE_BYTES).await?;
            let kind = match &word {
                Word::MemSize(entries) => {
                    self.blocks = entries.iter().map(|entry| (entry.idstr.clone(), entry.used_length)).collect();
                    "MEM_SIZE"
                }
                Word::Zero { .. } => "ZERO",
                Word::Page { .. } => {
                    let page = skip(&mut self.source, PAGE_BYTES).await;
                    page.map_err(|error| WireError::Read { reading: "a page", error })?;
                    "PAGE"
                }
                Word::Xbzrle { .. } => "XBZRLE",
                Word::Flush => "MULTIFD_FLUSH",
                Word::Eos => "EOS",
            };
            let words = &mut self.items[index].words;
            match words.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => words.push((kind, 1)),
            }
            if word == Word::Eos {
                return read_footer(&mut self.source, section_id).await;
            }
        }
    }
}
