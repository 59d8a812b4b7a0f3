//! For every format: what is encoded is decoded to the same, and any bytes at all decode to a value or an error, without
//! a panic and without asking for more memory than has arrived.

use colosim_models::wire::codec::Decompressor;
use colosim_models::wire::colo_message::{self, ColoMessage};
use colosim_models::wire::command::{Command, PostcopyCommand};
use colosim_models::wire::device_state_packet::{self, DeviceStatePacket};
use colosim_models::wire::multifd_init::{self, MultifdInit};
use colosim_models::wire::multifd_packet::{self, Compression, Offsets, PacketFlags, RamPacket};
use colosim_models::wire::ram_section::{BlockEntry, LastBlock, Word, encode_word, read_word};
use colosim_models::wire::return_path::{self, ReturnPathMessage};
use colosim_models::wire::stream::{self, Item, SectionHeader};
use colosim_models::wire::{READ_CHUNK_BYTES, ReadError, SliceSource, Source, now};
use proptest::collection::vec;
use proptest::prelude::*;

const PAGE: u64 = 4096;
const BLOCKS: [(&str, u64); 3] = [("pc.ram", 1 << 30), ("vga.vram", 16 << 20), ("", 64 * PAGE)];

/// Delivers the same bytes over and over and remembers the largest piece that was asked for.
struct Endless<'a> {
    bytes: &'a [u8],
    position: usize,
    limit: usize,
    largest: usize,
}

impl Source for Endless<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.largest = self.largest.max(bytes.len());
        if self.position + bytes.len() > self.limit {
            return Err(ReadError::Reset { got: 0 });
        }
        for byte in bytes {
            *byte = self.bytes[self.position % self.bytes.len()];
            self.position += 1;
        }
        Ok(())
    }
}

fn name() -> impl Strategy<Value = String> {
    "[ -~]{0,255}"
}

