//! Packets on a multifd channel: the header (`MultiFDPacketHdr_t`) and RAM or SYNC packets (`MultiFDPacket_t`).
//!
//! Follows `multifd_recv_unfill_packet_header`, `multifd_ram_unfill_packet` and their sending counterparts. The
//! receive thread takes these steps one by one, since other threads act in between: [`read_packet_header`],
//! [`PacketHeader::decode`], [`read_packet_rest`], [`RamCounts::decode`], [`block_idstr`], [`Offsets::decode`].
//! [`RamPacket::decode`] takes them at once, in the same order, for a packet that is in memory.
//!
//! As in QEMU nothing checks alignment or duplicates of offsets, the order of packet numbers, or that nocomp's
//! `next_packet_size` agrees with the number of pages.

use super::multifd_init::{MAGIC, VERSION};
use super::source::{ReadError, Source};
use super::{BlockTable, WireError};

/// Bytes of page data that one packet can announce, which fixes the number of its page slots (`MULTIFD_PACKET_SIZE`).
pub const PACKET_DATA_BYTES: u64 = 512 * 1024;
/// Length of the header in bytes.
pub const HEADER_LEN: usize = 12;

const PAGES_ALLOC_AT: usize = 12;
const NORMAL_PAGES_AT: usize = 16;
const NEXT_PACKET_SIZE_AT: usize = 20;
const PACKET_NUM_AT: usize = 24;
const ZERO_PAGES_AT: usize = 32;
const IDSTR_AT: usize = 64;
const IDSTR_LEN: usize = 256;
const OFFSETS_AT: usize = 320;

/// Page slots of a packet: 128 for pages of 4 KiB.
pub fn slots(page_size: u64) -> u32 {
    (PACKET_DATA_BYTES / page_size) as u32
}

/// Length of a RAM or SYNC packet without its page data in bytes: 1344 for pages of 4 KiB.
pub fn packet_len(page_size: u64) -> usize {
    OFFSETS_AT + 8 * slots(page_size) as usize
}

/// How page data is compressed, by the value in bits 1 to 5 of a packet's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Compression {
    /// Not at all: page contents as they are.
    Nocomp = 0,
    /// One zlib stream per channel.
    Zlib = 1 << 1,
    /// One zstd stream per channel.
    Zstd = 2 << 1,
    /// Intel query processing library.
    Qpl = 4 << 1,
    /// User space accelerator development kit.
    Uadk = 8 << 1,
    /// Intel QuickAssist.
    Qatzip = 16 << 1,
}

impl Compression {
    const ALL: [Compression; 6] = [
        Compression::Nocomp,
        Compression::Zlib,
        Compression::Zstd,
        Compression::Qpl,
        Compression::Uadk,
        Compression::Qatzip,
    ];
    const MASK: u32 = 0x1f << 1;
}

/// The flags of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketFlags(pub u32);

impl PacketFlags {
    /// Set in a packet at which the receive thread synchronises with the loader.
    pub const SYNC: u32 = 1 << 0;
    /// Set in a packet that carries device state.
    pub const DEVICE_STATE: u32 = 32 << 1;

    /// Whether the receive thread shall synchronise after this packet.
    pub fn is_sync(self) -> bool {
        self.0 & Self::SYNC != 0
    }

    /// Whether this is a device-state packet ([`super::device_state_packet`]).
    pub fn is_device_state(self) -> bool {
        self.0 & Self::DEVICE_STATE != 0
    }

    /// The compression method, if the bits are those of one.
    pub fn compression(self) -> Option<Compression> {
        Compression::ALL.into_iter().find(|method| *method as u32 == self.0 & Compression::MASK)
    }

    /// Checks that page data is compressed as the receiver is configured (check 11, before page data is read).
    ///
    /// # Errors
    /// [`WireError::CompressionFlags`].
    pub fn expect_compression(self, expected: Compression) -> Result<(), WireError> {
        let found = self.0 & Compression::MASK;
        if found == expected as u32 { Ok(()) } else { Err(WireError::CompressionFlags { expected, found }) }
    }
}

