//! One recorded configuration and its repetitions.

use super::SEEDS;
use super::set_up::Link;
use crate::Comparison;
use colosim_sim::Simulator;
use serde::Deserialize;

/// As all files have it.
#[derive(Debug, Deserialize)]
pub(super) struct Recording<C, R> {
    class: String,
    pub config: C,
    result: R,
}

/// A figure's mean over repetitions.
#[derive(Debug, Deserialize)]
pub(super) struct Mean {
    pub mean: f64,
}

/// A repetition.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repetition {
    pub repetition: u64,
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

/// A figure: its name, as measured, as simulated.
pub(super) type Figure = (&'static str, f64, f64);

/// A kind of transfer that was recorded with results `R`.
pub(super) trait Simulate<R>: std::fmt::Display + Sync {
    fn link(&self) -> Link;

    fn repetitions(result: &R) -> &[Repetition];

    /// The figures of these repetitions; an error says what cannot be simulated.
    fn figures(&self, simulator: &mut Simulator, repetitions: &[Repetition], result: &R)
    -> Result<Vec<Figure>, String>;
}

impl<C: Simulate<R>, R> Recording<C, R> {
    pub fn compare(&self, simulator: &mut Simulator) -> Result<Vec<Comparison>, String> {
        self.config.link().check()?;
        let recorded = C::repetitions(&self.result);
        let Some(last) = recorded.last() else { return Err("no run is recorded of it".into()) };
        let mut repetitions = recorded.to_vec();
        while repetitions.len() < SEEDS {
            let repetition = repetitions.iter().map(|one| one.repetition).max().map_or(0, |most| most + 1);
            repetitions.push(Repetition { repetition, ..last.clone() });
        }
        let figures = self.config.figures(simulator, &repetitions, &self.result)?;
        let comparison = |(figure, measured, simulated)| Comparison {
            class: self.class.clone(),
            configuration: self.config.to_string(),
            figure,
            measured,
            simulated,
        };
        Ok(figures.into_iter().map(comparison).collect())
    }
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
}
