//! `explore`: look for violations in one design, under every fault plan of the scenario.

mod prefix;
mod witnesses;

use crate::cli::ExploreArgs;
use crate::commands::Settings;
use crate::commands::compare::nothing_to_decide;
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::{Chosen, Loaded, load_for};
use crate::files::search::{Identity, SearchFile};
use crate::files::{create_dir, likelihood as likelihood_files};
use crate::inquiry::rate::Measurement;
use crate::inquiry::{Answered, Detail, Inquiry, likelihood};
use crate::interrupt;
use crate::report::claim::claim;
use crate::report::explore::{Explored, JsonCoverage, JsonLikelihood, JsonMissed, text};
use crate::report::hazards::JsonHazard;
use crate::report::json::{self, JsonFinding};
use crate::values::Format;
use colosim_plots::LikelihoodResults;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Enough for races that one stall in a hundred hits.
const DEFAULT_SEEDS: Range<u64> = 0..200;

/// Search, measure, and write witnesses.
pub fn explore(args: &ExploreArgs, settings: Settings) -> Result<Answer, Failure> {
    if args.likelihood && args.out.is_none() {
        let advice = "name a directory: --out DIR".to_owned();
        return Err(Failure::usage("--likelihood writes files and needs a place for them", Some(advice)));
    }
    let loaded = load_for(&args.source, args.search.strategy)?;
    if loaded.scenario.asks_for_figures() {
        return Err(nothing_to_decide(&loaded));
    }
    let (prefix, continued_variant) = prefix::read(args, &loaded)?;
    let chosen = loaded.variant(args.variant.as_deref().or(continued_variant.as_deref()))?;
    let seeds = args.search.seeds.clone().unwrap_or(DEFAULT_SEEDS);
    let fault_plans = if prefix.is_some() { 1 } else { loaded.scenario.faults.len().max(1) };
    let file = args.out.as_ref().map(|dir| {
        let identity = Identity::new(&loaded, &chosen, args.search.strategy, &seeds, prefix.as_ref());
        SearchFile::new(dir, identity, fault_plans)
    });
    if let Some(dir) = &args.out {
        create_dir(dir)?;
    }
    let stop = interrupt::watch()?;
    let started = Instant::now();
    let inquiry = Inquiry {
        strategy: args.search.strategy,
        prefix,
        seeds,
        jobs: settings.jobs,
        budget: args.search.budget,
        stop,
        quiet: settings.quiet,
        detail: Detail::Full,
        file: file.as_ref(),
    };
    let mut answered = inquiry.ask(&loaded, &chosen)?;
    if args.rate {
        let first = inquiry.seeds.start;
        let seeds = first..first.saturating_add(args.rate_runs);
        let measurement = Measurement { seeds, workers: &settings.workers()?, stop, quiet: settings.quiet };
        measurement.of(&loaded, &chosen, &mut answered.found);
    }
    let witnesses = witnesses::write(args.out.as_deref(), &loaded, &chosen, &answered.found)?;
    if args.verify_determinism {
        witnesses::verify(&loaded, &chosen, &answered.found, settings)?;
    }
    let likelihood = match (args.likelihood, &args.out) {
        (true, Some(dir)) => measure_likelihood(dir, &loaded, &chosen, &answered, settings, stop)?,
        _ => None,
    };
    let exit = match answered.found.iter().any(|found| found.asked) {
        _ if stop.load(Ordering::Relaxed) => Exit::Interrupted,
        true => Exit::Violated,
        false => Exit::Done,
    };
    let findings = |asked: bool| {
        let found = answered.found.iter().zip(&witnesses).filter(|(found, _)| found.asked == asked);
        let name = |path: &PathBuf| path.display().to_string();
        found.map(|(found, witness)| JsonFinding::of(found, witness.as_ref().map(name))).collect()
    };
    let hazards = answered.report.hazards.iter();
    let explored = Explored {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        variant: chosen.name.clone(),
        strategy: args.search.strategy.to_string(),
        runs: answered.report.runs,
        steps: answered.report.steps,
        complete: answered.report.complete,
        claim: claim(&answered, &inquiry, &loaded.scenario),
        interleavings: JsonCoverage::of(&answered.report.interleavings),
        chance_at_least: answered.chance.map(|chance| chance.at_least),
        unreached_fault_plans: answered.unreached.clone(),
        unreached_oracles: JsonMissed::all(&answered),
        violations: findings(true),
        others: findings(false),
        hazards: hazards.map(|hazard| JsonHazard::of(hazard, &loaded.scenario)).collect(),
        likelihood,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let text = match settings.format {
        Format::Json => json::document(&explored),
        Format::Text => text(&explored, &loaded, &answered, &witnesses, &inquiry),
    };
    Ok(Answer { text, exit })
}

/// For the first finding that is asked about, if there is one.
fn measure_likelihood(
    dir: &Path,
    loaded: &Loaded,
    chosen: &Chosen,
    answered: &Answered,
    settings: Settings,
    stop: &AtomicBool,
) -> Result<Option<JsonLikelihood>, Failure> {
    let Some(found) = answered.found.iter().find(|found| found.asked) else {
        settings.note("no finding to measure the likelihood of");
        return Ok(None);
    };
    let results: LikelihoodResults = likelihood::along_the_run(loaded, chosen, found, settings.jobs, stop)?;
    let files = likelihood_files::write(dir, &results)?;
    Ok(Some(JsonLikelihood { files: files.map(|path| path.display().to_string()).to_vec(), results }))
}
