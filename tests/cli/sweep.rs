//! Goal: a sweep measures every point, writes both files, and `plot` draws from them.

use crate::{colosim, data, json};
use std::fs;
use tempfile::TempDir;

#[test]
fn a_sweep_writes_its_tables_and_plot_draws_them() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("curves");
    let small = data("small.ron");
    let args = [
        "sweep",
        small.to_str().unwrap(),
        "--set",
        "faults=[]",
        "--set",
        "granularity=Packet",
        "--vary",
        "migration.x_checkpoint_delay=20 ms,40 ms",
        "--vary",
        "migration.multifd_channels=1,2",
        "--seeds",
        "2",
        "--variant",
        "merged",
        "--out",
        out.to_str().unwrap(),
    ];
    let (code, swept) = json(&args);
    assert_eq!(code, 0);
    assert_eq!((&swept["runs"], &swept["complete"]), (&8.into(), &true.into()));
    let points = swept["results"]["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point["metrics"]["checkpoints"] == 3), "{points:?}");
    let table = fs::read_to_string(out.join("sweep.csv")).unwrap();
    assert_eq!(table.lines().count(), 9);
    assert!(
        table.starts_with("migration.x_checkpoint_delay,migration.multifd_channels,seed,guest_progress,"),
        "{table}"
    );

    // The same again gives the same bytes, whatever the number of workers.
    let before = fs::read(out.join("sweep.json")).unwrap();
    colosim().args(args).args(["--jobs", "1"]).assert().success();
    assert_eq!(fs::read(out.join("sweep.json")).unwrap(), before);

    colosim().arg("plot").arg(&out).args(["--theme", "dark"]).assert().success();
    for file in ["throughput.svg", "throughput.png", "pause.svg", "pause.png"] {
        assert!(out.join(file).exists(), "{file}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 6, "nothing else is left there");
}

/// 0.1 % in bursts of 4: a burst for every 4000 segments, and every segment is lost with 0.1 %.
#[test]
fn rows_say_what_a_path_loses_in_bursts() {
    let dir = TempDir::new().unwrap();
    let (small, out) = (data("small.ron"), dir.path().join("curves"));
    let args = ["sweep", small.to_str().unwrap(), "--set", "faults=[]", "--variant", "merged", "--seeds", "1"];
    let vary = "link.loss=0,1e-4,GilbertElliott(loss: 1e-3, burst: 4)";
    let (code, swept) = json(&[&args[..], &["--vary", vary, "--out", out.to_str().unwrap()]].concat());
    assert_eq!(code, 0);
    let points = swept["results"]["points"].as_array().unwrap();
    let of = |field: &str| points.iter().map(|p| p["conditions"][field].as_f64().unwrap()).collect::<Vec<_>>();
    let is_near =
        |values: Vec<f64>, expected: [f64; 3]| values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(is_near(of("loss"), [0.0, 1e-4, 1e-3]) && is_near(of("loss_events"), [0.0, 1e-4, 2.5e-4]), "{points:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_keeps_its_runs_and_goes_on_to_the_same_result() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let small = data("small.ron");
    let args = |out: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
        command.args(["sweep", small.to_str().unwrap(), "--set", "faults=[]", "--variant", "merged", "--seeds", "300"]);
        command.args(["--vary", "link.latency=50 us,60 us", "--format", "json", "--quiet", "--out"]).arg(out);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("curves");
    let child = args(&out).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let begun: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &begun["complete"]), (Some(130), &false.into()));
    let runs_before = begun["runs"].as_u64().unwrap();
    assert!(out.join("unfinished.json").exists() && runs_before < 600);

    // Another sweep in the same directory is refused, and says in what it differs.
    let other = args(&out).args(["--set", "migration.multifd_channels=1"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr.contains("an unfinished sweep of another kind"), "{stderr}");

    let rest = args(&out).output().unwrap();
    assert_eq!(rest.status.code(), Some(0));
    assert!(!out.join("unfinished.json").exists(), "a sweep that is through is not kept");
    let whole = dir.path().join("whole");
    assert_eq!(args(&whole).output().unwrap().status.code(), Some(0));
    assert_eq!(fs::read(out.join("sweep.json")).unwrap(), fs::read(whole.join("sweep.json")).unwrap());
}

#[test]
fn a_garbled_list_of_runs_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("unfinished.json"), "{\"about\": 5}").unwrap();
    let (small, out) = (data("small.ron"), dir.path().to_str().unwrap());
    let args = ["sweep", small.to_str().unwrap(), "--vary", "link.loss=0", "--seeds", "1", "--out", out];
    let output = colosim().args(args).assert().code(2).get_output().clone();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("unfinished.json:1:") && stderr.contains("starts again"), "{stderr}");
}

#[test]
fn a_garbled_sweep_is_refused_with_its_place() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("sweep.json"), "{\"scenario\": 5}").unwrap();
    let output = colosim().arg("plot").arg(dir.path()).assert().code(2).get_output().clone();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("sweep.json:1:") && stderr.matches("error:").count() == 1, "{stderr}");
}
