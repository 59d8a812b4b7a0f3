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

#[test]
fn a_garbled_sweep_is_refused_with_its_place() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("sweep.json"), "{\"scenario\": 5}").unwrap();
    let output = colosim().arg("plot").arg(dir.path()).assert().code(2).get_output().clone();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("sweep.json:1:") && stderr.matches("error:").count() == 1, "{stderr}");
}
