//! The report of a search of one design.

use super::hazards::{self, JsonHazard};
use super::json::JsonFinding;
use super::names::{counted, faults};
use super::{nearest, story};
use crate::files::scenario::Loaded;
use crate::inquiry::{Answered, Chance, Found, Inquiry};
use crate::strategy::StrategyChoice;
use colosim_plots::LikelihoodResults;
use colosim_sim::Span;
use colosim_sim::explore::{Coverage, Rate};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a search gave.
#[derive(Debug, Serialize)]
pub struct Explored {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub question: String,
    /// The design.
    pub variant: String,
    /// As the user wrote it.
    pub strategy: String,
    /// Runs of the search.
    pub runs: u64,
    /// Steps of these.
    pub steps: u64,
    /// All runs that were planned were made.
    pub complete: bool,
    /// What was searched, in words.
    pub claim: String,
    /// Who handed shared objects over to whom, in which order: how many such orders there were.
    pub interleavings: JsonCoverage,
    /// The least chance that one run shows a bug of the depth of `pct`; null for other strategies.
    pub chance_at_least: Option<f64>,
    /// Fault plans of which no run came so far that every fault struck.
    pub unreached_fault_plans: Vec<usize>,
    /// Asked oracles that had nothing to judge in any run, and what they lacked.
    pub unreached_oracles: Vec<JsonMissed>,
    /// What the scenario asks about.
    pub violations: Vec<JsonFinding>,
    /// What else was found.
    pub others: Vec<JsonFinding>,
    /// Accesses that nothing orders.
    pub hazards: Vec<JsonHazard>,
    /// How likely the first violation is along its run; null where it was not measured.
    pub likelihood: Option<JsonLikelihood>,
    /// Wall-clock time.
    pub elapsed_ms: u64,
}

/// How many distinct interleavings a search saw.
#[derive(Debug, Serialize)]
pub struct JsonCoverage {
    distinct: u64,
    new_per_thousand_runs: Vec<u64>,
    dried_up: bool,
}

impl JsonCoverage {
    /// Of a search.
    pub fn of(coverage: &Coverage) -> JsonCoverage {
        JsonCoverage {
            distinct: coverage.distinct(),
            new_per_thousand_runs: coverage.new_per_thousand().to_vec(),
            dried_up: coverage.dried_up(),
        }
    }

    /// In words. The last thousand of runs that is full says whether new ones still come.
    fn text(&self, runs: u64) -> String {
        let mut text = format!("interleavings: {} distinct", self.distinct);
        let full = usize::try_from(runs / 1000).unwrap_or(usize::MAX);
        if let Some(new) = full.checked_sub(1).and_then(|last| self.new_per_thousand_runs.get(last)) {
            text += &format!("; new in the last full 1000 runs: {new}");
        }
        if self.dried_up {
            text += " (the search has dried up)";
        }
        text + "\n"
    }
}

/// How likely a violation is along its run.
#[derive(Debug, Serialize)]
pub struct JsonLikelihood {
    /// Where it was written.
    pub files: Vec<String>,
    /// What was measured.
    #[serde(flatten)]
    pub results: LikelihoodResults,
}

impl JsonLikelihood {
    /// From where on the violation was likely, and then inevitable.
    fn text(&self) -> String {
        let points = &self.results.points;
        let Some(last) = points.last() else { return "likelihood: interrupted before the first point\n".to_owned() };
        let mut text = format!("likelihood of {} along its run of {} steps: ", self.results.finding, last.after_steps);
        text += &match &self.results.decided {
            None => format!("never more likely than not; at the end {} of {}", last.hits, last.runs),
            Some(decided) if decided.after_steps == 0 => "more likely than not from the start".to_owned(),
            Some(decided) => {
                let before = points.iter().rev().find(|point| point.after_steps < decided.after_steps);
                let before = before.map_or_else(String::new, |point| {
                    format!(" (after step {} it was {} of {})", point.after_steps, point.hits, point.runs)
                });
                let at = Span(decided.time_ns);
                format!(
                    "more likely than not once step {}, {}, is done at {at}{before}",
                    decided.after_steps, decided.step
                )
            }
        };
        let inevitable = points.iter().rev().take_while(|point| point.hits == point.runs).last();
        text += &match inevitable {
            Some(point) => format!(
                "; inevitable (all of {} continuations) from step {} on, done at {}\n",
                point.runs,
                point.after_steps,
                Span(point.time_ns)
            ),
            None => "; not inevitable before it happened\n".to_owned(),
        };
        text + &self.files.iter().map(|file| format!("  {file}\n")).collect::<String>()
    }
}

