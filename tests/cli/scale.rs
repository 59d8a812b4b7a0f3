//! Goal: before a large run starts, the program says what it will take, and it takes that.

use crate::{colosim, json};
use std::time::Duration;

const LARGE: &str = "one-tebibyte";

fn stated(ram: &str) -> u64 {
    let (code, checked) = json(&["check", LARGE, "--set", &format!("guest.ram={ram}")]);
    assert_eq!(code, 0);
    let parts = checked["memory"].as_array().unwrap().iter().map(|part| part["bytes"].as_u64().unwrap());
    let bytes = checked["memory_bytes"].as_u64().unwrap();
    assert_eq!(parts.sum::<u64>(), bytes);
    bytes
}

#[test]
fn check_states_the_memory_of_a_run_and_it_grows_with_the_guest() {
    let sizes = ["16 GiB", "64 GiB", "256 GiB", "1 TiB"].map(stated);
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert!(sizes[3] < 6 << 30, "{sizes:?}");
    let text = colosim().args(["check", LARGE]).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("// a run takes about ") && text.contains("of memory at its peak"), "{text}");
}

#[test]
fn a_link_of_400_gbit_and_a_guest_of_one_tebibyte_are_accepted() {
    colosim().args(["check", LARGE, "--set", "link.rate=400 Gbit/s"]).assert().success();
}

/// What waits for the path costs nothing while it waits: this takes less than a second, and would take minutes if each write that waits
/// had an event of its own.
#[test]
fn a_run_whose_limit_is_the_link_costs_by_its_length() {
    let (ram, rate) = ("guest.ram=8 GiB", "link.rate=10 Gbit/s");
    colosim().args(["run", LARGE, "--set", ram, "--set", rate]).timeout(Duration::from_secs(60)).assert().success();
}

/// A guest that is large enough for its pages not to be tracked one by one, and takes no second.
#[cfg(target_os = "linux")]
#[test]
fn a_run_takes_the_memory_that_check_states() {
    use std::process::{Command, Stdio};

    let ram = "guest.ram=4 GiB";
    let bytes = stated("4 GiB");
    let mut child = Command::new(env!("CARGO_BIN_EXE_colosim"))
        .args(["run", LARGE, "--set", ram, "--quiet"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The kernel's own record of the peak, as long as the process is there.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0u64) << 10);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    let ratio = bytes as f64 / peak as f64;
    assert!((0.8..=1.25).contains(&ratio), "{bytes} bytes stated, {peak} taken");
}
