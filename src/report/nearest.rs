//! The nearest run that holds, beside the one that breaks: what is different in its trial, and where the runs part.

use super::names::faults;
use crate::inquiry::Found;
use colosim_models::scenario::Fault;
use colosim_sim::Span;
use colosim_sim::explore::{Difference, Nearest, Trial};
use serde::Serialize;

/// The nearest run that holds.
#[derive(Debug, Serialize)]
pub struct JsonNearest {
    changed: String,
    trial: Trial,
    differs_at: JsonDifference,
}

/// Where two runs part.
#[derive(Debug, Serialize)]
struct JsonDifference {
    step: u64,
    broken: Option<JsonStep>,
    holds: Option<JsonStep>,
}

/// A step of one of them.
#[derive(Debug, Serialize)]
struct JsonStep {
    at_ns: u64,
    thread: String,
    step: &'static str,
    visit: u32,
}

impl JsonNearest {
    /// Of a finding.
    pub fn of(found: &Found) -> Option<JsonNearest> {
        let Nearest { trial, differs_at } = found.nearest.as_ref()?;
        let step = |record: &Option<colosim_sim::explore::NamedRecord>| {
            let record = record.as_ref()?;
            let (thread, step) = (record.thread.clone(), record.step);
            Some(JsonStep { at_ns: record.time.0, thread, step, visit: record.visit })
        };
        let (broken, holds) = (step(&differs_at.first), step(&differs_at.second));
        Some(JsonNearest {
            changed: changed(&found.trial, trial, &found.faults),
            trial: trial.clone(),
            differs_at: JsonDifference { step: differs_at.step, broken, holds },
        })
    }
}

/// In words, on two lines; empty if it was not looked for.
pub fn text(found: &Found) -> String {
    let Some(Nearest { trial, differs_at }) = &found.nearest else { return String::new() };
    let changed = changed(&found.trial, trial, &found.faults);
    format!("  nearest run that holds: {changed}\n  first step that differs: {}\n", first_step(differs_at))
}

/// What the trial that holds has in place of the one that breaks.
fn changed(broken: &Trial, holds: &Trial, struck: &[Fault]) -> String {
    let mut changes = Vec::new();
    // One of several may have been left out: those that are in both come in the same order.
    let mut left = holds.plan.stalls.iter().peekable();
    for stall in &broken.plan.stalls {
        let same = left.next_if(|other| {
            (&other.thread, &other.step, other.visit, other.at_wait)
                == (&stall.thread, &stall.step, stall.visit, stall.at_wait)
        });
        let place = format!("{} (visit {})", stall.step, stall.visit);
        match same {
            Some(other) if other.span_ns == stall.span_ns => {}
            Some(other) => changes.push(format!(
                "{} stalled {} ns instead of {} at {place}",
                stall.thread,
                grouped(other.span_ns),
                grouped(stall.span_ns)
            )),
            None => changes.push(format!("without the stall of {} at {place}", stall.thread)),
        }
    }
    for hold in broken.plan.holds.iter().filter(|hold| !holds.plan.holds.contains(hold)) {
        let until = format!("until {} had passed {}", hold.until.thread, hold.until.step);
        changes.push(format!("without holding {} at {} {until}", hold.at.thread, hold.at.step));
    }
    let left_out = broken.faults.iter().zip(struck).filter(|(index, _)| !holds.faults.contains(index));
    for (_, fault) in left_out {
        changes.push(format!("without the fault {}", faults(std::slice::from_ref(fault))));
    }
    if holds.seed != broken.seed {
        changes.push(format!("the same with seed {} instead of {}", holds.seed, broken.seed));
    }
    changes.join(", ")
}

fn first_step(difference: &Difference) -> String {
    let named = |record: &Option<colosim_sim::explore::NamedRecord>| match record {
        Some(record) => {
            format!("{} at {} (visit {}), {}", record.thread, record.step, record.visit, Span(record.time.0))
        }
        None => "its end".to_owned(),
    };
    let (broken, holds) = (named(&difference.first), named(&difference.second));
    format!("number {}: {holds}; in the run that breaks {broken}", difference.step)
}

/// `1 069 000`: spans that differ in the last digits are compared by eye.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use colosim_models::scenario::Action;
    use colosim_sim::{Plan, Stall};

    fn trial(spans: &[u64]) -> Trial {
        let stall = |(i, span_ns): (usize, &u64)| Stall {
            thread: format!("recv_{i}"),
            step: "multifd_recv.lock".to_owned(),
            visit: 1,
            at_wait: 0,
            span_ns: *span_ns,
        };
        Trial { seed: 1, faults: vec![0], plan: Plan::of_stalls(spans.iter().enumerate().map(stall).collect()) }
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([0, 999, 1_000, 1_070_036].map(grouped), ["0", "999", "1 000", "1 070 036"]);
    }

    #[test]
    fn what_is_different_is_named() {
        let broken = trial(&[1_070_036, 7]);
        let told = |holds: &Trial| changed(&broken, holds, &[Fault { at: None, after: None, action: Action::CutAll }]);
        let shorter = trial(&[1_069_000, 7]);
        assert_eq!(told(&shorter), "recv_0 stalled 1 069 000 ns instead of 1 070 036 at multifd_recv.lock (visit 1)");
        let mut fewer = broken.clone();
        fewer.plan.stalls.remove(0);
        assert_eq!(told(&fewer), "without the stall of recv_0 at multifd_recv.lock (visit 1)");
        assert_eq!(told(&Trial { faults: vec![], ..broken.clone() }), "without the fault CutAll at the start");
        assert_eq!(told(&Trial { seed: 4, ..broken.clone() }), "the same with seed 4 instead of 1");
    }
}
