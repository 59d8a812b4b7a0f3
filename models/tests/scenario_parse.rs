//! Reading a scenario: the example of the user guide, what may be written in several ways, and the message for each
//! mistake.

use colosim_models::scenario::{Action, Asks, Loss, Place, Scenario, Span, Stop, SweepValue, Workload};
use colosim_models::variant::HookCopy;
use proptest::prelude::*;

/// The example of the user guide.
const EXAMPLE: &str = r#"
// scenarios/cache-teardown.ron
Scenario(
    question: "Is colo_cache guaranteed to be around until the multifd threads exit?",
    asks: [Lifetime],                        // the oracles the question is about
    variants: ["series-v5", "merged", ("merged", (cache_release: AfterColoJoin))],
    guest: (ram: "16 MiB", workload: Uniform(rate: "20000 pages/s", working_set: "8 MiB")),
    migration: (multifd_channels: 4, x_checkpoint_delay: "100 ms"),
    link: (rate: "10 Gbit/s", latency: "50 us", loss: Bernoulli(1e-4)),
    host: "lab-loopback",
    faults: [                                // tried one after the other
        [(at: LoadingRam(checkpoint: 3), do: KillPrimary), (after: "1 ms", do: FailoverSecondary)],
        [(at: LoadingRam(checkpoint: 3), do: YankSecondary), (after: "1 ms", do: FailoverSecondary)],
        [(at: LoadingRam(checkpoint: 3), do: FailoverSecondary)],
    ],
    stop: AfterCheckpoints(5),
)
"#;

fn with(fields: &str) -> String {
    format!("(question: \"?\", variants: [\"merged\"], guest: (ram: \"16 MiB\"), {fields})")
}

fn parsed(fields: &str) -> Scenario {
    Scenario::from_ron(&with(fields), "x.ron").unwrap_or_else(|error| panic!("{error}"))
}

fn printed_error(text: &str) -> String {
    Scenario::from_ron(text, "x.ron").expect_err("this is wrong").to_string()
}

/// Message and advice for a scenario with these fields.
fn error(fields: &str) -> (String, Option<String>) {
    let error = Scenario::from_ron(&with(fields), "x.ron").expect_err("this is wrong");
    (error.message, error.suggestion)
}

#[test]
fn the_example_of_the_user_guide_is_read() {
    let scenario = Scenario::from_ron(EXAMPLE, "cache-teardown.ron").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.asks, [Asks::Lifetime]);
    let variants: Vec<String> = scenario.variants.iter().map(ToString::to_string).collect();
    assert_eq!(variants, ["series-v5", "merged", "merged + cache_release: AfterColoJoin"]);
    assert_eq!(scenario.guest.ram.bytes(), 16 << 20);
    assert!(matches!(scenario.guest.workload, Workload::Uniform { rate, .. } if rate.per_second() == 20_000));
    assert_eq!(scenario.link.loss, Loss::Bernoulli(1e-4));
    assert_eq!(scenario.faults.len(), 3);
    let first = &scenario.faults[0];
    assert_eq!(first[0].at, Some(Place::LoadingRam { checkpoint: 3 }));
    assert_eq!((first[1].after, first[1].action), (Some(Span::from_nanos(1_000_000)), Action::FailoverSecondary));
    assert_eq!(scenario.stop, Stop::AfterCheckpoints(5));
}

#[test]
fn what_is_left_out_has_the_default_of_qemu() {
    let scenario = parsed("");
    assert_eq!(scenario.migration.multifd_channels, 2);
    assert_eq!(scenario.migration.max_bandwidth.bytes_per_second(), 128 << 20);
    assert_eq!(scenario.migration.downtime_limit.nanos(), 300_000_000);
    assert_eq!(scenario.migration.x_checkpoint_delay.nanos(), 20_000_000_000);
    assert_eq!(scenario.link.rate.bits_per_second(), 10_000_000_000);
    assert_eq!((scenario.link.send_buffer.bytes(), scenario.link.receive_buffer.bytes()), (2_621_440, 6 << 20));
    assert_eq!((scenario.link.loss, scenario.host.as_str()), (Loss::None, "lab-loopback"));
}

#[test]
fn a_loss_may_be_a_plain_number() {
    for (text, loss) in [
        ("0", Loss::None),
        ("0.0", Loss::None),
        ("None", Loss::None),
        ("1e-3", Loss::Bernoulli(1e-3)),
        ("Bernoulli(1e-3)", Loss::Bernoulli(1e-3)),
        ("/* rare */ Bernoulli( 1e-3 ) // or not", Loss::Bernoulli(1e-3)),
    ] {
        assert_eq!(parsed(&format!("link: (loss: {text}\n)")).link.loss, loss, "{text}");
    }
}

