//! One recorded configuration and its repetitions.

use super::SEEDS;
use super::set_up::Link;
use crate::Recording;
use crate::comparison::{Comparison, comparisons};
use colosim_sim::Simulator;
use serde::Deserialize;

/// A figure is asked about from this error on.
const FAR: f64 = 0.2;

/// A figure's mean over repetitions.
#[derive(Debug, Deserialize)]
pub(super) struct Mean {
    pub mean: f64,
}

/// A repetition.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Repetition {
    #[serde(rename = "repetition")]
    pub seed: u64,
    pub emulator: Lateness,
}

/// By how much the emulator handed packets over too late.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Lateness {
    #[serde(rename = "late_mean_us")]
    pub data_us: f64,
    #[serde(rename = "ack_late_mean_us")]
    pub acknowledgements_us: f64,
}

impl Lateness {
    fn with(self, host_us: f64) -> Lateness {
        Lateness { data_us: self.data_us + host_us, acknowledgements_us: self.acknowledgements_us + host_us }
    }
}

/// A test of the emulator itself; those of isolated packets have a one-way delay.
#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    one_way_delay_ideal_us: Option<f64>,
    one_way_delay_us: Option<Median>,
    late_mean_us: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Median {
    p50: f64,
}

/// What an isolated packet takes in the hosts: its delay beyond the ideal one and beyond what the emulator was late by, in the middle
/// of the tests; zero without any.
pub(super) fn host_us(verifications: &[Verification]) -> f64 {
    let of = |test: &Verification| {
        Some(test.one_way_delay_us.as_ref()?.p50 - test.one_way_delay_ideal_us? - test.late_mean_us?)
    };
    let mut delays: Vec<f64> = verifications.iter().filter_map(of).collect();
    delays.sort_by(f64::total_cmp);
    if delays.is_empty() { 0.0 } else { percentile(&delays, 0.5).max(0.0) }
}

/// A figure: its name, as measured, as simulated.
pub(super) type Figure = (&'static str, f64, f64);

/// A kind of transfer that was recorded with results `R`.
pub(super) trait Simulate<R>: std::fmt::Display + Sync {
    fn link(&self) -> Link;

    fn repetitions(result: &R) -> &[Repetition];

    /// How many runs are simulated at least.
    fn runs_min(&self) -> usize {
        SEEDS
    }

    /// The figures of these repetitions; an error says what cannot be simulated.
    fn figures(&self, simulator: &mut Simulator, repetitions: &[Repetition], result: &R)
    -> Result<Vec<Figure>, String>;

    /// Why a figure is far from what was measured, if an experiment shows it.
    fn cause(&self, _simulator: &mut Simulator, _repetitions: &[Repetition], _result: &R) -> Option<String> {
        None
    }
}

/// A recording beside its simulation. `host_us`: what a packet takes from host to host beside what the emulator tells of.
pub(super) fn compare<C: Simulate<R>, R>(
    recording: &Recording<C, R>,
    simulator: &mut Simulator,
    host_us: f64,
) -> Result<Vec<Comparison>, String> {
    let Recording { class, config, result, .. } = recording;
    config.link().check()?;
    let recorded = C::repetitions(result);
    if recorded.is_empty() {
        return Err("no run is recorded of it".into());
    }
    let repetitions: Vec<Repetition> = (0..recorded.len().max(config.runs_min()) as u64)
        .zip(recorded.iter().cycle())
        .map(|(seed, recorded)| Repetition { seed, emulator: recorded.emulator.with(host_us) })
        .collect();
    let mut compared = comparisons(class, config, config.figures(simulator, &repetitions, result)?);
    if compared.iter().any(|one| one.relative_error() > FAR) {
        let cause = config.cause(simulator, &repetitions, result);
        compared.iter_mut().for_each(|one| one.cause = cause.clone());
    }
    Ok(compared)
}

/// The value below which `share` of the sorted values lie, with linear interpolation between neighbours.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * share;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_between_its_neighbours() {
        let sorted = [1.0, 2.0, 3.0, 5.0];
        assert_eq!(percentile(&sorted, 0.5), 2.5);
        assert_eq!(percentile(&sorted, 1.0), 5.0);
        assert!((percentile(&sorted, 0.9) - 4.4).abs() < 1e-12);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_hosts_share_is_what_is_left_of_the_delay_of_isolated_packets() {
        let test = |p50| Verification {
            one_way_delay_ideal_us: Some(620.0),
            one_way_delay_us: Some(Median { p50 }),
            late_mean_us: Some(4.0),
        };
        let other = Verification { one_way_delay_ideal_us: None, one_way_delay_us: None, late_mean_us: Some(900.0) };
        assert_eq!(host_us(&[test(637.0), other, test(640.0), test(660.0)]), 16.0);
        assert_eq!(host_us(&[test(610.0)]), 0.0);
        assert_eq!(host_us(&[]), 0.0);
    }
}
