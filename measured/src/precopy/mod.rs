//! Recorded precopy migrations beside simulated ones.

mod cause;
mod recording;
mod simulated;

pub use recording::{Compression, Config, Recording};
pub use simulated::{Assumed, Configuration};

use crate::comparison::{Comparison, comparisons};
use crate::error::{Error, read_recordings};
use colosim_models::host_profile::HostProfile;
use colosim_models::metrics::Metrics;
use colosim_sim::Simulator;
use rayon::prelude::*;
use std::path::Path;

/// The recordings of `folder`; none if it has no `precopy.json`.
///
/// # Errors
/// The file cannot be read, or is laid out otherwise.
pub fn recordings(folder: &Path) -> Result<Option<Vec<Recording>>, Error> {
    read_recordings(folder, "precopy.json")
}

/// Every recorded migration of `folder` beside what the built-in profile `lab-loopback` predicts; none if it has no
/// `precopy.json`.
///
/// # Errors
/// The file cannot be read, is laid out otherwise, or holds a configuration that cannot be simulated.
pub fn compare(folder: &Path) -> Result<Option<Vec<Comparison>>, Error> {
    let host = HostProfile::builtin("lab-loopback").expect("a profile of this program");
    recordings(folder)?.map(|recordings| compare_on(&recordings, &host)).transpose()
}

/// Recorded migrations beside what this host predicts. The repetition is the seed.
///
/// # Errors
/// A configuration that cannot be simulated.
pub fn compare_on(recordings: &[Recording], host: &HostProfile) -> Result<Vec<Comparison>, Error> {
    let compared = recordings.par_iter().map_init(Simulator::new, |simulator, recording| {
        let configuration = Configuration::of(recording)?;
        let run = configuration.run(simulator, host, u64::from(recording.repetition));
        let mut figures = figures(recording, &run.metrics);
        cause::explain(recording, simulator, host, &run.metrics, &mut figures)?;
        Ok(figures)
    });
    let compared: Vec<Result<Vec<Comparison>, Error>> = compared.collect();
    Ok(compared.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Sent, with content and without.
fn pages(ram: &recording::Ram) -> u64 {
    ram.normal + ram.duplicate
}

/// Milliseconds, bytes, or a count. Times only of a migration that completed.
fn figures(recording: &Recording, simulated: &Metrics) -> Vec<Comparison> {
    let measured = &recording.result.query_migrate;
    let ms = |ns: u64| ns as f64 / 1e6;
    let mut figures = vec![
        ("bytes", measured.ram.transferred as f64, simulated.transferred_bytes as f64),
        ("pages", pages(&measured.ram) as f64, (simulated.normal + simulated.duplicate) as f64),
        ("rounds", measured.ram.dirty_sync_count as f64, simulated.dirty_sync_count as f64),
    ];
    if recording.result.converged {
        figures.push(("total_time", measured.total_time as f64, ms(simulated.total_time_ns)));
        figures
            .extend(recording.result.downtime_ms().map(|downtime| ("downtime", downtime, ms(simulated.downtime_ns))));
    }
    comparisons(&recording.class, &recording.config, figures)
}
