//! Goal: what `fit` makes of a recording is what it says, and input that is none is refused.
//! Method: recordings of a few numbers, through the program as a user runs it.

use crate::{colosim, data};
use assert_cmd::assert::Assert;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What the program said when it refused with exit code 2.
fn stderr_of(refused: Assert) -> String {
    String::from_utf8_lossy(&refused.code(2).get_output().stderr).into_owned()
}

/// A recording of one idle checkpoint over a UNIX socket; its VM took `stop_us` to stop on the primary.
fn recording(stop_us: u32) -> String {
    let summary = r#"{"mean": 1000.0, "p50": 1000.0}"#;
    format!(
        r#"[{{"class": "dirty", "config": {{"ram_mib": 16, "fill_mib": 8, "ws_mib": 8, "dirty_pages_per_s": 0, "guest_mode": 0,
            "max_bandwidth": 0, "multifd": false, "channels": 1, "zero_page_detection": "legacy", "transport": "unix",
            "checkpoint_delay_ms": 100}},
          "result": {{"pause_us": {summary}, "secondary_pause_us": {summary}, "interval_us": {summary}, "flush_us": {summary},
            "flush_pages": {summary}, "dirty_pages": {summary}, "run_fraction": 0.9,
            "checkpoints": [{{"dirty_pages": 2,
              "primary_us": {{"checkpoint-request": 0, "checkpoint-reply": 100, "stopped": {}, "vmstate-send": 2000,
                "ram-save-begin": 3000, "ram-save-end": 3010, "vmstate-size": 3040, "vmstate-loaded": 6000, "running": 6100}},
              "secondary_us": {{"ram-load-start": 3020, "ram-load-complete": 3050, "flush-begin": 4000, "flush-end": 4020,
                "flush-pages": 6}}}}]}}}}]"#,
        100 + stop_us
    )
}

fn folder(colo_json: &str) -> TempDir {
    let dir = TempDir::new().expect("a directory");
    fs::write(dir.path().join("colo.json"), colo_json).expect("a file");
    dir
}

fn fit(dir: &Path, more: &[&str]) -> Assert {
    colosim().arg("fit").arg(dir).args(["--transport", "unix"]).args(more).assert()
}

#[test]
fn a_step_between_two_trace_points_costs_what_was_measured_and_comments_stay() {
    let dir = folder(&recording(321));
    let (before, after) = (dir.path().join("before.ron"), dir.path().join("after.ron"));
    let text = "// Mine.\nHostProfile(doc: \"none\", steps: {\n    // Stop.\n    \"colo_primary.stop_vm\": (fixed: \"1 us\"),\n})\n";
    fs::write(&before, text).expect("a file");
    let [before, after] = [&before, &after].map(|path| path.to_str().expect("UTF-8"));
    fit(dir.path(), &["--profile", before, "--out", after]).success();
    let fitted = fs::read_to_string(after).expect("the profile was written");
    assert!(fitted.starts_with("// Mine."), "{fitted}");
    assert!(fitted.contains("    // Stop.\n    \"colo_primary.stop_vm\": (fixed: \"321 us\"),"), "{fitted}");
    assert!(fitted.contains("fitted to 1 checkpoints"), "{fitted}");
    // It is a profile, and a second fit finds nothing to change in what is measured.
    fit(dir.path(), &["--profile", after]).success();
}

#[test]
fn what_is_no_recording_and_no_profile_is_refused() {
    let empty = TempDir::new().expect("a directory");
    assert!(stderr_of(fit(empty.path(), &[])).contains("has no colo.json"));

    let other = folder("{\"class\": 1}");
    let stderr = stderr_of(fit(other.path(), &[]));
    assert!(stderr.contains("colo.json:1:"), "{stderr}");

    let dir = folder(&recording(100));
    let stderr = stderr_of(colosim().arg("fit").arg(dir.path()).args(["--transport", "tcp"]).assert());
    assert!(stderr.contains("nothing was recorded over tcp"), "{stderr}");

    let without_ram = folder(&recording(100).replace("\"ram_mib\": 16", "\"ram_mib\": 0"));
    let stderr = stderr_of(fit(without_ram.path(), &[]));
    assert!(stderr.contains("colo.json: unix, plain, 0 MiB"), "{stderr}");

    for (profile, expected) in [
        ("HostProfile(doc: \"\", steps: {\"colo_primary.stop_wm\": ()})", "did you mean `colo_primary.stop_vm`?"),
        ("HostProfile(doc: \"\", steps: {\"colo_primary.stop_vm\": (fixed: \"2 h\")})", "time span"),
        (
            "HostProfile(doc: \"\", steps: {\"colo_primary.stop_vm\": (fixed: \"100 s\")})",
            "a cost of 100 s is too much (at most 60 s)",
        ),
    ] {
        let file = dir.path().join("profile.ron");
        fs::write(&file, profile).expect("a file");
        let stderr = stderr_of(fit(dir.path(), &["--profile", file.to_str().expect("UTF-8")]));
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    assert!(stderr_of(fit(dir.path(), &["--profile", data("small.ron").to_str().expect("UTF-8")])).contains("error"));
}