/// The first 12 bytes of every packet, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// The flags.
    pub flags: PacketFlags,
}

impl PacketHeader {
    /// Decodes a header (check 2).
    ///
    /// # Errors
    /// [`WireError::PacketMagic`], then [`WireError::PacketVersion`].
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<PacketHeader, WireError> {
        let magic = be32(bytes, 0);
        if magic != MAGIC {
            return Err(WireError::PacketMagic { found: magic });
        }
        let version = be32(bytes, 4);
        if version != VERSION {
            return Err(WireError::PacketVersion { found: version });
        }
        Ok(PacketHeader { flags: PacketFlags(be32(bytes, 8)) })
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.flags.0.to_be_bytes());
        bytes
    }
}

/// Reads the bytes of a header (check 1), `None` if the stream ended in order before the first of them: then the
/// receive thread ends without an error.
///
/// # Errors
/// [`WireError::Read`].
pub async fn read_packet_header<S: Source>(source: &mut S) -> Result<Option<[u8; HEADER_LEN]>, WireError> {
    let mut bytes = [0; HEADER_LEN];
    match source.read_exact(&mut bytes).await {
        Ok(()) => Ok(Some(bytes)),
        Err(ReadError::Eof { got: 0 }) => Ok(None),
        Err(error) => Err(WireError::Read { reading: "the header of a multifd packet", error }),
    }
}

/// Reads what follows the header (check 3): `packet_len - 12` bytes of a RAM packet, 264 of a device-state packet.
///
/// # Errors
/// [`WireError::EofAfterPacketHeader`] if the stream ended, wherever in these bytes; else [`WireError::Read`].
pub async fn read_packet_rest<S: Source>(source: &mut S, rest: &mut [u8]) -> Result<(), WireError> {
    let expected = rest.len();
    source.read_exact(rest).await.map_err(|error| match error {
        ReadError::Eof { got } => WireError::EofAfterPacketHeader { expected, got },
        error => WireError::Read { reading: "a multifd packet after its header", error },
    })
}

/// The numbers of a RAM packet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RamCounts {
    /// Page slots of the sender; 0 in a SYNC packet.
    pub pages_alloc: u32,
    /// Pages whose data follows the packet.
    pub normal_pages: u32,
    /// Bytes of page data that follow.
    pub next_packet_size: u32,
    /// Sequence number over all channels of the sender. Only ever recorded.
    pub packet_num: u64,
    /// Pages of zeroes.
    pub zero_pages: u32,
}

impl RamCounts {
    /// Decodes and checks the numbers (checks 4 to 6) of a packet, header included, for a receiver of so many `slots`.
    ///
    /// # Errors
    /// [`WireError::PacketLength`] if `packet` is not long enough to have them; [`WireError::PagesAlloc`], then
    /// [`WireError::NormalPages`], then [`WireError::ZeroPages`].
    pub fn decode(packet: &[u8], slots: u32) -> Result<RamCounts, WireError> {
        if packet.len() < OFFSETS_AT {
            return Err(WireError::PacketLength { expected: OFFSETS_AT, found: packet.len() });
        }
        let counts = RamCounts {
            pages_alloc: be32(packet, PAGES_ALLOC_AT),
            normal_pages: be32(packet, NORMAL_PAGES_AT),
            next_packet_size: be32(packet, NEXT_PACKET_SIZE_AT),
            packet_num: be64(packet, PACKET_NUM_AT),
            zero_pages: be32(packet, ZERO_PAGES_AT),
        };
        let RamCounts { pages_alloc, normal_pages, zero_pages, .. } = counts;
        if pages_alloc > slots {
            return Err(WireError::PagesAlloc { found: pages_alloc, limit: slots });
        }
        if normal_pages > pages_alloc {
            return Err(WireError::NormalPages { found: normal_pages, limit: pages_alloc });
        }
        if zero_pages > pages_alloc - normal_pages {
            return Err(WireError::ZeroPages { found: zero_pages, limit: pages_alloc - normal_pages });
        }
        Ok(counts)
    }

