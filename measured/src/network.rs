//! Recorded transfers of a real kernel's TCP over an emulated path, beside simulated ones.
//!
//! ```text
//!  bulk, parallel, gilbert_elliott, segmentation_bursts ─▶ stream   ─▶ goodput
//!  burst                                                ─▶ burst    ─▶ completion p50, p90, p99; the first burst
//!  pingpong                                             ─▶ pingpong ─▶ round trip p50, p90
//! ```
//!
//! Every recorded configuration whose congestion control is Reno or CUBIC is simulated with its own rate, delays, queue, loss and
//! duration, once for each recorded repetition and at least [`SEEDS`] times. The path is as the emulator made it, not as it was asked
//! to: its delays are the configured ones, what the emulator was late by on average and what an isolated packet took in the hosts, its loss
//! is the one that was drawn.
//!
//! **Not modelled**: BBR; the trains of `gso_max_segs` (the sender's segments are single or whole trains as the model finds them);
//! the times at which the emulator's processor was taken away.

mod burst;
mod pingpong;
mod recording;
mod set_up;
mod stream;

use crate::error::{Error, read_recordings};
use crate::{Comparison, Recording};
use colosim_sim::Simulator;
use rayon::prelude::*;
use recording::{Simulate, Verification, host_us};
use std::path::Path;

/// Runs of each configuration, by seed, where fewer repetitions were recorded.
pub const SEEDS: usize = 5;

/// What a folder holds beside what is simulated.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// Every figure of every configuration that was simulated, in the order of the files.
    pub comparisons: Vec<Comparison>,
    /// Configurations with a congestion control that is not modelled, and its name.
    pub not_modelled: Vec<String>,
    /// What a packet takes in the hosts, by the tests of the emulator in `verification.json`.
    pub host_us: f64,
}

/// Every recorded configuration of `folder` beside its simulation; a file that is not there is left out.
///
/// # Errors
/// A file cannot be read, is laid out otherwise, or holds a configuration that cannot be simulated.
pub fn compare(folder: &Path) -> Result<Compared, Error> {
    let verifications: Vec<Verification> = read_recordings(folder, "verification.json")?.unwrap_or_default();
    let mut compared = Compared { host_us: host_us(&verifications), ..Compared::default() };
    for name in ["bulk.json", "parallel.json", "gilbert_elliott.json", "segmentation_bursts.json"] {
        compared.add::<stream::Config, _>(folder, name)?;
    }
    compared.add::<burst::Config, _>(folder, "burst.json")?;
    compared.add::<pingpong::Config, _>(folder, "pingpong.json")?;
    Ok(compared)
}

impl Compared {
    fn add<C, R>(&mut self, folder: &Path, name: &str) -> Result<(), Error>
    where
        C: Simulate<R>,
        Recording<C, R>: serde::de::DeserializeOwned + Sync,
    {
        let host_us = self.host_us;
        let recordings: Vec<Recording<C, R>> = read_recordings(folder, name)?.unwrap_or_default();
        let simulated: Vec<Result<Option<Vec<Comparison>>, Error>> = recordings
            .par_iter()
            .with_max_len(1)
            .map_init(Simulator::new, |simulator, recording| {
                if !recording.config.link().is_modelled() {
                    return Ok(None);
                }
                recording::compare(recording, simulator, host_us).map(Some).map_err(|message| Error::Configuration {
                    path: folder.join(name),
                    configuration: recording.config.to_string(),
                    message,
                })
            })
            .collect();
        for (recording, comparisons) in recordings.iter().zip(simulated) {
            match comparisons? {
                Some(comparisons) => self.comparisons.extend(comparisons),
                None => self.not_modelled.push(recording.config.link().cc.clone()),
            }
        }
        Ok(())
    }
}
