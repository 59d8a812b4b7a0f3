//! The race window: the shortest stall that still breaks the program.
//!
//! The stalls of a trial are taken in turn; each is shortened while the others keep the span they have by then. First the span is
//! halved until the finding is gone, then the interval between the last that showed it and the first that did not is bisected,
//! down to 1 ns or 1 % of the span, whichever is more.
//!
//! **Not modelled**: a window with holes. Where a span between the two ends breaks nothing, one of several boundaries is found:
//! the stated span does show the finding, and the stated one below it does not.

use super::{Experiment, Trial, shows};
use crate::{Simulator, Violation};

/// The window of one stall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The shortest span that was seen to suffice, nanoseconds; the span that the trial has now.
    pub span_ns: u64,
    /// The longest span below it that was seen not to suffice; `None` if even no stall at all suffices.
    pub too_short_ns: Option<u64>,
    /// The two differ by no more than 1 ns or 1 %; else the runs were used up.
    pub is_resolved: bool,
}

/// Shorten the stalls of `trial`, which shows `finding`, with at most `runs_max` runs for each. The windows are in the order of the
/// trial's stalls.
pub fn windows(
    experiment: &dyn Experiment,
    simulator: &mut Simulator,
    trial: &mut Trial,
    finding: &Violation,
    runs_max: u64,
) -> Vec<Window> {
    (0..trial.plan.stalls.len())
        .map(|i| {
            let start_ns = trial.plan.stalls[i].span_ns;
            let window = shorten(start_ns, runs_max, |span_ns| {
                trial.plan.stalls[i].span_ns = span_ns;
                shows(experiment, simulator, trial, finding)
            });
            trial.plan.stalls[i].span_ns = window.span_ns;
            window
        })
        .collect()
}

/// Search below `start_ns`, which suffices.
fn shorten(start_ns: u64, runs_max: u64, mut suffices: impl FnMut(u64) -> bool) -> Window {
    let mut span_ns = start_ns;
    let mut too_short_ns = None;
    for _ in 0..runs_max {
        if is_resolved(span_ns, too_short_ns) {
            break;
        }
        let between = match too_short_ns {
            None => span_ns / 2,
            Some(short) => short + (span_ns - short) / 2,
        };
        if suffices(between) {
            span_ns = between;
        } else {
            too_short_ns = Some(between);
        }
    }
    Window { span_ns, too_short_ns, is_resolved: is_resolved(span_ns, too_short_ns) }
}

fn is_resolved(span_ns: u64, too_short_ns: Option<u64>) -> bool {
    match too_short_ns {
        None => span_ns == 0,
        Some(short) => span_ns - short <= (span_ns / 100).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_found_to_one_percent_or_one_nanosecond() {
        for boundary in [1, 2, 37, 1_000, 37_012, 123_456_789] {
            let window = shorten(4_000_000_000, 100, |span| span >= boundary);
            assert!(window.is_resolved);
            assert!(window.span_ns >= boundary && window.too_short_ns.unwrap() < boundary);
            assert!(window.span_ns - boundary <= (boundary / 99).max(1), "{window:?} {boundary}");
        }
    }

    #[test]
    fn a_stall_that_is_not_needed_has_a_window_of_zero() {
        assert_eq!(shorten(1_000, 100, |_| true), Window { span_ns: 0, too_short_ns: None, is_resolved: true });
    }

    #[test]
    fn a_cap_on_the_runs_leaves_the_best_span_so_far() {
        let window = shorten(1 << 30, 3, |span| span >= 1_000);
        assert_eq!(window, Window { span_ns: 1 << 27, too_short_ns: None, is_resolved: false });
    }
}
