//! Recorded migrations of a real QEMU through the simulated secondary, as a user runs them.

use assert_cmd::Command;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

fn colosim(args: &[&str]) -> Output {
    Command::cargo_bin("colosim").expect("the program is built").args(args).output().expect("it runs")
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn verified(args: &[&str]) -> (Value, Option<i32>) {
    let output = colosim(&[&["capture", "verify", "--format", "json"], args].concat());
    let document = serde_json::from_slice(&output.stdout).expect("one JSON document");
    (document, output.status.code())
}

/// A copy of a recording that a test may spoil.
fn copy_of(name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let copy = dir.path().join(name);
    fs::create_dir(&copy).expect("a directory");
    for file in fs::read_dir(captures().join(name)).expect("the recording is there") {
        let file = file.expect("a file");
        fs::copy(file.path(), copy.join(file.file_name())).expect("copied");
    }
    (dir, copy)
}

/// Change a JSON file of a copy.
fn edit(copy: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = copy.join(file);
    let mut document = serde_json::from_str(&fs::read_to_string(&path).expect("it is there")).expect("JSON");
    change(&mut document);
    fs::write(path, document.to_string()).expect("written");
}

/// Change what the primary sent on a channel, without changing its length; the index is made to fit.
fn edit_stream(copy: &Path, channel: usize, change: impl FnOnce(&mut [u8])) {
    edit(copy, "index.json", |index| {
        let sent = &mut index["channels"][channel]["p2s"];
        let path = copy.join(sent["file"].as_str().expect("a file"));
        let mut bytes = Vec::new();
        let compressed = fs::read(&path).expect("it is there");
        StreamingDecoder::new(&compressed[..]).expect("zstd").read_to_end(&mut bytes).expect("zstd");
        change(&mut bytes);
        sent["sha256"] = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        fs::write(path, compress_to_vec(&bytes[..], CompressionLevel::Uncompressed)).expect("written");
    });
}

/// Where the list of RAM blocks has `pc.ram` in a main stream.
fn pc_ram(stream: &[u8]) -> usize {
    stream.windows(7).position(|name| name == b"\x06pc.ram").expect("the list of blocks")
}

/// It must be refused: exit code 2, one message on stderr that says this, nothing on stdout.
fn refused(dir: &Path, says: &str) {
    let output = colosim(&["capture", "verify", dir.to_str().expect("a name")]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(says), "{message}");
    assert!(output.stdout.is_empty());
}

#[test]
fn every_recording_ends_as_the_real_run_ended() {
    let mut dirs: Vec<PathBuf> =
        fs::read_dir(captures()).expect("recordings").map(|d| d.expect("one").path()).collect();
    dirs.sort();
    let args: Vec<&str> = dirs.iter().map(|dir| dir.to_str().expect("a name")).collect();
    let (document, code) = verified(&args);
    assert_eq!(code, Some(0), "{document:#}");
    let all = document.as_array().expect("one entry for each");
    assert_eq!(all.len(), 12);
    for one in all {
        assert_eq!(one["verdict"], "agrees", "{one:#}");
        assert_eq!(one["states_equal"], one["states_checked"], "{one:#}");
        if one["ends"] == "whole" {
            let memories = one["memories"].as_array().expect("memories");
            assert!(memories.iter().all(|memory| memory["differ"] == 0), "{one:#}");
        }
    }
    let ends = |name: &str| all.iter().find(|one| one["capture"] == name).expect("it is there")["ends"].clone();
    assert_eq!(ends("colo-multifd-channel-lost"), "hangs");
    assert_eq!(ends("colo-multifd-killed-in-checkpoint"), "in-checkpoint");
    assert_eq!(ends("colo-multifd-failover-while-receiving"), "in-checkpoint");
}

#[test]
fn the_lost_channel_hangs_in_the_wait_of_the_real_one() {
    let dir = captures().join("colo-multifd-channel-lost");
    let (document, _) = verified(&[dir.to_str().expect("a name")]);
    let wait = document["wait"].as_str().expect("it names the wait");
    assert!(wait.contains("dst/main") && wait.contains("join mig/dst/colo"), "{wait}");
    assert!(wait.contains("semaphore multifd_recv_state->sem_sync"), "{wait}");
}

const LEAK: &str = "colo-multifd-failover-while-receiving";

/// The recorded guest had pages 5627 to 5754 of pc.ram from packet 291, which came on channel 2.
#[test]
fn the_recorded_leak_is_explained_by_one_held_receive_thread() {
    let dir = captures().join(LEAK);
    let (document, code) = verified(&[dir.to_str().expect("a name")]);
    assert_eq!(code, Some(0), "{document:#}");
    let leak = &document["leak"];
    assert_eq!((leak["recorded"].as_u64(), leak["explained"].as_u64()), (Some(128), Some(128)), "{leak:#}");
    assert_eq!(leak["too_many"], 0);
    assert_eq!(leak["pages"], json!([[5627, 5754]]));
    assert_eq!(leak["packets"], json!([{"channel": 2, "packet_num": 291}]));
    let holds = leak["plan"]["holds"].as_array().expect("holds");
    assert!(
        holds
            .iter()
            .any(|hold| hold["at"]["thread"] == "mig/dst/recv_2"
                && hold["at"]["step"] == "multifd_recv.read_state_process"),
        "{leak:#}"
    );
}

#[test]
fn the_printed_plan_leaks_the_same_pages_again() {
    let dir = captures().join(LEAK);
    let output = colosim(&["capture", "verify", dir.to_str().expect("a name")]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("leaked pages: 128 of 128 as recorded"), "{text}");
    let plan = text.lines().find_map(|line| line.trim().strip_prefix("plan: ")).expect("a plan");
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), plan).expect("written");
    let (document, code) = verified(&[dir.to_str().expect("a name"), "--plan", file.path().to_str().expect("a name")]);
    assert_eq!((document["leak"]["explained"].as_u64(), code), (Some(128), Some(0)), "{document:#}");
}

