//! Goal: whatever is wrong with what the user wrote, the program says so in one message, exits with 2 and writes nothing.
//! Method: one wrong thing at a time, through the program as a user runs it.

use crate::{colosim, data};
use assert_cmd::assert::Assert;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One message on stderr, nothing on stdout, exit code 2.
fn assert_refused(assert: Assert, parts: &[&str]) {
    let output = assert.code(2).get_output().clone();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout.is_empty(), "stdout is not empty: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("internal error"), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
    }
}

/// small.ron with a piece of its text exchanged.
fn changed(dir: &Path, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(data("small.ron")).unwrap();
    assert!(text.contains(from), "{from}");
    let path = dir.join("changed.ron");
    fs::write(&path, text.replace(from, to)).unwrap();
    path
}

#[test]
fn wrong_scenarios_are_refused_at_the_place_and_no_directory_is_made() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("link: (", "link: (los: 1e-4, ", &["unknown field `los`", "did you mean `loss`?", ":8:12"]),
        ("\"40 ms\"", "\"40 m\"", &["`40 m` is no time span"]),
        ("\"40 ms\"", "40", &["has no unit"]),
        ("multifd_channels: 2", "multifd_channels: 0", &["0 multifd channels are impossible", ":7:"]),
        ("working_set: \"2 MiB\"", "working_set: \"5 MiB\"", &["larger than the RAM"]),
        ("ram: \"4 MiB\"", "ram: \"4 MiB\", page_size: \"5000 B\"", &["is impossible; it is a power of two"]),
        ("[\"series-v5\", ", "[\"series-v6\", ", &["unknown preset `series-v6`", "did you mean `series-v5`?"]),
        ("[\"series-v5\", ", "[(\"merged\", (cache_relase: Never)), ", &["cache_relase", "`cache_release`?"]),
        ("asks: [Lifetime]", "asks: [Lifetim]", &["Lifetim", "did you mean `Lifetime`?"]),
        ("checkpoint: 2), do: KillPrimary", "checkpoint: 9), do: KillPrimary", &["checkpoint 9 is never reached"]),
        ("link: (", "link: (rate: \"0 Gbit/s\", ", &["a link of rate 0 carries nothing", ":8:"]),
        ("link: (", "link: (queue: \"1 KiB\", ", &["a queue of 1 KiB holds no frame", ":8:"]),
        (
            "link: (",
            "link: (queue: \"32 KiB\", segment: \"64 KiB\", ",
            &["a queue of 32 KiB holds no frame of 65588 B", ":8:"],
        ),
        ("ram: \"4 MiB\"", "ram: \"2 TiB\"", &["2 TiB of RAM are too many (at most 1 TiB)"]),
        ("stop: AfterCheckpoints(3),\n)", "stop: AfterCheckpoints(3),\n", &["changed.ron"]),
        ("lab-loopback-medians", "lab-lopback", &["unknown host profile", "did you mean `lab-loopback`?"]),
    ];
    for (from, to, parts) in cases {
        let dir = TempDir::new().unwrap();
        let scenario = changed(dir.path(), from, to);
        let out = dir.path().join("out");
        let assert = colosim().arg("explore").arg(&scenario).arg("--out").arg(&out).assert();
        assert_refused(assert, parts);
        assert!(!out.exists(), "{to}");
        assert_refused(colosim().arg("check").arg(&scenario).assert(), parts);
    }
}

#[test]
fn a_host_profile_that_cannot_be_is_refused_at_the_place() {
    for (steps, other, parts) in [
        (
            "\"colo_flush.copy_rum\": (fixed: \"2 us\")",
            "\"1 us\"",
            &["unknown step `colo_flush.copy_rum`", "did you mean `colo_flush.copy_run`?", "host.ron:3:"][..],
        ),
        (
            "\"colo_flush.copy_run\": (per_page: \"2 s\")",
            "\"1 us\"",
            &["`colo_flush.copy_run`: a cost per page of 2 s is too much (at most 10 ms)", "host.ron:3:"],
        ),
        ("\"colo_flush.copy_run\": (fixed: \"-2 us\")", "\"1 us\"", &["-2 us", "host.ron:3:"]),
        ("", "\"2000 s\"", &["a cost of 2000 s is too much", "host.ron:4:"]),
    ] {
        let dir = TempDir::new().unwrap();
        let profile =
            format!("HostProfile(\n    doc: \"\",\n    steps: {{{steps}}},\n    other_steps: (fixed: {other}),\n)");
        fs::write(dir.path().join("host.ron"), profile).unwrap();
        let scenario = changed(dir.path(), "lab-loopback-medians", "host.ron");
        assert_refused(colosim().arg("check").arg(&scenario).assert(), parts);
    }
}

