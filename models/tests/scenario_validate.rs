//! Impossible values: each has a message at its field.

use colosim_models::scenario::Scenario;

const STEPS: &[&str] = &["multifd_recv.lock", "multifd_recv.copy_to_guest", "colo_flush.copy_run"];

const GUEST: &str = "guest: (ram: \"16 MiB\")";

fn messages(guest: &str, fields: &str) -> Vec<(String, u32, String)> {
    let text = format!("Scenario(\n question: \"?\",\n variants: [\"merged\"],\n {guest},\n {fields}\n)");
    let scenario = Scenario::from_ron(&text, "x.ron").unwrap_or_else(|error| panic!("{error}"));
    let found = scenario.validate(&text, "x.ron", STEPS);
    found.into_iter().map(|error| (error.message, error.column, error.suggestion.unwrap_or_default())).collect()
}

#[track_caller]
fn refused(guest: &str, fields: &str, message: &str, column: u32) {
    let found = messages(guest, fields);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1), (message, column));
}

#[test]
fn the_defaults_are_possible() {
    assert_eq!(messages(GUEST, ""), []);
}

#[test]
fn impossible_guests_are_refused() {
    refused("guest: (ram: \"0 B\")", "", "the guest has no RAM", 15);
    refused("guest: (ram: \"2 TiB\")", "", "2 TiB of RAM are too many (at most 1 TiB)", 15);
    refused(
        "guest: (ram: \"1 TiB\", video_ram: \"4 KiB\")",
        "",
        "1073741828 KiB of RAM are too many (at most 1 TiB)",
        15,
    );
    refused("guest: (ram: \"5000 B\")", "", "5 kB are no whole number of pages of 4 KiB", 15);
    refused("guest: (ram: \"1 MiB\", video_ram: \"1 B\")", "", "1 B are no whole number of pages of 4 KiB", 35);
    let message = |size: &str| format!("a page of {size} is impossible; it is a power of two from 1 KiB to 64 KiB");
    for size in ["3 KiB", "256 B", "128 KiB", "0 B"] {
        refused(&format!("guest: (ram: \"12 MiB\", page_size: \"{size}\")"), "", &message(size), 36);
    }
}

#[test]
fn impossible_output_is_refused() {
    let output = |connections: &str, rate: &str| {
        format!("guest: (ram: \"1 MiB\", output: (connections: {connections}, rate: \"{rate} packets/s\"))")
    };
    refused(&output("0", "10"), "", "0 connections are impossible; it is 1 to 16384", 46);
    refused(&output("20000", "10"), "", "20000 connections are impossible; it is 1 to 16384", 46);
    refused(&output("1", "0"), "", "a guest that sends no packet has no output; leave `output` out", 55);
    assert_eq!(messages(&output("1", "10"), ""), []);
}

#[test]
fn impossible_workloads_are_refused() {
    let uniform =
        |set: &str| format!("guest: (ram: \"1 MiB\", workload: Uniform(rate: \"1 pages/s\", working_set: \"{set}\"))");
    refused(&uniform("2 MiB"), "", "the working set of 2 MiB is larger than the RAM of 1 MiB", 74);
    refused(&uniform("0 B"), "", "a working set of 0 B holds no page of 4 KiB", 74);
    let hot = |set: &str, writes: &str| {
        format!(
            "guest: (ram: \"1 MiB\", workload: HotCold(rate: \"1 pages/s\", working_set: \"1 MiB\", \
             hot_set: {set}, hot_writes: {writes}))"
        )
    };
    refused(&hot("0", "0.5"), "", "0 of 256 pages are no page, but 0.5 of the writes go there", 92);
    refused(&hot("1", "0.5"), "", "1 of 256 pages leave no cold page, but not all writes are hot", 92);
    assert_eq!(messages(&hot("0.5", "0.9"), ""), []);
}