#[test]
fn a_plan_that_does_not_leak_the_recorded_pages_disagrees() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let hold = r#"(at: (thread: "mig/dst/recv_2", step: "multifd_recv.check_exiting", visit: 60),
                   until: (thread: "dst/main", step: "recv_terminate.set_exiting", visit: 1), longest_ns: 2000000000)"#;
    fs::write(file.path(), format!("(holds: [{hold}])")).expect("written");
    let dir = captures().join(LEAK);
    let (document, code) = verified(&[dir.to_str().expect("a name"), "--plan", file.path().to_str().expect("a name")]);
    assert_eq!((document["leak"]["explained"].as_u64(), code), (Some(0), Some(1)), "{document:#}");
}

#[test]
fn pages_that_the_guest_may_have_written_itself_are_no_leak() {
    let dir = captures().join("colo-multifd-killed-in-checkpoint");
    let (document, _) = verified(&[dir.to_str().expect("a name")]);
    assert_eq!(document["leak"]["recorded"], 0, "{document:#}");
    assert!(document["leak"]["undecided"].as_u64() > Some(0), "{document:#}");
    let whole = captures().join("colo-multifd");
    let (document, _) = verified(&[whole.to_str().expect("a name")]);
    assert!(document["leak"].is_null(), "it did not fail over inside a checkpoint");
}

#[test]
fn a_page_that_no_packet_of_the_unfinished_checkpoint_carries_cannot_have_leaked() {
    let (_dir, copy) = copy_of(LEAK);
    edit(&copy, "index.json", |index| index["notes"]["uncommitted_pages_in_guest_ram"] = json!([5627, 3]));
    refused(&copy, "page 3 of pc.ram is listed as uncommitted");
}

#[test]
fn late_receive_threads_change_nothing() {
    let dir = captures().join("colo-multifd");
    let (document, code) = verified(&[dir.to_str().expect("a name"), "--seeds", "5"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["seeds"]["agree"], 5);
}

#[test]
fn a_state_that_differs_from_the_recorded_one_disagrees() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    edit(&copy, "decoded.json", |decoded| decoded["states"][0]["pc_ram_page_list_sha256"] = "0".repeat(64).into());
    let (document, code) = verified(&[copy.to_str().expect("a name")]);
    assert_eq!((document["verdict"].as_str(), code), (Some("disagrees"), Some(1)));
    assert_eq!(document["states_equal"], 0);
}

/// The first data packet of channel 0 stands behind the init packet and a SYNC packet; its page data behind its 1344 bytes.
#[test]
fn one_flipped_bit_of_a_page_shows_in_the_states_and_in_every_memory() {
    let (_dir, copy) = copy_of("colo-multifd");
    edit_stream(&copy, 1, |stream| stream[64 + 2 * 1344 + 100] ^= 1);
    let (document, code) = verified(&[copy.to_str().expect("a name")]);
    assert_eq!((document["verdict"].as_str(), code), (Some("disagrees"), Some(1)), "{document:#}");
    assert_eq!(document["states_equal"], 0);
    let memories = document["memories"].as_array().expect("memories");
    assert_eq!(memories.len(), 4);
    assert!(memories.iter().all(|memory| memory["differ"] == 1), "{document:#}");
}

#[test]
fn a_packet_that_is_none_disagrees_and_says_what_the_secondary_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    edit_stream(&copy, 1, |stream| stream[1408] ^= 1);
    let (document, code) = verified(&[copy.to_str().expect("a name")]);
    assert_eq!((document["verdict"].as_str(), code), (Some("disagrees"), Some(1)), "{document:#}");
    let errors = document["errors"].as_array().expect("what it says");
    assert!(errors.iter().any(|error| error.as_str().expect("text").contains("a packet has magic")), "{document:#}");
}