fn section_header() -> impl Strategy<Value = SectionHeader> {
    (any::<u32>(), name(), any::<u32>(), any::<u32>()).prop_map(|(section_id, idstr, instance_id, version_id)| {
        SectionHeader { section_id, idstr, instance_id, version_id }
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::OpenReturnPath),
        Just(Command::EnableColo),
        Just(Command::SwitchoverStart),
        any::<u32>().prop_map(|value| Command::Ping { value }),
        (proptest::sample::select(PostcopyCommand::ALL.as_slice()), vec(any::<u8>(), 0..300))
            .prop_map(|(kind, data)| Command::Postcopy { kind, data }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        Just(Item::Eof),
        section_header().prop_map(Item::SectionStart),
        section_header().prop_map(Item::SectionFull),
        any::<u32>().prop_map(|section_id| Item::SectionPart { section_id }),
        any::<u32>().prop_map(|section_id| Item::SectionEnd { section_id }),
        (vec(any::<u8>(), 0..200), 0usize..200_000).prop_map(|(mut text, length)| {
            text.resize(length, b' ');
            Item::VmDescription { text }
        }),
        name().prop_map(|machine| Item::Configuration { machine }),
        command().prop_map(Item::Command),
    ]
}

fn page_of_a_block() -> impl Strategy<Value = (&'static str, u64)> {
    proptest::sample::select(BLOCKS.as_slice())
        .prop_flat_map(|(idstr, used_length)| (Just(idstr), 0..used_length / PAGE))
        .prop_map(|(idstr, page)| (idstr, page * PAGE))
}

fn word() -> impl Strategy<Value = Word> {
    let page_words = page_of_a_block();
    prop_oneof![
        Just(Word::Flush),
        Just(Word::Eos),
        page_words.prop_map(|(block, offset)| Word::Zero { block: block.into(), offset }),
        page_of_a_block().prop_map(|(block, offset)| Word::Page { block: block.into(), offset }),
        (page_of_a_block(), vec(any::<u8>(), 0..4096)).prop_map(|((block, offset), data)| Word::Xbzrle {
            block: block.into(),
            offset,
            data
        }),
        vec((name(), 1..1u64 << 28), 0..5).prop_map(|blocks| {
            let entry = |(idstr, pages)| BlockEntry { idstr, used_length: pages * PAGE };
            Word::MemSize(blocks.into_iter().map(entry).collect())
        }),
    ]
}

fn ram_packet() -> impl Strategy<Value = RamPacket> {
    let data = (
        proptest::sample::select(BLOCKS.as_slice()),
        vec(any::<u64>(), 1..=128),
        any::<prop::sample::Index>(),
        proptest::sample::select([0u32, 1, 2, 4, 5].as_slice()),
        any::<u32>(),
        any::<u64>(),
    )
        .prop_map(|((idstr, used_length), offsets, split, flags, next_packet_size, packet_num)| {
            let offsets: Vec<u64> = offsets.iter().map(|offset| offset % (used_length - PAGE + 1)).collect();
            let (normal, zero) = offsets.split_at(split.index(offsets.len() + 1));
            RamPacket {
                flags: PacketFlags(flags),
                pages_alloc: offsets.len() as u32,
                next_packet_size,
                packet_num,
                block: Some(idstr.to_owned()),
                offsets: Offsets { normal: normal.to_vec(), zero: zero.to_vec() },
            }
        });
    prop_oneof![any::<u64>().prop_map(RamPacket::sync), data]
}

fn return_path_message() -> impl Strategy<Value = ReturnPathMessage> {
    prop_oneof![
        any::<u32>().prop_map(ReturnPathMessage::Shut),
        any::<u32>().prop_map(ReturnPathMessage::Pong),
        any::<u32>().prop_map(ReturnPathMessage::ResumeAck),
        any::<[u8; 12]>().prop_map(ReturnPathMessage::ReqPages),
        vec(any::<u8>(), 0..=512).prop_map(ReturnPathMessage::ReqPagesId),
        vec(any::<u8>(), 0..=512).prop_map(ReturnPathMessage::RecvBitmap),
        Just(ReturnPathMessage::SwitchoverAck),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn items_come_back_as_they_were(items in vec(item(), 0..12)) {
        let mut bytes = Vec::new();
        stream::encode_header(&mut bytes);
        items.iter().for_each(|item| stream::encode_item(&mut bytes, item));
        let mut source = SliceSource::new(&bytes);
        now(stream::read_header(&mut source)).unwrap();
        for item in items {
            prop_assert_eq!(now(stream::read_item(&mut source, None)), Ok(item));
        }
        prop_assert!(source.rest().is_empty());
    }

    #[test]
    fn an_item_whose_type_byte_was_read_already_is_the_same(item in item()) {
        let mut bytes = Vec::new();
        stream::encode_item(&mut bytes, &item);
        let mut source = SliceSource::new(&bytes[1..]);
        prop_assert_eq!(now(stream::read_item(&mut source, Some(bytes[0]))), Ok(item));
    }

    #[test]
    fn footers_and_opaque_payloads_come_back_as_they_were(
        header in section_header(), payload in vec(any::<u8>(), 0..2000), next in 0u8..=4,
    ) {
        prop_assume!(header.section_id != 0 && header.idstr != "timer");
        let mut bytes = payload.clone();
        stream::encode_footer(&mut bytes, header.section_id);
        prop_assert_eq!(now(stream::read_footer(&mut SliceSource::new(&bytes[payload.len()..]), header.section_id)), Ok(()));
        bytes.push(next);
        let read = now(stream::read_opaque_payload(&mut SliceSource::new(&bytes), &header));
        prop_assert_eq!(read, Ok((payload, next)));
    }

    #[test]
    fn words_of_the_ram_section_come_back_as_they_were(words in vec(word(), 0..40)) {
        let mut bytes = Vec::new();
        let mut sent = LastBlock::default();
        words.iter().for_each(|word| encode_word(&mut bytes, &mut sent, word, PAGE));
        let mut source = SliceSource::new(&bytes);
        let mut received = LastBlock::default();
        for word in words {
            prop_assert_eq!(now(read_word(&mut source, &mut received, &BLOCKS, PAGE)), Ok(word));
        }
        prop_assert!(source.rest().is_empty());
        prop_assert_eq!(sent, received);
    }

    #[test]
    fn packets_come_back_as_they_were(packet in ram_packet()) {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes, PAGE);
        prop_assert_eq!(bytes.len(), 1344);
        prop_assert_eq!(RamPacket::decode(&bytes, &BLOCKS, PAGE), Ok(packet));
    }

    #[test]
    fn structures_of_fixed_size_come_back_as_they_were(
        uuid in any::<[u8; 16]>(), id in any::<u8>(), name in vec(any::<u8>(), 256), numbers in any::<(u32, u32, u32)>(),
        message in proptest::sample::select(ColoMessage::ALL.as_slice()), size in any::<u64>(),
    ) {
        let init = MultifdInit { uuid, id };
        prop_assert_eq!(MultifdInit::decode(&init.encode()), Ok(init));
        let device = DeviceStatePacket {
            flags: PacketFlags(numbers.0 | PacketFlags::DEVICE_STATE),
            idstr: name.try_into().unwrap(),
            instance_id: numbers.1,
            next_packet_size: numbers.2,
        };
        prop_assert_eq!(DeviceStatePacket::decode(&device.encode()), Ok(device));
        prop_assert_eq!(now(colo_message::read_message(&mut SliceSource::new(&message.encode()))), Ok(message));
        let mut bytes = Vec::new();
        colo_message::encode_vmstate_size(&mut bytes, size);
        prop_assert_eq!(now(colo_message::read_vmstate_size(&mut SliceSource::new(&bytes))), Ok(size));
    }

    #[test]
    fn return_path_messages_come_back_as_they_were(messages in vec(return_path_message(), 0..8)) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| return_path::encode_message(&mut bytes, message));
        let mut source = SliceSource::new(&bytes);
        for message in messages {
            prop_assert_eq!(now(return_path::read_message(&mut source)), Ok(message));
        }
        prop_assert!(source.rest().is_empty());
    }
}

