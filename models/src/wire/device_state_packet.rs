//! Device-state packets on a multifd channel (`MultiFDPacketDeviceState_t`).
//!
//! QEMU uses them for VFIO only, never in COLO; they are here because a receiver has to tell them from RAM packets and
//! refuse broken ones. Not modelled: the payload's contents.

use super::WireError;
use super::multifd_packet::{HEADER_LEN, PacketFlags, PacketHeader, be32};

/// Length of the packet without its payload in bytes.
pub const PACKET_LEN: usize = 276;

const IDSTR_AT: usize = 12;
const IDSTR_LEN: usize = 256;
const INSTANCE_ID_AT: usize = 268;
const NEXT_PACKET_SIZE_AT: usize = 272;

/// A device-state packet. Which of its fields are bad is told by the three checks, each taken at its own time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatePacket {
    /// The flags; DEVICE_STATE is set.
    pub flags: PacketFlags,
    /// The name of the device as on the wire, to be NUL-terminated.
    pub idstr: [u8; IDSTR_LEN],
    /// Tells apart devices of the same name.
    pub instance_id: u32,
    /// Bytes of payload that follow.
    pub next_packet_size: u32,
}

impl DeviceStatePacket {
    /// Decodes a packet, header included.
    ///
    /// # Errors
    /// Those of [`PacketHeader::decode`]; [`WireError::NotADeviceStatePacket`].
    pub fn decode(packet: &[u8; PACKET_LEN]) -> Result<DeviceStatePacket, WireError> {
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&packet[..HEADER_LEN]);
        let flags = PacketHeader::decode(&header)?.flags;
        if !flags.is_device_state() {
            return Err(WireError::NotADeviceStatePacket { flags: flags.0 });
        }
        let mut idstr = [0; IDSTR_LEN];
        idstr.copy_from_slice(&packet[IDSTR_AT..IDSTR_AT + IDSTR_LEN]);
        Ok(DeviceStatePacket {
            flags,
            idstr,
            instance_id: be32(packet, INSTANCE_ID_AT),
            next_packet_size: be32(packet, NEXT_PACKET_SIZE_AT),
        })
    }

    /// The packet as bytes.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let mut packet = [0; PACKET_LEN];
        packet[..HEADER_LEN].copy_from_slice(&PacketHeader { flags: self.flags }.encode());
        packet[IDSTR_AT..IDSTR_AT + IDSTR_LEN].copy_from_slice(&self.idstr);
        packet[INSTANCE_ID_AT..INSTANCE_ID_AT + 4].copy_from_slice(&self.instance_id.to_be_bytes());
        packet[NEXT_PACKET_SIZE_AT..].copy_from_slice(&self.next_packet_size.to_be_bytes());
        packet
    }

    /// Checked before the payload is read: there is one.
    ///
    /// # Errors
    /// [`WireError::EmptyDeviceState`].
    pub fn check_has_payload(&self) -> Result<(), WireError> {
        if self.next_packet_size == 0 { Err(WireError::EmptyDeviceState) } else { Ok(()) }
    }

    /// Checked after the payload was read: the name, up to its NUL. A name that is not UTF-8 is that of no device.
    ///
    /// # Errors
    /// [`WireError::DeviceIdstrUnterminated`], [`WireError::NameNotUtf8`].
    pub fn device_idstr(&self) -> Result<&str, WireError> {
        let end = self.idstr.iter().position(|byte| *byte == 0).ok_or(WireError::DeviceIdstrUnterminated)?;
        std::str::from_utf8(&self.idstr[..end]).map_err(|_| WireError::NameNotUtf8 {
            reading: "the name in a device-state packet",
            bytes: self.idstr[..end].to_vec(),
        })
    }

    /// Checked last, when the payload was loaded: it is no SYNC packet too.
    ///
    /// # Errors
    /// [`WireError::DeviceStateSync`].
    pub fn check_not_sync(&self) -> Result<(), WireError> {
        if self.flags.is_sync() { Err(WireError::DeviceStateSync) } else { Ok(()) }
    }
}
