//! What a search did, in words: without it a verdict says nothing.

use super::names::counted;
use crate::inquiry::{Answered, Inquiry};
use crate::strategy::StrategyChoice;
use colosim_models::experiment::stall_max;
use colosim_models::scenario::Scenario;

/// What was searched, how, and whether to the end.
pub fn claim(answered: &Answered, inquiry: &Inquiry<'_>, scenario: &Scenario) -> String {
    let report = &answered.report;
    let seeds = counted(inquiry.seeds.end - inquiry.seeds.start, "seed");
    let fault_plans = match scenario.faults.len() {
        0 => String::new(),
        count => format!(" × {}", counted(count as u64, "fault plan")),
    };
    let longest = stall_max(scenario);
    let drawn = |trials: String| {
        format!("{seeds} (and one undisturbed run){fault_plans}, strategy {} ({trials})", inquiry.strategy)
    };
    let searched = match inquiry.strategy {
        StrategyChoice::Stalls => drawn(format!("1 to 3 stalls of 1 µs to {longest}")),
        StrategyChoice::Timed => drawn("natural noise only".to_owned()),
        StrategyChoice::Pct(depth) => drawn(format!("{} of up to {longest}", counted(depth.into(), "priority change"))),
        StrategyChoice::Swarm => drawn(format!("stalls of up to {longest}, knobs by seed")),
        StrategyChoice::Exhaustive(holds) => format!(
            "every plan with up to {} at conflicting accesses that nothing orders, from the first fault on (of the visits \
             of a loop the first and the last){fault_plans}, one seed",
            counted(holds.into(), "hold")
        ),
        StrategyChoice::Dpor => {
            let reduced = report.reduced.unwrap_or_default();
            let from = scenario.explore_from.as_ref().map_or("the start".to_owned(), |place| format!("{place:?}"));
            format!(
                "every interleaving from {from} on{fault_plans}, up to equivalence: {} classes, {} given up as equivalent \
                 to others, up to {} choices in a run",
                reduced.interleavings, reduced.given_up, reduced.deepest
            )
        }
    };
    let end = if report.complete { "complete" } else { "ended early" };
    let mut claim = format!("{}: {searched}, {end}", counted(report.runs, "run"));
    for plan in &answered.unreached {
        claim += &format!("; fault plan {plan} never struck as a whole");
    }
    for missed in &answered.missed {
        claim += &format!("; {} in any run", missed.what);
    }
    for (asks, without) in scenario.not_modelled() {
        claim += &format!("; {asks:?} is not modelled here: {without}");
    }
    claim
}
