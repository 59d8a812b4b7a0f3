//! Host profiles from recordings: what the steps of a host cost.
//!
//! ```text
//!  recordings ─▶ direct: intervals between trace points ─▶ costs of the steps in between ─┐
//!       │                                                                                   ▼
//!       └──────▶ observed: the same intervals of simulated runs ─▶ search: the other costs ─▶ profile, its error
//! ```
//!
//! **Direct.** Where two trace points delimit steps of one thread that waits for nobody, the interval is their cost: its mean
//! over all checkpoints, without the tenth at each end. Steps that share an interval share it as in the profile that the fit
//! began with. **Searched.** What a page costs each thread shows only in the pace of all of them, so these costs are searched:
//! they minimise the sum, over all recorded configurations, of the squares of ln(simulated / measured) of the observations in
//! [`Figure`] and of the total time of precopy, and of a tenth of ln(cost / cost before), which decides between costs that explain
//! the same pace. The search is Gauss and Newton's on the logarithms of the costs, damped as Levenberg and Marquardt's
//! (Nocedal and Wright, *Numerical Optimization*, 2nd ed., 10.3), with differences for derivatives. Every simulated run has
//! the same seed, so the result is a function of the recordings and of the profile.
//!
//! Intervals that a delayed acknowledgement is in are no cost of a host: they are left out on both sides.
//!
//! **Not fitted**: the noise, the failover's steps, costs that nothing recorded depends on. They stay as they were.

mod direct;
mod groups;
mod observed;
mod search;

pub use groups::{Group, Part};
pub use observed::Figure;

use crate::colo::{Recording, Transport};
use crate::error::Error;
use crate::precopy;
use colosim_models::host_profile::HostProfile;
use observed::Observations;

/// A cost that was fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FittedCost {
    /// Name of the step.
    pub step: &'static str,
    /// Which part of its cost.
    pub part: Part,
    /// What the profile said, in nanoseconds.
    pub before_ns: u64,
    /// What the recordings say, in nanoseconds.
    pub after_ns: u64,
    /// What it was read from.
    pub source: &'static str,
}

/// How far simulated intervals are from the measured ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misfit {
    /// The sum of the squares of ln(simulated / measured): what is minimised.
    pub sum_of_squares: f64,
    /// How many observations there are.
    pub observations: usize,
    /// Half of them are off by at most this part of the measured value.
    pub median: f64,
    /// All are.
    pub worst: f64,
}

/// A fitted profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The profile.
    pub profile: HostProfile,
    /// Every cost that was free.
    pub costs: Vec<FittedCost>,
    /// Checkpoints that went in.
    pub checkpoints: usize,
    /// Precopy migrations that went in.
    pub migrations: usize,
    /// With the profile that the fit began with.
    pub before: Misfit,
    /// With the fitted one.
    pub after: Misfit,
}

/// Fit a profile to the recordings of one transport: checkpoints, and precopy migrations that were made over it.
///
/// # Errors
/// A recorded configuration cannot be simulated, or nothing was recorded over that transport.
pub fn fit(
    base: &HostProfile,
    recordings: &[Recording],
    migrations: &[precopy::Recording],
    transport: Transport,
) -> Result<Fit, Error> {
    let recordings: Vec<&Recording> = recordings.iter().filter(|r| r.config.transport == transport).collect();
    if recordings.is_empty() {
        return Err(Error::NothingRecorded { transport: transport.to_string() });
    }
    let observations = Observations::of(&recordings, migrations)?;
    let before = observations.misfit(base);
    let mut profile = base.clone();
    direct::measure(&mut profile, &recordings);
    search::minimise(&mut profile, &observations);
    let after = observations.misfit(&profile);
    let costs = groups::all()
        .flat_map(|group| group.steps.iter().map(move |step| (group, *step)))
        .map(|(group, step)| FittedCost {
            step,
            part: group.part,
            before_ns: group.part.of(base, step),
            after_ns: group.part.of(&profile, step),
            source: group.source,
        })
        .collect();
    let checkpoints = recordings.iter().map(|recording| recording.result.checkpoints.len()).sum();
    Ok(Fit { profile, costs, checkpoints, migrations: observations.migrations(), before, after })
}
