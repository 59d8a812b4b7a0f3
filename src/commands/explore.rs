//! `explore`: look for violations in one design, under every fault plan of the scenario.

use super::Settings;
use super::run::verify_determinism;
use crate::cli::ExploreArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::create_dir;
use crate::files::scenario::{Chosen, Loaded, load};
use crate::files::witness::Witness;
use crate::inquiry::{Answered, Found, Inquiry};
use crate::interrupt;
use crate::report::json::{self, JsonFinding, JsonHazard};
use crate::report::names::{counted, faults, hazards};
use crate::report::story;
use crate::values::{Format, StrategyName};
use colosim_models::experiment::ScenarioExperiment;
use colosim_sim::Simulator;
use colosim_sim::explore::Rate;
use serde::Serialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Enough for races that one stall in a hundred hits.
const DEFAULT_SEEDS: Range<u64> = 0..200;

#[derive(Serialize)]
struct Explored {
    scenario: String,
    question: String,
    variant: String,
    strategy: String,
    runs: u64,
    steps: u64,
    complete: bool,
    /// Fault plans of which no run came so far that every fault struck.
    unreached_fault_plans: Vec<usize>,
    violations: Vec<JsonFinding>,
    others: Vec<JsonFinding>,
    hazards: Vec<JsonHazard>,
    elapsed_ms: u64,
}

/// Search, and write witnesses.
pub fn explore(args: &ExploreArgs, settings: Settings) -> Result<Answer, Failure> {
    let loaded = load(&args.source)?;
    let chosen = loaded.variant(args.variant.as_deref())?;
    if let Some(dir) = &args.out {
        create_dir(dir)?;
    }
    let stop = interrupt::watch()?;
    let started = Instant::now();
    let inquiry = Inquiry {
        strategy: args.search.strategy,
        seeds: args.search.seeds.clone().unwrap_or(DEFAULT_SEEDS),
        jobs: settings.jobs,
        budget: args.search.budget,
        stop,
        quiet: settings.quiet,
        only_asked: false,
    };
    let answered = inquiry.ask(&loaded, &chosen)?;
    let witnesses = write_witnesses(args.out.as_deref(), &loaded, &chosen, &answered.found)?;
    if args.verify_determinism {
        verify_all(&loaded, &chosen, &answered.found, settings)?;
    }
    let findings = |asked: bool| {
        let found = answered.found.iter().zip(&witnesses).filter(|(found, _)| found.asked == asked);
        let name = |path: &PathBuf| path.display().to_string();
        found.map(|(found, witness)| JsonFinding::of(found, witness.as_ref().map(name))).collect()
    };
    let exit = match answered.found.iter().any(|found| found.asked) {
        _ if stop.load(Ordering::Relaxed) => Exit::Interrupted,
        true => Exit::Violated,
        false => Exit::Done,
    };
    let explored = Explored {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        variant: chosen.name.clone(),
        strategy: args.search.strategy.to_string(),
        runs: answered.report.runs,
        steps: answered.report.steps,
        complete: answered.report.complete,
        unreached_fault_plans: answered.unreached.clone(),
        violations: findings(true),
        others: findings(false),
        hazards: answered.report.hazards.iter().map(JsonHazard::of).collect(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let text = match settings.format {
        Format::Json => json::document(&explored),
        Format::Text => text(&explored, &loaded, &answered, &witnesses, args.search.strategy),
    };
    Ok(Answer { text, exit })
}

/// One file for each finding, if there is a directory for them.
fn write_witnesses(
    dir: Option<&Path>,
    loaded: &Loaded,
    chosen: &Chosen,
    found: &[Found],
) -> Result<Vec<Option<PathBuf>>, Failure> {
    let Some(dir) = dir else { return Ok(vec![None; found.len()]) };
    let write = |(number, found): (usize, &Found)| {
        let path = dir.join(file_name(chosen, number + 1, found));
        Witness::new(loaded, chosen, found).write(&path)?;
        Ok(Some(path))
    };
    found.iter().enumerate().map(write).collect()
}

/// As `series-v5-1-use-after-free-colo_cache.ron`.
fn file_name(chosen: &Chosen, number: usize, found: &Found) -> String {
    let name = format!("{}-{number}-{}-{}", chosen.name, found.violation.kind.0, found.violation.object);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let mut plain: String = name.chars().map(plain).collect();
    while plain.contains("--") {
        plain = plain.replace("--", "-");
    }
    plain + ".ron"
}

fn verify_all(loaded: &Loaded, chosen: &Chosen, found: &[Found], settings: Settings) -> Result<(), Failure> {
    let mut simulator = Simulator::new();
    for found in found {
        let experiment = ScenarioExperiment::new(&loaded.scenario, &chosen.variant, &loaded.host, found.fault_plan);
        verify_determinism(&experiment, &mut simulator, &found.trial, settings)?;
    }
    Ok(())
}

fn text(
    explored: &Explored,
    loaded: &Loaded,
    answered: &Answered,
    witnesses: &[Option<PathBuf>],
    strategy: StrategyName,
) -> String {
    let mut text = format!("{}, {}, strategy {}\n", explored.scenario, explored.variant, explored.strategy);
    text += &format!("{}\n", explored.question);
    text += &format!(
        "{} of {}, {}{}\n",
        counted(explored.runs, "run"),
        counted(loaded.scenario.faults.len().max(1) as u64, "fault plan"),
        counted(explored.steps, "step"),
        if explored.complete { "" } else { "; ended early" }
    );
    for plan in &explored.unreached_fault_plans {
        let plan_faults = faults(loaded.faults(Some(*plan)));
        text += &format!("not reached: fault plan {plan} ({plan_faults}) never struck as a whole\n");
    }
    for (asked, head) in [(true, "violations"), (false, "others, not asked about")] {
        let found: Vec<_> = answered.found.iter().zip(witnesses).filter(|(found, _)| found.asked == asked).collect();
        if found.is_empty() {
            if asked {
                text += "\nviolations: none found\n";
            }
            continue;
        }
        text += &format!("\n{head}: {}\n", found.len());
        for (found, witness) in found {
            text += &one(found, witness.as_deref(), strategy);
        }
    }
    text += &format!("\n{}\n", hazards(explored.hazards.len()));
    text
}

fn one(found: &Found, witness: Option<&Path>, strategy: StrategyName) -> String {
    let mut text = format!("- {} of {}\n  {}\n", found.violation.kind.0, found.violation.object, story::tell(found));
    match strategy {
        StrategyName::Timed => {
            text += &format!("  seen in {}\n", Rate { hits: found.shown, runs: found.of_runs });
        }
        StrategyName::Stalls => {
            text += &format!(
                "  seen in {} of {}, first in run {}\n",
                found.shown,
                counted(found.of_runs, "run"),
                found.first_found_at_run
            );
        }
    }
    if let Some(witness) = witness {
        text += &format!("  witness: {}\n", witness.display());
    }
    text
}