#[test]
fn a_scenario_that_is_no_text_or_no_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let binary = dir.path().join("binary.ron");
    fs::write(&binary, b"Scenario(\n\xff\xfe").unwrap();
    assert_refused(colosim().arg("check").arg(&binary).assert(), &["no UTF-8 text", "binary.ron:2:1"]);
    let long = dir.path().join("long.ron");
    fs::write(&long, " ".repeat((1 << 20) + 1)).unwrap();
    assert_refused(colosim().arg("check").arg(&long).assert(), &["too long"]);
    assert_refused(colosim().arg("check").arg(dir.path()).assert(), &["cannot read"]);
    let missing = dir.path().join("missing.ron");
    assert_refused(colosim().arg("run").arg(&missing).assert(), &["missing.ron", "cannot read"]);
    assert_refused(
        colosim().args(["run", "cache-teardwn"]).assert(),
        &["no file `cache-teardwn`", "did you mean `cache-teardown`?"],
    );
}

#[test]
fn wrong_flags_are_refused_with_what_was_meant() {
    let small = data("small.ron");
    let small = small.to_str().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["run", small, "--set", "link.los=1e-3"],
            &["there is no field `los` in `link`", "did you mean `link.loss`?"],
        ),
        (&["run", small, "--set", "link.loss=2"], &["a loss of 2 is impossible"]),
        (&["run", small, "--set", "link.loss"], &["path=value"]),
        (&["run", small, "--variant", "mergd"], &["unknown preset `mergd`", "did you mean `merged`?"]),
        (
            &["run", small, "--variant", "merged + cache_relase: Never"],
            &["unknown switch `cache_relase`", "did you mean `cache_release`?"],
        ),
        (&["run", small, "--variant", "(\"merged\", (cache_release: Nevr))"], &["Nevr"]),
        (&["run", small, "--fault-plan", "2"], &["no fault plan 2", "the last one is 1"]),
        (&["run", small, "--fault-plan", "first"], &["`none` or a position"]),
        (&["explore", small, "--strategy", "stall"], &["stalls"]),
        (&["explore", small, "--seeds", "9..3"], &["holds no seed"]),
        (&["explore", small, "--budget", "30"], &["is no time span"]),
        (&["explore", small, "--jobs", "0"], &["0 is not in"]),
        (&["sweep", small, "--out", "never"], &["no field to sweep", "--vary"]),
        (&["sweep", small, "--out", "never", "--vary", "migration.multifd_channels=1,0"], &["0 multifd channels"]),
        (
            &["sweep", small, "--out", "never", "--vary", "link.rate=1 Gbit/s,2 Gbit/s", "--max-runs", "9"],
            &["10 runs are more than --max-runs 9"],
        ),
        (&["plot", "no-such-directory"], &["sweep.json"]),
    ];
    for (args, parts) in cases {
        assert_refused(colosim().args(*args).assert(), parts);
    }
    assert!(!Path::new("never").exists());
}

#[test]
fn a_plan_with_a_wrong_step_or_of_another_scenario_is_refused() {
    let dir = TempDir::new().unwrap();
    let plan = dir.path().join("plan.ron");
    fs::write(&plan, "(stalls: [(thread: \"x\", step: \"multifd_recv.lok\", visit: 1, span_ns: 5)])").unwrap();
    let run = |scenario: &Path| colosim().arg("run").arg(scenario).arg("--plan").arg(&plan).assert();
    let small = data("small.ron");
    assert_refused(run(&small), &["unknown step `multifd_recv.lok`", "did you mean `multifd_recv.lock`?", ":1:"]);
    fs::write(&plan, "(stals: [])").unwrap();
    assert_refused(run(&small), &["stals", "did you mean `stalls`?"]);

    let found = dir.path().join("found");
    let explore = ["--seeds", "10", "--quiet", "--out"];
    colosim().arg("explore").arg(&small).args(explore).arg(&found).assert().code(1);
    let witness = fs::read_dir(&found).unwrap().next().unwrap().unwrap().path();
    let other = changed(dir.path(), "\"40 ms\"", "\"50 ms\"");
    let assert = colosim().arg("run").arg(&other).arg("--plan").arg(&witness).assert();
    assert_refused(assert, &["is a witness of scenario `small`", "colosim replay"]);

    let text = fs::read_to_string(&witness).unwrap();
    for (from, to, part) in [
        ("x_checkpoint_delay: \"40 ms\"", "x_checkpoint_delay: \"41 ms\"", "was changed"),
        ("fault_plan: 0", "fault_plan: 7", "no fault plan 7"),
        ("seed:", "sed:", "sed"),
        ("multifd_recv.readv_pages\", visit", "multifd_recv.readv\", visit", "unknown step"),
        ("Witness(", "Witness(Witness(", "witness.ron:"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        let edited = dir.path().join("witness.ron");
        fs::write(&edited, text.replace(from, to)).unwrap();
        assert_refused(colosim().arg("replay").arg(&edited).assert(), &[part]);
    }
    let garbled = dir.path().join("witness.ron");
    fs::write(&garbled, &text[..text.len() / 2]).unwrap();
    assert_refused(colosim().arg("replay").arg(&garbled).assert(), &["witness.ron:"]);
}

#[test]
fn a_directory_that_cannot_be_made_ends_the_command_before_the_search() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let out = file.join("out");
    for command in ["explore", "sweep"] {
        let mut colosim = colosim();
        colosim.arg(command).arg(data("small.ron")).arg("--out").arg(&out);
        if command == "sweep" {
            colosim.args(["--vary", "link.loss=0"]);
        }
        let output = colosim.assert().code(3).get_output().clone();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
