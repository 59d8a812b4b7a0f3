//! Charts of colosim sweeps, as SVG for papers and pages and as PNG for slides and mails.
//!
//! The crate knows what a sweep measured ([`results`]) and how to show it; it does not know how a run is made, and
//! it touches no file. A sweep becomes a [`Figure`], which is data; the figure is drawn by plotters onto either
//! backend.
//!
//! ```text
//!  SweepResults ─────▶ throughput ─▶ Figure ─▶ layout ─▶ draw ─▶ canvas ─▶ SVG
//!                      pause                                           └─▶ PNG
//!                      latency
//!                      migration, goodput ◀─ law
//!  LikelihoodResults ─▶ likelihood
//! ```
//!
//! # Tour
//!
//! A sweep of `x-checkpoint-delay` with three seeds at each value:
//!
//! ```
//! use colosim_plots::results::{Conditions, Field, Metrics, SweepPoint, SweepResults, Unit};
//! use colosim_plots::{Theme, render};
//!
//! let run = |delay_ms: u64, seed: u64| SweepPoint {
//!     x: delay_ms as f64 * 1e6,
//!     x_text: format!("{delay_ms} ms"),
//!     series: String::new(),
//!     seed,
//!     conditions: Conditions::default(),
//!     metrics: Metrics {
//!         guest_progress: 0.8 + 0.02 * seed as f64,
//!         throughput_gbit_per_s: 2.5,
//!         checkpoints: 20,
//!         pause_p50_ns: 8_000_000,
//!         pause_p99_ns: 25_000_000,
//!         ..Metrics::default()
//!     },
//! };
//! let results = SweepResults {
//!     scenario: "checkpoint-delay".into(),
//!     question: "What does a shorter checkpoint delay cost?".into(),
//!     variant: "merged".into(),
//!     x: Field {
//!         path: "migration.x_checkpoint_delay".into(),
//!         label: "x-checkpoint-delay".into(),
//!         unit: Unit::Nanoseconds,
//!     },
//!     series: None,
//!     points: [100, 200, 500].into_iter().flat_map(|delay| (0..3).map(move |seed| run(delay, seed))).collect(),
//! };
//!
//! let plots = render(&results, &Theme::LIGHT)?;
//! assert_eq!(plots.iter().map(|plot| plot.name).collect::<Vec<_>>(), ["throughput", "pause"]);
//! assert!(plots[0].svg.contains("x-checkpoint-delay"));
//! assert!(plots[1].png.starts_with(b"\x89PNG"));
//! # Ok::<(), colosim_plots::PlotError>(())
//! ```
//!
//! A chart of one's own is a [`Figure`] of [`chart::Panel`]s; see [`chart`].
//!
//! The same input gives the same bytes on every machine: the font is embedded and all mathematics comes from `libm`.
//!
//! Not modelled: interactive charts, and more than one variant in a figure.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod canvas;
pub mod chart;
mod curves;
mod draw;
mod error;
mod finding;
pub mod font;
pub mod goodput;
pub mod interval;
pub mod latency;
pub mod law;
mod layout;
pub mod likelihood;
pub mod migration;
pub mod pause;
mod raster;
pub mod results;
pub mod scale;
pub mod scatter;
mod svg;
pub mod theme;
pub mod throughput;
pub mod unit;

pub use chart::Figure;
pub use error::PlotError;
pub use likelihood::LikelihoodResults;
pub use results::SweepResults;
pub use theme::Theme;

/// A drawn figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Name of the files it belongs in, without extension.
    pub name: &'static str,
    /// The SVG document.
    pub svg: String,
    /// The PNG, [`chart::RASTER_SCALE`] times as large.
    pub png: Vec<u8>,
}

/// Draws all charts of a sweep. With checkpoints: `throughput`, `pause`, and `latency` if clients got packets. Without any:
/// `migration`, and `goodput` if loss was swept over; `throughput` if no migration came to its end either.
///
/// A sweep with a single x value shows points with error bars in place of lines.
///
/// # Errors
/// [`PlotError::EmptySweep`] without a run, [`PlotError::NothingToDraw`] if no run has finite numbers.
pub fn render(results: &SweepResults, theme: &Theme) -> Result<Vec<Plot>, PlotError> {
    if results.points.is_empty() {
        return Err(PlotError::EmptySweep { scenario: results.scenario.clone() });
    }
    let drawn = figures(results).into_iter();
    drawn.map(|(name, figure)| Ok(Plot { name, svg: figure.svg(theme)?, png: figure.png(theme)? })).collect()
}

/// The charts that say something about the sweep, under the names of their files.
fn figures(results: &SweepResults) -> Vec<(&'static str, Figure)> {
    let named = |name, figure: Option<Figure>| Some((name, figure?));
    let throughput = || ("throughput", throughput::figure(results));
    if let Some(pause) = pause::figure(results) {
        let others = [named("pause", Some(pause)), named("latency", latency::figure(results))];
        return [throughput()].into_iter().chain(others.into_iter().flatten()).collect();
    }
    let migration = [named("migration", migration::figure(results)), named("goodput", goodput::figure(results))];
    let migration: Vec<_> = migration.into_iter().flatten().collect();
    if migration.is_empty() { vec![throughput()] } else { migration }
}

/// Draws the chart of the likelihood along a run: `likelihood`.
///
/// # Errors
/// [`PlotError::NothingToDraw`] if there is no point.
pub fn render_likelihood(results: &LikelihoodResults, theme: &Theme) -> Result<Plot, PlotError> {
    let figure = likelihood::figure(results);
    Ok(Plot { name: "likelihood", svg: figure.svg(theme)?, png: figure.png(theme)? })
}
