//! Goal: what scripts rely on: exit codes, one JSON document with stable keys, lists, a scenario that `check` printed.

use crate::{assert_keys, colosim, data, json};
use std::fs;
use tempfile::TempDir;

#[test]
fn a_run_without_faults_exits_with_0_and_has_the_promised_keys() {
    let small = data("small.ron");
    let (code, run) = json(&["run", small.to_str().unwrap(), "--fault-plan", "none", "--variant", "merged"]);
    assert_eq!(code, 0);
    let promised =
        ["scenario", "variant", "seed", "trace_hash", "steps", "virtual_time_ns", "violations", "hazards", "metrics"];
    assert_keys(&run, &promised);
    assert_eq!(run["scenario"], "small");
    assert_eq!(run["violations"].as_array().unwrap().len(), 0);
    let metrics =
        ["total_time_ns", "downtime_ns", "transferred_bytes", "normal", "duplicate", "checkpoints", "pause_ns"];
    assert_keys(&run["metrics"], &metrics);
    assert_eq!(run["metrics"]["checkpoint_count"], 3);
}

#[test]
fn the_text_of_a_run_names_what_query_migrate_names() {
    let small = data("small.ron");
    let output = colosim().arg("run").arg(small).args(["--fault-plan", "none"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["total-time", "downtime", "dirty-sync-count", "3 checkpoints", "pause", "violations: none", "trace "] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn every_way_to_name_a_variant_gives_the_same_run() {
    let small = data("small.ron");
    let small = small.to_str().unwrap();
    let names = ["merged + cache_release: AfterColoJoin", "(\"merged\", (cache_release: AfterColoJoin))"];
    let runs = names.map(|name| json(&["run", small, "--variant", name]).1);
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0]["variant"], names[0]);
}

#[test]
fn a_trace_has_one_line_for_each_step() {
    let dir = TempDir::new().unwrap();
    let trace = dir.path().join("steps.txt");
    let small = data("small.ron");
    let (_, run) = json(&["run", small.to_str().unwrap(), "--trace", trace.to_str().unwrap(), "--verify-determinism"]);
    let text = fs::read_to_string(trace).unwrap();
    assert_eq!(text.lines().count() as u64, 1 + run["steps"].as_u64().unwrap());
    let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last.len(), 4, "{last:?}");
    assert!(last[0].parse::<u64>().is_ok() && last[2].contains('.'));
}

#[test]
fn what_check_prints_is_the_same_scenario() {
    let dir = TempDir::new().unwrap();
    let effective = dir.path().join("small.ron");
    let small = data("small.ron");
    let output = colosim().arg("check").arg(&small).args(["--set", "link.loss=1e-3"]).output().unwrap();
    fs::write(&effective, &output.stdout).unwrap();
    let fingerprint = |args: &[&str]| json(args).1["fingerprint"].clone();
    let changed = fingerprint(&["check", small.to_str().unwrap(), "--set", "link.loss=1e-3"]);
    assert_eq!(fingerprint(&["check", effective.to_str().unwrap()]), changed);
    assert_ne!(fingerprint(&["check", small.to_str().unwrap()]), changed);
}

#[test]
fn every_scenario_that_is_part_of_the_program_is_sound() {
    let dir = TempDir::new().unwrap();
    let output = colosim().current_dir(&dir).args(["list", "scenarios", "--format", "json"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["source"], "built in");
    let items = list["items"].as_array().unwrap();
    assert!(items.len() >= 5);
    for item in items {
        colosim().current_dir(&dir).args(["check", item["name"].as_str().unwrap()]).assert().success();
    }
}

#[test]
fn all_lists_have_items_with_names_and_docs() {
    for what in ["scenarios", "variants", "switches", "presets", "steps", "strategies", "profiles"] {
        let (code, list) = json(&["list", what]);
        assert_eq!(code, 0);
        let items = list["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{what}");
        for item in items {
            assert!(!item["name"].as_str().unwrap().is_empty() && !item["doc"].as_str().unwrap().is_empty(), "{item}");
        }
        colosim().args(["list", what]).assert().success();
    }
}

#[test]
fn completions_and_manual_pages_are_made_from_the_same_definition() {
    let completions = colosim().args(["completions", "bash"]).output().unwrap();
    assert!(String::from_utf8_lossy(&completions.stdout).contains("verify-determinism"));
    let page = colosim().arg("man").output().unwrap();
    assert!(String::from_utf8_lossy(&page.stdout).contains(".TH"));
    let dir = TempDir::new().unwrap();
    let pages = dir.path().join("pages");
    colosim().arg("man").arg("--out").arg(&pages).assert().success();
    assert!(pages.join("colosim-explore.1").exists());
}

#[test]
fn help_of_every_command_has_an_example() {
    let commands = ["run", "explore", "compare", "replay", "sweep", "plot", "capture verify", "check", "list", "man"];
    for command in commands {
        let output = colosim().args(command.split(' ')).arg("--help").output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example"), "{command}");
    }
}
