//! Names in reports: steps, faults, places.

use crate::files::ron::inline;
use colosim_models::scenario::Fault;
use colosim_models::steps::STEPS;
use colosim_sim::StepId;

/// The stable name of a step.
pub fn step_name(step: StepId) -> &'static str {
    STEPS[usize::from(step.0)].name
}

/// What a step stands for: its number in the documentation and QEMU's function.
pub fn step_function(step: StepId) -> &'static str {
    STEPS[usize::from(step.0)].stands_for
}

/// Faults in the order in which they strike: `KillPrimary at LoadingRam(checkpoint: 3), then FailoverSecondary 1 ms later`.
pub fn faults(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "none".to_owned();
    }
    let told: Vec<String> = faults.iter().enumerate().map(|(i, fault)| one_fault(fault, i == 0)).collect();
    told.join(", then ")
}

fn one_fault(fault: &Fault, is_first: bool) -> String {
    let action = inline(&fault.action);
    match (&fault.at, &fault.after) {
        (Some(place), None) => format!("{action} at {}", inline(place)),
        (Some(place), Some(after)) => format!("{action} {after} after {}", inline(place)),
        (None, Some(after)) if is_first => format!("{action} {after} after the start"),
        (None, Some(after)) => format!("{action} {after} later"),
        (None, None) if is_first => format!("{action} at the start"),
        (None, None) => format!("{action} at once"),
    }
}

/// `1 run`, `2 runs`.
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colosim_models::scenario::{Action, Place, Span};

    #[test]
    fn a_fault_plan_reads_as_a_sentence() {
        let plan = [
            Fault { at: Some(Place::LoadingRam { checkpoint: 3 }), after: None, action: Action::KillPrimary },
            Fault { at: None, after: Some(Span::from_nanos(1_000_000)), action: Action::CutChannel { channel: 1 } },
        ];
        assert_eq!(faults(&plan), "KillPrimary at LoadingRam(checkpoint: 3), then CutChannel(channel: 1) 1 ms later");
        assert_eq!(faults(&[]), "none");
    }
}
