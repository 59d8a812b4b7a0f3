//! One measured figure beside the simulated one, and the errors of many.

/// One figure of one recorded configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The class that the configuration was recorded under.
    pub class: String,
    /// What sets the configuration apart from others of its class.
    pub configuration: String,
    /// The name of the figure, `total_time` for one.
    pub figure: &'static str,
    /// As measured, in the figure's own unit.
    pub measured: f64,
    /// As simulated, in the same unit.
    pub simulated: f64,
    /// What is known to set such a configuration apart from its simulation, by an experiment; none: nothing is.
    pub cause: Option<String>,
}

impl Comparison {
    /// How far off the simulation is, as a fraction of what was measured.
    pub fn relative_error(&self) -> f64 {
        if self.measured == self.simulated { 0.0 } else { (self.simulated / self.measured - 1.0).abs() }
    }
}

/// The figures of one recorded configuration: name, as measured, as simulated.
pub(crate) fn comparisons(
    class: &str,
    configuration: &impl ToString,
    figures: impl IntoIterator<Item = (&'static str, f64, f64)>,
) -> Vec<Comparison> {
    let configuration = configuration.to_string();
    let comparison = |(figure, measured, simulated)| Comparison {
        class: class.to_owned(),
        configuration: configuration.clone(),
        figure,
        measured,
        simulated,
        cause: None,
    };
    figures.into_iter().map(comparison).collect()
}

/// The relative errors of many comparisons of one figure.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Errors {
    /// Half of the errors are at most this.
    pub median: f64,
    /// Nine of ten errors are at most this.
    pub p90: f64,
    /// The largest.
    pub worst: f64,
}

impl Errors {
    /// Of these errors; none if there are none.
    pub fn of(errors: impl IntoIterator<Item = f64>) -> Option<Errors> {
        let mut errors: Vec<f64> = errors.into_iter().collect();
        errors.sort_by(f64::total_cmp);
        let worst = *errors.last()?;
        let at = |share: f64| errors[((errors.len() as f64 * share).ceil() as usize).clamp(1, errors.len()) - 1];
        Some(Errors { median: at(0.5), p90: at(0.9), worst })
    }
}