#[test]
fn impossible_migrations_are_refused() {
    for channels in ["0", "256"] {
        let message = format!("{channels} multifd channels are impossible; QEMU takes 1 to 255");
        refused(GUEST, &format!("migration: (multifd_channels: {channels})"), &message, 32);
    }
    refused(GUEST, "migration: (x_checkpoint_delay: 0)", "without a delay there is nothing but checkpoints", 34);
    refused(GUEST, "migration: (downtime_limit: \"2001 s\")", "2001 s are too long (QEMU: at most 2000 s)", 30);
    refused(GUEST, "migration: (device_state: \"2 GiB\")", "2 GiB of device state are too many (at most 1 GiB)", 28);
    refused(GUEST, "migration: (x_colo: false)", "without COLO there is no checkpoint to stop after", 22);
    assert_eq!(messages(GUEST, "migration: (x_colo: false), stop: AfterPrecopy"), []);
}

#[test]
fn impossible_links_are_refused() {
    refused(GUEST, "link: (rate: 0)", "a link of rate 0 carries nothing", 15);
    for loss in ["1.0", "-0.5", "1.5"] {
        let message =
            format!("a loss of {} is impossible; it is at least 0 and less than 1", loss.trim_end_matches(".0"));
        refused(GUEST, &format!("link: (loss: {loss})"), &message, 15);
    }
    refused(GUEST, "link: (loss: NaN)", "a loss of NaN is impossible; it is at least 0 and less than 1", 15);
    refused(GUEST, "link: (queue: \"1499 B\")", "a queue of 1499 B holds no frame of 1500 B", 16);
    let message = "a socket buffer of 32 KiB is impossible; it is 64 KiB to 1 GiB";
    refused(GUEST, "link: (send_buffer: \"32 KiB\")", message, 22);
    refused(GUEST, "link: (receive_buffer: \"32 KiB\")", message, 25);
    refused(GUEST, "link: (latency: \"11 s\")", "11 s are too long (at most 10 s)", 18);
}

#[test]
fn judgements_without_a_step_an_object_or_a_reason_are_refused() {
    let judged = |object: &str, step: &str, reason: &str| {
        let steps = format!("(\"{step}\", \"colo_flush.copy_run\")");
        format!("benign: [(object: \"{object}\", steps: {steps}, reason: \"{reason}\")]")
    };
    assert_eq!(messages(GUEST, &judged("ram", "multifd_recv.lock", "the lock orders them")), []);
    let found = messages(GUEST, &judged("ram", "multifd_recv.lok", "why"));
    assert_eq!(found, [("unknown step `multifd_recv.lok`".into(), 35, "did you mean `multifd_recv.lock`?".into())]);
    refused(GUEST, &judged("ram", "multifd_recv.lock", " "), "a judgement without a reason is none", 88);
    refused(GUEST, &judged("", "multifd_recv.lock", "why"), "an object has a name", 20);
    let pair = |a: &str, b: &str| format!("(object: \"ram\", steps: (\"{a}\", \"{b}\"), reason: \"why\")");
    let (lock, copy) = ("multifd_recv.lock", "multifd_recv.copy_to_guest");
    let twice = format!("benign: [{}, {}]", pair(lock, copy), pair(copy, lock));
    refused(GUEST, &twice, &format!("{copy} and {lock} at ram are judged twice"), 103);
}

#[test]
fn impossible_faults_are_refused() {
    let fault = |fault: &str| format!("faults: [[({fault})]]");
    refused(
        GUEST,
        &fault("do: CutChannel(channel: 2)"),
        "there is no channel 2: with 2 multifd channels the last is 1",
        37,
    );
    refused(GUEST, &fault("at: Idle(checkpoint: 0), do: CutAll"), "checkpoints are counted from 1", 34);
    refused(
        GUEST,
        &fault("at: Flushing(checkpoint: 6), do: CutAll"),
        "checkpoint 6 is never reached: the run stops after 5",
        38,
    );
    assert_eq!(messages(GUEST, &fault("at: Idle(checkpoint: 6), do: CutAll")), []);
    assert_eq!(messages(GUEST, &fault("do: CutAll")), []);
    let found = messages(GUEST, &fault("at: Step(thread: \"x\", step: \"multifd_recv.locks\", visit: 1), do: CutAll"));
    assert_eq!(found, [("unknown step `multifd_recv.locks`".into(), 41, "did you mean `multifd_recv.lock`?".into())]);
    refused(
        GUEST,
        &fault("at: Step(thread: \"x\", step: \"multifd_recv.lock\", visit: 0), do: CutAll"),
        "visits are counted from 1",
        69,
    );
    let before_any = format!("{}, stop: AfterPrecopy", fault("at: Idle(checkpoint: 1), do: CutAll"));
    refused(GUEST, &before_any, "no checkpoint is reached: the run stops after precopy", 34);
}

