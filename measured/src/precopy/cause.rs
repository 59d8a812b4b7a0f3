//! Why a simulated migration is far from the recorded one.

use super::recording::{Compression, Recording};
use super::simulated::{Assumed, Configuration};
use super::{figures, pages};
use crate::Comparison;
use crate::cause::{ANOTHER_SEED, OTHER_SEEDS, credit};
use crate::error::Error;
use colosim_models::host_profile::HostProfile;
use colosim_models::metrics::Metrics;
use colosim_sim::Simulator;

/// A figure is asked about from this error on.
const FAR: f64 = 0.03;
/// How much less and more of its time before the migration the guest may have run than is assumed: in ms.
const COUNTED_OFF_MS: [i64; 2] = [-30, 80];

/// What a page costs a packet besides its data: 1344 bytes for 128 pages.
const HEADER_BYTES_PER_PAGE: f64 = 1344.0 / 128.0;

/// State the causes of the figures that are far off, where an experiment or the codec shows one.
pub fn explain(
    recording: &Recording,
    simulator: &mut Simulator,
    host: &HostProfile,
    simulated: &Metrics,
    comparisons: &mut [Comparison],
) -> Result<(), Error> {
    if !comparisons.iter().any(is_asked_about) {
        return Ok(());
    }
    let codec = codec(recording, simulated);
    for bytes in comparisons.iter_mut().filter(|one| one.figure == "bytes") {
        bytes.cause = codec.clone();
    }
    for (assumed, seed, says) in experiments(recording) {
        let run = Configuration::assuming(recording, assumed)?.run(simulator, host, seed);
        credit(comparisons, figures(recording, &run.metrics), is_asked_about, &says);
    }
    Ok(())
}

fn is_asked_about(comparison: &Comparison) -> bool {
    ["bytes", "pages", "total_time"].contains(&comparison.figure) && comparison.relative_error() > FAR
}

/// What is assumed, with which seed, and what it says if that is where the recording is.
fn experiments(recording: &Recording) -> Vec<(Assumed, u64, String)> {
    let as_usual = Assumed::of(recording);
    let seed = u64::from(recording.repetition);
    let mut experiments: Vec<(Assumed, u64, String)> =
        OTHER_SEEDS.map(|seed| (as_usual, seed, ANOTHER_SEED.to_owned())).collect();
    let spread = recording.result.trace.window_spread();
    for (part, word) in [(-spread, "shorter"), (spread, "longer")] {
        let downtime_limit_us = (as_usual.downtime_limit_us as f64 * (1.0 + part)) as u64;
        let says = format!(
            "the VM is stopped when what is left at the end of a window of 100 ms fits into downtime-limit, and the recorded windows \
             differ by {:.1} %: with a downtime-limit that much {word}, the simulation",
            100.0 * spread
        );
        experiments.push((Assumed { downtime_limit_us, ..as_usual }, seed, says));
    }
    for off_ms in COUNTED_OFF_MS {
        let counted_ms = as_usual.counted_ms.saturating_add_signed(off_ms);
        let says = format!(
            "where the guest is in its working set when migration starts is known to {} ms only: had it run {} ms {}, the \
             simulation",
            COUNTED_OFF_MS[1] - COUNTED_OFF_MS[0],
            off_ms.abs(),
            if off_ms < 0 { "less" } else { "more" }
        );
        experiments.push((Assumed { counted_ms, ..as_usual }, seed, says));
    }
    experiments
}

/// Pages that shrink do so by the codec, and that is not QEMU's.
fn codec(recording: &Recording, simulated: &Metrics) -> Option<String> {
    if recording.config.compression == Compression::None || recording.config.fill_mode == 0 {
        return None;
    }
    let measured = &recording.result.query_migrate.ram;
    let per_page = |bytes: u64, pages: u64, normal: u64| {
        (bytes as f64 - HEADER_BYTES_PER_PAGE * pages as f64) / normal.max(1) as f64
    };
    Some(format!(
        "a page of one repeated word takes {:.0} bytes in the recording and {:.0} here, where the codecs are other implementations; \
         pages that do not shrink are not concerned",
        per_page(measured.transferred, pages(measured), measured.normal),
        per_page(simulated.transferred_bytes, simulated.normal + simulated.duplicate, simulated.normal),
    ))
}
