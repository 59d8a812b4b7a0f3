//! The return path: the secondary's messages on the reverse direction of the main channel, before COLO.
//!
//! be16 type, be16 length, and that many bytes. Follows `source_return_path_thread`. Once both sides are in COLO the same
//! bytes carry [`super::colo_message`]s without such a header. Not modelled: what postcopy's messages mean.

use super::WireError;
use super::source::{Source, read_be16, read_bytes};

/// The longest argument that the primary takes, in bytes.
pub const ARGUMENT_LEN_MAX: u16 = 512;

/// A message of the return path, with its type number on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnPathMessage {
    /// 1 SHUT: the secondary is done with the return path; its status, 0 for success.
    Shut(u32),
    /// 2 PONG: the value of a PING.
    Pong(u32),
    /// 3 REQ_PAGES_ID: postcopy wants pages of a named block.
    ReqPagesId(Vec<u8>),
    /// 4 REQ_PAGES: postcopy wants pages of the block before.
    ReqPages([u8; 12]),
    /// 5 RECV_BITMAP: postcopy recovery.
    RecvBitmap(Vec<u8>),
    /// 6 RESUME_ACK: postcopy recovery.
    ResumeAck(u32),
    /// 7 SWITCHOVER_ACK: the secondary approves of switchover.
    SwitchoverAck,
}

const FIXED_LENGTHS: [Option<u16>; 8] = [None, Some(4), Some(4), None, Some(12), None, Some(4), Some(0)];

/// Reads the next message.
///
/// # Errors
/// [`WireError::ReturnPathType`], then [`WireError::ReturnPathLength`], before the argument is read;
/// [`WireError::Read`].
pub async fn read_message<S: Source>(source: &mut S) -> Result<ReturnPathMessage, WireError> {
    let message_type = read_be16(source, "a return path message").await?;
    let length = read_be16(source, "a return path message").await?;
    let Some(fixed) = FIXED_LENGTHS.get(usize::from(message_type)).filter(|_| message_type != 0) else {
        return Err(WireError::ReturnPathType { found: message_type });
    };
    let expected = fixed.unwrap_or(length.min(ARGUMENT_LEN_MAX));
    if length != expected {
        return Err(WireError::ReturnPathLength { message_type, expected, found: length });
    }
    let argument = read_bytes(source, u64::from(length), "the argument of a return path message").await?;
    let be32 = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Ok(match message_type {
        1 => ReturnPathMessage::Shut(be32(&argument)),
        2 => ReturnPathMessage::Pong(be32(&argument)),
        3 => ReturnPathMessage::ReqPagesId(argument),
        4 => {
            let mut request = [0; 12];
            request.copy_from_slice(&argument);
            ReturnPathMessage::ReqPages(request)
        }
        5 => ReturnPathMessage::RecvBitmap(argument),
        6 => ReturnPathMessage::ResumeAck(be32(&argument)),
        _ => ReturnPathMessage::SwitchoverAck,
    })
}

/// Appends what [`read_message`] reads.
///
/// # Panics
/// If the argument has more than [`ARGUMENT_LEN_MAX`] bytes.
pub fn encode_message(out: &mut Vec<u8>, message: &ReturnPathMessage) {
    let value;
    let (message_type, argument): (u16, &[u8]) = match message {
        ReturnPathMessage::Shut(status) => (1, {
            value = status.to_be_bytes();
            &value
        }),
        ReturnPathMessage::Pong(ping) => (2, {
            value = ping.to_be_bytes();
            &value
        }),
        ReturnPathMessage::ReqPagesId(bytes) => (3, bytes),
        ReturnPathMessage::ReqPages(bytes) => (4, bytes),
        ReturnPathMessage::RecvBitmap(bytes) => (5, bytes),
        ReturnPathMessage::ResumeAck(status) => (6, {
            value = status.to_be_bytes();
            &value
        }),
        ReturnPathMessage::SwitchoverAck => (7, &[]),
    };
    assert!(argument.len() <= usize::from(ARGUMENT_LEN_MAX), "a return path argument has at most 512 bytes");
    out.extend_from_slice(&message_type.to_be_bytes());
    out.extend_from_slice(&(argument.len() as u16).to_be_bytes());
    out.extend_from_slice(argument);
}
