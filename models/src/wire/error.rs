//! What can be wrong with bytes on the wire: one variant for each check that QEMU's receivers make, in their order.

use super::ReadError;
use super::colo_message::ColoMessage;
use super::multifd_packet::Compression;

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each field is named in the message of its variant")]
pub enum WireError {
    /// The stream ended or broke within something.
    #[error("while reading {reading}: {error}")]
    Read { reading: &'static str, error: ReadError },

    /// Main channel: the first four bytes.
    #[error("the stream starts with {found:#010x}, expected the magic 0x5145564d (\"QEVM\")")]
    StreamMagic { found: u32 },
    /// Main channel: version 2.
    #[error("the stream has the obsolete version 2, expected 3")]
    StreamVersionObsolete,
    /// Main channel: any other version.
    #[error("the stream has version {found}, expected 3")]
    StreamVersion { found: u32 },
    /// Main channel: a byte that starts no item.
    #[error("found byte {found:#04x} where a section type was expected (0x00 to 0x04, or 0x06 to 0x08)")]
    UnknownItem { found: u8 },
    /// Main channel: the configuration has subsections, which this crate does not decode.
    #[error("found a vmstate subsection (0x05) between items; subsections of the configuration are not supported")]
    SubsectionUnsupported,
    /// Main channel: a name that nothing here can have.
    #[error("{reading} is not UTF-8: {}", bytes.escape_ascii())]
    NameNotUtf8 { reading: &'static str, bytes: Vec<u8> },
    /// Main channel: a section's payload is not followed by a footer.
    #[error("section {section_id} is followed by {found:#04x}, expected its footer (0x7e)")]
    FooterMissing { section_id: u32, found: u8 },
    /// Main channel: the footer of another section.
    #[error("found the footer of section {found}, expected that of section {expected}")]
    FooterSectionId { expected: u32, found: u32 },
    /// Main channel: a command with number 0 or above 11.
    #[error("unknown command {number}, expected 1 to 11")]
    UnknownCommand { number: u16 },
    /// Main channel: a command whose argument has the wrong length.
    #[error("command {number} has {found} bytes of argument, expected {expected}")]
    CommandLength { number: u16, expected: u16, found: u16 },

    /// The loader waits for SYNC packets, and looks whether anybody is left to send one (`multifd_recv_sync_main`).
    #[error("the multifd receive threads are on their way out")]
    ReceiveThreadsLeft,

    /// RAM section: the first page word leaves out its block.
    #[error("a page word continues the block of the page before, but there was none")]
    ContinueWithoutBlock,
    /// RAM section, and check 8 of a packet.
    #[error("no RAM block is called \"{idstr}\"")]
    UnknownBlock { idstr: String },
    /// RAM section: the page is outside its block.
    #[error("illegal RAM offset {offset:#x}: block \"{idstr}\" has {used_length:#x} bytes")]
    IllegalRamOffset { idstr: String, offset: u64, used_length: u64 },
    /// RAM section: a zero page that is none.
    #[error("the zero page at {offset:#x} of \"{idstr}\" has the byte {found:#04x}, expected 0")]
    ZeroPageByte { idstr: String, offset: u64, found: u8 },
    /// RAM section: an XBZRLE page in another encoding.
    #[error("an XBZRLE page has encoding {found}, expected 1")]
    XbzrleEncoding { found: u8 },
    /// RAM section: an XBZRLE page longer than a page.
    #[error("an XBZRLE page has {found} bytes, expected at most {limit}")]
    XbzrleLength { found: u64, limit: u64 },
    /// RAM section: the list of blocks does not add up.
    #[error("RAM block \"{idstr}\" has {used_length:#x} bytes, but the announced total leaves {left:#x}")]
    BlockListTotal { idstr: String, used_length: u64, left: u64 },
    /// RAM section: a word of RDMA.
    #[error("found an RDMA hook (0x80) in the ram section; RDMA is not supported")]
    RamHookUnsupported,
    /// RAM section: flags that mean nothing together.
    #[error("unknown combination of flags {flags:#x} in the ram section")]
    UnknownRamFlags { flags: u64 },

    /// New connection: of no kind.
    #[error("unknown channel magic {found:#010x}, expected 0x5145564d (main) or 0x11223344 (multifd)")]
    UnknownChannelMagic { found: u32 },
    /// Init packet, first check.
    #[error("the init packet has magic {found:#010x}, expected 0x11223344")]
    InitMagic { found: u32 },
    /// Init packet, second check.
    #[error("the init packet has version {found}, expected 1")]
    InitVersion { found: u32 },
    /// Init packet, third check.
    #[error("the init packet has UUID {}, expected {}", hex(found), hex(expected))]
    InitUuid { expected: [u8; 16], found: [u8; 16] },
    /// Init packet, fourth check.
    #[error("channel id {id} is greater than the number of channels, {channels}")]
    InitChannelId { id: u8, channels: u8 },
    /// Init packet, fifth check; made by the receiver.
    #[error("channel {id} is already set up")]
    ChannelAlreadySetUp { id: u8 },

    /// Packet, check 2.
    #[error("a packet has magic {found:#010x}, expected 0x11223344")]
    PacketMagic { found: u32 },
    /// Packet, check 2.
    #[error("a packet has version {found}, expected 1")]
    PacketVersion { found: u32 },
    /// Packet, check 3.
    #[error("unexpected end of stream after a packet header: {got} of {expected} bytes")]
    EofAfterPacketHeader { expected: usize, got: usize },
    /// Bytes in memory that are no whole packet; cannot happen on a stream.
    #[error("a packet in memory has {found} bytes, expected {expected}")]
    PacketLength { expected: usize, found: usize },
    /// A device-state packet where a RAM packet was to be decoded.
    #[error("flags {flags:#x} are those of a device-state packet, expected a RAM packet")]
    NotARamPacket { flags: u32 },
    /// Packet, check 4.
    #[error("a packet has {found} page slots, expected at most {limit}")]
    PagesAlloc { found: u32, limit: u32 },
    /// Packet, check 5.
    #[error("a packet has {found} normal pages, expected at most its {limit} page slots")]
    NormalPages { found: u32, limit: u32 },
    /// Packet, check 6.
    #[error("a packet has {found} zero pages, expected at most the {limit} slots that normal pages leave")]
    ZeroPages { found: u32, limit: u32 },
    /// Packet, check 9.
    #[error("offset {offset:#x} of page {index} is too long: its block has {used_length:#x} bytes, a page {page_size}")]
    OffsetTooLong { index: usize, offset: u64, used_length: u64, page_size: u64 },
    /// Packet, check 11.
    #[error("a packet has compression flags {found:#x}, expected {:#x} ({expected:?})", *expected as u32)]
    CompressionFlags { expected: Compression, found: u32 },
    /// A RAM packet where a device-state packet was to be decoded.
    #[error("flags {flags:#x} are those of a RAM packet, expected a device-state packet")]
    NotADeviceStatePacket { flags: u32 },
    /// Packet, check 13.
    #[error("a device-state packet has no payload")]
    EmptyDeviceState,
    /// Packet, check 13.
    #[error("the name in a device-state packet is not NUL-terminated")]
    DeviceIdstrUnterminated,
    /// Packet, check 13.
    #[error("a device-state packet has the SYNC flag")]
    DeviceStateSync,

    /// COLO message: no such value.
    #[error("invalid COLO message {found}, expected 0 to 6")]
    InvalidColoMessage { found: u32 },
    /// COLO message: another one was due.
    #[error("unexpected COLO message {found}, expected {expected}")]
    UnexpectedColoMessage { expected: ColoMessage, found: ColoMessage },
    /// COLO message: not a request, in the secondary's loop.
    #[error("unknown COLO message {found} between checkpoints, expected checkpoint-request")]
    UnknownColoMessage { found: ColoMessage },
    /// COLO: the device state is shorter than announced.
    #[error("device state of {announced} bytes was announced: {error}")]
    ColoBlobShort { announced: u64, error: ReadError },

    /// Return path: no such type.
    #[error("return path message of type {found}, expected 1 to 7")]
    ReturnPathType { found: u16 },
    /// Return path: the wrong length for its type.
    #[error("return path message of type {message_type} has {found} bytes, expected {expected}")]
    ReturnPathLength { message_type: u16, expected: u16, found: u16 },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