#[test]
fn swept_values_are_numbers_text_or_any_value() {
    let scenario = parsed(
        r#"sweep: [(path: "link.loss", values: [0, 1e-5, Bernoulli(1e-4), "Bernoulli(1e-3)"]),
                   (path: "migration.x_checkpoint_delay", values: ["50 ms", "100 ms"])]"#,
    );
    let text = |text: &str| SweepValue::Text(text.into());
    let losses = [SweepValue::Number(0.0), SweepValue::Number(1e-5), text("Bernoulli(1e-4)"), text("Bernoulli(1e-3)")];
    assert_eq!(scenario.sweep[0].values, losses);
    assert_eq!(scenario.sweep[1].values, [text("50 ms"), text("100 ms")]);
    let printed: Vec<String> = losses.iter().map(ToString::to_string).collect();
    assert_eq!(printed, ["0", "1e-5", "Bernoulli(1e-4)", "Bernoulli(1e-3)"]);
}

#[test]
fn some_may_be_written_and_left_out() {
    let written = parsed("faults: [[(at: Some(Idle(checkpoint: 1)), after: Some(\"1 ms\"), do: CutAll)]]");
    assert_eq!(written, parsed("faults: [[(at: Idle(checkpoint: 1), after: \"1 ms\", do: CutAll)]]"));
}

