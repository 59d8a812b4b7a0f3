//! Goal: every strategy is there under its name, and a wrong name or parameter is answered with what was meant.

use crate::{assert_keys, colosim, data, json};

fn small() -> String {
    data("small.ron").to_str().unwrap().to_owned()
}

#[test]
fn every_strategy_searches_and_is_named_as_it_was_given() {
    for strategy in ["stalls", "timed", "pct:3", "swarm"] {
        let (_, answer) = json(&["explore", &small(), "--seeds", "6", "--strategy", strategy]);
        assert_eq!((&answer["strategy"], &answer["complete"]), (&strategy.into(), &true.into()));
        assert_eq!(answer["runs"], 14, "{strategy}");
    }
}

#[test]
fn exhaustive_says_what_was_enumerated_and_refuses_what_would_take_for_ever() {
    let (_, answer) = json(&["explore", &small(), "--strategy", "exhaustive:1"]);
    assert_eq!(answer["complete"], true);
    assert!(answer["claim"].as_str().unwrap().contains("every plan with up to 1 hold"), "{}", answer["claim"]);
    let output = colosim()
        .args(["explore", "cache-teardown", "--variant", "merged", "--strategy", "exhaustive:4"])
        .assert()
        .code(2);
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(stderr.contains("exhaustive:4 would take at least") && stderr.contains("--budget 30s"), "{stderr}");
}

/// The whole of what a host and a network can do to the smallest configuration: the old teardown breaks, that of the merged
/// series does not, and the leak that it has does not end the search.
#[test]
fn dpor_finds_the_early_release_and_proves_that_the_merged_design_has_none() {
    let dpor = |variant| json(&["explore", "cache-teardown", "--variant", variant, "--strategy", "dpor"]).1;
    let (merged, series) = (dpor("merged"), dpor("series-v5"));
    assert_eq!((&merged["complete"], &series["complete"]), (&true.into(), &true.into()));
    assert_eq!(merged["violations"].as_array().unwrap().len(), 0);
    let kinds = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|found| found["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert!(kinds(&merged["others"]).contains(&"uncommitted-pages".to_owned()));
    assert!(kinds(&series["violations"]).contains(&"use-after-free".to_owned()));
    // Its witness is a timed run: a stall of somebody.
    let plan = &series["violations"][0]["plan"];
    assert!(!plan["stalls"].as_array().unwrap().is_empty(), "{plan}");
}

#[test]
fn swarm_prints_what_its_seed_had_drawn_and_pct_the_chance_of_one_run() {
    let (_, answer) = json(&["explore", &small(), "--seeds", "40", "--strategy", "swarm"]);
    let findings = answer["violations"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert_keys(&finding["knobs"], &["threads", "steps", "stalls", "spans", "host preempts", "faults"]);
    }
    let (_, answer) = json(&["explore", &small(), "--seeds", "2", "--strategy", "pct:1"]);
    let chance = answer["chance_at_least"].as_f64().unwrap();
    assert!(chance > 0.0 && chance < 0.2, "{chance}");
    let output = colosim().args(["explore", &small(), "--seeds", "2", "--strategy", "pct:2"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("one run shows a bug of depth 2 with a chance of at least")
    );
}

#[test]
fn a_wrong_strategy_or_parameter_is_refused_with_what_it_must_be() {
    let cases = [
        ("stals", "unknown strategy `stals`; did you mean `stalls`?"),
        ("stals", "`pct:D`, `swarm`, `exhaustive:K`, `dpor`"),
        ("pct", "`pct:D` needs the depth, the number of ordering constraints, 1 to 10, but none was given"),
        ("pct:11", "1 to 10, but `11` was given; write e.g. `pct:2`"),
        ("exhaustive:0", "the number of holds, 1 to 4, but `0` was given"),
        ("timed:3", "`timed` takes no parameter"),
    ];
    for (strategy, part) in cases {
        for command in ["explore", "compare"] {
            let output = colosim().args([command, &small(), "--strategy", strategy]).assert().code(2);
            let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
            assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
        }
    }
}

#[test]
fn the_list_says_what_each_strategy_does_proves_and_comes_from() {
    let (_, list) = json(&["list", "strategies"]);
    let items = list["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stalls", "timed", "pct:D", "swarm", "exhaustive:K", "dpor"]);
    for item in items {
        let details = item["details"].as_array().unwrap();
        for expected in ["proves", "source"] {
            assert!(details.iter().any(|detail| detail["name"] == expected), "{expected} of {item}");
        }
    }
}
