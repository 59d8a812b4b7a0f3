//! `compare`: every design of one or more scenarios, and a verdict for each.

use super::Settings;
use crate::cli::{CompareArgs, ScenarioArgs};
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::{Chosen, Loaded, load_for};
use crate::inquiry::{Answered, Detail, Inquiry};
use crate::interrupt;
use crate::report::claim::claim;
use crate::report::compare::{Compared, Row, Verdict, text};
use crate::report::explore::JsonMissed;
use crate::report::hazards::JsonHazard;
use crate::report::json::{self, JsonFinding};
use crate::strategy::StrategyChoice;
use crate::values::Format;
use colosim_models::scenario::Scenario;
use serde::Serialize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// For a few designs under a few fault plans some seconds on two cores.
const DEFAULT_SEEDS: Range<u64> = 0..64;

/// Search each design of each scenario, and judge.
pub fn compare(args: &CompareArgs, settings: Settings) -> Result<Answer, Failure> {
    // What is wrong with the last scenario is said before the first is searched.
    let load = |path: &PathBuf| {
        let source = ScenarioArgs { scenario: path.clone(), set: args.set.clone(), smallest: args.smallest };
        let loaded = load_for(&source, args.search.strategy)?;
        let variants = loaded.variants()?;
        Ok((loaded, variants))
    };
    let all: Vec<(Loaded, Vec<Chosen>)> = args.scenarios.iter().map(load).collect::<Result<_, Failure>>()?;
    let (figures, scenarios): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(loaded, _)| loaded.scenario.asks_for_figures());
    if let (Some((loaded, _)), true) = (figures.first(), scenarios.is_empty()) {
        return Err(nothing_to_decide(loaded));
    }
    let not_searched: Vec<&str> = figures.iter().map(|(loaded, _)| loaded.name.as_str()).collect();
    let stop = interrupt::watch()?;
    let started = Instant::now();
    let mut compared = Vec::new();
    for (done, (loaded, variants)) in scenarios.iter().enumerate() {
        // What an earlier scenario did not use is there for the later ones.
        let left = (scenarios.len() - done) as u32;
        let searching = Searching {
            strategy: args.search.strategy,
            seeds: args.search.seeds.clone().unwrap_or(DEFAULT_SEEDS),
            budget: args.search.budget.map(|budget| budget.saturating_sub(started.elapsed()) / left),
            stop,
        };
        compared.push(compare_one(&searching, settings, loaded, variants)?);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let verdicts = compared.iter().flat_map(|one| &one.rows).map(|row| row.verdict);
    let exit = match verdicts.max() {
        _ if stop.load(Ordering::Relaxed) => Exit::Interrupted,
        Some(Verdict::Violated) => Exit::Violated,
        Some(Verdict::Inconclusive | Verdict::NotModelled) => Exit::Unfinished,
        Some(Verdict::Holds) | None => Exit::Done,
    };
    let text = match (settings.format, compared.as_slice()) {
        (Format::Json, [one]) if args.scenarios.len() == 1 => json::document(one),
        (Format::Json, _) => json::document(&Several { scenarios: &compared, not_searched: &not_searched }),
        (Format::Text, _) => {
            let texts = compared.iter().zip(&scenarios).map(|(one, (loaded, _))| text(one, &loaded.scenario));
            let left_out = not_searched.iter().map(|name| format!("{name}: not searched, {ASKS_FOR_FIGURES}\n"));
            texts.chain(left_out).collect::<Vec<_>>().join("\n")
        }
    };
    Ok(Answer { text, exit })
}

/// The document for more than one scenario.
#[derive(Serialize)]
struct Several<'a> {
    scenarios: &'a [Compared],
    /// Names of those that have nothing to decide.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_searched: &'a [&'a str],
}

const ASKS_FOR_FIGURES: &str = "it asks how long a plain migration takes: no COLO, no fault, no oracle";

/// A search of this scenario could only repeat the same run.
pub(super) fn nothing_to_decide(loaded: &Loaded) -> Failure {
    let name = &loaded.name;
    let advice = format!("`colosim run {name}` answers it; name what a search shall look for: --set 'asks=[Lifetime]'");
    Failure::usage(format!("{name} has nothing to search for, {ASKS_FOR_FIGURES}"), Some(advice))
}

/// How each design of a scenario is searched.
pub(super) struct Searching<'a> {
    /// How trials are chosen.
    pub strategy: StrategyChoice,
    /// Their seeds.
    pub seeds: Range<u64>,
    /// For all designs together.
    pub budget: Option<Duration>,
    /// Set when the user has had enough.
    pub stop: &'a AtomicBool,
}

/// Search each design of one scenario, and judge.
pub(super) fn compare_one(
    searching: &Searching<'_>,
    settings: Settings,
    loaded: &Loaded,
    variants: &[Chosen],
) -> Result<Compared, Failure> {
    let stop = searching.stop;
    let started = Instant::now();
    let mut rows = Vec::new();
    for (done, chosen) in variants.iter().enumerate() {
        let left = (variants.len() - done) as u32;
        let inquiry = Inquiry {
            strategy: searching.strategy,
            prefix: None,
            seeds: searching.seeds.clone(),
            jobs: settings.jobs,
            budget: searching.budget.map(|budget| budget.saturating_sub(started.elapsed()) / left),
            stop,
            quiet: settings.quiet,
            detail: Detail::Verdict,
            file: None,
        };
        let answered = inquiry.ask(loaded, chosen)?;
        rows.push(Row {
            variant: chosen.name.clone(),
            condition: chosen.condition.clone(),
            verdict: verdict(&answered, &loaded.scenario),
            claim: claim(&answered, &inquiry, &loaded.scenario),
            runs: answered.report.runs,
            steps: answered.report.steps,
            complete: answered.report.complete,
            unreached_fault_plans: answered.unreached.clone(),
            unreached_oracles: JsonMissed::all(&answered),
            violations: findings(&answered, true),
            others: findings(&answered, false),
            hazards: answered.report.hazards.iter().map(|hazard| JsonHazard::of(hazard, &loaded.scenario)).collect(),
            found: answered.found,
            seen: answered.report.hazards,
        });
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(Compared {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        strategy: searching.strategy.to_string(),
        variants: variants.len(),
        rows,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn findings(answered: &Answered, asked: bool) -> Vec<JsonFinding> {
    let found = answered.found.iter().filter(|found| found.asked == asked);
    found.map(|found| JsonFinding::of(found, None)).collect()
}

/// `holds` is said only of a search that ended, and got where it wanted to look.
fn verdict(answered: &Answered, scenario: &Scenario) -> Verdict {
    if answered.found.iter().any(|found| found.asked) {
        Verdict::Violated
    } else if !scenario.not_modelled().is_empty() {
        Verdict::NotModelled
    } else if answered.report.complete && answered.unreached.is_empty() && answered.missed.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Inconclusive
    }
}