#[test]
fn an_unknown_field_is_shown_with_its_line_and_what_was_meant() {
    let text = "Scenario(\n    question: \"?\",\n    variants: [\"merged\"],\n    guest: (ram: \"16 MiB\"),\n    \
                link: (rate: \"10 Gbit/s\", latency: \"50 us\", los: 1e-4),\n)\n";
    assert_eq!(
        printed_error(text),
        "error: unknown field `los` in `Link`
  --> x.ron:5:49
   |
 5 |     link: (rate: \"10 Gbit/s\", latency: \"50 us\", los: 1e-4),
   |                                                 ^^^ did you mean `loss`?"
    );
}

#[test]
fn a_missing_field_is_shown_at_its_structure() {
    let text = "(\n    question: \"?\",\n    variants: [],\n    guest: (\n        filled: 0.1,\n    ),\n)";
    assert_eq!(
        printed_error(text),
        "error: field `ram` is missing in `Guest`
  --> x.ron:4:12
   |
 4 |     guest: (
   |            ^"
    );
    assert!(printed_error("Scenario(question: \"?\")").contains("field `variants` is missing in `Scenario`"));
}

#[test]
fn unknown_values_are_answered_with_the_nearest() {
    let (message, advice) = error("link: (transport: Tpc)");
    assert_eq!(
        (message.as_str(), advice.as_deref()),
        ("unknown value `Tpc` of `Transport`", Some("did you mean `Tcp`?"))
    );
    let (message, advice) = error("link: (loss: Bernouli(1e-4))");
    assert_eq!((message.as_str(), advice.as_deref()), ("unknown value `Bernouli`", Some("did you mean `Bernoulli`?")));
    let (message, advice) = error("faults: [[(at: LoadingRAM(checkpoint: 1), do: KillPrimary)]]");
    assert_eq!(
        (message.as_str(), advice.as_deref()),
        ("unknown value `LoadingRAM` of `Place`", Some("did you mean `LoadingRam`?"))
    );
    let (_, advice) = error("granularity: Fine");
    assert_eq!(advice.as_deref(), Some("expected one of `Page`, `Packet`"));
}

#[test]
fn unknown_switches_and_values_are_answered_with_the_nearest() {
    let in_variants = |choice: &str| {
        let text = format!("(question: \"?\", variants: [{choice}], guest: (ram: \"1 MiB\"))");
        let error = Scenario::from_ron(&text, "x.ron").unwrap_err();
        (error.message, error.suggestion.unwrap_or_default(), error.column)
    };
    let (message, advice, column) = in_variants("(\"merged\", (cache_releas: AfterColoJoin))");
    assert_eq!((message.as_str(), advice.as_str()), ("unknown switch `cache_releas`", "did you mean `cache_release`?"));
    assert_eq!(column, 40);
    let (message, advice, column) = in_variants("(\"merged\", (cache_release: AfterColoJion))");
    assert_eq!(
        (message.as_str(), advice.as_str()),
        ("unknown value `AfterColoJion` of `cache_release`", "did you mean `AfterColoJoin`?")
    );
    assert_eq!(column, 55);
    let (message, _, _) = in_variants("4");
    assert!(message.starts_with("expected a preset such as \"merged\""), "{message}");
}

#[test]
fn none_is_a_value_of_a_switch_and_not_its_absence() {
    let text = "(question: \"?\", variants: [(\"merged\", (hook_copy: None))], guest: (ram: \"1 MiB\"))";
    let scenario = Scenario::from_ron(text, "x.ron").unwrap();
    assert_eq!(scenario.variants[0].overrides.hook_copy, Some(HookCopy::None));
    assert_eq!(scenario.variants[0].overrides.hook_record, None);
    assert_eq!(Scenario::from_ron(&scenario.to_ron(), "canonical"), Ok(scenario));
}

#[test]
fn a_wrong_unit_is_shown_at_the_value() {
    assert_eq!(
        printed_error(&with("link: (rate: \"10 Gbit\")")).lines().take(2).collect::<Vec<_>>(),
        ["error: `10 Gbit` is no bit rate; write e.g. `10 Gbit/s`", "  --> x.ron:1:76"]
    );
    let (message, _) = error("migration: (x_checkpoint_delay: 100)");
    assert_eq!(message, "`100` has no unit; write a time span as e.g. `\"100 ms\"`");
    let (message, _) = error("migration: (x_checkpoint_delay: Soon)");
    assert_eq!(message, "expected a time span such as \"100 ms\" but found a unit value instead");
}

#[test]
fn other_mistakes_have_a_place_too() {
    let places = |text: &str| {
        let error = Scenario::from_ron(text, "x.ron").unwrap_err();
        (error.line, error.column, error.message)
    };
    assert_eq!(places("(\n  question: \"?\"\n  variants: [],\n)"), (3, 3, "expected comma".into()));
    assert_eq!(places("(question: \"?\", question: \"?\")"), (1, 17, "field `question` is given twice".into()));
    assert_eq!(
        places("(question: \"?\", variants: []").2,
        "the text ends too early: a value or a closing bracket is missing"
    );
    assert_eq!(places("").2, "the text ends too early: a value or a closing bracket is missing");
    assert_eq!(places("[]"), (1, 1, "expected opening `(` for struct `Scenario`".into()));
    assert_eq!(places("Scenaro(question: 4)"), (1, 1, "expected struct `Scenario` but found `Scenaro`".into()));
    assert_eq!(places("() x").2, "field `question` is missing in `Scenario`");
    assert_eq!(places(&format!("{} x", with(""))).2, "non-whitespace trailing characters");
    assert_eq!(places(&with("asks: Liveness")), (1, 69, "expected opening `[`".into()));
    assert_eq!(places(&with("migration: (x_colo: 1)")), (1, 83, "expected boolean".into()));
    assert_eq!(places(&with("migration: (multifd_channels: two)")), (1, 93, "expected integer".into()));
    let fraction = places(&with("migration: (multifd_channels: 2.5)"));
    assert_eq!(fraction, (1, 93, "expected an integer but found `2.5`".into()));
    assert_eq!(places(&with("link: (rate: )")), (1, 76, "unexpected char ')'".into()));
    assert_eq!(places(&with("migration: (multifd_channels: 5000000000)")), (1, 93, "integer is out of bounds".into()));
    assert_eq!(places("(question: 4)"), (1, 12, "expected string".into()));
    assert_eq!(places(&with("stop: AfterCheckpoints(-1)")).1, 86);
    let (_, _, message) = places(&"x".repeat(1 << 21));
    assert_eq!(message, "2097152 bytes are too long for this kind of file (at most 1048576)");
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = with(&format!("sweep: [(path: \"a\", values: [{}])]", "[".repeat(100_000)));
    assert!(Scenario::from_ron(&deep, "x.ron").is_err());
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let text = with(&format!("host: \"{}\", granularity: Pge", "x".repeat(5000)));
    let shown = printed_error(&text);
    assert!(shown.lines().all(|line| line.chars().count() < 220), "{shown}");
    assert!(shown.ends_with("^^^ did you mean `Page`?"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_gives_a_scenario_or_an_error(text in "\\PC{0,200}") {
        let _ = Scenario::from_ron(&text, "x.ron").map_err(|error| error.to_string());
    }

    #[test]
    fn a_damaged_scenario_gives_a_scenario_or_an_error_with_a_place(
        at in 0usize..1000,
        length in 0usize..9,
        insert in "[()\\[\\]{}:,\"'/*#r\n\u{fc}]{0,3}",
    ) {
        let mut chars: Vec<char> = EXAMPLE.chars().collect();
        let at = at.min(chars.len());
        let end = (at + length).min(chars.len());
        chars.splice(at..end, insert.chars());
        let text: String = chars.into_iter().collect();
        if let Err(error) = Scenario::from_ron(&text, "x.ron") {
            let line = text.split('\n').nth(error.line as usize - 1).expect("the line exists");
            prop_assert!(error.column as usize <= line.chars().count() + 1, "{}", error);
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
