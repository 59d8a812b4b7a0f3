//! `compare`: every design of a scenario, and a verdict for each.

use super::Settings;
use crate::cli::CompareArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::load_for;
use crate::inquiry::{Answered, Detail, Inquiry};
use crate::interrupt;
use crate::report::claim::claim;
use crate::report::compare::{Compared, Row, Verdict, text};
use crate::report::explore::JsonMissed;
use crate::report::hazards::JsonHazard;
use crate::report::json::{self, JsonFinding};
use crate::values::Format;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// For a few designs under a few fault plans some seconds on two cores.
const DEFAULT_SEEDS: Range<u64> = 0..64;

/// Search each design, and judge.
pub fn compare(args: &CompareArgs, settings: Settings) -> Result<Answer, Failure> {
    let loaded = load_for(&args.source, args.search.strategy)?;
    let variants = loaded.variants()?;
    let stop = interrupt::watch()?;
    let started = Instant::now();
    let mut rows = Vec::new();
    for (done, chosen) in variants.iter().enumerate() {
        // What an earlier design did not use is there for the later ones.
        let left = (variants.len() - done) as u32;
        let budget = args.search.budget.map(|budget| budget.saturating_sub(started.elapsed()) / left);
        let inquiry = Inquiry {
            strategy: args.search.strategy,
            prefix: None,
            seeds: args.search.seeds.clone().unwrap_or(DEFAULT_SEEDS),
            jobs: settings.jobs,
            budget,
            stop,
            quiet: settings.quiet,
            detail: Detail::Verdict,
            file: None,
        };
        let answered = inquiry.ask(&loaded, chosen)?;
        rows.push(Row {
            variant: chosen.name.clone(),
            verdict: verdict(&answered),
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
    let exit = match rows.iter().map(|row| row.verdict).max() {
        _ if stop.load(Ordering::Relaxed) => Exit::Interrupted,
        Some(Verdict::Violated) => Exit::Violated,
        Some(Verdict::Inconclusive) => Exit::Unfinished,
        Some(Verdict::Holds) | None => Exit::Done,
    };
    let compared = Compared {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        strategy: args.search.strategy.to_string(),
        variants: variants.len(),
        rows,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let text = match settings.format {
        Format::Json => json::document(&compared),
        Format::Text => text(&compared, &loaded.scenario),
    };
    Ok(Answer { text, exit })
}

fn findings(answered: &Answered, asked: bool) -> Vec<JsonFinding> {
    let found = answered.found.iter().filter(|found| found.asked == asked);
    found.map(|found| JsonFinding::of(found, None)).collect()
}

/// `holds` is said only of a search that ended, and got where it wanted to look.
fn verdict(answered: &Answered) -> Verdict {
    if answered.found.iter().any(|found| found.asked) {
        Verdict::Violated
    } else if answered.report.complete && answered.unreached.is_empty() && answered.missed.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Inconclusive
    }
}
