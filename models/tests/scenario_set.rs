//! Fields by path: canonical text, setting every field, numbers of fields, fingerprints.

use colosim_models::scenario::{
    Bandwidth, Compression, Granularity, Loss, Migration, PageRate, Scenario, Share, Size, Span, Stop, SweepValue,
    Transport, Unit, Vary, Workload, ZeroPageDetection,
};
use proptest::prelude::*;

const SAMPLE: &str = r#"Scenario(
    question: "say \"why\"",
    asks: [Lifetime, Liveness],
    variants: ["merged", ("merged", (cache_release: AfterColoJoin, multifd: On))],
    guest: (
        ram: "16 MiB",
        workload: HotCold(rate: "20000 pages/s", working_set: "8 MiB", hot_set: 0.1, hot_writes: 0.9),
    ),
    link: (loss: Bernoulli(1e-4)),
    faults: [[(at: LoadingRam(checkpoint: 3), do: KillPrimary), (after: "1 ms", do: CutChannel(channel: 1))],
             [(at: Step(thread: "multifdrecv_0", step: "multifd_recv.lock", visit: 2), do: FailoverSecondary)],
             [(at: Time("1 s"), do: CutAll)]],
    benign: [(object: "ram", steps: ("multifd_recv.lock", "colo_flush.copy_run"), reason: "say \"why\"")],
    sweep: [(path: "link.loss", values: [0, 1e-5, Bernoulli(1e-4)]), (path: "guest.ram", values: ["16 MiB"])],
)"#;

fn sample() -> Scenario {
    Scenario::from_ron(SAMPLE, "sample.ron").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn canonical_text_reads_back_as_the_same_scenario() {
    let scenario = sample();
    let text = scenario.to_ron();
    let again = Scenario::from_ron(&text, "canonical").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again, scenario);
    assert_eq!(again.to_ron(), text);
    assert!(text.starts_with("Scenario(\n    question: \"say \\\"why\\\"\",\n"), "{text}");
}

#[test]
fn every_field_can_be_set_to_its_own_value() {
    let scenario = sample();
    let paths = scenario.paths();
    assert!(paths.len() > 50, "{paths:?}");
    for path in paths {
        let value = scenario.field(&path).expect("a listed path exists");
        let set = scenario.set(&path, &value).unwrap_or_else(|error| panic!("{path}={value}: {error}"));
        assert_eq!(set, scenario, "{path}={value}");
        // A command line has no quotes.
        let content = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let bare = content.unwrap_or(&value).replace("\\\"", "\"");
        let set = scenario.set(&path, &bare).unwrap_or_else(|error| panic!("{path}={bare}: {error}"));
        assert_eq!(set, scenario, "{path}={bare}");
    }
}

#[test]
fn fields_of_every_kind_are_set() {
    let set = |path: &str, value: &str| sample().set(path, value).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(set("link.loss", "1e-3").link.loss, Loss::Bernoulli(1e-3));
    assert_eq!(set("link.loss", "0").link.loss, Loss::None);
    assert_eq!(set("link.loss", "\"Bernoulli(1e-3)\"").link.loss, Loss::Bernoulli(1e-3));
    assert_eq!(set("link.loss.0", "0.5").link.loss, Loss::Bernoulli(0.5));
    assert_eq!(set("link.latency", "100 ms").link.latency.nanos(), 100_000_000);
    assert_eq!(set("link.latency", "\"100 ms\"").link.latency.nanos(), 100_000_000);
    assert_eq!(set("link.transport", "Unix").link.transport, Transport::Unix);
    assert_eq!(set("migration.multifd_channels", "8").migration.multifd_channels, 8);
    assert_eq!(set("migration.max_bandwidth", "0").migration.max_bandwidth.bits_per_second(), 0);
    assert!(!set("migration.x_colo", "false").migration.x_colo);
    assert_eq!(set("guest.filled", "30 %").guest.filled, Share::new(0.3));
    assert_eq!(set("guest.workload", "Idle").guest.workload, Workload::Idle);
    let hot = set("guest.workload.rate", "5 pages/s").guest.workload;
    assert!(matches!(hot, Workload::HotCold { rate, .. } if rate.per_second() == 5));
    assert_eq!(set("host", "lab-unix").host, "lab-unix");
    assert_eq!(set("question", "what \"is\" it?").question, "what \"is\" it?");
    assert_eq!(set("faults.0.0.after", "2 ms").faults[0][0].after, Some(Span::from_nanos(2_000_000)));
    assert_eq!(set("faults.0.1.after", "None").faults[0][1].after, None);
    assert_eq!(set("stop", "AtTime(\"1 s\")").stop, Stop::AtTime(Span::from_nanos(1_000_000_000)));
    assert_eq!(set("variants", "[\"series-v5\"]").variants[0].preset, "series-v5");
    assert_eq!(
        set("variants.1.1.cache_release", "Never").variants[1].to_string(),
        "merged + multifd: On + cache_release: Never"
    );
}

