//! The checks that QEMU makes on the main channel: the ram section, items and commands, COLO messages, the return path.

use colosim_models::wire::colo_message::{self, ColoMessage};
use colosim_models::wire::command::Command;
use colosim_models::wire::ram_section::{BlockEntry, LastBlock, Word, encode_word, read_word};
use colosim_models::wire::stream::{self, Item, SectionHeader};
use colosim_models::wire::{ReadError, SliceSource, WireError, now, return_path};

const PAGE: u64 = 4096;
const BLOCKS: [(&str, u64); 1] = [("pc.ram", 16 * PAGE)];

// ---- the ram section ------------------------------------------------------------------------------------------------

fn word(bytes: &[u8], last: &mut LastBlock) -> Result<Word, WireError> {
    now(read_word(&mut SliceSource::new(bytes), last, &BLOCKS, PAGE))
}

fn page_word(high_and_flags: u64, idstr: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = high_and_flags.to_be_bytes().to_vec();
    bytes.push(idstr.len() as u8);
    bytes.extend_from_slice(idstr.as_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn a_page_word_that_continues_nothing_is_refused() {
    let bytes = (PAGE | 0x28).to_be_bytes();
    assert_eq!(word(&bytes, &mut LastBlock::default()), Err(WireError::ContinueWithoutBlock));
}

#[test]
fn a_page_word_continues_the_block_of_the_word_before() {
    let mut last = LastBlock::default();
    word(&page_word(0x008, "pc.ram", &[]), &mut last).unwrap();
    let second = word(&(PAGE | 0x28).to_be_bytes(), &mut last).unwrap();
    assert_eq!(second, Word::Page { block: "pc.ram".into(), offset: PAGE });
}

#[test]
fn an_unknown_block_is_refused_before_the_offset_in_it() {
    let found = word(&page_word(0xff_f000 | 0x008, "vga", &[]), &mut LastBlock::default());
    assert_eq!(found, Err(WireError::UnknownBlock { idstr: "vga".to_owned() }));
}

#[test]
fn an_offset_outside_the_block_is_illegal() {
    let offset = 16 * PAGE;
    let found = word(&page_word(offset | 0x008, "pc.ram", &[]), &mut LastBlock::default());
    let idstr = "pc.ram".to_owned();
    assert_eq!(found, Err(WireError::IllegalRamOffset { idstr, offset, used_length: 16 * PAGE }));
}

#[test]
fn a_zero_page_with_another_byte_is_refused() {
    let found = word(&page_word(0x002, "pc.ram", &[7]), &mut LastBlock::default());
    assert_eq!(found, Err(WireError::ZeroPageByte { idstr: "pc.ram".to_owned(), offset: 0, found: 7 }));
}

#[test]
fn xbzrle_pages_of_another_encoding_or_longer_than_a_page_are_refused() {
    let found = word(&page_word(0x040, "pc.ram", &[2, 0, 0]), &mut LastBlock::default());
    assert_eq!(found, Err(WireError::XbzrleEncoding { found: 2 }));
    let found = word(&page_word(0x040, "pc.ram", &[1, 0x10, 0x01]), &mut LastBlock::default());
    assert_eq!(found, Err(WireError::XbzrleLength { found: 4097, limit: 4096 }));
}

#[test]
fn flags_that_mean_nothing_together_are_refused() {
    for flags in [0x000, 0x001, 0x014, 0x100, 0x210, 0x400] {
        let found = word(&u64::to_be_bytes(flags), &mut LastBlock::default());
        assert_eq!(found, Err(WireError::UnknownRamFlags { flags }));
    }
    let both = word(&page_word(0x00a, "pc.ram", &[]), &mut LastBlock::default());
    assert_eq!(both, Err(WireError::UnknownRamFlags { flags: 0x00a }));
    assert_eq!(word(&u64::to_be_bytes(0x080), &mut LastBlock::default()), Err(WireError::RamHookUnsupported));
}

#[test]
fn a_block_list_that_exceeds_its_total_is_refused() {
    let mut bytes = Vec::new();
    let blocks = vec![BlockEntry { idstr: "pc.ram".to_owned(), used_length: 2 * PAGE }];
    encode_word(&mut bytes, &mut LastBlock::default(), &Word::MemSize(blocks), PAGE);
    bytes[6] = 0x10;
    let found = word(&bytes, &mut LastBlock::default());
    let idstr = "pc.ram".to_owned();
    assert_eq!(found, Err(WireError::BlockListTotal { idstr, used_length: 2 * PAGE, left: PAGE }));
}

// ---- the main channel -----------------------------------------------------------------------------------------------

fn item(bytes: &[u8]) -> Result<Item, WireError> {
    now(stream::read_item(&mut SliceSource::new(bytes), None))
}

#[test]
fn a_stream_of_another_magic_or_version_is_refused() {
    let header = |bytes: &[u8]| now(stream::read_header(&mut SliceSource::new(bytes)));
    assert_eq!(header(b"QEVM\0\0\0\x03"), Ok(()));
    assert_eq!(header(b"QEVN\0\0\0\x02"), Err(WireError::StreamMagic { found: 0x5145_564e }));
    assert_eq!(header(b"QEVM\0\0\0\x02"), Err(WireError::StreamVersionObsolete));
    assert_eq!(header(b"QEVM\0\0\0\x04"), Err(WireError::StreamVersion { found: 4 }));
}

#[test]
fn bytes_that_start_no_item_are_refused() {
    assert_eq!(item(&[0x7e]), Err(WireError::UnknownItem { found: 0x7e }));
    assert_eq!(item(&[0x09]), Err(WireError::UnknownItem { found: 0x09 }));
    assert_eq!(item(&[0x05]), Err(WireError::SubsectionUnsupported));
}

#[test]
fn commands_are_refused_by_number_and_then_by_length() {
    assert_eq!(item(&[8, 0, 0, 0, 0]), Err(WireError::UnknownCommand { number: 0 }));
    assert_eq!(item(&[8, 0, 12, 0, 0]), Err(WireError::UnknownCommand { number: 12 }));
    assert_eq!(item(&[8, 0, 2, 0, 3]), Err(WireError::CommandLength { number: 2, expected: 4, found: 3 }));
    assert_eq!(item(&[8, 0, 2, 0, 4, 0, 0, 0, 9]), Ok(Item::Command(Command::Ping { value: 9 })));
    assert_eq!(item(&[8, 0, 8, 0, 0]), Ok(Item::Command(Command::EnableColo)));
}

#[test]
fn a_footer_has_to_be_there_and_of_the_same_section() {
    let footer = |bytes: &[u8]| now(stream::read_footer(&mut SliceSource::new(bytes), 5));
    assert_eq!(footer(&[0x7e, 0, 0, 0, 5]), Ok(()));
    assert_eq!(footer(&[0x04, 0, 0, 0, 5]), Err(WireError::FooterMissing { section_id: 5, found: 4 }));
    assert_eq!(footer(&[0x7e, 0, 0, 0, 6]), Err(WireError::FooterSectionId { expected: 5, found: 6 }));
}

fn section(section_id: u32, idstr: &str) -> SectionHeader {
    SectionHeader { section_id, idstr: idstr.to_owned(), instance_id: 0, version_id: 2 }
}

#[test]
fn an_opaque_payload_ends_at_the_footer_that_an_item_follows() {
    let bytes = [1, 0x7e, 0, 0, 0, 9, 0x55, 2, 0x7e, 0, 0, 0, 9, 0x04, 0xaa];
    let mut source = SliceSource::new(&bytes);
    let (payload, next) = now(stream::read_opaque_payload(&mut source, &section(9, "vmmouse"))).unwrap();
    assert_eq!((payload.as_slice(), next), (&bytes[..8], 4));
    assert_eq!(source.rest(), [0xaa]);
}

#[test]
fn a_timer_payload_that_looks_like_its_footer_is_read_whole() {
    // As in the sixth checkpoint of a recording: the tick offset ends in 0x7e and the unused field is zero.
    let mut bytes = vec![0xff; 7];
    bytes.push(0x7e);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0x7e, 0xda, 0x15, 0x42]);
    stream::encode_footer(&mut bytes, 0);
    bytes.push(0x04);
    let (payload, next) =
        now(stream::read_opaque_payload(&mut SliceSource::new(&bytes), &section(0, "timer"))).unwrap();
    assert_eq!((payload.len(), next), (24, 4));
}