/// Bytes that often get past the first checks: random, but with many small numbers and the magics among them.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => vec(any::<u8>(), 1..16),
        4 => vec(0u8..=10, 1..16),
        1 => Just(vec![0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1]),
        1 => Just(b"QEVM\0\0\0\x03".to_vec()),
        1 => Just(b"\x06pc.ram".to_vec()),
        1 => Just(vec![0xff; 8]),
        1 => Just(vec![0; 64]),
        1 => Just(vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]),
        1 => Just(vec![0x78, 0x01]),
    ];
    vec(pieces, 1..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_decode_to_a_value_or_an_error(bytes in hostile_bytes()) {
        let mut source = SliceSource::new(&bytes);
        while now(stream::read_item(&mut source, None)).is_ok() {}
        let mut last = LastBlock::default();
        let mut source = SliceSource::new(&bytes);
        while now(read_word(&mut source, &mut last, &BLOCKS, PAGE)).is_ok() {}
        let mut source = SliceSource::new(&bytes);
        while now(return_path::read_message(&mut source)).is_ok() {}
        let section = SectionHeader { section_id: 0, idstr: String::new(), instance_id: 0, version_id: 0 };
        let _ = now(stream::read_opaque_payload(&mut SliceSource::new(&bytes), &section));
        let _ = now(stream::read_header(&mut SliceSource::new(&bytes)));
        let _ = now(multifd_init::read_init(&mut SliceSource::new(&bytes)));
        let _ = now(colo_message::read_vmstate_size(&mut SliceSource::new(&bytes)));
        let _ = RamPacket::decode(&bytes, &BLOCKS, PAGE);
    }

    #[test]
    fn any_packet_behind_a_good_header_decodes_to_a_value_or_an_error(
        mut bytes in vec(prop_oneof![any::<u8>(), Just(0)], 1344), small in any::<bool>(),
    ) {
        bytes[..8].copy_from_slice(&[0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1]);
        if small {
            for at in [12, 16, 32] {
                bytes[at..at + 3].fill(0);
            }
            bytes[64..71].copy_from_slice(b"pc.ram\0");
        }
        let _ = RamPacket::decode(&bytes, &BLOCKS, PAGE);
        let device: [u8; device_state_packet::PACKET_LEN] = bytes[..276].try_into().unwrap();
        if let Ok(packet) = DeviceStatePacket::decode(&device) {
            let _ = (packet.check_has_payload(), packet.device_idstr(), packet.check_not_sync());
        }
        let _ = multifd_packet::block_idstr(&bytes[..100]);
    }

    #[test]
    fn any_payload_decompresses_to_pages_or_an_error(payload in hostile_bytes(), page_count in 0usize..=128) {
        for compression in [Compression::Nocomp, Compression::Zlib, Compression::Zstd] {
            let mut pages = 0;
            let mut decompressor = Decompressor::new(compression).unwrap();
            let result = decompressor.pages(&payload, page_count, 4096, |index, page| {
                assert_eq!((index, page.len()), (pages, 4096));
                pages += 1;
            });
            prop_assert!(pages <= page_count);
            prop_assert!(result.is_err() || pages == page_count);
        }
    }

    #[test]
    fn no_announced_length_is_asked_for_before_its_bytes_arrive(bytes in vec(prop_oneof![any::<u8>(), 0u8..=8], 1..64)) {
        let endless = || Endless { bytes: &bytes, position: 0, limit: 1 << 20, largest: 0 };
        let mut source = endless();
        while now(stream::read_item(&mut source, None)).is_ok() && source.position < 1 << 19 {}
        prop_assert!(source.largest <= READ_CHUNK_BYTES);
        let mut source = endless();
        let mut last = LastBlock::default();
        while now(read_word(&mut source, &mut last, &BLOCKS, PAGE)).is_ok() {}
        prop_assert!(source.largest <= READ_CHUNK_BYTES);
        let mut source = endless();
        let _ = now(colo_message::read_vmstate_blob(&mut source, u64::MAX));
        prop_assert!(source.largest <= READ_CHUNK_BYTES);
    }
}
