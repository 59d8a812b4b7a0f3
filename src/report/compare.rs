//! The verdict table: designs by what breaks them.

use super::explore::JsonMissed;
use super::hazards::{self, JsonHazard};
use super::json::JsonFinding;
use super::names::{counted, faults, step_name};
use super::style::{stdout_has_colour, table};
use crate::inquiry::Found;
use colosim_models::oracle::UNCOMMITTED_PAGES;
use colosim_models::scenario::Scenario;
use colosim_sim::{Hazard, Place, Span, Violation};
use comfy_table::presets::UTF8_FULL;
use comfy_table::{Attribute, Cell, Color};
use serde::Serialize;

/// Is a design safe, as far as the search tells? The last is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The stated search found nothing, and got where it wanted to look.
    Holds,
    /// The question is about something that the scenario has not.
    #[serde(rename = "not modelled")]
    NotModelled,
    /// The search ended early, or never reached what it asks about.
    Inconclusive,
    /// A violation was found.
    Violated,
}

/// A design.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name: the preset and the switches changed in it.
    pub variant: String,
    /// Under which condition it is what its preset stands for: "if P order". Null if nothing about the preset is unknown.
    pub condition: Option<String>,
    /// The verdict over what the scenario asks.
    pub verdict: Verdict,
    /// What was searched, in words.
    pub claim: String,
    /// Runs of the search.
    pub runs: u64,
    /// Steps of these.
    pub steps: u64,
    /// All runs that were planned were made.
    pub complete: bool,
    /// Fault plans of which no run came so far that every fault struck.
    pub unreached_fault_plans: Vec<usize>,
    /// Asked oracles that had nothing to judge in any run.
    pub unreached_oracles: Vec<JsonMissed>,
    /// What the scenario asks about.
    pub violations: Vec<JsonFinding>,
    /// What else was found.
    pub others: Vec<JsonFinding>,
    /// Accesses that nothing orders.
    pub hazards: Vec<JsonHazard>,
    /// All findings, for the table.
    #[serde(skip)]
    pub found: Vec<Found>,
    /// The hazards, for the table.
    #[serde(skip)]
    pub seen: Vec<Hazard>,
}

/// The answer to a scenario's question.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub question: String,
    /// How trials were chosen.
    pub strategy: String,
    /// Designs of the scenario; more than there are rows if the search was interrupted.
    pub variants: usize,
    /// The designs, in the order of the scenario.
    pub rows: Vec<Row>,
    /// Wall-clock time.
    pub elapsed_ms: u64,
}

/// For people.
pub fn text(compared: &Compared, scenario: &Scenario) -> String {
    let mut verdicts = table(&["variant", "verdict", "finding", "how", "window", "runs"]);
    // Findings take several lines each.
    verdicts.load_style(UTF8_FULL);
    for row in &compared.rows {
        let mut first = Some([Cell::new(row.title()), verdict_cell(row.verdict)]);
        let mut head = || first.take().unwrap_or_else(|| [Cell::new(""), Cell::new("")]);
        for found in row.found.iter().filter(|found| found.asked) {
            verdicts.add_row(head().into_iter().chain(finding(found).map(Cell::new)));
        }
        if row.violations.is_empty() {
            let runs = ["", "", "", &row.runs.to_string()].map(Cell::new);
            verdicts.add_row(head().into_iter().chain(runs));
        }
    }
    let mut text = format!("{}: {}\n{verdicts}\n", compared.scenario, compared.question);
    if compared.rows.len() < compared.variants {
        text += &format!("interrupted: {} of {} variants\n", compared.rows.len(), compared.variants);
    }
    text += "\nwhat was searched:\n";
    for row in &compared.rows {
        text += &format!("- {}: {}\n", row.title().replace('\n', " "), row.claim);
    }
    let beside: String = compared.rows.iter().map(beside).collect();
    if !beside.is_empty() {
        text += &format!("\nbeside the question:\n{beside}");
    }
    let seen = compared.rows.iter().map(|row| (row.variant.as_str(), row.seen.as_slice()));
    text + &format!("\n{}", hazards::text(&hazards::of_several(seen), scenario))
}

impl Row {
    /// The design, with the condition under which it is what its preset stands for.
    fn title(&self) -> String {
        match &self.condition {
            Some(condition) => format!("{}\n({condition})", self.variant),
            None => self.variant.clone(),
        }
    }
}

fn verdict_cell(verdict: Verdict) -> Cell {
    let (word, colour) = match verdict {
        Verdict::Holds => ("holds", Color::Green),
        Verdict::NotModelled => ("not modelled", Color::Yellow),
        Verdict::Inconclusive => ("inconclusive", Color::Yellow),
        Verdict::Violated => ("VIOLATED", Color::Red),
    };
    let cell = Cell::new(word);
    if stdout_has_colour() { cell.fg(colour).add_attribute(Attribute::Bold) } else { cell }
}

/// What broke and where; faults and stalls; the window; the runs that showed it.
fn finding(found: &Found) -> [String; 4] {
    let violation = &found.violation;
    let place = |place: &Place| format!("{} ({})", step_name(place.step), place.thread);
    let mut what = format!("{} of {}\n{}", violation.kind.0, violation.object, place(&violation.culprit));
    if let Some(cause) = &violation.cause {
        what += &format!("\nafter {}", place(cause));
    }
    if violation.kind == UNCOMMITTED_PAGES {
        what += &format!("\n{}", extent(violation));
    }
    let mut how = faults(&found.faults).replace(", then ", ",\nthen ");
    for stall in &found.trial.plan.stalls {
        how += &format!("\n{} late at {} (visit {})", stall.thread, stall.step, stall.visit);
    }
    for hold in &found.trial.plan.holds {
        let (at, until) = (&hold.at, &hold.until);
        how += &format!("\n{} held at {} (visit {})\nuntil {} is done", at.thread, at.step, at.visit, until.step);
    }
    let window = match (&found.windows, found.window_ns()) {
        (None, _) => "not measured".to_owned(),
        (Some(_), 0) if found.trial.plan.holds.is_empty() => "no stall needed".to_owned(),
        (Some(_), 0) => "a hold".to_owned(),
        (Some(_), window) => format!("≥ {}\n{window} ns", Span(window)),
    };
    [what, how, window, format!("{} of {}", found.shown, found.of_runs)]
}

/// How much of an unfinished checkpoint leaked, in short.
fn extent(violation: &Violation) -> &str {
    violation.detail.split_once(", which").map_or(&violation.detail, |(extent, _)| extent)
}

/// What other oracles found.
fn beside(row: &Row) -> String {
    let others = row.found.iter().filter(|found| !found.asked);
    let told = others.map(|found| {
        let violation = &found.violation;
        let cause = violation.cause.as_ref().map(|cause| format!(", after {}", step_name(cause.step)));
        format!(
            "- {}: {}{} of {} at {}{}, in {} of {}\n",
            row.variant,
            if violation.kind == UNCOMMITTED_PAGES { format!("{}: ", extent(violation)) } else { String::new() },
            violation.kind.0,
            violation.object,
            step_name(violation.culprit.step),
            cause.unwrap_or_default(),
            found.shown,
            counted(found.of_runs, "run")
        )
    });
    told.collect()
}
