//! Goal: a search that ends early is kept, and the same command takes up where it stopped: the result is that of a search
//! that nothing interrupted. Also: a search can begin where a stored run leads to.

use crate::{colosim, data, json};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn small() -> String {
    data("small.ron").to_str().unwrap().to_owned()
}

/// What must not depend on interruptions: neither time nor place.
fn essence(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("elapsed_ms");
    for list in ["violations", "others"] {
        for finding in answer[list].as_array_mut().unwrap() {
            finding.as_object_mut().unwrap().remove("witness");
        }
    }
    answer
}

/// With a budget that is over before the first batch.
fn begin(dir: &Path, args: &[&str]) -> Value {
    let out = dir.to_str().unwrap();
    json(&[&["explore", &small(), "--budget", "1ns", "--out", out], args].concat()).1
}

#[test]
fn a_search_that_ran_out_of_budget_goes_on_and_ends_as_if_nothing_had_come_between() {
    for strategy in ["stalls", "swarm", "pct:2"] {
        let args = ["--seeds", "40", "--strategy", strategy];
        let whole = json(&[&["explore", &small()], &args[..]].concat()).1;
        let dir = TempDir::new().unwrap();
        assert_eq!(begin(dir.path(), &args)["complete"], false);
        assert!(dir.path().join("search.json").exists());
        // Ended again and again, on a slow machine too: the budget grows until it is enough.
        let mut answer = Value::Null;
        for doubled in 0..12 {
            let budget = format!("{}ms", 30 << doubled);
            let budget = ["--budget", &budget, "--out", dir.path().to_str().unwrap()];
            answer = json(&[&["explore", &small()], &args[..], &budget[..]].concat()).1;
            if answer["complete"] == true {
                break;
            }
        }
        assert_eq!(essence(answer), essence(whole), "{strategy}");
        assert!(!dir.path().join("search.json").exists(), "a search that is through is not kept");
    }
}

#[test]
fn another_search_in_the_same_directory_is_refused() {
    let dir = TempDir::new().unwrap();
    begin(dir.path(), &["--seeds", "40"]);
    let out = dir.path().to_str().unwrap();
    for (args, part) in [
        (&["--seeds", "41"][..], "seeds was `0..40`, now `0..41`"),
        (&["--seeds", "40", "--strategy", "timed"], "strategy was `stalls`, now `timed`"),
        (&["--seeds", "40", "--variant", "merged"], "variant was `series-v5`, now `merged`"),
        (&["--seeds", "40", "--set", "link.latency=60 us"], "fingerprint was"),
    ] {
        let assert = colosim().args(["explore", &small(), "--out", out]).args(args).assert().code(2);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains("unfinished search of another kind") && stderr.contains(part), "{part}: {stderr}");
    }
    assert!(dir.path().join("search.json").exists());
}

#[test]
fn a_garbled_state_is_refused_at_its_place() {
    let dir = TempDir::new().unwrap();
    begin(dir.path(), &["--seeds", "40"]);
    let file = dir.path().join("search.json");
    let text = fs::read_to_string(&file).unwrap();
    for garbled in
        [text.replace("\"reached\"", "\"reach\""), text[..text.len() / 2].to_owned(), text.replace("[1,1]", "[1,0]")]
    {
        assert_ne!(garbled, text);
        fs::write(&file, garbled).unwrap();
        let out = dir.path().to_str().unwrap();
        let assert = colosim().args(["explore", &small(), "--seeds", "40", "--out", out]).assert().code(2);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains("search.json") && stderr.contains("starts again"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_goes_on_and_gives_the_same_result() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let args = ["explore", &small(), "--seeds", "600", "--format", "json"];
    let (_, whole) = json(&args[..4]);
    let dir = TempDir::new().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(args)
        .arg("--out")
        .arg(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let begun: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(begun["complete"], false);
    assert!(begun["runs"].as_u64().unwrap() < whole["runs"].as_u64().unwrap());
    let (code, answer) = json(&[&args[..4], &["--out", dir.path().to_str().unwrap()]].concat());
    assert_eq!((code, essence(answer)), (1, essence(whole)));
}

#[test]
fn a_stored_run_is_continued_by_another_strategy() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("found");
    colosim().args(["explore", &small(), "--seeds", "10", "--out"]).arg(&out).assert().code(1);
    let (_, answer) = json(&["explore", &small(), "--seeds", "10", "--out", out.to_str().unwrap()]);
    let witness = answer["violations"][0]["witness"].as_str().unwrap();
    let (code, continued) =
        json(&["explore", &small(), "--continue-from", witness, "--strategy", "timed", "--seeds", "5"]);
    assert_eq!((code, &continued["complete"]), (1, &true.into()));
    // One fault plan, that of the witness: each of its runs begins with the pause that breaks it.
    assert_eq!(continued["runs"], 6);
    let (_, continued) = json(&[
        "explore",
        &small(),
        "--continue-from",
        witness,
        "--pauses",
        "0",
        "--strategy",
        "timed",
        "--seeds",
        "5",
    ]);
    assert_eq!(continued["runs"], 6);
    for (args, part) in [
        (&["--continue-from", witness, "--pauses", "9"][..], "has only 1"),
        (&["--pauses", "1"], "--continue-from"),
        (&["--continue-from", witness, "--set", "link.latency=60 us"], "is a witness of scenario `small`"),
    ] {
        let assert = colosim().args(["explore", &small()]).args(args).assert().code(2);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}
