//! The first 64 bytes on each multifd channel (`MultiFDInit_t`), and how the secondary tells the kinds of channel apart.
//!
//! Follows `multifd_recv_initial_packet` and `migration_ioc_process_incoming`. Whether a channel id is already in use is
//! known to the receiver only, which reports [`WireError::ChannelAlreadySetUp`].

use super::source::{Source, read_array};
use super::{WireError, stream};
pub use crate::variant::ChannelIdCheck;

/// Magic of a multifd channel: of its init packet and of every packet after.
pub const MAGIC: u32 = 0x1122_3344;
/// Version of a multifd channel, likewise.
pub const VERSION: u32 = 1;
/// Length of the init packet in bytes.
pub const INIT_LEN: usize = 64;

/// What the first four bytes of a new connection say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// The main channel.
    Main,
    /// A multifd channel.
    Multifd,
}

impl ChannelKind {
    /// The kind of a connection that starts with `peeked`.
    ///
    /// # Errors
    /// [`WireError::UnknownChannelMagic`].
    pub fn from_magic(peeked: [u8; 4]) -> Result<ChannelKind, WireError> {
        match u32::from_be_bytes(peeked) {
            stream::MAGIC => Ok(ChannelKind::Main),
            MAGIC => Ok(ChannelKind::Multifd),
            found => Err(WireError::UnknownChannelMagic { found }),
        }
    }
}

/// The init packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultifdInit {
    /// The UUID of the VM; all zero if none was given.
    pub uuid: [u8; 16],
    /// The number of the channel, from 0.
    pub id: u8,
}

impl MultifdInit {
    /// Decodes the packet; the unused bytes are ignored.
    ///
    /// # Errors
    /// [`WireError::InitMagic`], then [`WireError::InitVersion`].
    pub fn decode(bytes: &[u8; INIT_LEN]) -> Result<MultifdInit, WireError> {
        let magic = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if magic != MAGIC {
            return Err(WireError::InitMagic { found: magic });
        }
        let version = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        if version != VERSION {
            return Err(WireError::InitVersion { found: version });
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[8..24]);
        Ok(MultifdInit { uuid, id: bytes[24] })
    }

    /// The packet as bytes, the unused ones zero.
    pub fn encode(&self) -> [u8; INIT_LEN] {
        let mut bytes = [0; INIT_LEN];
        bytes[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
        bytes[8..24].copy_from_slice(&self.uuid);
        bytes[24] = self.id;
        bytes
    }

    /// Checks the packet against the secondary's own configuration.
    ///
    /// # Errors
    /// [`WireError::InitUuid`], then [`WireError::InitChannelId`].
    pub fn verify(&self, own_uuid: [u8; 16], channels: u8, check: ChannelIdCheck) -> Result<(), WireError> {
        if self.uuid != own_uuid {
            return Err(WireError::InitUuid { expected: own_uuid, found: self.uuid });
        }
        let refused = match check {
            ChannelIdCheck::Greater => self.id > channels,
            ChannelIdCheck::GreaterEqual => self.id >= channels,
        };
        if refused {
            return Err(WireError::InitChannelId { id: self.id, channels });
        }
        Ok(())
    }
}

/// Reads and decodes the init packet. [`MultifdInit::verify`] is the next step.
///
/// # Errors
/// Those of [`MultifdInit::decode`], and [`WireError::Read`].
pub async fn read_init<S: Source>(source: &mut S) -> Result<MultifdInit, WireError> {
    MultifdInit::decode(&read_array(source, "the init packet of a multifd channel").await?)
}
