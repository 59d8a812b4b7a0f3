//! The main channel at stream level: the header, then items that start with a section type byte.
//!
//! Follows `qemu_loadvm_state` and `qemu_loadvm_state_main` (`migration/savevm.c`). An item of kind START, PART, END or
//! FULL is only the *header* of a section: its payload follows (see [`super::ram_section`] for "ram", and
//! [`read_opaque_payload`] for devices), then a footer ([`read_footer`]).
//!
//! Not modelled: vmstate subsections of the configuration (refused), and contents of device sections. A real QEMU knows
//! the length of a device section from the device; here it is found by its footer, with the limit that
//! [`read_opaque_payload`] states.

use super::WireError;
use super::command::{Command, encode_command, read_command};
use super::source::{Source, push_counted_name, read_be32, read_bytes, read_counted_name, read_u8};

/// "QEVM", the first four bytes of the main channel.
pub const MAGIC: u32 = 0x5145_564d;
/// The only version of the stream format that is in use.
pub const VERSION: u32 = 3;
/// The version before; QEMU refuses it as obsolete.
pub const VERSION_OBSOLETE: u32 = 2;

const EOF: u8 = 0x00;
const SECTION_START: u8 = 0x01;
const SECTION_PART: u8 = 0x02;
const SECTION_END: u8 = 0x03;
const SECTION_FULL: u8 = 0x04;
const SUBSECTION: u8 = 0x05;
const VM_DESCRIPTION: u8 = 0x06;
const CONFIGURATION: u8 = 0x07;
pub(super) const COMMAND: u8 = 0x08;
const SECTION_FOOTER: u8 = 0x7e;

const FOOTER_LEN: usize = 5;
/// Length of the "timer" section's payload in bytes: tick offset, an unused field, clock offset. Measured in QEMU 11.1.3.
const TIMER_PAYLOAD_LEN: usize = 24;

/// Reads and checks the eight bytes that open the main channel.
///
/// # Errors
/// [`WireError::StreamMagic`], [`WireError::StreamVersionObsolete`], [`WireError::StreamVersion`], [`WireError::Read`].
pub async fn read_header<S: Source>(source: &mut S) -> Result<(), WireError> {
    let magic = read_be32(source, "the stream header").await?;
    if magic != MAGIC {
        return Err(WireError::StreamMagic { found: magic });
    }
    match read_be32(source, "the stream header").await? {
        VERSION => Ok(()),
        VERSION_OBSOLETE => Err(WireError::StreamVersionObsolete),
        found => Err(WireError::StreamVersion { found }),
    }
}

/// Writes what [`read_header`] reads.
pub fn encode_header(out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
}

/// What introduces a section of kind START or FULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionHeader {
    /// The number that later parts and the footer refer to.
    pub section_id: u32,
    /// The name of the device or subsystem, "ram" for RAM; at most 255 bytes.
    pub idstr: String,
    /// Tells apart devices of the same name.
    pub instance_id: u32,
    /// The version of the payload's format.
    pub version_id: u32,
}

/// One item of the main channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Ends one run of the loader's main loop: the precopy stream, or the RAM of one checkpoint.
    Eof,
    /// First section of iterable state; payload and footer follow.
    SectionStart(SectionHeader),
    /// A further section of iterable state; payload and footer follow.
    SectionPart {
        /// The id that its [`Item::SectionStart`] announced.
        section_id: u32,
    },
    /// The last section of iterable state; payload and footer follow.
    SectionEnd {
        /// The id that its [`Item::SectionStart`] announced.
        section_id: u32,
    },
    /// The whole state of a device; payload and footer follow.
    SectionFull(SectionHeader),
    /// The description of all device state, after the final [`Item::Eof`] of precopy; may be absent.
    VmDescription {
        /// JSON text, as sent.
        text: Vec<u8>,
    },
    /// The configuration section, right after the header; may be absent.
    Configuration {
        /// The name of the machine type, such as "pc-i440fx-11.1".
        machine: String,
    },
    /// An instruction to the loader.
    Command(Command),
}

/// Reads the next item. `first` is its section type byte if that was read already ([`read_opaque_payload`]).
///
/// # Errors
/// [`WireError::SubsectionUnsupported`], [`WireError::UnknownItem`], the errors of commands, [`WireError::NameNotUtf8`],
/// [`WireError::Read`].
pub async fn read_item<S: Source>(source: &mut S, first: Option<u8>) -> Result<Item, WireError> {
    let section_type = match first {
        Some(byte) => byte,
        None => read_u8(source, "a section type").await?,
    };
    Ok(match section_type {
        EOF => Item::Eof,
        SECTION_START => Item::SectionStart(read_section_header(source).await?),
        SECTION_PART => Item::SectionPart { section_id: read_be32(source, "a section header").await? },
        SECTION_END => Item::SectionEnd { section_id: read_be32(source, "a section header").await? },
        SECTION_FULL => Item::SectionFull(read_section_header(source).await?),
        VM_DESCRIPTION => {
            let length = read_be32(source, "the length of the VM description").await?;
            Item::VmDescription { text: read_bytes(source, u64::from(length), "the VM description").await? }
        }
        CONFIGURATION => {
            let length = read_be32(source, "the length of the machine name").await?;
            let name = read_bytes(source, u64::from(length), "the machine name").await?;
            let machine = String::from_utf8(name)
                .map_err(|error| WireError::NameNotUtf8 { reading: "the machine name", bytes: error.into_bytes() })?;
            Item::Configuration { machine }
        }
        COMMAND => Item::Command(read_command(source).await?),
        SUBSECTION => return Err(WireError::SubsectionUnsupported),
        found => return Err(WireError::UnknownItem { found }),
    })
}

