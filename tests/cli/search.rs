//! Goal: a search finds the race of the reviewed series, answers with stable keys, does not depend on the number of
//! workers, and leaves witnesses that give the same run again.

use crate::{assert_keys, colosim, data, json};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FINDING: &[&str] =
    &["kind", "object", "steps", "thread", "seed", "plan", "window_ns", "first_found_at_run", "witness"];

fn small() -> String {
    data("small.ron").to_str().unwrap().to_owned()
}

/// All but the time it took.
fn timeless(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("elapsed_ms").expect("a search says how long it took");
    answer
}

fn witnesses(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|ext| ext == "ron")).collect();
    paths.sort();
    paths
}

#[test]
fn the_reviewed_series_is_violated_and_the_answer_has_the_promised_keys() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().to_str().unwrap();
    let (code, answer) = json(&["explore", &small(), "--seeds", "20", "--out", out, "--verify-determinism"]);
    assert_eq!(code, 1);
    let promised = ["scenario", "variant", "strategy", "runs", "steps", "complete", "violations", "others", "hazards"];
    assert_keys(&answer, &promised);
    assert_keys(&answer, &["elapsed_ms"]);
    assert_eq!((&answer["variant"], &answer["complete"]), (&"series-v5".into(), &true.into()));
    let finding = &answer["violations"][0];
    assert_keys(finding, FINDING);
    assert_eq!(finding["object"], "colo_cache");
    assert!(finding["window_ns"].as_u64().unwrap() > 0);
    for part in ["was late by", "KillPrimary at LoadingRam(checkpoint: 2)", "no lock, semaphore or join orders"] {
        assert!(finding["story"].as_str().unwrap().contains(part), "{part} is not in {}", finding["story"]);
    }
    assert!(Path::new(finding["witness"].as_str().unwrap()).exists());
}

#[test]
fn the_answer_does_not_depend_on_the_number_of_workers() {
    let with = |command: &str, jobs| timeless(json(&[command, &small(), "--seeds", "20", "--jobs", jobs]).1);
    for command in ["explore", "compare"] {
        assert_eq!(with(command, "1"), with(command, "2"), "{command}");
    }
}

#[test]
fn a_witness_gives_the_same_run_every_time_it_is_replayed() {
    let dir = TempDir::new().unwrap();
    colosim().args(["explore", &small(), "--seeds", "10", "--out"]).arg(dir.path()).assert().code(1);
    let witness = witnesses(dir.path()).remove(0);
    let replays = [(); 3].map(|()| json(&["replay", witness.to_str().unwrap()]));
    let (code, replay) = &replays[0];
    assert_eq!(*code, 1);
    assert_eq!((&replay["shows_violation"], &replay["same_trace"]), (&true.into(), &true.into()));
    assert_eq!(replay["trace_hash"], replay["expected_trace_hash"]);
    assert!(replays.iter().all(|other| other == &replays[0]));

    // The same through `run`, which finds variant, faults and seed in the witness.
    let (code, run) = json(&["run", &small(), "--plan", witness.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert_eq!(run["trace_hash"], replay["trace_hash"]);
}

#[test]
fn a_stall_below_the_window_does_not_reproduce_and_exits_with_3() {
    let dir = TempDir::new().unwrap();
    colosim().args(["explore", &small(), "--seeds", "10", "--out"]).arg(dir.path()).assert().code(1);
    let witness = witnesses(dir.path()).remove(0);
    let text = fs::read_to_string(&witness).unwrap();
    let at = text.find("span_ns: ").unwrap() + "span_ns: ".len();
    let digits = text[at..].find(|c: char| !c.is_ascii_digit()).unwrap();
    fs::write(&witness, format!("{}1{}", &text[..at], &text[at + digits..])).unwrap();
    let (code, replay) = json(&["replay", witness.to_str().unwrap()]);
    assert_eq!((code, &replay["shows_violation"]), (3, &false.into()));
}

#[test]
fn compare_gives_each_variant_a_verdict_with_its_claim() {
    let (code, answer) = json(&["compare", &small(), "--seeds", "20"]);
    assert_eq!(code, 1);
    assert_keys(&answer, &["question", "rows"]);
    let rows = answer["rows"].as_array().unwrap();
    let verdicts: Vec<_> = rows.iter().map(|row| (row["variant"].clone(), row["verdict"].clone())).collect();
    assert_eq!(verdicts, [("series-v5".into(), "violated".into()), ("merged".into(), "holds".into())]);
    for row in rows {
        assert_keys(row, &["claim", "violations"]);
        assert!(row["claim"].as_str().unwrap().contains("20 seeds (and one undisturbed run) × 2 fault plans"));
    }
    assert_keys(&rows[0]["violations"][0], FINDING);
    let text = colosim().args(["compare", &small(), "--seeds", "20"]).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("VIOLATED") && text.contains("holds") && text.contains("complete"), "{text}");
}

#[test]
fn a_search_that_ends_early_or_never_reaches_its_faults_is_inconclusive() {
    let (code, answer) = json(&["compare", &small(), "--set", "variants=[\"merged\"]", "--budget", "1ns"]);
    assert_eq!((code, &answer["rows"][0]["verdict"]), (3, &"inconclusive".into()));
    assert!(answer["rows"][0]["claim"].as_str().unwrap().contains("ended early"));

    let never = "faults=[[(at: Time(\"1000 s\"), do: KillPrimary)]]";
    let (code, answer) = json(&["compare", &small(), "--set", "variants=[\"merged\"]", "--set", never, "--seeds", "2"]);
    assert_eq!((code, &answer["rows"][0]["verdict"]), (3, &"inconclusive".into()));
    assert!(answer["rows"][0]["claim"].as_str().unwrap().contains("never struck"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_was_found_and_exits_with_130() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let dir = TempDir::new().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["explore", &small(), "--seeds", "1000000", "--format", "json", "--out"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["complete"], false);
    let found = answer["violations"].as_array().unwrap().len() + answer["others"].as_array().unwrap().len();
    assert!(found > 0);
    assert_eq!(witnesses(dir.path()).len(), found);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["list", "steps"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
