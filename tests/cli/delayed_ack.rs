//! The stalls of COLO over TCP: `run` names the messages that waited for an acknowledgement, and so does the trace.

use super::{colosim, json};
use serde_json::Value;

fn run(settings: &[&str]) -> Value {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["run", "scenarios/delayed-ack.ron"].into_iter().chain(settings).collect();
    let (code, document) = json(&arguments);
    assert_eq!(code, 0);
    document
}

fn pause_ms(document: &Value) -> f64 {
    document["metrics"]["pause_ns"]["p50"].as_f64().expect("a number") / 1e6
}

#[test]
fn the_messages_that_waited_for_a_delayed_acknowledgement_are_named() {
    let document = run(&[]);
    let held_back = document["held_back"].as_array().expect("a list");
    let of_40_ms: Vec<&str> = held_back
        .iter()
        .filter(|kind| (38_000_000..44_000_000).contains(&kind["longest_ns"].as_u64().expect("a number")))
        .map(|kind| kind["step"].as_str().expect("a name"))
        .collect();
    // One at each side: the primary's word before its last section, the secondary's that it has loaded.
    assert_eq!(of_40_ms, ["multifd_queue.flush_word", "colo_incoming.send_loaded"]);
    let (nagle, neither) = (pause_ms(&document), pause_ms(&run(&["link.no_delay=true"])));
    assert!(nagle > neither + 70.0, "{nagle} ms, and {neither} ms without Nagle's algorithm");
}

#[test]
fn nothing_waits_without_nagle_or_over_a_unix_socket() {
    for setting in ["link.no_delay=true", "link.transport=Unix"] {
        let document = run(&[setting]);
        assert_eq!(document["held_back"].as_array().expect("a list").len(), 0, "{setting}");
        assert!(pause_ms(&document) < 20.0, "{setting}: {}", pause_ms(&document));
    }
}

#[test]
fn the_trace_has_a_line_where_a_message_was_held_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("trace");
    colosim().args(["run", "scenarios/delayed-ack.ron", "--trace"]).arg(&trace).assert().success();
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let line = text.lines().find(|line| line.contains("colo_incoming.send_loaded") && line.starts_with('#'));
    let line = line.expect("the answer of the secondary waited");
    assert!(line.contains("mig/dst/colo") && line.ends_with("for an acknowledgement on `main back`"), "{line}");
}
