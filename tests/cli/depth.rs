//! Goal: a finding is not only found. Its probability, the nearest run that holds, where it was decided, what else was
//! reached and which accesses nothing orders are told with it.

use crate::{assert_keys, colosim, data, json};
use std::fs;
use tempfile::TempDir;

fn small() -> String {
    data("small.ron").to_str().unwrap().to_owned()
}

fn text(args: &[&str]) -> String {
    String::from_utf8(colosim().args(args).output().unwrap().stdout).unwrap()
}

#[test]
fn the_rate_on_the_undisturbed_host_has_an_interval_and_does_not_depend_on_the_workers() {
    // This switch alone makes the race so likely that a handful of runs shows it.
    let variant = ["--variant", "merged + cache_release: AfterColoJoin"];
    let with = |jobs| {
        let rate = ["--seeds", "4", "--rate", "--rate-runs", "24", "--jobs", jobs];
        json(&[&["explore", &small()], &variant[..], &rate[..]].concat()).1
    };
    let (one, two) = (with("1"), with("2"));
    assert_eq!(one["violations"], two["violations"]);
    let rates: Vec<_> = one["violations"].as_array().unwrap().iter().map(|finding| &finding["rate"]).collect();
    assert!(!rates.is_empty());
    for rate in &rates {
        assert_keys(rate, &["hits", "runs", "share", "low", "high"]);
        assert_eq!(rate["runs"], 24);
        let number = |key: &str| rate[key].as_f64().unwrap();
        assert!(number("low") <= number("share") && number("share") <= number("high"), "{rate}");
    }
    assert!(rates.iter().any(|rate| rate["hits"].as_u64().unwrap() > 0), "{rates:?}");
    let (_, without) = json(&[&["explore", &small(), "--seeds", "4"], &variant[..]].concat());
    assert!(without["violations"][0]["rate"].is_null());
}

