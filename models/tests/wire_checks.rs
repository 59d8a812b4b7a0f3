//! Every check that QEMU's receivers make on a multifd channel, one test each, and which of two violated checks is
//! reported: a packet that breaks two of them has to fail like in QEMU, at the earlier one.

use colosim_models::wire::device_state_packet::{self, DeviceStatePacket};
use colosim_models::wire::multifd_init::{self, ChannelIdCheck, ChannelKind, MultifdInit};
use colosim_models::wire::multifd_packet::{self, Compression, Offsets, PacketFlags, RamPacket};
use colosim_models::wire::{ReadError, SliceSource, WireError, now};

const PAGE: u64 = 4096;
const BLOCKS: [(&str, u64); 1] = [("pc.ram", 16 * PAGE)];
const UUID: [u8; 16] = *b"sixteen bytes id";

// ---- channel set-up -------------------------------------------------------------------------------------------------

fn init(change: impl FnOnce(&mut [u8; 64])) -> Result<MultifdInit, WireError> {
    let mut bytes = MultifdInit { uuid: UUID, id: 1 }.encode();
    change(&mut bytes);
    MultifdInit::decode(&bytes)
}

#[test]
fn a_connection_is_told_by_its_first_four_bytes() {
    assert_eq!(ChannelKind::from_magic(*b"QEVM"), Ok(ChannelKind::Main));
    assert_eq!(ChannelKind::from_magic([0x11, 0x22, 0x33, 0x44]), Ok(ChannelKind::Multifd));
    assert_eq!(ChannelKind::from_magic(*b"GET "), Err(WireError::UnknownChannelMagic { found: 0x4745_5420 }));
}

#[test]
fn an_init_packet_with_a_wrong_magic_is_refused() {
    assert_eq!(init(|bytes| bytes[0] = 0x12), Err(WireError::InitMagic { found: 0x1222_3344 }));
}

#[test]
fn an_init_packet_with_a_wrong_version_is_refused() {
    assert_eq!(init(|bytes| bytes[7] = 2), Err(WireError::InitVersion { found: 2 }));
}

#[test]
fn the_magic_of_an_init_packet_is_checked_before_its_version() {
    assert!(matches!(init(|bytes| bytes[..8].fill(0)), Err(WireError::InitMagic { .. })));
}

#[test]
fn an_init_packet_cut_short_is_a_read_error() {
    let bytes = MultifdInit { uuid: UUID, id: 1 }.encode();
    assert!(matches!(
        now(multifd_init::read_init(&mut SliceSource::new(&bytes[..63]))),
        Err(WireError::Read { error: ReadError::Eof { got: 63 }, .. })
    ));
}

#[test]
fn the_uuid_of_an_init_packet_is_checked_before_its_channel_id() {
    let packet = MultifdInit { uuid: [0; 16], id: 9 };
    let error = packet.verify(UUID, 2, ChannelIdCheck::Greater).unwrap_err();
    assert_eq!(error, WireError::InitUuid { expected: UUID, found: [0; 16] });
}

#[test]
fn a_channel_id_equal_to_the_number_of_channels_passes_the_check_of_qemu() {
    let with_id = |id| MultifdInit { uuid: UUID, id };
    assert_eq!(with_id(2).verify(UUID, 2, ChannelIdCheck::Greater), Ok(()));
    assert!(with_id(3).verify(UUID, 2, ChannelIdCheck::Greater).is_err());
    assert_eq!(with_id(1).verify(UUID, 2, ChannelIdCheck::GreaterEqual), Ok(()));
    assert_eq!(
        with_id(2).verify(UUID, 2, ChannelIdCheck::GreaterEqual),
        Err(WireError::InitChannelId { id: 2, channels: 2 })
    );
}

// ---- packets, by the number of the check ----------------------------------------------------------------------------

const NORMAL_PAGES_AT: usize = 16;
const ZERO_PAGES_AT: usize = 32;
const IDSTR_AT: usize = 64;
const OFFSETS_AT: usize = 320;

