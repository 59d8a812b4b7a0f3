//! COLO messages: a bare be32 each, on the main channel after precopy, in both directions.
//!
//! Follows `colo_send_message`, `colo_receive_message`, `colo_receive_check_message` and `colo_receive_message_value`.
//! Only vmstate-size carries a value; [`read_vmstate_blob`] reads the opaque device state that this value announces.

use super::WireError;
use super::source::{Source, read_announced, read_be32, read_be64};

/// A COLO message, by its value on the wire (`enum COLOMessage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ColoMessage {
    /// Secondary to primary, once: it has entered its loop.
    CheckpointReady = 0,
    /// Primary to secondary: a checkpoint begins.
    CheckpointRequest = 1,
    /// Secondary to primary: its VM is stopped.
    CheckpointReply = 2,
    /// Primary to secondary: items of the main channel follow, up to EOF.
    VmstateSend = 3,
    /// Primary to secondary: a be64 size and so many bytes of device state follow.
    VmstateSize = 4,
    /// Secondary to primary: the device state is in its memory.
    VmstateReceived = 5,
    /// Secondary to primary: its VM runs again.
    VmstateLoaded = 6,
}

impl ColoMessage {
    /// Every message, by value.
    pub const ALL: [ColoMessage; 7] = [
        ColoMessage::CheckpointReady,
        ColoMessage::CheckpointRequest,
        ColoMessage::CheckpointReply,
        ColoMessage::VmstateSend,
        ColoMessage::VmstateSize,
        ColoMessage::VmstateReceived,
        ColoMessage::VmstateLoaded,
    ];

    /// The message with this value.
    ///
    /// # Errors
    /// [`WireError::InvalidColoMessage`].
    pub fn decode(value: u32) -> Result<ColoMessage, WireError> {
        Self::ALL.get(value as usize).copied().ok_or(WireError::InvalidColoMessage { found: value })
    }

    /// The message as bytes.
    pub fn encode(self) -> [u8; 4] {
        (self as u32).to_be_bytes()
    }

    /// Its name in the QAPI schema.
    pub fn name(self) -> &'static str {
        match self {
            ColoMessage::CheckpointReady => "checkpoint-ready",
            ColoMessage::CheckpointRequest => "checkpoint-request",
            ColoMessage::CheckpointReply => "checkpoint-reply",
            ColoMessage::VmstateSend => "vmstate-send",
            ColoMessage::VmstateSize => "vmstate-size",
            ColoMessage::VmstateReceived => "vmstate-received",
            ColoMessage::VmstateLoaded => "vmstate-loaded",
        }
    }
}

impl std::fmt::Display for ColoMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads any message.
///
/// # Errors
/// [`WireError::Read`], [`WireError::InvalidColoMessage`].
pub async fn read_message<S: Source>(source: &mut S) -> Result<ColoMessage, WireError> {
    ColoMessage::decode(read_be32(source, "a COLO message").await?)
}

/// Reads a message that has to be `expected`.
///
/// # Errors
/// Those of [`read_message`], then [`WireError::UnexpectedColoMessage`].
pub async fn read_expected<S: Source>(source: &mut S, expected: ColoMessage) -> Result<(), WireError> {
    let found = read_message(source).await?;
    if found == expected { Ok(()) } else { Err(WireError::UnexpectedColoMessage { expected, found }) }
}

/// Reads a message where the secondary's loop waits for one: only checkpoint-request will do.
///
/// # Errors
/// Those of [`read_message`], then [`WireError::UnknownColoMessage`].
pub async fn read_request<S: Source>(source: &mut S) -> Result<(), WireError> {
    match read_message(source).await? {
        ColoMessage::CheckpointRequest => Ok(()),
        found => Err(WireError::UnknownColoMessage { found }),
    }
}

/// Reads vmstate-size and its value, in bytes. No size is too large for QEMU, nor here.
///
/// # Errors
/// Those of [`read_expected`]; [`WireError::Read`] if the value is missing.
pub async fn read_vmstate_size<S: Source>(source: &mut S) -> Result<u64, WireError> {
    read_expected(source, ColoMessage::VmstateSize).await?;
    read_be64(source, "the size after vmstate-size").await
}

/// Appends what [`read_vmstate_size`] reads.
pub fn encode_vmstate_size(out: &mut Vec<u8>, size: u64) {
    out.extend_from_slice(&ColoMessage::VmstateSize.encode());
    out.extend_from_slice(&size.to_be_bytes());
}

/// Reads the device state of `size` bytes.
///
/// # Errors
/// [`WireError::ColoBlobShort`].
pub async fn read_vmstate_blob<S: Source>(source: &mut S, size: u64) -> Result<Vec<u8>, WireError> {
    read_announced(source, size).await.map_err(|error| WireError::ColoBlobShort { announced: size, error })
}