#[test]
fn a_machine_with_more_ram_than_a_replay_holds_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    edit_stream(&copy, 0, |stream| {
        let name = pc_ram(stream);
        let number = |at: usize| u64::from_be_bytes(stream[at..at + 8].try_into().expect("8 bytes"));
        let (total, length) = (number(name - 8), number(name + 7));
        let large: u64 = 1 << 50;
        stream[name - 8..name].copy_from_slice(&(total - length + large).to_be_bytes());
        stream[name + 7..name + 15].copy_from_slice(&large.to_be_bytes());
    });
    refused(&copy, "bytes of RAM, expected at most");
}

#[test]
fn a_machine_without_the_compared_block_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    // MEM_SIZE with a total of zero: the list is empty.
    edit_stream(&copy, 0, |stream| {
        let name = pc_ram(stream);
        stream[name - 8..name].copy_from_slice(&4u64.to_be_bytes());
    });
    refused(&copy, "no RAM block called \"pc.ram\"");
}

#[test]
fn an_index_that_makes_no_sense_is_refused() {
    let spoiled = |change: fn(&mut Value), says: &str| {
        let (_dir, copy) = copy_of("precopy-multifd-zlib");
        edit(&copy, "index.json", change);
        refused(&copy, says);
    };
    spoiled(|index| index["channels"][1]["channel"] = "main".into(), "two channels `main`");
    spoiled(|index| index["channels"][0]["channel"] = "multifd-7".into(), "no channel `main`");
    spoiled(|index| index["notes"]["failover_us"] = u64::MAX.into(), "is later than");
    spoiled(
        |index| index["channels"][1]["chunks_us"]["p2s"] = json!([[5, 64]]),
        "the chunks of multifd-0 end at 64 bytes",
    );
    spoiled(|index| index["kind"] = "postcopy".into(), "unknown variant `postcopy`");
    spoiled(
        |index| index["page_hashes"]["primary"]["sha256_of_list"] = "0".into(),
        "pages.primary.sha64.zst is garbled",
    );
}

#[test]
fn a_garbled_stream_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    edit(&copy, "index.json", |index| index["channels"][0]["p2s"]["sha256"] = "0".repeat(64).into());
    refused(&copy, "is garbled");
}

#[test]
fn a_truncated_stream_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    let stream = copy.join("0-main.primary-to-secondary.bin.zst");
    let bytes = fs::read(&stream).expect("it is there");
    fs::write(&stream, &bytes[..bytes.len() / 2]).expect("written");
    refused(&copy, "0-main.primary-to-secondary.bin.zst");
}

#[test]
fn a_missing_stream_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    fs::remove_file(copy.join("0-main.primary-to-secondary.bin.zst")).expect("removed");
    refused(&copy, "0-main.primary-to-secondary.bin.zst");
}

#[test]
fn an_index_that_is_no_json_is_refused_with_its_place() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    fs::write(copy.join("index.json"), "{\n  \"name\": }").expect("written");
    refused(&copy, "index.json:2:");
}

#[test]
fn a_directory_without_a_recording_is_refused() {
    refused(tempfile::tempdir().expect("a directory").path(), "no recording");
}

#[test]
fn show_prints_every_packet() {
    let dir = captures().join("colo-multifd");
    let output = colosim(&["capture", "show", dir.to_str().expect("a name"), "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let channels = document["channels"].as_array().expect("channels");
    let packets: usize = channels.iter().map(|c| c["packets"].as_array().expect("packets").len()).sum();
    assert_eq!(packets, 146);
    assert!(document["main_ends_with"].is_null(), "{document:#}");
}

/// The table was made by an independent decoder.
#[test]
fn show_finds_the_epochs_of_the_recorded_table() {
    for name in ["colo-multifd", "colo-multifd-channel-lost", "precopy-multifd-zstd"] {
        let dir = captures().join(name);
        let output = colosim(&["capture", "show", dir.to_str().expect("a name"), "--format", "json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let decoded = fs::read_to_string(dir.join("decoded.json")).expect("it is there");
        let decoded: Value = serde_json::from_str(&decoded).expect("JSON");
        let recorded = decoded["epochs"].as_array().expect("epochs");
        let pages = |epoch: &Value| (epoch["normal"].as_u64(), epoch["zero"].as_u64());
        let whole: Vec<_> =
            shown["epochs"].as_array().expect("epochs").iter().filter(|e| e["synced_channels"] == 2).collect();
        assert_eq!(whole.len(), recorded.len(), "{name}");
        for (epoch, recorded) in whole.iter().zip(recorded) {
            assert_eq!(pages(epoch), pages(recorded), "{name}: {epoch:#}");
        }
    }
}