    /// Whether the packet names no page at all: then its block is not looked at (step 7).
    pub fn is_empty(&self) -> bool {
        self.normal_pages == 0 && self.zero_pages == 0
    }
}

/// The name of the RAM block in a packet (check 8): up to the first NUL, at most 255 bytes since byte 255 counts as NUL.
///
/// # Errors
/// [`WireError::UnknownBlock`] if the name is not UTF-8, for no block is called so; [`WireError::PacketLength`].
pub fn block_idstr(packet: &[u8]) -> Result<&str, WireError> {
    let field = packet
        .get(IDSTR_AT..IDSTR_AT + IDSTR_LEN - 1)
        .ok_or(WireError::PacketLength { expected: OFFSETS_AT, found: packet.len() })?;
    let name = field.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(name).map_err(|_| WireError::UnknownBlock { idstr: String::from_utf8_lossy(name).into_owned() })
}

/// The pages of a packet, as byte offsets in its RAM block, in the order of the packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Pages whose data follows, in that order.
    pub normal: Vec<u64>,
    /// Pages of zeroes.
    pub zero: Vec<u64>,
}

impl Offsets {
    /// Decodes the offsets and checks each as it comes (check 9), normal pages first, against the block's
    /// `used_length` in bytes. `counts` are those of this packet.
    ///
    /// # Errors
    /// [`WireError::OffsetTooLong`]; [`WireError::PacketLength`] if the packet has fewer slots than it uses.
    pub fn decode(packet: &[u8], counts: &RamCounts, used_length: u64, page_size: u64) -> Result<Offsets, WireError> {
        let normal_count = counts.normal_pages as usize;
        let count = normal_count + counts.zero_pages as usize;
        let slots = packet
            .get(OFFSETS_AT..OFFSETS_AT + 8 * count)
            .ok_or(WireError::PacketLength { expected: OFFSETS_AT + 8 * count, found: packet.len() })?;
        let (slots, _) = slots.as_chunks::<8>();
        let offset = |slot: &[u8; 8]| u64::from_be_bytes(*slot);
        let last = used_length.checked_sub(page_size);
        if let Some(index) = slots.iter().position(|slot| last.is_none_or(|last| offset(slot) > last)) {
            return Err(WireError::OffsetTooLong { index, offset: offset(&slots[index]), used_length, page_size });
        }
        let (normal, zero) = slots.split_at(normal_count);
        Ok(Offsets { normal: normal.iter().map(offset).collect(), zero: zero.iter().map(offset).collect() })
    }
}

/// A RAM or SYNC packet, without its page data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RamPacket {
    /// The flags.
    pub flags: PacketFlags,
    /// Page slots of the sender; 0 in a SYNC packet.
    pub pages_alloc: u32,
    /// Bytes of page data that follow.
    pub next_packet_size: u32,
    /// Sequence number over all channels of the sender.
    pub packet_num: u64,
    /// The RAM block; `None` in a packet without pages, where it is not looked at.
    pub block: Option<String>,
    /// The pages.
    pub offsets: Offsets,
}

impl RamPacket {
    /// A data packet as QEMU's sender fills it, its flags being those of `compression`.
    pub fn data(
        compression: Compression,
        packet_num: u64,
        block: &str,
        offsets: Offsets,
        next_packet_size: u32,
        page_size: u64,
    ) -> RamPacket {
        RamPacket {
            flags: PacketFlags(compression as u32),
            pages_alloc: slots(page_size),
            next_packet_size,
            packet_num,
            block: Some(block.to_owned()),
            offsets,
        }
    }

