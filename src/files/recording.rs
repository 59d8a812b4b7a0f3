//! A recorded migration: a directory with `index.json`, `decoded.json` and the compressed streams.

use crate::exit::Failure;
use colosim_models::capture::{Connection, Ends, Recording, Stream};
use colosim_models::scenario::Compression;
use colosim_models::variant::SyncReceiver;
use ruzstd::decoding::StreamingDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

/// Longest JSON file of a recording.
const JSON_BYTES_MAX: usize = 16 << 20;

/// Longest stream of a recording, uncompressed.
const STREAM_BYTES_MAX: u64 = 4 << 30;

/// Latest time in a recording, microseconds: one day.
const TIME_US_MAX: u64 = 24 * 60 * 60 * 1_000_000;

/// Most multifd channels, as QEMU's `multifd-channels` has it.
const CHANNELS_MAX: usize = 255;

#[derive(Deserialize)]
struct Index {
    name: String,
    kind: Kind,
    config: Config,
    channels: Vec<Channel>,
    notes: Notes,
    page_hashes: BTreeMap<String, PageHashes>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Colo,
    Precopy,
}

#[derive(Deserialize)]
struct Config {
    compression: Codec,
    #[serde(default)]
    extra_args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Codec {
    None,
    Zlib,
    Zstd,
}

#[derive(Deserialize)]
struct Channel {
    channel: String,
    end_us: Both<Option<(u64, String)>>,
    chunks_us: Both<Vec<(u64, u64)>>,
    p2s: Direction,
    s2p: Direction,
}

#[derive(Deserialize)]
struct Both<T> {
    #[serde(default = "Option::default")]
    p2s: Option<T>,
    #[serde(default = "Option::default")]
    s2p: Option<T>,
}

#[derive(Deserialize)]
struct Direction {
    bytes: u64,
    sha256: String,
    file: Option<String>,
}

#[derive(Deserialize)]
struct Notes {
    yank_us: Option<u64>,
    failover_us: Option<u64>,
    heartbeat: Option<String>,
    uncommitted_pages_in_guest_ram: Option<BTreeSet<usize>>,
}

#[derive(Deserialize)]
struct PageHashes {
    file: String,
    pages: usize,
    sha256_of_list: String,
}

#[derive(Deserialize)]
struct Decoded {
    main: DecodedMain,
    states: Vec<DecodedState>,
}

#[derive(Deserialize)]
struct DecodedMain {
    colo_messages: Vec<DecodedMessage>,
}

#[derive(Deserialize)]
struct DecodedMessage {
    message: String,
}

#[derive(Deserialize)]
struct DecodedState {
    pc_ram_page_list_sha256: String,
}

/// Read the recording in `dir`.
///
/// # Errors
/// If a file is missing, cannot be decoded, or is not what the index says: bad input.
pub fn read(dir: &Path) -> Result<Recording, Failure> {
    let index: Index = json(&dir.join("index.json"))?;
    check(&index)
        .map_err(|message| Failure::usage(format!("{}: {message}", dir.join("index.json").display()), None))?;
    let decoded: Decoded = json(&dir.join("decoded.json"))?;
    let requests = decoded.main.colo_messages.iter().filter(|m| m.message == "checkpoint-request").count();
    let ended = match &index.notes.heartbeat {
        Some(heartbeat) if heartbeat.starts_with("no answer") => Ends::Hangs,
        _ if index.kind == Kind::Colo && requests + 1 > decoded.states.len() => Ends::InCheckpoint,
        _ => Ends::Whole,
    };
    let per_section = index.config.extra_args.iter().any(|arg| arg.contains("multifd-flush-after-each-section=on"));
    let memories = index.page_hashes.iter().map(|(name, hashes)| Ok((name.clone(), page_hashes(dir, hashes)?)));
    Ok(Recording {
        name: index.name,
        colo: index.kind == Kind::Colo,
        compression: match index.config.compression {
            Codec::None => Compression::None,
            Codec::Zlib => Compression::Zlib,
            Codec::Zstd => Compression::Zstd,
        },
        sync_receiver: if per_section { SyncReceiver::PerSection } else { SyncReceiver::PerRound },
        connections: index.channels.into_iter().map(|c| connection(dir, c)).collect::<Result<_, _>>()?,
        yank_us: index.notes.yank_us,
        failover_us: index.notes.failover_us,
        ended,
        states: decoded.states.into_iter().map(|state| state.pc_ram_page_list_sha256).collect(),
        memories: memories.collect::<Result<_, Failure>>()?,
        uncommitted: index.notes.uncommitted_pages_in_guest_ram,
    })
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = super::read_text(path, JSON_BYTES_MAX)?;
    Ok(super::from_json(&text, path, |error| format!("this is no recording's file: {error}"))?)
}

/// What the types of the index leave open.
fn check(index: &Index) -> Result<(), String> {
    let names: Vec<&str> = index.channels.iter().map(|channel| channel.channel.as_str()).collect();
    if !names.contains(&"main") {
        return Err("there is no channel `main`".into());
    }
    if let Some(twice) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
        return Err(format!("there are two channels `{}`", names[twice]));
    }
    if names.len() > CHANNELS_MAX + 1 {
        return Err(format!("there are {} channels, expected at most {CHANNELS_MAX} beside `main`", names.len()));
    }
    let ends = index.channels.iter().flat_map(|c| [&c.end_us.p2s, &c.end_us.s2p]).flatten().flatten().map(|end| end.0);
    let chunks = index.channels.iter().flat_map(|c| [&c.chunks_us.p2s, &c.chunks_us.s2p]).flatten().flatten();
    let notes = [index.notes.yank_us, index.notes.failover_us].into_iter().flatten();
    match ends.chain(chunks.map(|chunk| chunk.0)).chain(notes).find(|time| *time > TIME_US_MAX) {
        Some(time) => Err(format!("the time {time} is later than {TIME_US_MAX} microseconds, one day")),
        None => Ok(()),
    }
}