#[test]
fn every_swept_value_can_be_set() {
    let scenario = sample();
    for vary in &scenario.sweep {
        for value in &vary.values {
            scenario.set(&vary.path, &value.to_string()).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn an_unknown_path_is_answered_with_the_nearest() {
    let advice = |path: &str| {
        let error = sample().set(path, "1").unwrap_err();
        (error.message, error.suggestion.unwrap_or_default())
    };
    let (message, meant) = advice("link.los");
    assert_eq!((message.as_str(), meant.as_str()), ("there is no field `los` in `link`", "did you mean `link.loss`?"));
    assert_eq!(advice("multifd_channels").1, "did you mean `migration.multifd_channels`?");
    assert_eq!(advice("migration.multifd-channels").1, "did you mean `migration.multifd_channels`?");
    assert_eq!(
        advice("link.x").1,
        "expected one of `transport`, `rate`, `latency`, `jitter`, `loss`, `queue`, `send_buffer`, `receive_buffer`, \
         `congestion`, `hystart`, `initial_window`, `slow_start_after_idle`, `no_delay`, `delayed_ack`, `jiffy`, `segment`"
    );
    assert_eq!(advice("guest.ram.x").0, "there is no field `guest.ram.x`: `guest.ram` is `\"16 MiB\"`");
    assert_eq!(advice("faults.7.0.do").0, "there is no field `7` in `faults`");
    assert_eq!(advice("").0, "there is no field ``");
}

#[test]
fn a_refused_value_is_shown_in_the_argument() {
    let error = sample().set("link.rate", "10 Gbit").unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: `10 Gbit` is no bit rate; write e.g. `10 Gbit/s`
  --> --set:1:11
   |
 1 | link.rate=10 Gbit
   |           ^^^^^^^"
    );
    let error = sample().set("link.transport", "tpc").unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.suggestion.as_deref()),
        ("unknown value `tpc` of `Transport`", Some("did you mean `Tcp`?"))
    );
    let error = sample().set("link.rate", "7").unwrap_err();
    assert_eq!(error.message, "`7` is no bit rate; write e.g. `10 Gbit/s`");
}

#[test]
fn a_value_cannot_smuggle_in_other_fields() {
    for value in ["4, x_colo: false", "4), host: (", "4 // ", "4 /*", "\"", "(", "", "4\n"] {
        match sample().set("migration.multifd_channels", value) {
            Ok(set) => assert_eq!(set.migration, Migration { multifd_channels: 4, ..sample().migration }, "{value}"),
            Err(error) => assert!(!error.message.is_empty()),
        }
    }
}

#[test]
fn numbers_come_in_base_units() {
    let scenario = sample();
    let number = |path: &str| scenario.field_number(path);
    assert_eq!(number("link.latency"), Some((50_000.0, Unit::Nanoseconds)));
    assert_eq!(number("guest.ram"), Some((16_777_216.0, Unit::Bytes)));
    assert_eq!(number("link.rate"), Some((1e10, Unit::BitsPerSecond)));
    assert_eq!(number("migration.max_bandwidth"), Some((1_073_741_824.0, Unit::BitsPerSecond)));
    assert_eq!(number("guest.workload.rate"), Some((20_000.0, Unit::PagesPerSecond)));
    assert_eq!(number("guest.filled"), Some((0.5, Unit::Ratio)));
    assert_eq!(number("link.loss"), Some((1e-4, Unit::Ratio)));
    assert_eq!(scenario.set("link.loss", "0").unwrap().field_number("link.loss"), Some((0.0, Unit::Ratio)));
    assert_eq!(scenario.set("link.loss", "1e-9").unwrap().field_number("link.loss"), Some((1e-9, Unit::Ratio)));
    assert_eq!(number("migration.multifd_channels"), Some((2.0, Unit::Count)));
    assert_eq!(number("stop"), Some((5.0, Unit::Count)));
    assert_eq!(number("faults.0.0.at.checkpoint"), Some((3.0, Unit::Count)));
    for path in ["host", "question", "link", "link.transport", "faults.0.0.after", "nothing"] {
        assert_eq!(number(path), None, "{path}");
    }
}

