//! The program as a user runs it. A file for each thing that is promised; what they share is here.

mod answers;
mod debate;
mod delayed_ack;
mod depth;
mod fit;
mod input;
mod resume;
mod scale;
mod search;
mod strategies;
mod sweep;

use assert_cmd::Command;
use serde_json::Value;
use std::path::PathBuf;

/// The program.
fn colosim() -> Command {
    assert_cmd::cargo_bin_cmd!("colosim")
}

/// A file of tests/data.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Run with these arguments and `--format json`: the exit code and the document.
fn json(args: &[&str]) -> (i32, Value) {
    let output = colosim().args(args).args(["--format", "json"]).output().expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{stderr}"));
    (output.status.code().expect("it was not killed"), document)
}

/// The keys of an object.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The object has at least these keys.
fn assert_keys(value: &Value, expected: &[&str]) {
    let keys = keys(value);
    for key in expected {
        assert!(keys.contains(key), "there is no `{key}` in {keys:?}");
    }
}
