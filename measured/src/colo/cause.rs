//! Why simulated checkpoints are far from the recorded ones: they are simulated again with other values of what a recording does
//! not tell, and if that brings a figure to where it was measured, the figure hangs on it.

use super::recording::{Recording, Transport};
use super::simulated::{Configuration, recorded};
use super::{SEEDS, figures};
use crate::Comparison;
use crate::error::Error;
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::Span;
use colosim_sim::Simulator;

/// A figure is asked about from this error on.
const FAR: f64 = 0.25;
/// An experiment explains a figure if it leaves no more of its error than this.
const EXPLAINED: f64 = 1.0 / 3.0;
/// Other seeds of the host's noise that are tried, each alone.
const OTHER_SEEDS: std::ops::RangeInclusive<u64> = 101..=104;
/// Flushes of fewer pages are told apart by single pages.
const FEW_PAGES: f64 = 10.0;

/// What a page costs the thread that writes it to the main connection, in nanoseconds, where the reader is behind and where it waits
/// for each page: saving 2000 pages and more, and 70, over loopback.
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
        for (figure, other) in comparisons.iter_mut().zip(figures(recording, &checkpoints)) {
            let explains = other.relative_error() <= EXPLAINED * figure.relative_error();
            if figure.cause.is_none() && is_asked_about(figure) && explains {
                let value = if figure.figure == "run_share" { 2 } else { 0 };
                figure.cause = Some(format!("{says} comes to {:.value$}", other.simulated));
            }
        }
    }
    Ok(())
}

fn is_asked_about(comparison: &Comparison) -> bool {
    ["pause", "flush", "run_share"].contains(&comparison.figure) && comparison.relative_error() > FAR
}

/// On which host, with which seeds, and what it says if that is where the recording is.
fn experiments(recording: &Recording, host: &HostProfile) -> Vec<(HostProfile, std::ops::RangeInclusive<u64>, String)> {
    let mut experiments: Vec<_> = OTHER_SEEDS
        .map(|seed| {
            let says = "it hangs on the host's noise: with another seed the simulation".to_owned();
            (host.clone(), seed..=seed, says)
        })
        .collect();
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