    /// A SYNC packet as QEMU's sender fills it: all zero but for flags and number.
    pub fn sync(packet_num: u64) -> RamPacket {
        RamPacket {
            flags: PacketFlags(PacketFlags::SYNC),
            pages_alloc: 0,
            next_packet_size: 0,
            packet_num,
            block: None,
            offsets: Offsets::default(),
        }
    }

    /// Decodes a whole packet that is in memory, taking the receive thread's checks in its order (2 and 4 to 9).
    /// The compression bits are not checked: that comes later ([`PacketFlags::expect_compression`]).
    ///
    /// # Errors
    /// [`WireError::PacketLength`] if `packet` is not [`packet_len`] bytes; those of [`PacketHeader::decode`];
    /// [`WireError::NotARamPacket`]; those of [`RamCounts::decode`], [`block_idstr`]; [`WireError::UnknownBlock`];
    /// those of [`Offsets::decode`].
    pub fn decode<T: BlockTable + ?Sized>(packet: &[u8], table: &T, page_size: u64) -> Result<RamPacket, WireError> {
        let expected = packet_len(page_size);
        let header = match packet.first_chunk::<HEADER_LEN>() {
            Some(header) if packet.len() == expected => PacketHeader::decode(header)?,
            _ => return Err(WireError::PacketLength { expected, found: packet.len() }),
        };
        if header.flags.is_device_state() {
            return Err(WireError::NotARamPacket { flags: header.flags.0 });
        }
        let counts = RamCounts::decode(packet, slots(page_size))?;
        let (block, offsets) = if counts.is_empty() {
            (None, Offsets::default())
        } else {
            let idstr = block_idstr(packet)?;
            let used_length =
                table.used_length(idstr).ok_or_else(|| WireError::UnknownBlock { idstr: idstr.to_owned() })?;
            (Some(idstr.to_owned()), Offsets::decode(packet, &counts, used_length, page_size)?)
        };
        Ok(RamPacket {
            flags: header.flags,
            pages_alloc: counts.pages_alloc,
            next_packet_size: counts.next_packet_size,
            packet_num: counts.packet_num,
            block,
            offsets,
        })
    }

    /// Appends the packet to `out`, always [`packet_len`] bytes, unused ones zero.
    ///
    /// # Panics
    /// If there are more pages than slots, or the block's name has more than 255 bytes.
    pub fn encode(&self, out: &mut Vec<u8>, page_size: u64) {
        let (normal, zero) = (&self.offsets.normal, &self.offsets.zero);
        let slots = slots(page_size) as usize;
        assert!(normal.len() + zero.len() <= slots, "a packet has {slots} page slots");
        let start = out.len();
        out.resize(start + packet_len(page_size), 0);
        let packet = &mut out[start..];
        let mut put = |at: usize, bytes: &[u8]| packet[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &PacketHeader { flags: self.flags }.encode());
        put(PAGES_ALLOC_AT, &self.pages_alloc.to_be_bytes());
        put(NORMAL_PAGES_AT, &(normal.len() as u32).to_be_bytes());
        put(NEXT_PACKET_SIZE_AT, &self.next_packet_size.to_be_bytes());
        put(PACKET_NUM_AT, &self.packet_num.to_be_bytes());
        put(ZERO_PAGES_AT, &(zero.len() as u32).to_be_bytes());
        let idstr = self.block.as_deref().unwrap_or_default();
        assert!(idstr.len() < IDSTR_LEN, "a RAM block's name has at most 255 bytes");
        put(IDSTR_AT, idstr.as_bytes());
        let (slots, _) = packet[OFFSETS_AT..].as_chunks_mut::<8>();
        let (for_normal, for_zero) = slots.split_at_mut(normal.len());
        for (slots, offsets) in [(for_normal, normal), (for_zero, zero)] {
            slots.iter_mut().zip(offsets).for_each(|(slot, offset)| *slot = offset.to_be_bytes());
        }
    }
}

pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}
