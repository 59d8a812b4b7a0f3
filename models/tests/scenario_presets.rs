//! Presets, choices of switches and host profiles.

use colosim_models::host_profile::HostProfile;
use colosim_models::preset::{PRESETS, VariantError, preset};
use colosim_models::scenario::VariantChoice;
use colosim_models::steps::step_names;
use colosim_models::variant::{CacheRelease, CheckpointLoadBql, HookCopy, Multifd, SWITCHES};

fn choice(text: &str) -> VariantChoice {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_preset_is_a_possible_design_under_one_name() {
    let mut names: Vec<&str> =
        PRESETS.iter().flat_map(|preset| preset.aliases.iter().chain([&preset.name])).copied().collect();
    for name in &names {
        let designs = choice(name).resolve_all().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(designs.len() > 1, preset(name).unwrap().unknown.is_some(), "{name}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn presets_differ_where_the_designs_differ() {
    let differences = |a: &str, b: &str| -> Vec<&str> {
        let (a, b) = (preset(a).unwrap(), preset(b).unwrap());
        a.variant.differences(&b.variant).into_iter().map(|(switch, _, _)| switch).collect()
    };
    assert_eq!(differences("merged", "merged-bql-held"), ["checkpoint_load_bql"]);
    let switches = ["enabled_predicate", "cache_alloc", "cache_release", "checkpoint_load_bql"];
    assert_eq!(differences("merged", "series-v5"), switches);
    let switches =
        ["multifd", "hook_record", "hook_copy", "recv_target", "copy_order", "enabled_predicate", "bitmap_lock"];
    assert_eq!(differences("merged", "plain-ram.c"), switches);
    assert_eq!(preset("v5"), preset("series-v5"));
    assert_eq!(preset("multifd-v11"), preset("merged"));
}

#[test]
fn a_preset_with_an_unknown_switch_is_one_of_several_designs_until_it_is_chosen() {
    let designs = choice("multifd-v6 + record_zero: No").resolve_all().unwrap();
    let conditions: Vec<_> = designs.iter().map(|design| design.condition.as_deref().unwrap()).collect();
    assert_eq!(conditions, ["if P order", "if M order"]);
    let releases: Vec<_> = designs.iter().map(|design| design.variant.cache_release).collect();
    assert_eq!(releases, [CacheRelease::AfterColoJoin, CacheRelease::AfterMultifdJoin]);
    for design in &designs {
        assert_eq!(design.choice.resolve().as_ref(), Ok(&design.variant), "the choice says it all");
    }
    let error = choice("multifd-v6").resolve().unwrap_err();
    assert_eq!(error.to_string(), "what `cache_release` is in `multifd-v6` is not known");
    let suggestion = error.suggestion().unwrap();
    assert!(suggestion.starts_with("choose `multifd-v6 + cache_release: AfterColoJoin"), "{suggestion}");
    let chosen = choice("multifd-v6 + cache_release: AfterMultifdJoin").resolve().unwrap();
    assert_eq!(chosen.cache_release, CacheRelease::AfterMultifdJoin);
}

#[test]
fn switches_change_a_preset() {
    let variant = choice("merged + cache_release: AfterColoJoin + checkpoint_load_bql: Held").resolve().unwrap();
    assert_eq!(variant.cache_release, CacheRelease::AfterColoJoin);
    assert_eq!(variant.checkpoint_load_bql, CheckpointLoadBql::Held);
    assert_eq!(variant.hook_copy, HookCopy::AfterRecv);
}

#[test]
fn a_printed_choice_reads_back() {
    for switch in SWITCHES {
        for value in switch.values {
            let text = format!("merged + {}: {}", switch.name, value.name);
            assert_eq!(choice(&text).to_string(), text);
        }
    }
    assert_eq!(choice("merged + multifd: On + multifd: Off").to_string(), "merged + multifd: Off");
    assert_eq!(choice(" series-v5 ").to_string(), "series-v5");
}

#[test]
fn a_wrong_choice_is_answered_with_the_nearest() {
    let error = |text: &str| {
        let error = text.parse::<VariantChoice>().unwrap_err();
        (error.message, error.suggestion.unwrap_or_default())
    };
    assert_eq!(
        error("merged + cache_releas: Never"),
        ("unknown switch `cache_releas`".into(), "did you mean `cache_release`?".into())
    );
    let (message, advice) = error("merged + cache_release: Nevr");
    assert_eq!(
        (message.as_str(), advice.as_str()),
        ("unknown value `Nevr` of `cache_release`", "did you mean `Never`?")
    );
    assert_eq!(error("merged + Never").0, "`Never` is no switch; write `switch: Value`");
    assert_eq!(error("merged + multifd: On, hook_copy: None").0, "`On, hook_copy: None` is no value of `multifd`");
    let Err(VariantError::UnknownPreset { name, suggestion }) = choice("multifd-v33").resolve() else { panic!() };
    assert_eq!((name.as_str(), suggestion.as_deref()), ("multifd-v33", Some("did you mean `multifd-v3`?")));
}

#[test]
fn contradicting_switches_are_refused_with_the_reason() {
    let reason = |text: &str| choice(text).resolve().map(|_| String::new()).unwrap_or_else(|error| error.to_string());
    assert!(reason("merged + recv_target: GuestAlways").contains("would copy it onto itself"));
    assert!(reason("merged + hook_record: None + copy_predicate: Snapshot").contains("no state is read"));
    // Without effect, but harmless.
    assert_eq!(reason("plain-ram.c + hook_record: InUnfill"), "");
    assert_eq!(reason("plain-ram.c + cache_release: AfterMultifdJoin"), "");
    assert_eq!(reason("merged + recv_target: GuestAlways + hook_copy: None"), "");
    assert_eq!(choice("merged + multifd: Off").resolve().unwrap().multifd, Multifd::Off);
}

#[test]
fn every_built_in_profile_knows_the_steps_of_the_model() {
    let steps = step_names();
    for name in HostProfile::builtin_names() {
        let text = HostProfile::builtin_text(name).unwrap();
        let profile = HostProfile::from_ron(text, name, &steps).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(HostProfile::builtin(name), Some(profile));
    }
    assert_eq!(HostProfile::builtin("lab"), None);
}

#[test]
fn a_step_without_an_entry_costs_what_others_cost() {
    let profile = HostProfile::builtin("lab-unix").unwrap();
    assert_eq!(profile.cost("colo_flush.copy_run"), profile.steps["colo_flush.copy_run"]);
    assert_ne!(profile.cost("colo_flush.copy_run"), profile.other_steps);
    assert_eq!(profile.cost("multifd_recv.lock"), profile.other_steps);
}

#[test]
fn mistakes_in_a_profile_are_shown_at_their_place() {
    let steps = ["colo_flush.copy_run", "multifd_recv.lock"];
    let text =
        "HostProfile(\n    doc: \"\",\n    steps: {\n        \"colo_flush.copy_runs\": (fixed: \"1 us\"),\n    },\n)";
    assert_eq!(
        HostProfile::from_ron(text, "my.ron", &steps).unwrap_err().to_string(),
        "error: unknown step `colo_flush.copy_runs`
  --> my.ron:4:9
   |
 4 |         \"colo_flush.copy_runs\": (fixed: \"1 us\"),
   |         ^^^^^^^^^^^^^^^^^^^^^^ did you mean `colo_flush.copy_run`?"
    );
    let text = "(doc: \"\", noise: (spred: 0.1))";
    let error = HostProfile::from_ron(text, "my.ron", &steps).unwrap_err();
    assert_eq!(error.suggestion.as_deref(), Some("did you mean `spread`?"));
    let text = "(doc: \"\", noise: (preemption: (mean_interval: 0, mean_length: \"1 us\")))";
    let error = HostProfile::from_ron(text, "my.ron", &steps).unwrap_err();
    assert_eq!((error.message.as_str(), error.column), ("threads that are always preempted never run", 47));
    let text = "(doc: \"\", steps: {\"multifd_recv.lock\": (fixed: \"1\")})";
    let error = HostProfile::from_ron(text, "my.ron", &steps).unwrap_err();
    assert_eq!(error.message, "`1` is no time span; write e.g. `100 ms`");
}
