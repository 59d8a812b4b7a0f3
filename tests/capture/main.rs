//! Recorded migrations of a real QEMU through the simulated secondary, as a user runs them.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
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
    let decoded = fs::read_to_string(copy.join("decoded.json")).expect("it is there");
    let mut document: Value = serde_json::from_str(&decoded).expect("JSON");
    document["states"][0]["pc_ram_page_list_sha256"] = "0".repeat(64).into();
    fs::write(copy.join("decoded.json"), document.to_string()).expect("written");
    let (document, code) = verified(&[copy.to_str().expect("a name")]);
    assert_eq!((document["verdict"].as_str(), code), (Some("disagrees"), Some(1)));
    assert_eq!(document["states_equal"], 0);
}

#[test]
fn a_garbled_stream_is_refused() {
    let (_dir, copy) = copy_of("precopy-multifd-zlib");
    let index = fs::read_to_string(copy.join("index.json")).expect("it is there");
    let mut document: Value = serde_json::from_str(&index).expect("JSON");
    document["channels"][0]["p2s"]["sha256"] = "0".repeat(64).into();
    fs::write(copy.join("index.json"), document.to_string()).expect("written");
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