// ---- COLO messages and the return path ------------------------------------------------------------------------------

#[test]
fn colo_messages_have_the_values_of_the_wire() {
    for (value, message) in ColoMessage::ALL.into_iter().enumerate() {
        assert_eq!(message as usize, value);
        assert_eq!(ColoMessage::decode(value as u32), Ok(message));
    }
    assert_eq!(ColoMessage::decode(7), Err(WireError::InvalidColoMessage { found: 7 }));
}

#[test]
fn a_colo_message_is_read_then_valid_then_the_expected_one() {
    let expect =
        |bytes: &[u8]| now(colo_message::read_expected(&mut SliceSource::new(bytes), ColoMessage::CheckpointReply));
    assert_eq!(expect(&[0, 0, 0, 2]), Ok(()));
    assert!(matches!(expect(&[0, 0, 0]), Err(WireError::Read { error: ReadError::Eof { got: 3 }, .. })));
    assert_eq!(expect(&[0, 0, 0, 7]), Err(WireError::InvalidColoMessage { found: 7 }));
    assert_eq!(
        expect(&[0, 0, 0, 6]),
        Err(WireError::UnexpectedColoMessage {
            expected: ColoMessage::CheckpointReply,
            found: ColoMessage::VmstateLoaded
        })
    );
}

