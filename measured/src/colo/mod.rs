//! Recorded COLO runs beside simulated ones.

mod cause;
mod recording;
mod simulated;

pub use recording::{Checkpoint, Config, Recording, Transport};
pub(crate) use simulated::LEFT_OUT;
pub use simulated::{Configuration, recorded};

use crate::comparison::{Comparison, Errors, comparisons};
use crate::error::{Error, read_recordings};
use colosim_models::host_profile::HostProfile;
use colosim_models::metrics;
use colosim_sim::Simulator;
use rayon::prelude::*;
use std::path::Path;

/// Runs of each configuration, by seed: what differs from one to the next is the host's noise, of which a recording is one
/// sample.
const SEEDS: u64 = 3;

/// The recordings of `folder`; none if it has no `colo.json`.
///
/// # Errors
/// The file cannot be read, or is laid out otherwise.
pub fn recordings(folder: &Path) -> Result<Option<Vec<Recording>>, Error> {
    read_recordings(folder, "colo.json")
}

/// Every recorded run of `folder` beside what the built-in profiles predict; none if it has no `colo.json`.
///
/// # Errors
/// The file cannot be read, is laid out otherwise, or holds a configuration that cannot be simulated.
pub fn compare(folder: &Path) -> Result<Option<Vec<Comparison>>, Error> {
    let builtin = |name: &str| HostProfile::builtin(name).expect("a profile of this program");
    recordings(folder)?.map(|recordings| compare_on(&recordings, builtin)).transpose()
}

/// Recorded runs beside what these hosts predict; `host` finds a profile by the name of the built-in one.
///
/// # Errors
/// A configuration that cannot be simulated.
pub fn compare_on(
    recordings: &[Recording],
    host: impl Fn(&str) -> HostProfile + Sync,
) -> Result<Vec<Comparison>, Error> {
    let compared = recordings.par_iter().map_init(Simulator::new, |simulator, recording| {
        let configuration = Configuration::of(recording)?;
        let host = host(configuration.profile());
        let mut checkpoints = Vec::new();
        for seed in 0..SEEDS {
            checkpoints.extend_from_slice(recorded(&configuration.run(simulator, &host, seed, false)));
        }
        let mut figures = figures(recording, &checkpoints);
        cause::explain(recording, simulator, &host, &mut figures)?;
        Ok(figures)
    });
    let compared: Vec<Result<Vec<Comparison>, Error>> = compared.collect();
    Ok(compared.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The errors of one figure over all comparisons.
pub fn errors_of(comparisons: &[Comparison], figure: &str) -> Option<Errors> {
    Errors::of(comparisons.iter().filter(|one| one.figure == figure).map(Comparison::relative_error))
}

/// Microseconds, or a count.
fn figures(recording: &Recording, simulated: &[metrics::Checkpoint]) -> Vec<Comparison> {
    let measured = &recording.result;
    let all = |of: fn(&metrics::Checkpoint) -> u64| simulated.iter().map(|c| of(c) as f64).collect::<Vec<f64>>();
    let (pauses, intervals) = (all(|c| c.pause_ns), all(|c| c.interval_ns));
    let paused = pauses.iter().sum::<f64>() / intervals.iter().sum::<f64>();
    let us = 1e-3;
    let figures = [
        ("pause", measured.pause_us.mean, us * mean(&pauses)),
        ("pause_p50", measured.pause_us.p50, us * median(&pauses)),
        ("secondary_pause", measured.secondary_pause_us.mean, us * mean(&all(|c| c.secondary_pause_ns))),
        ("flush", measured.flush_us.mean, us * mean(&all(|c| c.flush_ns))),
        ("run_share", measured.run_fraction, 1.0 - paused),
        ("interval", measured.interval_us.mean, us * mean(&intervals)),
        ("flush_pages", measured.flush_pages.mean, mean(&all(|c| c.flush_pages))),
        ("dirty_pages", measured.dirty_pages.mean, mean(&all(|c| c.dirty_pages))),
    ];
    comparisons(&recording.class, &recording.config, figures)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// As the recordings have it: the middle, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        _ if sorted.is_empty() => f64::NAN,
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}
