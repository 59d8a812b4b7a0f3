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

/// `zero-page-detection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detection {
    /// Nobody.
    None,
    /// The migration thread.
    Legacy,
    /// The send threads.
    Multifd,
}

impl Detection {
    /// As a scenario writes it.
    pub(crate) fn in_ron(self) -> &'static str {
        match self {
            Detection::None => "None",
            Detection::Legacy => "Legacy",
            Detection::Multifd => "Multifd",
        }
    }
}
