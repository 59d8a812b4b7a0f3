//! Goal: what a reviewer meets who puts a point of the debate to the test: several scenarios at once, presets of which something is
//! unknown, designs that cannot be, and questions about what is not there.

use crate::{colosim, data, json};
use std::fs;
use tempfile::TempDir;

#[test]
fn several_scenarios_are_answered_in_one_document_in_their_order() {
    let small = data("small.ron");
    let small = small.to_str().unwrap();
    let (code, answer) = json(&["compare", small, "cache-teardown-idle", "--seeds", "2"]);
    assert_eq!(code, 1, "one of them is violated");
    let scenarios = answer["scenarios"].as_array().unwrap();
    let names: Vec<&str> = scenarios.iter().map(|one| one["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, ["small", "cache-teardown-idle"]);
    let (_, alone) = json(&["compare", "cache-teardown-idle", "--seeds", "2"]);
    assert_eq!(alone["rows"], scenarios[1]["rows"], "the same as alone");
}

#[test]
fn a_scenario_that_asks_how_long_a_migration_takes_is_not_searched() {
    let small = data("small.ron");
    let (_, answer) = json(&["compare", "one-tebibyte", small.to_str().unwrap(), "--seeds", "1"]);
    assert_eq!(answer["not_searched"], serde_json::json!(["one-tebibyte"]));
    assert_eq!(answer["scenarios"].as_array().unwrap().len(), 1);
    for command in ["compare", "explore"] {
        let output = colosim().args([command, "one-tebibyte"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("one-tebibyte has nothing to search for"), "{told}");
        assert!(told.contains("`colosim run one-tebibyte` answers it"), "{told}");
    }
}

#[test]
fn a_preset_of_which_something_is_unknown_is_shown_in_both_forms() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("unknown.ron");
    let text = fs::read_to_string(data("small.ron")).unwrap();
    let variants = text.lines().find(|line| line.trim_start().starts_with("variants:")).unwrap();
    fs::write(&file, text.replace(variants, "    variants: [\"multifd-v6\"],")).unwrap();
    let (_, answer) = json(&["compare", file.to_str().unwrap(), "--seeds", "1"]);
    let rows = answer["rows"].as_array().unwrap();
    let conditions: Vec<&str> = rows.iter().map(|row| row["condition"].as_str().unwrap()).collect();
    assert_eq!(conditions, ["if P order", "if M order"]);
    // Each name says all that is assumed, so it can be run.
    let (_, run) = json(&["run", file.to_str().unwrap(), "--variant", rows[0]["variant"].as_str().unwrap()]);
    assert_eq!(run["variant"], rows[0]["variant"]);
    let output = colosim().args(["run", file.to_str().unwrap(), "--variant", "multifd-v6"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("what `cache_release` is in `multifd-v6` is not known"), "{told}");
    assert!(told.contains("multifd-v6 + cache_release: AfterMultifdJoin"), "{told}");
}

#[test]
fn a_question_about_a_disk_without_a_disk_is_not_modelled_and_never_holds() {
    let small = data("small.ron");
    let args = ["compare", small.to_str().unwrap(), "--seeds", "1", "--set", "asks=[DiskState]", "--set", "faults=[]"];
    let (code, answer) = json(&args);
    assert_eq!(code, 3);
    for row in answer["rows"].as_array().unwrap() {
        assert_eq!(row["verdict"], "not modelled");
        let claim = row["claim"].as_str().unwrap();
        assert!(claim.ends_with("DiskState is not modelled here: the guest has no disk"), "{claim}");
    }
}

#[test]
fn a_design_that_cannot_be_is_refused_with_the_reason() {
    let small = data("small.ron");
    for (design, reason) in [
        ("merged + copy_order: GuestThenCache", "the guest is what is copied to"),
        ("merged + recv_target: ByState", "the cache is what is copied to"),
        ("merged + hook_record: None + state_reads: Once", "no state is read"),
    ] {
        let output = colosim().args(["run", small.to_str().unwrap(), "--variant", design]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{design}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("is senseless here") && told.contains(reason), "{design}: {told}");
    }
}