async fn read_section_header<S: Source>(source: &mut S) -> Result<SectionHeader, WireError> {
    Ok(SectionHeader {
        section_id: read_be32(source, "a section header").await?,
        idstr: read_counted_name(source, "the name of a section").await?,
        instance_id: read_be32(source, "a section header").await?,
        version_id: read_be32(source, "a section header").await?,
    })
}

/// Writes what [`read_item`] reads. Payload and footer of a section are the caller's.
///
/// # Panics
/// If a section's name has more than 255 bytes, or a text or argument more than its length field can say.
pub fn encode_item(out: &mut Vec<u8>, item: &Item) {
    match item {
        Item::Eof => out.push(EOF),
        Item::SectionStart(header) => encode_section_header(out, SECTION_START, header),
        Item::SectionPart { section_id } => {
            out.push(SECTION_PART);
            out.extend_from_slice(&section_id.to_be_bytes());
        }
        Item::SectionEnd { section_id } => {
            out.push(SECTION_END);
            out.extend_from_slice(&section_id.to_be_bytes());
        }
        Item::SectionFull(header) => encode_section_header(out, SECTION_FULL, header),
        Item::VmDescription { text } => encode_text(out, VM_DESCRIPTION, text),
        Item::Configuration { machine } => encode_text(out, CONFIGURATION, machine.as_bytes()),
        Item::Command(command) => encode_command(out, command),
    }
}

fn encode_section_header(out: &mut Vec<u8>, section_type: u8, header: &SectionHeader) {
    out.push(section_type);
    out.extend_from_slice(&header.section_id.to_be_bytes());
    push_counted_name(out, &header.idstr);
    out.extend_from_slice(&header.instance_id.to_be_bytes());
    out.extend_from_slice(&header.version_id.to_be_bytes());
}

fn encode_text(out: &mut Vec<u8>, section_type: u8, text: &[u8]) {
    out.push(section_type);
    let length = u32::try_from(text.len()).expect("a text on the main channel is shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text);
}

/// Reads the footer that ends the payload of section `section_id`.
///
/// # Errors
/// [`WireError::FooterMissing`], [`WireError::FooterSectionId`], [`WireError::Read`].
pub async fn read_footer<S: Source>(source: &mut S, section_id: u32) -> Result<(), WireError> {
    let found = read_u8(source, "a section footer").await?;
    if found != SECTION_FOOTER {
        return Err(WireError::FooterMissing { section_id, found });
    }
    let found = read_be32(source, "a section footer").await?;
    if found != section_id {
        return Err(WireError::FooterSectionId { expected: section_id, found });
    }
    Ok(())
}

/// Writes what [`read_footer`] reads.
pub fn encode_footer(out: &mut Vec<u8>, section_id: u32) {
    out.push(SECTION_FOOTER);
    out.extend_from_slice(&section_id.to_be_bytes());
}

/// Reads the payload of a device section and its footer, when nothing says how long the payload is.
///
/// Returns the payload, and the section type byte of the next item: it had to be read to tell the footer (five bytes
/// followed by a byte that can start an item) from payload, and goes to [`read_item`].
///
/// The limit of this method: a payload that contains these six bytes itself is cut there, and the stream is not
/// understood from then on. QEMU has no such limit, since each device knows its own format. In practice it concerns
/// section 0, whose footer is nearly all zeroes: that is "timer", one payload in 256 of which looks like this, and for
/// which the search therefore starts behind its three 64-bit values.
///
/// # Errors
/// [`WireError::Read`].
pub async fn read_opaque_payload<S: Source>(
    source: &mut S,
    section: &SectionHeader,
) -> Result<(Vec<u8>, u8), WireError> {
    const READING: &str = "the payload of a device section";
    let mut footer = Vec::with_capacity(FOOTER_LEN);
    encode_footer(&mut footer, section.section_id);
    let shortest = if section.idstr == "timer" { TIMER_PAYLOAD_LEN } else { 0 };
    let mut payload = read_bytes(source, (shortest + FOOTER_LEN) as u64, READING).await?;
    loop {
        let next = read_u8(source, READING).await?;
        if starts_an_item(next) && payload.ends_with(&footer) {
            payload.truncate(payload.len() - FOOTER_LEN);
            return Ok((payload, next));
        }
        payload.push(next);
    }
}

fn starts_an_item(byte: u8) -> bool {
    matches!(byte, EOF | SECTION_START | SECTION_PART | SECTION_END | SECTION_FULL | VM_DESCRIPTION | COMMAND)
}
