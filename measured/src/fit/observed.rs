//! Intervals that a recording and a simulated run both have.

use super::Misfit;
use super::direct::{STALL_US, trimmed_mean};
use crate::colo::{Checkpoint, Configuration, LEFT_OUT, Recording, Transport};
use crate::error::Error;
use crate::precopy;
use colosim_models::host_profile::HostProfile;
use colosim_models::steps::{colo_incoming, colo_primary, ram_load};
use colosim_sim::{Outcome, Record, Simulator, Time};
use rayon::prelude::*;

/// Checkpoints of a simulated run that are looked at.
const CHECKPOINTS: usize = 6;

/// The seed of every simulated run.
const SEED: u64 = 0;

/// Added to both sides of a ratio, microseconds: no pause is shorter, so what takes a few microseconds may be off by as many.
const FLOOR_US: f64 = 1_000.0;

/// What is observed of a configuration: the mean over its checkpoints, without the tenth at each end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// vmstate-send to vmstate-size on the primary: the devices, the dirty sync, the pages.
    Save,
    /// ram-load-start to ram-load-complete on the secondary.
    Load,
    /// vmstate-size on the primary to ram-load-complete: how far the reader of the main connection is behind its writer, which
    /// decides whether the writer waits for a delayed acknowledgement.
    Lag,
}

const FIGURES: [Figure; 3] = [Figure::Save, Figure::Load, Figure::Lag];

struct Observed {
    configuration: Configuration,
    multifd: bool,
    /// Microseconds.
    measured: Vec<(Figure, f64)>,
}

/// A precopy migration that completed.
struct Migrated {
    configuration: precopy::Configuration,
    /// Milliseconds.
    total_time: f64,
}

/// All that is observed.
pub(super) struct Observations {
    checkpoints: Vec<Observed>,
    migrations: Vec<Migrated>,
}

impl Observations {
    /// Of each recording; its guest dirties as many pages between two checkpoints as the recorded one, whatever the pauses.
    pub fn of(recordings: &[&Recording], migrations: &[precopy::Recording]) -> Result<Observations, Error> {
        let observed = |recording: &&Recording| {
            let (checkpoints, multifd) = (&recording.result.checkpoints, recording.config.multifd);
            let is_observed = |c: &&Checkpoint| FIGURES.iter().any(|figure| figure.measured(c, multifd).is_some());
            let pages = checkpoints.iter().filter(is_observed).map(|checkpoint| checkpoint.dirty_pages as f64);
            let pages = trimmed_mean(pages).unwrap_or(0.0).round() as u64;
            let mut configuration = Configuration::with_pages(recording, CHECKPOINTS, pages)?;
            // Pages on the main connection keep it from going idle; where a delayed acknowledgement is measured nevertheless,
            // the checkpoint is left out.
            if recording.config.transport == Transport::Tcp && !multifd {
                configuration = configuration.without_delayed_acknowledgements();
            }
            let mean = |figure: Figure| {
                let spans: Vec<f64> = checkpoints.iter().filter_map(|c| figure.measured(c, multifd)).collect();
                let is_most = 2 * spans.len() >= checkpoints.len();
                trimmed_mean(spans.into_iter()).filter(|_| is_most).map(|us| (figure, us))
            };
            let measured = FIGURES.into_iter().filter_map(mean).collect();
            Ok(Observed { configuration, multifd, measured })
        };
        let migrated = |recording: &precopy::Recording| {
            let total_time = recording.result.query_migrate.total_time as f64;
            Ok(Migrated { configuration: precopy::Configuration::of(recording)?, total_time })
        };
        // What a codec costs is not searched.
        let is_observed = |recording: &&precopy::Recording| {
            recording.result.converged && recording.config.compression == precopy::Compression::None
        };
        Ok(Observations {
            checkpoints: recordings.iter().map(observed).collect::<Result<_, Error>>()?,
            migrations: migrations.iter().filter(is_observed).map(migrated).collect::<Result<_, Error>>()?,
        })
    }

    /// How many migrations are observed.
    pub fn migrations(&self) -> usize {
        self.migrations.len()
    }