fn connection(dir: &Path, channel: Channel) -> Result<Connection, Failure> {
    let stream = |direction: &Direction, chunks: Option<Vec<(u64, u64)>>, end: Option<Option<(u64, String)>>| {
        let bytes = stream_bytes(dir, direction)?;
        let chunks_us = chunks.unwrap_or_default();
        let ordered = chunks_us.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1);
        let last = chunks_us.last().map_or(0, |(_, bytes)| *bytes);
        if !ordered || last != bytes.len() as u64 {
            return Err(Failure::usage(
                format!(
                    "{}: the chunks of {} end at {last} bytes, its stream has {}",
                    dir.join("index.json").display(),
                    channel.channel,
                    bytes.len()
                ),
                None,
            ));
        }
        Ok(Stream { bytes, chunks_us, end_us: end.flatten().map(|(at, _)| at) })
    };
    Ok(Connection {
        name: channel.channel.clone(),
        sent: stream(&channel.p2s, channel.chunks_us.p2s, channel.end_us.p2s)?,
        answered: stream(&channel.s2p, channel.chunks_us.s2p, channel.end_us.s2p)?,
    })
}

fn stream_bytes(dir: &Path, direction: &Direction) -> Result<Vec<u8>, Failure> {
    let Some(file) = &direction.file else { return Ok(Vec::new()) };
    let path = dir.join(file);
    let bytes = decompress(&path)?;
    let hash = sha256(&bytes);
    if bytes.len() as u64 != direction.bytes || hash != direction.sha256 {
        let message = format!(
            "{} is garbled: {} bytes with SHA-256 {hash}, index.json says {} bytes with {}",
            path.display(),
            bytes.len(),
            direction.bytes,
            direction.sha256
        );
        return Err(Failure::usage(message, Some("copy the recording again".into())));
    }
    Ok(bytes)
}

fn decompress(path: &Path) -> Result<Vec<u8>, Failure> {
    let refuse = |message: String| Failure::usage(format!("cannot read {}: {message}", path.display()), None);
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut bytes = Vec::new();
    let decoder = StreamingDecoder::new(BufReader::new(file));
    let decoder = decoder.map_err(|error| refuse(format!("it is truncated or no zstd file: {error}")))?;
    let read = decoder.take(STREAM_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| refuse(format!("it is truncated or no zstd file: {error}")))?;
    Ok(bytes)
}

fn page_hashes(dir: &Path, hashes: &PageHashes) -> Result<Vec<u64>, Failure> {
    let path = dir.join(&hashes.file);
    let bytes = decompress(&path)?;
    let (words, rest) = bytes.as_chunks::<8>();
    if words.len() != hashes.pages || !rest.is_empty() {
        let message = format!("{} has {} bytes, index.json says {} pages", path.display(), bytes.len(), hashes.pages);
        return Err(Failure::usage(message, None));
    }
    let hash = sha256(&bytes);
    if hash != hashes.sha256_of_list {
        let expected = &hashes.sha256_of_list;
        let message = format!("{} is garbled: its SHA-256 is {hash}, index.json says {expected}", path.display());
        return Err(Failure::usage(message, Some("copy the recording again".into())));
    }
    Ok(words.iter().map(|word| u64::from_be_bytes(*word)).collect())
}

/// In hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Is this directory a recording?
pub fn is_recording(dir: &Path) -> bool {
    fs::metadata(dir.join("index.json")).is_ok_and(|file| file.is_file())
}
