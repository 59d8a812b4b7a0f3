//! Causes by experiment: a configuration is simulated again with another value of what its recording does not tell, and if that brings
//! a figure to where it was measured, the figure hangs on it.

use crate::comparison::Comparison;
use std::ops::RangeInclusive;

/// An experiment explains a figure if it leaves no more of its error than this.
const EXPLAINED: f64 = 1.0 / 3.0;

/// Other seeds of the host's noise that are tried, each alone.
pub(crate) const OTHER_SEEDS: RangeInclusive<u64> = 101..=104;
/// What is said if one of them explains a figure; see [`credit`].
pub(crate) const ANOTHER_SEED: &str = "it hangs on the host's noise: with another seed the simulation";

/// State what the experiment `says`, and the value that it comes to, as the cause of the figures that are asked about, have none yet,
/// and are explained by it. `experiment` has the same figures in the same order.
pub(crate) fn credit(
    comparisons: &mut [Comparison],
    experiment: Vec<Comparison>,
    is_asked_about: impl Fn(&Comparison) -> bool,
    says: &str,
) {
    for (figure, other) in comparisons.iter_mut().zip(experiment) {
        let explains = other.relative_error() <= EXPLAINED * figure.relative_error();
        if figure.cause.is_none() && is_asked_about(figure) && explains {
            let decimals = if figure.figure == "run_share" { 2 } else { 0 };
            figure.cause = Some(format!("{says} comes to {:.decimals$}", other.simulated));
        }
    }
}