#[test]
fn the_text_tells_probability_nearest_run_and_coverage() {
    let text = text(&["explore", &small(), "--seeds", "10", "--rate", "--rate-runs", "10"]);
    for part in [
        "probability on the undisturbed host: ",
        " of 10 (",
        "with 95 % confidence",
        "nearest run that holds: mig/dst/recv_1 stalled ",
        " ns instead of ",
        "first step that differs: number ",
        "in the run that breaks ",
        "interleavings: 22 distinct",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn the_nearest_run_is_one_that_holds() {
    let (_, answer) = json(&["explore", &small(), "--seeds", "10"]);
    let finding = &answer["violations"][0];
    let nearest = &finding["nearest"];
    assert_keys(nearest, &["changed", "trial", "differs_at"]);
    let span = |trial: &serde_json::Value| trial["plan"]["stalls"][0]["span_ns"].as_u64().unwrap();
    assert!(span(&nearest["trial"]) < finding["plan"]["stalls"][0]["span_ns"].as_u64().unwrap());
    assert_ne!(nearest["differs_at"]["broken"], nearest["differs_at"]["holds"]);
    let dir = TempDir::new().unwrap();
    let plan = dir.path().join("plan.ron");
    let stall = &nearest["trial"]["plan"]["stalls"][0];
    let (thread, step) = (stall["thread"].as_str().unwrap(), stall["step"].as_str().unwrap());
    let stall =
        format!("thread: \"{thread}\", step: \"{step}\", visit: {}, span_ns: {}", stall["visit"], stall["span_ns"]);
    fs::write(&plan, format!("(stalls: [({stall})])")).unwrap();
    let seed = nearest["trial"]["seed"].to_string();
    let (_, run) = json(&["run", &small(), "--plan", plan.to_str().unwrap(), "--seed", &seed]);
    let shows =
        |violation: &serde_json::Value| violation["kind"] == finding["kind"] && violation["steps"] == finding["steps"];
    assert!(!run["violations"].as_array().unwrap().iter().any(shows), "{}", run["violations"]);
}

#[test]
fn the_likelihood_is_written_told_and_drawn() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().to_str().unwrap();
    let (_, answer) = json(&["explore", &small(), "--seeds", "4", "--out", out, "--likelihood"]);
    let likelihood = &answer["likelihood"];
    assert_keys(likelihood, &["files", "finding", "decided", "shows_at_ns", "points"]);
    let points = likelihood["points"].as_array().unwrap();
    assert_eq!((&points[0]["after_steps"], &points[0]["runs"]), (&0.into(), &100.into()));
    assert!(points[0]["share"].as_f64().unwrap() < 0.5 && points.last().unwrap()["share"].as_f64().unwrap() > 0.5);
    let decided = likelihood["decided"]["after_steps"].as_u64().unwrap();
    assert!(points.iter().any(|point| point["after_steps"] == decided));
    let csv = fs::read_to_string(dir.path().join("likelihood.csv")).unwrap();
    assert!(csv.starts_with("after_steps,time_ns,hits,runs,share,low,high\n"), "{csv}");
    assert_eq!(csv.lines().count(), points.len() + 1);
    for theme in ["light", "dark"] {
        let (code, plotted) = json(&["plot", out, "--theme", theme]);
        assert_eq!((code, plotted["files"].as_array().unwrap().len()), (0, 2));
    }
    assert!(fs::read(dir.path().join("likelihood.png")).unwrap().starts_with(b"\x89PNG"));
    let svg = fs::read_to_string(dir.path().join("likelihood.svg")).unwrap();
    assert!(svg.contains("use-after-free of colo_cache"), "{svg}");
}

#[test]
fn the_likelihood_needs_a_place_for_its_files() {
    let output = colosim().args(["explore", &small(), "--likelihood"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(stderr.contains("--out DIR"), "{stderr}");
}

#[test]
fn hazards_stand_in_a_table_and_those_that_the_scenario_judges_apart() {
    let (_, answer) = json(&["run", &small()]);
    let hazard = &answer["hazards"].as_array().unwrap().iter().find(|hazard| hazard["object"] == "mis->state").unwrap();
    assert!(hazard["benign"].is_null());
    assert!(hazard["missing_order"].as_str().unwrap().contains("no lock, join or semaphore between them"));
    let steps = (hazard["second"]["step"].as_str().unwrap(), hazard["first"]["step"].as_str().unwrap());

    let dir = TempDir::new().unwrap();
    let judged = dir.path().join("judged.ron");
    let scenario = fs::read_to_string(data("small.ron")).unwrap();
    let benign = format!(
        "asks: [Lifetime],\n benign: [(object: \"mis->state\", steps: (\"{}\", \"{}\"), reason: \"read twice\")],",
        steps.0, steps.1
    );
    fs::write(&judged, scenario.replace("asks: [Lifetime],", &benign)).unwrap();
    let judged = judged.to_str().unwrap();
    let (_, answer) = json(&["run", judged]);
    let reasons = answer["hazards"].as_array().unwrap().iter().filter(|hazard| hazard["benign"] == "read twice");
    assert!(reasons.count() >= 1);
    for args in [&["run", judged][..], &["explore", judged, "--seeds", "2"], &["compare", judged, "--seeds", "2"]] {
        let text = text(args);
        for part in ["judged benign by the scenario:", "read twice", "what is missing"] {
            assert!(text.contains(part), "`{part}` is not in the answer of {args:?}:\n{text}");
        }
    }
}

#[test]
fn a_judgement_about_an_unknown_step_is_refused() {
    let benign = "[(object: \"ram\", steps: (\"multifd_recv.lok\", \"multifd_recv.lock\"), reason: \"why\")]";
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("wrong.ron");
    let scenario = fs::read_to_string(data("small.ron")).unwrap();
    fs::write(&path, scenario.replace("asks: [Lifetime],", &format!("benign: {benign},"))).unwrap();
    let output = colosim().arg("check").arg(&path).assert().code(2);
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(stderr.contains("unknown step `multifd_recv.lok`") && stderr.contains("`multifd_recv.lock`?"), "{stderr}");
}

#[test]
fn an_oracle_that_never_had_anything_to_judge_is_told() {
    let asks = ["--set", "asks=[OneSideRuns]", "--set", "faults=[]", "--set", "variants=[\"merged\"]", "--seeds", "2"];
    let (code, answer) = json(&[&["compare", &small()], &asks[..]].concat());
    assert_eq!((code, &answer["rows"][0]["verdict"]), (3, &"inconclusive".into()));
    assert!(answer["rows"][0]["claim"].as_str().unwrap().contains("no failover ended"));
    let (_, answer) = json(&[&["explore", &small()], &asks[..]].concat());
    assert_eq!(answer["unreached_oracles"][0]["asks"], "OneSideRuns");
}
