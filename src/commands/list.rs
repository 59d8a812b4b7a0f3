//! `list`: what there is to choose from.

use super::Settings;
use crate::cli::{ListArgs, Listed};
use crate::exit::{Answer, Exit, Failure};
use crate::files::read_text;
use crate::report::json;
use crate::strategy::{STRATEGIES, StrategyInfo};
use crate::values::Format;
use colosim_models::host_profile::HostProfile;
use colosim_models::preset::{PRESETS, preset};
use colosim_models::scenario::{BUILTIN, Scenario, TEXT_BYTES_MAX};
use colosim_models::steps::STEPS;
use colosim_models::variant::SWITCHES;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Where `list scenarios` looks first.
const SCENARIO_DIR: &str = "scenarios";

#[derive(Serialize)]
struct List {
    what: String,
    /// Where they come from.
    source: String,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    name: String,
    doc: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
}

#[derive(Serialize)]
struct Detail {
    name: String,
    doc: String,
}

impl Item {
    fn new(name: impl Into<String>, doc: impl Into<String>) -> Item {
        Item { name: name.into(), doc: doc.into().trim().to_owned(), details: Vec::new() }
    }

    fn with(mut self, details: impl IntoIterator<Item = (String, String)>) -> Item {
        let detail = |(name, doc): (String, String)| Detail { name, doc: doc.trim().to_owned() };
        self.details = details.into_iter().map(detail).collect();
        self
    }
}

/// List it.
pub fn list(args: &ListArgs, settings: Settings) -> Result<Answer, Failure> {
    let what = format!("{:?}", args.what).to_lowercase();
    let (source, items) = match args.what {
        Listed::Scenarios => scenarios(),
        Listed::Variants => ("built in", variants()),
        Listed::Switches => ("built in", switches()),
        Listed::Presets => ("built in", presets()),
        Listed::Steps => ("built in", STEPS.iter().map(|step| Item::new(step.name, step.stands_for)).collect()),
        Listed::Strategies => ("built in", STRATEGIES.iter().map(strategy).collect()),
        Listed::Profiles => ("built in", profiles()),
    };
    let list = List { what, source: source.to_owned(), items };
    let text = match settings.format {
        Format::Json => json::document(&list),
        Format::Text => text(&list, args.what),
    };
    Ok(Answer { text, exit: Exit::Done })
}

fn text(list: &List, what: Listed) -> String {
    let mut text = String::new();
    if what == Listed::Scenarios {
        text += &format!("{}:\n", list.source);
    }
    let width = list.items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
    for item in &list.items {
        text += &format!("{:width$}  {}\n", item.name, item.doc);
        let inner = item.details.iter().map(|detail| detail.name.chars().count()).max().unwrap_or(0);
        for detail in &item.details {
            text += &format!("    {:inner$}  {}\n", detail.name, detail.doc);
        }
    }
    text
}

/// Those of ./scenarios, or if there are none, those that are part of the program.
fn scenarios() -> (&'static str, Vec<Item>) {
    let files = scenario_files(Path::new(SCENARIO_DIR));
    if files.is_empty() {
        let question = |text, name| Scenario::from_ron(text, name).map_or_else(|e| e.message, |s| s.question);
        return ("built in", BUILTIN.iter().map(|(name, text)| Item::new(*name, question(text, name))).collect());
    }
    let item = |path: PathBuf| {
        let name = path.display().to_string();
        let scenario = read_text(&path, TEXT_BYTES_MAX).ok().map(|text| Scenario::from_ron(&text, &name));
        let doc = match scenario {
            Some(Ok(scenario)) => scenario.question,
            Some(Err(error)) => format!("(no sound scenario: {})", error.message),
            None => "(not readable)".to_owned(),
        };
        Item::new(name, doc)
    };
    ("./scenarios", files.into_iter().map(item).collect())
}

fn scenario_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|ext| ext == "ron")).collect();
    files.sort();
    files
}

fn variants() -> Vec<Item> {
    let merged = preset("merged");
    let differences = |of: &colosim_models::preset::Preset| {
        let differences = merged.map(|merged| of.variant.differences(&merged.variant)).unwrap_or_default();
        differences
            .into_iter()
            .map(|(switch, value, merged)| (format!("{switch}: {value}"), format!("merged: {merged}")))
    };
    let evidence = |of: &colosim_models::preset::Preset| ("known from".to_owned(), of.evidence.to_owned());
    let details = |preset| differences(preset).chain([evidence(preset)]);
    PRESETS.iter().map(|preset| Item::new(preset.name, preset.doc).with(details(preset))).collect()
}

fn presets() -> Vec<Item> {
    let details = |preset: &colosim_models::preset::Preset| {
        let evidence = Some(("evidence".to_owned(), preset.evidence.to_owned()));
        let aliases = (!preset.aliases.is_empty()).then(|| ("also called".to_owned(), preset.aliases.join(", ")));
        let unknown = preset.unknown.map(|unknown| {
            let cases: Vec<&str> = unknown.cases.iter().map(|case| case.switches).collect();
            ("not known".to_owned(), format!("{}: either {}", unknown.switch, cases.join(" or ")))
        });
        evidence.into_iter().chain(aliases).chain(unknown)
    };
    PRESETS.iter().map(|preset| Item::new(preset.name, preset.doc).with(details(preset))).collect()
}

fn switches() -> Vec<Item> {
    let item = |switch: &colosim_models::variant::SwitchInfo| {
        let values = switch.values.iter().map(|value| (value.name.to_owned(), value.doc.to_owned()));
        let evidence = ("known from".to_owned(), switch.evidence.to_owned());
        Item::new(switch.name, switch.doc).with(values.chain([evidence]))
    };
    SWITCHES.iter().map(item).collect()
}

fn strategy(info: &StrategyInfo) -> Item {
    let parameter = info.parameter.map(|parameter| {
        let (first, last) = parameter.range;
        (parameter.letter.to_owned(), format!("{}, {first} to {last}", parameter.what))
    });
    let rest = [("proves", info.proves), ("source", info.source)].map(|(name, doc)| (name.to_owned(), doc.to_owned()));
    Item::new(info.form(), info.does).with(parameter.into_iter().chain(rest))
}

fn profiles() -> Vec<Item> {
    let doc = |name| HostProfile::builtin(name).map_or_else(String::new, |profile| profile.doc);
    HostProfile::builtin_names().map(|name| Item::new(name, doc(name))).collect()
}
