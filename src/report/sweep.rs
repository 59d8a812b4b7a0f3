//! The report of a sweep: means over the seeds at every point.

use super::names::counted;
use super::style::table;
use colosim_plots::SweepResults;
use colosim_plots::results::SweepPoint;
use colosim_sim::Span;
use serde::Serialize;

/// What a sweep gave.
#[derive(Debug, Serialize)]
pub struct Swept {
    /// Where it was written.
    pub files: Vec<String>,
    /// Runs made.
    pub runs: u64,
    /// Runs planned.
    pub planned: u64,
    /// They are as many.
    pub complete: bool,
    /// Runs that showed what the scenario asks about.
    pub runs_with_violations: u64,
    /// All that was measured.
    pub results: SweepResults,
}

/// For people.
pub fn text(swept: &Swept) -> String {
    let results = &swept.results;
    let mut head = vec![results.x.label.as_str()];
    head.extend(results.series.as_ref().map(|field| field.label.as_str()));
    head.extend(["runs", "guest progress", "throughput", "pause p50", "pause p99", "downtime"]);
    let mut rows = table(&head);
    for group in results.points.chunk_by(|a, b| (&a.x_text, &a.series) == (&b.x_text, &b.series)) {
        let mean = |of: fn(&SweepPoint) -> f64| group.iter().map(of).sum::<f64>() / group.len() as f64;
        let mean_span = |of: fn(&SweepPoint) -> u64| {
            let measured: Vec<u64> = group.iter().map(of).filter(|ns| *ns > 0).collect();
            match measured.len() as u64 {
                0 => "none".to_owned(),
                count => Span(measured.iter().sum::<u64>() / count).to_string(),
            }
        };
        let mut cells = vec![group[0].x_text.clone()];
        cells.extend(results.series.is_some().then(|| group[0].series.clone()));
        cells.extend([
            group.len().to_string(),
            format!("{:.1} %", 100.0 * mean(|point| point.metrics.guest_progress)),
            format!("{:.3} Gbit/s", mean(|point| point.metrics.throughput_gbit_per_s)),
            mean_span(|point| point.metrics.pause_p50_ns),
            mean_span(|point| point.metrics.pause_p99_ns),
            mean_span(|point| point.metrics.downtime_ns),
        ]);
        rows.add_row(cells);
    }
    let mut text = format!("{}, {}: {}\n{rows}\n", results.scenario, results.variant, results.question);
    text += "means over the seeds; of pauses and downtimes, over those that had any\n";
    if !swept.complete {
        text += &format!("interrupted after {} of {}\n", counted(swept.runs, "run"), swept.planned);
    }
    if swept.runs_with_violations > 0 {
        text += &format!("violated in {}; see `colosim explore`\n", counted(swept.runs_with_violations, "run"));
    }
    text + &swept.files.join("\n") + "\n"
}