/// A good packet of two normal pages and one zero page, then changed.
fn packet(change: impl FnOnce(&mut [u8])) -> Result<RamPacket, WireError> {
    let offsets = Offsets { normal: vec![0, 15 * PAGE], zero: vec![PAGE] };
    let mut bytes = Vec::new();
    RamPacket::data(Compression::Nocomp, 7, "pc.ram", offsets, 8192, PAGE).encode(&mut bytes, PAGE);
    change(&mut bytes);
    RamPacket::decode(&bytes, &BLOCKS, PAGE)
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn a_good_packet_is_decoded() {
    let decoded = packet(|_| ()).unwrap();
    assert_eq!(decoded.block.as_deref(), Some("pc.ram"));
    assert_eq!(decoded.offsets, Offsets { normal: vec![0, 15 * PAGE], zero: vec![PAGE] });
    assert_eq!((decoded.pages_alloc, decoded.packet_num, decoded.next_packet_size), (128, 7, 8192));
}

#[test]
fn check_1_the_end_of_the_stream_before_a_header_is_no_error_and_within_it_is_one() {
    let read = |bytes: &[u8]| now(multifd_packet::read_packet_header(&mut SliceSource::new(bytes)));
    assert_eq!(read(&[]), Ok(None));
    assert!(matches!(read(&[0; 11]), Err(WireError::Read { error: ReadError::Eof { got: 11 }, .. })));
    assert_eq!(read(&[5; 12]), Ok(Some([5; 12])));
}

#[test]
fn check_2_a_header_with_a_wrong_magic_is_refused() {
    assert_eq!(packet(|bytes| put32(bytes, 0, 1)), Err(WireError::PacketMagic { found: 1 }));
}

#[test]
fn check_2_a_header_with_a_wrong_version_is_refused() {
    assert_eq!(packet(|bytes| put32(bytes, 4, 2)), Err(WireError::PacketVersion { found: 2 }));
}

#[test]
fn check_3_the_end_of_the_stream_after_a_header_is_an_error_even_before_the_next_byte() {
    let read = |bytes: &[u8]| now(multifd_packet::read_packet_rest(&mut SliceSource::new(bytes), &mut [0; 1332]));
    assert_eq!(read(&[]), Err(WireError::EofAfterPacketHeader { expected: 1332, got: 0 }));
    assert_eq!(read(&[0; 1331]), Err(WireError::EofAfterPacketHeader { expected: 1332, got: 1331 }));
    assert_eq!(read(&[0; 1332]), Ok(()));
}

#[test]
fn check_4_more_slots_than_the_receiver_has_are_refused() {
    assert_eq!(packet(|bytes| put32(bytes, 12, 129)), Err(WireError::PagesAlloc { found: 129, limit: 128 }));
    assert!(packet(|bytes| put32(bytes, 12, 3)).is_ok());
}

#[test]
fn check_5_more_normal_pages_than_slots_are_refused() {
    let found = packet(|bytes| put32(bytes, NORMAL_PAGES_AT, 129));
    assert_eq!(found, Err(WireError::NormalPages { found: 129, limit: 128 }));
}

#[test]
fn check_6_more_zero_pages_than_slots_left_are_refused() {
    let found = packet(|bytes| put32(bytes, ZERO_PAGES_AT, 127));
    assert_eq!(found, Err(WireError::ZeroPages { found: 127, limit: 126 }));
    let found = packet(|bytes| put32(bytes, ZERO_PAGES_AT, u32::MAX));
    assert_eq!(found, Err(WireError::ZeroPages { found: u32::MAX, limit: 126 }));
}

#[test]
fn step_7_a_packet_without_pages_is_accepted_before_its_block_is_looked_up() {
    let decoded = packet(|bytes| {
        put32(bytes, NORMAL_PAGES_AT, 0);
        put32(bytes, ZERO_PAGES_AT, 0);
        bytes[IDSTR_AT] = b'X';
    });
    assert_eq!(decoded.unwrap().block, None);
}

#[test]
fn check_8_a_packet_for_an_unknown_block_is_refused() {
    let found = packet(|bytes| bytes[IDSTR_AT] = b'X');
    assert_eq!(found, Err(WireError::UnknownBlock { idstr: "Xc.ram".to_owned() }));
    assert!(matches!(packet(|bytes| bytes[IDSTR_AT] = 0xff), Err(WireError::UnknownBlock { .. })));
}

#[test]
fn check_8_the_last_byte_of_the_block_name_counts_as_nul() {
    let found = packet(|bytes| bytes[IDSTR_AT..OFFSETS_AT].fill(b'a'));
    assert_eq!(found, Err(WireError::UnknownBlock { idstr: "a".repeat(255) }));
}

#[test]
fn check_9_an_offset_beyond_the_last_page_is_refused() {
    let limit = 15 * PAGE;
    let found = packet(|bytes| put64(bytes, OFFSETS_AT + 8, limit + 1));
    assert_eq!(
        found,
        Err(WireError::OffsetTooLong { index: 1, offset: limit + 1, used_length: 16 * PAGE, page_size: PAGE })
    );
    assert!(packet(|bytes| put64(bytes, OFFSETS_AT + 8, limit)).is_ok());
    assert!(packet(|bytes| put64(bytes, OFFSETS_AT, u64::MAX)).is_err());
}

#[test]
fn check_9_normal_pages_are_checked_before_zero_pages() {
    let found = packet(|bytes| {
        put64(bytes, OFFSETS_AT + 16, u64::MAX);
        put64(bytes, OFFSETS_AT + 8, u64::MAX - 1);
    });
    assert!(matches!(found, Err(WireError::OffsetTooLong { index: 1, .. })));
    let found = packet(|bytes| put64(bytes, OFFSETS_AT + 16, u64::MAX));
    assert!(matches!(found, Err(WireError::OffsetTooLong { index: 2, .. })));
}

#[test]
fn check_9_neither_alignment_nor_duplicates_are_checked() {
    let decoded = packet(|bytes| {
        put64(bytes, OFFSETS_AT, 3);
        put64(bytes, OFFSETS_AT + 8, 3);
        put64(bytes, OFFSETS_AT + 16, 3);
    });
    assert_eq!(decoded.unwrap().offsets, Offsets { normal: vec![3, 3], zero: vec![3] });
}

#[test]
fn check_11_page_data_in_another_compression_is_refused() {
    let flags = |bits| PacketFlags(bits).expect_compression(Compression::Zlib);
    assert_eq!(flags(2), Ok(()));
    assert_eq!(flags(3), Ok(()), "the SYNC flag has no part in it");
    assert_eq!(flags(0), Err(WireError::CompressionFlags { expected: Compression::Zlib, found: 0 }));
    assert_eq!(flags(6), Err(WireError::CompressionFlags { expected: Compression::Zlib, found: 6 }));
    assert_eq!(PacketFlags(6).compression(), None);
}

#[test]
fn of_two_violated_checks_the_earlier_one_is_reported() {
    type Violation = (&'static str, fn(&mut [u8]), fn(&WireError) -> bool);
    let in_order: [Violation; 7] = [
        ("magic", |bytes| put32(bytes, 0, 9), |error| matches!(error, WireError::PacketMagic { .. })),
        ("version", |bytes| put32(bytes, 4, 9), |error| matches!(error, WireError::PacketVersion { .. })),
        ("slots", |bytes| put32(bytes, 12, 999), |error| matches!(error, WireError::PagesAlloc { .. })),
        ("normal", |bytes| put32(bytes, NORMAL_PAGES_AT, 1000), |error| matches!(error, WireError::NormalPages { .. })),
        ("zero", |bytes| put32(bytes, ZERO_PAGES_AT, 999), |error| matches!(error, WireError::ZeroPages { .. })),
        ("block", |bytes| bytes[IDSTR_AT] = b'?', |error| matches!(error, WireError::UnknownBlock { .. })),
        (
            "offset",
            |bytes| put64(bytes, OFFSETS_AT, u64::MAX),
            |error| matches!(error, WireError::OffsetTooLong { .. }),
        ),
    ];
    for (index, (earlier, violate_earlier, is_expected)) in in_order.iter().enumerate() {
        for (later, violate_later, _) in &in_order[index..] {
            let error = packet(|bytes| {
                violate_later(bytes);
                violate_earlier(bytes);
            })
            .unwrap_err();
            assert!(is_expected(&error), "{earlier} and {later} violated, reported: {error}");
        }
    }
}

#[test]
fn a_sync_packet_is_all_zero_but_for_magic_version_flags_and_number() {
    let mut bytes = Vec::new();
    RamPacket::sync(0x0102).encode(&mut bytes, PAGE);
    let mut expected = vec![0; 1344];
    expected[..12].copy_from_slice(&[0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1, 0, 0, 0, 1]);
    expected[30..32].copy_from_slice(&[1, 2]);
    assert_eq!(bytes, expected);
}

#[test]
fn a_sync_packet_with_pages_is_accepted_as_older_senders_make_it() {
    let decoded = packet(|bytes| bytes[11] = 1).unwrap();
    assert!(decoded.flags.is_sync());
    assert_eq!(decoded.offsets.normal.len(), 2);
}

#[test]
fn packet_length_and_slots_follow_the_page_size() {
    assert_eq!((multifd_packet::slots(4096), multifd_packet::packet_len(4096)), (128, 1344));
    assert_eq!((multifd_packet::slots(65536), multifd_packet::packet_len(65536)), (8, 384));
}

fn device_state(change: impl FnOnce(&mut DeviceStatePacket)) -> DeviceStatePacket {
    let mut idstr = [0; 256];
    idstr[..4].copy_from_slice(b"vfio");
    let flags = PacketFlags(PacketFlags::DEVICE_STATE);
    let mut packet = DeviceStatePacket { flags, idstr, instance_id: 3, next_packet_size: 9 };
    change(&mut packet);
    DeviceStatePacket::decode(&packet.encode()).unwrap()
}

#[test]
fn check_13_device_state_packets_are_refused_when_empty_unterminated_or_sync() {
    let good = device_state(|_| ());
    assert_eq!((good.check_has_payload(), good.device_idstr(), good.check_not_sync()), (Ok(()), Ok("vfio"), Ok(())));
    assert_eq!(device_state(|p| p.next_packet_size = 0).check_has_payload(), Err(WireError::EmptyDeviceState));
    assert_eq!(device_state(|p| p.idstr = [b'a'; 256]).device_idstr(), Err(WireError::DeviceIdstrUnterminated));
    assert_eq!(device_state(|p| p.flags.0 |= 1).check_not_sync(), Err(WireError::DeviceStateSync));
}

#[test]
fn the_two_kinds_of_packet_are_not_taken_for_each_other() {
    assert!(matches!(packet(|bytes| bytes[11] = 0x40), Err(WireError::NotARamPacket { flags: 0x40 })));
    let mut bytes = device_state(|_| ()).encode();
    bytes[11] = 0;
    assert_eq!(bytes.len(), device_state_packet::PACKET_LEN);
    assert_eq!(DeviceStatePacket::decode(&bytes), Err(WireError::NotADeviceStatePacket { flags: 0 }));
}
