//! Commands on the main channel (`MIG_CMD_*`): be16 number, be16 length, and that many bytes.
//!
//! Follows `loadvm_process_command`. Not modelled: what postcopy commands mean; they are carried as bytes. The stream
//! inside PACKAGED follows its command and is not part of it.

use super::source::{Source, read_be16, read_bytes};
use super::{WireError, stream};

/// A command, its argument decoded where COLO or plain precopy uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 1: the secondary shall open the return path.
    OpenReturnPath,
    /// 2: the secondary shall answer with PONG and the same value.
    Ping {
        /// The value to send back.
        value: u32,
    },
    /// 8: allocate the COLO cache. Sent up to QEMU 10.2, refused as deprecated since the multifd COLO series.
    EnableColo,
    /// 11: the guest has stopped and the last pass begins.
    SwitchoverStart,
    /// Any of the postcopy commands.
    Postcopy {
        /// Which one.
        kind: PostcopyCommand,
        /// Its argument, at most 65535 bytes.
        data: Vec<u8>,
    },
}

/// The commands that only postcopy uses, with their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum PostcopyCommand {
    /// POSTCOPY_ADVISE
    Advise = 3,
    /// POSTCOPY_LISTEN
    Listen = 4,
    /// POSTCOPY_RUN
    Run = 5,
    /// POSTCOPY_RAM_DISCARD
    RamDiscard = 6,
    /// PACKAGED
    Packaged = 7,
    /// POSTCOPY_RESUME
    Resume = 9,
    /// RECV_BITMAP
    RecvBitmap = 10,
}

impl PostcopyCommand {
    /// Every postcopy command, by number.
    pub const ALL: [PostcopyCommand; 7] = [
        PostcopyCommand::Advise,
        PostcopyCommand::Listen,
        PostcopyCommand::Run,
        PostcopyCommand::RamDiscard,
        PostcopyCommand::Packaged,
        PostcopyCommand::Resume,
        PostcopyCommand::RecvBitmap,
    ];
}

const OPEN_RETURN_PATH: u16 = 1;
const PING: u16 = 2;
const ENABLE_COLO: u16 = 8;
const SWITCHOVER_START: u16 = 11;

impl Command {
    /// The number of the command on the wire.
    pub fn number(&self) -> u16 {
        match self {
            Command::OpenReturnPath => OPEN_RETURN_PATH,
            Command::Ping { .. } => PING,
            Command::EnableColo => ENABLE_COLO,
            Command::SwitchoverStart => SWITCHOVER_START,
            Command::Postcopy { kind, .. } => *kind as u16,
        }
    }
}

/// Reads a command, its section type byte already consumed.
///
/// # Errors
/// [`WireError::UnknownCommand`] and [`WireError::CommandLength`], before the argument is read; [`WireError::Read`].
pub async fn read_command<S: Source>(source: &mut S) -> Result<Command, WireError> {
    let number = read_be16(source, "a command number").await?;
    let length = read_be16(source, "the length of a command").await?;
    let postcopy = PostcopyCommand::ALL.into_iter().find(|kind| *kind as u16 == number);
    let expected = match number {
        OPEN_RETURN_PATH | ENABLE_COLO | SWITCHOVER_START => 0,
        PING => 4,
        _ if postcopy.is_some() => length,
        _ => return Err(WireError::UnknownCommand { number }),
    };
    if length != expected {
        return Err(WireError::CommandLength { number, expected, found: length });
    }
    let data = read_bytes(source, u64::from(length), "the argument of a command").await?;
    Ok(match (number, postcopy) {
        (_, Some(kind)) => Command::Postcopy { kind, data },
        (OPEN_RETURN_PATH, _) => Command::OpenReturnPath,
        (ENABLE_COLO, _) => Command::EnableColo,
        (SWITCHOVER_START, _) => Command::SwitchoverStart,
        (_, _) => Command::Ping { value: u32::from_be_bytes([data[0], data[1], data[2], data[3]]) },
    })
}

/// Writes a command, its section type byte included.
///
/// # Panics
/// If the argument of a postcopy command has more than 65535 bytes.
pub fn encode_command(out: &mut Vec<u8>, command: &Command) {
    let ping;
    let data: &[u8] = match command {
        Command::OpenReturnPath | Command::EnableColo | Command::SwitchoverStart => &[],
        Command::Ping { value } => {
            ping = value.to_be_bytes();
            &ping
        }
        Command::Postcopy { data, .. } => data,
    };
    out.push(stream::COMMAND);
    out.extend_from_slice(&command.number().to_be_bytes());
    let length = u16::try_from(data.len()).expect("the argument of a command has at most 65535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(data);
}