#[test]
fn only_a_request_is_known_between_checkpoints() {
    let request = |bytes: &[u8]| now(colo_message::read_request(&mut SliceSource::new(bytes)));
    assert_eq!(request(&[0, 0, 0, 1]), Ok(()));
    assert_eq!(request(&[0, 0, 0, 3]), Err(WireError::UnknownColoMessage { found: ColoMessage::VmstateSend }));
    assert_eq!(request(&[0, 0, 1, 0]), Err(WireError::InvalidColoMessage { found: 256 }));
}

#[test]
fn device_state_shorter_than_announced_is_refused() {
    let mut bytes = Vec::new();
    colo_message::encode_vmstate_size(&mut bytes, u64::MAX);
    bytes.extend_from_slice(&[1; 100]);
    let mut source = SliceSource::new(&bytes);
    let size = now(colo_message::read_vmstate_size(&mut source)).unwrap();
    assert_eq!(
        now(colo_message::read_vmstate_blob(&mut source, size)),
        Err(WireError::ColoBlobShort { announced: u64::MAX, error: ReadError::Eof { got: 100 } })
    );
}

#[test]
fn a_return_path_message_is_refused_by_type_and_then_by_length() {
    let read = |bytes: &[u8]| now(return_path::read_message(&mut SliceSource::new(bytes)));
    assert_eq!(read(&[0, 1, 0, 4, 0, 0, 0, 0]), Ok(return_path::ReturnPathMessage::Shut(0)));
    assert_eq!(read(&[0, 8, 0, 4]), Err(WireError::ReturnPathType { found: 8 }));
    assert_eq!(read(&[0, 2, 0, 3]), Err(WireError::ReturnPathLength { message_type: 2, expected: 4, found: 3 }));
    assert_eq!(read(&[0, 3, 2, 1]), Err(WireError::ReturnPathLength { message_type: 3, expected: 512, found: 513 }));
}

#[test]
fn a_checkpoint_ready_on_an_open_return_path_is_an_invalid_message() {
    // Why COLO in QEMU up to 10.2 needs the return-path capability off.
    let bytes = ColoMessage::CheckpointReady.encode();
    let found = now(return_path::read_message(&mut SliceSource::new(&bytes)));
    assert_eq!(found, Err(WireError::ReturnPathType { found: 0 }));
}