#[test]
fn impossible_ends_are_refused() {
    refused(GUEST, "stop: AfterCheckpoints(0)", "the run would stop before it begins", 8);
    refused(GUEST, "stop: AtTime(0)", "the run would stop before it begins", 8);
    refused(GUEST, "failover_bound: 0", "no failover is over in no time", 18);
}

#[test]
fn variants_are_resolved_at_their_place() {
    let text = r#"(question: "?",
 variants: ["mergd",
 ("series-v6", (multifd: On)),
 ("merged", (recv_target: GuestAlways))],
 guest: (ram: "1 MiB"), host: "lab-unx", asks: [Liveness, Liveness])"#;
    let found = Scenario::from_ron(text, "x.ron").unwrap().validate(text, "x.ron", STEPS);
    let shown: Vec<String> = found
        .iter()
        .map(|error| format!("{}:{} {} {:?}", error.line, error.column, error.message, error.suggestion))
        .collect();
    assert_eq!(
        shown,
        [
            "2:13 unknown preset `mergd` Some(\"did you mean `merged`?\")",
            "3:3 unknown preset `series-v6` Some(\"did you mean `series-v5`?\")",
            "4:3 `recv_target: GuestAlways` is senseless here: the page is in guest RAM already, \
             and the copy hook would copy it onto itself None",
            "5:59 `Liveness` is asked twice None",
            "5:31 unknown host profile `lab-unx` Some(\"did you mean `lab-unix`?\")",
        ]
    );
    let none = "(question: \"?\", variants: [], guest: (ram: \"1 MiB\"))";
    let found = Scenario::from_ron(none, "x.ron").unwrap().validate(none, "x.ron", STEPS);
    assert_eq!(found[0].message, "there is no variant to run");
}

#[test]
fn a_profile_in_a_file_is_not_looked_up() {
    assert_eq!(messages(GUEST, "host: \"my/host.ron\""), []);
}

#[test]
fn swept_values_are_checked_one_by_one() {
    let found = messages(GUEST, "sweep: [(path: \"link.loss\", values: [0, 1e-5, 2])]");
    assert_eq!(found, [("a loss of 2 is impossible; it is at least 0 and less than 1".into(), 48, String::new())]);
    let found = messages(GUEST, "sweep: [(path: \"link.los\", values: [0])]");
    assert_eq!(found, [("there is no field `los` in `link`".into(), 17, "did you mean `link.loss`?".into())]);
    refused(GUEST, "sweep: [(path: \"link.loss\", values: [])]", "there is no value to sweep over", 38);
    refused(
        GUEST,
        "sweep: [(path: \"link.loss\", values: [0]), (path: \"link.loss\", values: [0])]",
        "`link.loss` is swept twice",
        51,
    );
    let found = messages(GUEST, "sweep: [(path: \"link.rate\", values: [\"1 Gbit\"])]");
    assert_eq!(found[0].0, "`1 Gbit` is no bit rate; write e.g. `1 Gbit/s`");
}

#[test]
fn a_scenario_without_its_text_is_checked_without_places() {
    let text = "(question: \"?\", variants: [\"merged\"], guest: (ram: \"0 B\"))";
    let found = Scenario::from_ron(text, "x.ron").unwrap().validate("", "x.ron", STEPS);
    assert_eq!(found[0].to_string(), "error: the guest has no RAM\n  --> x.ron:1:1");
}
