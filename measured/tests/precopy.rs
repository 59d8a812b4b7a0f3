//! Folders of migrations: what is read, what is refused, and what is said of a figure that is far off.

use colosim_measured::precopy;
use std::path::PathBuf;

/// A folder with this `precopy.json`.
fn folder(name: &str, text: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("precopy-{name}"));
    std::fs::create_dir_all(&folder).expect("the target directory is ours");
    std::fs::write(folder.join("precopy.json"), text).expect("the folder is there");
    folder
}

/// An idle guest of 32 MiB, and what `query-migrate` said.
fn idle(class: &str, config: &str, total_time: u64) -> String {
    format!(
        r#"[{{"class": "{class}", "repetition": 0, "config": {{"ram_mib": 32, "fill_mib": 16, "ws_mib": 0, "dirty_pages_per_s": 0,
            "downtime_limit_ms": 300, "multifd": true, "channels": 2, "zero_page_detection": "multifd", {config}
            "seed": 7}},
          "result": {{"converged": true, "query_migrate": {{"total-time": {total_time}, "downtime": 1, "ram": {{"transferred": 17400000,
            "normal": 4219, "duplicate": 4103, "dirty-sync-count": 2}}}}}}}}]"#
    )
}

const BANDWIDTH: &str = r#""max_bandwidth": 104857600,"#;

#[test]
fn a_folder_without_migrations_is_left_out() {
    let empty = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("precopy-nothing");
    std::fs::create_dir_all(&empty).expect("the target directory is ours");
    assert_eq!(precopy::compare(&empty).unwrap(), None);
}

#[test]
fn a_class_that_nobody_has_heard_of_is_simulated_like_any_other() {
    let compared = precopy::compare(&folder("class", &idle("never-seen", BANDWIDTH, 110))).unwrap().expect("a file");
    assert!(compared.iter().all(|one| one.class == "never-seen"));
    let pages = compared.iter().find(|one| one.figure == "pages").expect("pages");
    assert!(pages.relative_error() < 0.01, "{pages:?}");
}

#[test]
fn no_cause_is_made_up_for_what_no_experiment_explains() {
    let compared = precopy::compare(&folder("far", &idle("idle", BANDWIDTH, 9000))).unwrap().expect("a file");
    let time = compared.iter().find(|one| one.figure == "total_time").expect("a time");
    assert!(time.relative_error() > 0.9 && time.cause.is_none(), "{time:?}");
}

#[test]
fn what_cannot_be_is_refused_with_the_file_and_the_field() {
    for (name, text, says) in [
        ("missing", idle("idle", "", 110), "missing field `max_bandwidth`"),
        ("codec", idle("idle", r#""max_bandwidth": 1, "compression": "qpl","#, 110), "unknown variant `qpl`"),
        ("object", "{}".into(), "invalid type: map, expected a sequence"),
        ("cut-off", r#"[{"class": "idle","#.into(), "EOF while parsing"),
    ] {
        let message = precopy::compare(&folder(name, &text)).unwrap_err().to_string();
        assert!(message.contains("precopy.json") && message.contains(says), "{message}");
    }
}
