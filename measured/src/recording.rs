//! One entry of a file of measurements, as all of them have it.

use serde::Deserialize;

/// One recorded configuration `C` and its results `R`.
#[derive(Debug, Clone, Deserialize)]
pub struct Recording<C, R> {
    /// What it is recorded under.
    pub class: String,
    /// Which of several runs of the same configuration.
    #[serde(default)]
    pub repetition: u32,
    /// What was run.
    pub config: C,
    /// What was measured.
    pub result: R,
}
