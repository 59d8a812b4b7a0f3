//! Folders of network measurements: what is read, what is refused.

use colosim_measured::network;
use std::path::PathBuf;

/// A folder with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target directory is ours");
    for (file, text) in files {
        std::fs::write(folder.join(file), text).expect("the folder is there");
    }
    folder
}

fn bulk(cc: &str, config: &str) -> String {
    format!(
        r#"[{{"class": "bulk", "config": {{"cc": "{cc}", {config} "rtt_ms": 20, "loss": 0, "queue_bdp": 1, "queue_bytes": 250000,
            "flows": 1, "duration_s": 2, "warmup_s": 1}},
            "result": {{"goodput_mbps": {{"mean": 96.5, "sd": 0.1, "n": 1}}, "loss_rate_drawn": 0.0,
            "runs": [{{"repetition": 0, "emulator": {{"late_mean_us": 5.0, "ack_late_mean_us": 6.0}}}}]}}}}]"#
    )
}

#[test]
fn a_file_that_is_not_there_is_left_out() {
    let compared = network::compare(&folder("nothing", &[])).unwrap();
    assert!(compared.comparisons.is_empty() && compared.not_modelled.is_empty());
}

#[test]
fn a_flow_on_a_path_without_loss_fills_it() {
    let folder = folder("filled", &[("bulk.json", &bulk("reno", r#""rate_mbps": 100,"#))]);
    let compared = network::compare(&folder).unwrap();
    let [goodput] = &compared.comparisons[..] else { panic!("one figure of one configuration") };
    assert_eq!((&*goodput.class, goodput.figure, goodput.measured), ("bulk", "goodput", 96.5));
    assert!(goodput.relative_error() < 0.05, "{goodput:?}");
    assert_eq!(network::compare(&folder).unwrap().comparisons, compared.comparisons);
}

#[test]
fn a_congestion_control_that_is_not_modelled_is_counted() {
    let folder = folder("bbr", &[("bulk.json", &bulk("bbr", r#""rate_mbps": 100,"#))]);
    let compared = network::compare(&folder).unwrap();
    assert_eq!((compared.comparisons.len(), compared.not_modelled), (0, vec!["bbr".to_owned()]));
}

#[test]
fn what_cannot_be_is_refused_with_the_file_and_the_field() {
    let refused = |name: &str, text: String| {
        let folder = folder(name, &[("parallel.json", &text)]);
        network::compare(&folder).unwrap_err().to_string()
    };
    for (name, text, says) in [
        ("missing", bulk("reno", ""), "missing field `rate_mbps`"),
        ("not_a_number", bulk("reno", r#""rate_mbps": "fast","#), "invalid type: string \"fast\""),
        ("no_rate", bulk("reno", r#""rate_mbps": 0,"#), "rate_mbps 0 is not from 0 to 1e6"),
        ("vegas", bulk("vegas", r#""rate_mbps": 100,"#), "cc \"vegas\" is none of reno, cubic, bbr"),
        ("object", "{}".into(), "invalid type: map, expected a sequence"),
    ] {
        let message = refused(name, text);
        assert!(message.contains("parallel.json") && message.contains(says), "{message}");
    }
}

#[test]
fn the_cause_of_an_error_is_stated_where_the_recorded_runs_differ_by_more() {
    let lossy = |sd: &str| {
        bulk("reno", r#""rate_mbps": 100,"#)
            .replace(r#""mean": 96.5, "sd": 0.1, "n": 1"#, &format!(r#""mean": 40.0, "sd": {sd}, "n": 2"#))
    };
    let cause = |name: &str, sd: &str| {
        let compared = network::compare(&folder(name, &[("bulk.json", &lossy(sd))])).unwrap();
        compared.comparisons[0].cause.clone()
    };
    assert!(cause("differ", "50.0").is_some_and(|cause| cause.contains("cannot be told apart")));
    assert_eq!(cause("agree", "0.1"), None);
}