#[test]
fn the_fingerprint_is_of_the_meaning_and_not_of_the_text() {
    let other_text = SAMPLE
        .replace("    ", " ")
        .replace("1e-4", "0.0001")
        .replace("16 MiB", "16384 KiB")
        .replace("\"8 MiB\"", "\"8MiB\" // half\n");
    let other = Scenario::from_ron(&other_text, "other.ron").unwrap_or_else(|error| panic!("{error}"));
    let sweep = sample().sweep;
    assert_eq!(Scenario { sweep, ..other }.fingerprint(), sample().fingerprint());
    assert_ne!(sample().set("link.loss", "2e-4").unwrap().fingerprint(), sample().fingerprint());
    // A judgement does not change what is run: stored witnesses stay valid.
    assert_eq!(Scenario { benign: Vec::new(), ..sample() }.fingerprint(), sample().fingerprint());
    let smallest = "(question: \"?\", variants: [\"merged\"], guest: (ram: \"16 MiB\"))";
    let fingerprint = Scenario::from_ron(smallest, "x").unwrap().fingerprint();
    // A golden value: a change of defaults or of the canonical form makes stored witnesses belong to other scenarios.
    assert_eq!(format!("{fingerprint:016x}"), "d9704db6feb1e126");
}

fn workload() -> impl Strategy<Value = Workload> {
    let (rate, set) = (any::<u64>().prop_map(PageRate::from_per_second), any::<u64>().prop_map(Size::from_bytes));
    let share = || (0.0..=1.0f64).prop_map(Share::new);
    prop_oneof![
        Just(Workload::Idle),
        (rate.clone(), set.clone(), share()).prop_map(|(rate, working_set, zero_share)| Workload::Uniform {
            rate,
            working_set,
            zero_share
        }),
        (rate, set, share(), share(), share()).prop_map(|(rate, working_set, hot_set, hot_writes, zero_share)| {
            Workload::HotCold { rate, working_set, hot_set, hot_writes, zero_share }
        }),
    ]
}

fn sweep_value() -> impl Strategy<Value = SweepValue> {
    prop_oneof![(-1e9..1e9f64).prop_map(SweepValue::Number), "\\PC{0,9}".prop_map(SweepValue::Text)]
}

prop_compose! {
    fn scenarios()(
        question in "\\PC{0,20}",
        workload in workload(),
        ram: u64,
        filled in 0.0..=1.0f64,
        channels: u32,
        bits: u64,
        delay: u64,
        loss in prop_oneof![Just(Loss::None), (0.0..1.0f64).prop_map(Loss::Bernoulli)],
        packet: bool,
        after: Option<u64>,
        values in prop::collection::vec(sweep_value(), 0..4),
    ) -> Scenario {
        let mut scenario = sample();
        scenario.question = question;
        scenario.guest.ram = Size::from_bytes(ram);
        scenario.guest.filled = Share::new(filled);
        scenario.guest.workload = workload;
        scenario.migration = Migration {
            multifd_channels: channels,
            multifd_compression: Compression::Zstd,
            zero_page_detection: ZeroPageDetection::Legacy,
            x_checkpoint_delay: Span::from_nanos(delay),
            ..Migration::default()
        };
        scenario.link.rate = Bandwidth::from_bits_per_second(bits);
        scenario.link.loss = loss;
        scenario.granularity = if packet { Granularity::Packet } else { Granularity::Page };
        scenario.faults[0][0].after = after.map(Span::from_nanos);
        scenario.sweep = vec![Vary { path: "link.loss".into(), values }];
        scenario
    }
}

proptest! {
    #[test]
    fn any_scenario_reads_back_from_its_canonical_text(scenario in scenarios()) {
        let text = scenario.to_ron();
        let again = Scenario::from_ron(&text, "canonical");
        // The loss 0 has one spelling.
        let plain = |mut scenario: Scenario| {
            if scenario.link.loss == Loss::Bernoulli(0.0) {
                scenario.link.loss = Loss::None;
            }
            scenario
        };
        prop_assert_eq!(plain(again.unwrap()), plain(scenario), "{}", text);
    }

    #[test]
    fn any_path_and_value_give_a_scenario_or_an_error(path in "[a-z_.0-9]{0,20}", value in "\\PC{0,20}") {
        let _ = sample().set(&path, &value);
        let _ = sample().set("link.loss", &value);
        let _ = sample().set("host", &value).map(|set| assert_eq!(set.migration, sample().migration));
    }
}