    /// ln(simulated / measured) of each, always in the same order.
    pub fn residuals(&self, profile: &HostProfile) -> Vec<f64> {
        let migrated = self.migrations.par_iter().map_init(Simulator::new, |simulator, migrated| {
            let metrics = migrated.configuration.run(simulator, profile, SEED).metrics;
            libm::log(metrics.total_time_ns as f64 * 1e-6 / migrated.total_time)
        });
        let residuals = self.checkpoints.par_iter().map_init(Simulator::new, |simulator, observed| {
            let outcome = observed.configuration.run(simulator, profile, SEED, true).outcome;
            let residual = |(figure, measured): &(Figure, f64)| {
                let simulated = figure.simulated(&outcome, observed.multifd);
                simulated.map_or(0.0, |simulated| libm::log((simulated + FLOOR_US) / (measured + FLOOR_US)))
            };
            observed.measured.iter().map(residual).collect::<Vec<f64>>()
        });
        let mut all: Vec<f64> = residuals.collect::<Vec<_>>().into_iter().flatten().collect();
        all.extend(migrated.collect::<Vec<f64>>());
        all
    }

    pub fn misfit(&self, profile: &HostProfile) -> Misfit {
        let residuals = self.residuals(profile);
        let mut off: Vec<f64> = residuals.iter().map(|residual| libm::expm1(residual.abs())).collect();
        off.sort_by(f64::total_cmp);
        Misfit {
            sum_of_squares: residuals.iter().map(|residual| residual * residual).sum(),
            observations: residuals.len(),
            median: off.get(off.len() / 2).copied().unwrap_or(0.0),
            worst: off.last().copied().unwrap_or(0.0),
        }
    }
}

impl Figure {
    /// Of one checkpoint in which no delayed acknowledgement shows.
    fn measured(self, checkpoint: &Checkpoint, multifd: bool) -> Option<f64> {
        let primary = |name| checkpoint.primary_us.get(name)?.first();
        let secondary = |name| checkpoint.secondary_us.get(name)?.first();
        let (send, saved) = (primary("vmstate-send")?, primary("vmstate-size")?);
        let (begun, loaded) = (secondary("ram-load-start")?, secondary("ram-load-complete")?);
        match self {
            Figure::Save => whole(saved - send, multifd),
            Figure::Load if multifd => whole(loaded - begun, multifd),
            Figure::Load => (loaded - saved < STALL_US).then_some(loaded - begun),
            Figure::Lag => (!multifd && loaded - saved < STALL_US).then_some((loaded - saved).max(0.0)),
        }
    }

    /// Microseconds, between the steps that pass these trace points.
    fn simulated(self, outcome: &Outcome, multifd: bool) -> Option<f64> {
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        for Record { step, time, .. } in &outcome.records {
            match self {
                Figure::Save if *step == colo_primary::SEND_VMSTATE_SEND => begun.push(Some(*time)),
                Figure::Save if *step == colo_primary::SEND_SIZE => ended.push(*time),
                // The loader of RAM is called for the first item, and looks at its first word.
                Figure::Load if *step == colo_incoming::LOAD_RAM => begun.push(None),
                Figure::Load if *step == ram_load::WORD => {
                    if let Some(begun @ None) = begun.last_mut() {
                        *begun = Some(*time);
                    }
                }
                Figure::Lag if *step == colo_primary::SEND_SIZE => begun.push(Some(*time)),
                Figure::Load | Figure::Lag if *step == colo_incoming::UNLOCK_AFTER_LOAD => ended.push(*time),
                _ => {}
            }
        }
        let span = |(begun, ended): (&Option<Time>, &Time)| Some(ended.since((*begun)?).0 as f64 * 1e-3);
        let spans = begun.iter().zip(&ended).skip(LEFT_OUT).filter_map(span);
        trimmed_mean(spans.filter_map(|us| whole(us, multifd)))
    }
}

/// With multifd either side may wait for a word on the main connection. Without, the pages of a big checkpoint take longer than any
/// acknowledgement.
fn whole(us: f64, multifd: bool) -> Option<f64> {
    (!multifd || us < STALL_US).then_some(us)
}
