//! How likely a finding was along the run that shows it: from when on it could hardly be escaped.
//!
//! Each point is a share of runs that went as the failing one up to there and had other noise after it. The band about the
//! line is the 95 % interval of that share (Wilson); it is measured where the runs are made and comes with the points.

use crate::chart::{Arrangement, Axis, Figure, Line, Mark, Panel, Point, Reference};
use crate::results::Unit;
use crate::scale::ScaleChoice;
use crate::theme::Dash;
use serde::{Deserialize, Serialize};

/// What was measured along one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodResults {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub question: String,
    /// The design.
    pub variant: String,
    /// The finding, as `use-after-free of colo_cache`.
    pub finding: String,
    /// Seed of the run.
    pub seed: u64,
    /// When the finding shows, nanoseconds; none if the run's record does not tell.
    pub shows_at_ns: Option<u64>,
    /// From where on it is more likely than not, up to the end.
    pub decided: Option<Decided>,
    /// In the order of the run.
    pub points: Vec<LikelihoodPoint>,
}

/// A place of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// So many steps were done.
    pub after_steps: u64,
    /// When the last of them was, nanoseconds.
    pub time_ns: u64,
    /// That step, as `failover.request of dst/main (visit 1)`.
    pub step: String,
}

/// How likely the finding is after some steps of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodPoint {
    /// So many steps went as in the failing run.
    pub after_steps: u64,
    /// When the last of them was done, nanoseconds.
    pub time_ns: u64,
    /// Continuations that showed the finding.
    pub hits: u64,
    /// All continuations.
    pub runs: u64,
    /// Their share, 0 to 1.
    pub share: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

/// The time before and after the decision that the second panel shows, as a share of the whole run.
const CLOSE_UP_SHARE: f64 = 0.02;
/// A close-up with fewer points than this says nothing.
const CLOSE_UP_POINTS_MIN: usize = 3;

/// The whole run, and where the likelihood rises in a small part of it, that part.
pub fn figure(results: &LikelihoodResults) -> Figure {
    let mut panels = vec![panel(results, &results.points, "Continuations that show it")];
    let close_up = close_up(results);
    if close_up.len() >= CLOSE_UP_POINTS_MIN && close_up.len() < results.points.len() {
        panels.push(panel(results, &close_up, "The same, about where it was decided"));
    }
    let runs = results.points.iter().map(|point| point.runs).max().unwrap_or(0);
    let source = format!(
        "Scenario {}, variant {}, seed {} · {runs} continuations per point with other noise, 95 % confidence interval \
         (Wilson)",
        results.scenario, results.variant, results.seed
    );
    Figure {
        title: title(results),
        subtitle: [results.question.clone(), source].into_iter().filter(|text| !text.is_empty()).collect(),
        arrangement: Arrangement::Stacked,
        panels,
    }
}

fn title(results: &LikelihoodResults) -> String {
    match &results.decided {
        Some(decided) if decided.after_steps == 0 => format!("{}: likely from the start", results.finding),
        Some(decided) => format!("{}: decided by {}", results.finding, decided.step),
        None => format!("{}: never more likely than not", results.finding),
    }
}

fn panel(results: &LikelihoodResults, points: &[LikelihoodPoint], heading: &str) -> Panel {
    let within = |x: f64| {
        let (first, last) = (points.first(), points.last());
        first.zip(last).is_some_and(|(first, last)| (first.time_ns as f64..=last.time_ns as f64).contains(&x))
    };
    let decided = results.decided.as_ref().map(|decided| ("more likely than not", decided.time_ns, Dash::Dashed));
    let shows = results.shows_at_ns.map(|at| ("violation", at, Dash::Solid));
    let marks =
        decided.into_iter().chain(shows).map(|(label, at, dash)| Mark { label: label.to_owned(), x: at as f64, dash });
    let point =
        |point: &LikelihoodPoint| Point { x: point.time_ns as f64, y: point.share, low: point.low, high: point.high };
    Panel {
        x: Axis { label: "virtual time".to_owned(), unit: Unit::Nanoseconds, scale: ScaleChoice::Linear },
        y: Axis { label: heading.to_owned(), unit: Unit::Ratio, scale: ScaleChoice::Linear },
        lines: vec![Line {
            series: String::new(),
            slot: 0,
            dash: Dash::Solid,
            stroke_label: String::new(),
            points: points.iter().map(point).collect(),
        }],
        references: vec![Reference { label: "one half".to_owned(), y: 0.5 }],
        marks: marks.filter(|mark| within(mark.x)).collect(),
    }
}

/// The points near to where it was decided.
fn close_up(results: &LikelihoodResults) -> Vec<LikelihoodPoint> {
    let Some(decided) = &results.decided else { return Vec::new() };
    let Some((first, last)) = results.points.first().zip(results.points.last()) else { return Vec::new() };
    let reach = (last.time_ns.saturating_sub(first.time_ns)) as f64 * CLOSE_UP_SHARE;
    let is_near = |point: &&LikelihoodPoint| (point.time_ns.abs_diff(decided.time_ns) as f64) <= reach;
    results.points.iter().filter(is_near).copied().collect()
}
