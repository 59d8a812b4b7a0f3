//! Why simulated checkpoints are far from the recorded ones.

use super::recording::{Recording, Transport};
use super::simulated::{Configuration, recorded};
use super::{SEEDS, figures};
use crate::Comparison;
use crate::cause::{ANOTHER_SEED, OTHER_SEEDS, credit};
use crate::error::Error;
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::Span;
use colosim_sim::Simulator;
use std::ops::RangeInclusive;

/// A figure is asked about from this error on.
const FAR: f64 = 0.25;
/// Flushes of fewer pages are told apart by single pages.
const FEW_PAGES: f64 = 10.0;

/// What a page costs the thread that writes it to the main connection over loopback, in nanoseconds: saving 2000 pages and more, where
/// the reader is behind, the least and the most; saving 70, where the reader waits for each.
const WRITE_PAGE_NS: [u64; 3] = [1000, 1300, 2400];

/// State the causes of the figures that are far off, where an experiment or the recording itself shows one.
pub fn explain(
    recording: &Recording,
    simulator: &mut Simulator,
    host: &HostProfile,
    comparisons: &mut [Comparison],
) -> Result<(), Error> {
    if !comparisons.iter().any(is_asked_about) {
        return Ok(());
    }
    let (flushed, sent) = (recording.result.flush_pages.mean, recording.result.dirty_pages.mean);
    if flushed < FEW_PAGES {
        for flush in comparisons.iter_mut().filter(|one| one.figure == "flush" && is_asked_about(one)) {
            flush.cause = Some(format!(
                "{flushed:.0} pages are flushed of which the primary sent {sent:.0}; who wrote the others on the secondary the recording \
                 does not tell"
            ));
        }
    }
    let configuration = Configuration::of(recording)?;
    for (host, seeds, says) in experiments(recording, host) {
        let runs = seeds.map(|seed| configuration.run(simulator, &host, seed, false));
        let checkpoints: Vec<_> = runs.flat_map(|run| recorded(&run).to_vec()).collect();
        credit(comparisons, figures(recording, &checkpoints), is_asked_about, &says);
    }
    Ok(())
}

fn is_asked_about(comparison: &Comparison) -> bool {
    ["pause", "flush", "run_share"].contains(&comparison.figure) && comparison.relative_error() > FAR
}

/// On which host, with which seeds, and what it says if that is where the recording is.
fn experiments(recording: &Recording, host: &HostProfile) -> Vec<(HostProfile, RangeInclusive<u64>, String)> {
    let mut experiments: Vec<_> =
        OTHER_SEEDS.map(|seed| (host.clone(), seed..=seed, ANOTHER_SEED.to_owned())).collect();
    if recording.config.multifd || recording.config.transport != Transport::Tcp {
        return experiments;
    }
    for per_page_ns in WRITE_PAGE_NS {
        let mut host = host.clone();
        host.steps.entry("migration.write_page".to_owned()).or_default().per_page = Span::from_nanos(per_page_ns);
        let [behind, .., waiting] = WRITE_PAGE_NS.map(|ns| ns as f64 / 1000.0);
        experiments.push((
            host,
            0..=SEEDS - 1,
            format!(
                "a page takes the thread that writes it {behind:.1} us where its reader is behind and {waiting:.1} us where the reader waits \
                 for each, of which a profile has one value: with {:.1} us the simulation",
                per_page_ns as f64 / 1000.0
            ),
        ));
    }
    experiments
}