/// An oracle that had nothing to judge.
#[derive(Debug, Serialize)]
pub struct JsonMissed {
    asks: String,
    what: &'static str,
}

impl JsonMissed {
    /// All that a search missed.
    pub fn all(answered: &Answered) -> Vec<JsonMissed> {
        let missed = answered.missed.iter();
        missed.map(|missed| JsonMissed { asks: format!("{:?}", missed.asks), what: missed.what }).collect()
    }
}

/// For people; `witnesses` are the files of the findings.
pub fn text(
    explored: &Explored,
    loaded: &Loaded,
    answered: &Answered,
    witnesses: &[Option<PathBuf>],
    inquiry: &Inquiry<'_>,
) -> String {
    let mut text = format!("{}, {}, strategy {}", explored.scenario, explored.variant, explored.strategy);
    if let Some(prefix) = &inquiry.prefix {
        text += &format!(", after the first {} of a stored run", counted(prefix.pauses as u64, "pause"));
    }
    text.push('\n');
    text += &format!("{}\n", explored.question);
    text += &format!(
        "{} of {}, {}{}\n",
        counted(explored.runs, "run"),
        counted(answered.report.runs_by_experiment.len() as u64, "fault plan"),
        counted(explored.steps, "step"),
        match (explored.complete, inquiry.file) {
            (true, _) => "",
            (false, None) => "; ended early",
            (false, Some(_)) => "; ended early, the same command goes on from here",
        }
    );
    text += &explored.interleavings.text(explored.runs);
    if let Some(Chance { depth, threads, steps, at_least }) = answered.chance {
        let of = format!("{} and {}", counted(threads, "thread"), counted(steps, "step"));
        text += &format!("one run shows a bug of depth {depth} with a chance of at least {at_least:.1e} ({of})\n");
    }
    if matches!(inquiry.strategy, StrategyChoice::Exhaustive(_) | StrategyChoice::Dpor) {
        text += &format!("{}\n", explored.claim);
    }
    for plan in &explored.unreached_fault_plans {
        let plan_faults = faults(loaded.faults(Some(*plan)));
        text += &format!("not reached: fault plan {plan} ({plan_faults}) never struck as a whole\n");
    }
    for missed in &answered.missed {
        text += &format!("not reached: {} in any run, so {:?} was never put to the test\n", missed.what, missed.asks);
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
            text += &one(found, witness.as_deref(), inquiry.strategy);
        }
    }
    if let Some(likelihood) = &explored.likelihood {
        text += &format!("\n{}", likelihood.text());
    }
    text += &format!("\n{}", hazards::text(&hazards::of_one(&answered.report.hazards), &loaded.scenario));
    text
}

fn one(found: &Found, witness: Option<&Path>, strategy: StrategyChoice) -> String {
    let mut text = format!("- {} of {}\n  {}\n", found.violation.kind.0, found.violation.object, story::tell(found));
    text += &match strategy.is_undisturbed() {
        true => format!("  seen in {}\n", Rate { hits: found.shown, runs: found.of_runs }),
        false => {
            let of_runs = counted(found.of_runs, "run");
            format!("  seen in {} of {of_runs}, first in run {}\n", found.shown, found.first_found_at_run)
        }
    };
    if let Some(rate) = found.rate {
        text += &format!("  probability on the undisturbed host: {rate}\n");
    }
    if let Some(knobs) = &found.knobs {
        let knobs: Vec<String> = knobs.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        text += &format!("  knobs of that run: {}\n", knobs.join("; "));
    }
    text += &nearest::text(found);
    if let Some(witness) = witness {
        text += &format!("  witness: {}\n", witness.display());
    }
    text
}
