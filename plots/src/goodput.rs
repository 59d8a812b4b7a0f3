//! What TCP makes of a lossy path: bytes of a migration by the time until they have arrived or the run was ended, against the
//! loss of segments, with the laws for Reno and CUBIC.

use crate::chart::{Arrangement, Axis, Figure, Panel};
use crate::curves::{Band, Quantity, curves, law_lines, lines, series_in_order, subtitle};
use crate::finding::{Measure, change};
use crate::law;
use crate::results::{Conditions, SweepResults, Unit};
use crate::scale::ScaleChoice;
use crate::theme::Dash;
use crate::unit::with_unit;

const GOODPUT: Quantity = Quantity {
    of: |point| Some(point.metrics.throughput_gbit_per_s).filter(|rate| *rate > 0.0).map(|rate| rate * 1e9),
    most: f64::INFINITY,
    band: Band::Confidence,
};

const MATHIS: (Dash, &str) = (Dash::Law, "Reno’s law (Mathis et al. 1997)");
const CUBIC: (Dash, &str) = (Dash::OtherLaw, "CUBIC’s law (RFC 9438)");

/// One panel, a colour for each series; `None` if it is not loss that is swept over, or nothing was sent.
pub fn figure(results: &SweepResults) -> Option<Figure> {
    let mut goodput = curves(results, &GOODPUT);
    if (results.x.path.as_str(), results.x.unit) != ("link.loss", Unit::Ratio)
        || goodput.iter().all(|curve| curve.points.is_empty())
    {
        return None;
    }
    if results.series.as_ref().is_some_and(|field| field.path == "link.latency") {
        let names = series_in_order(results);
        for curve in &mut goodput {
            let run = results.points.iter().find(|point| point.series == names[curve.slot])?;
            let round_trip = Unit::Nanoseconds.format(run.conditions.round_trip_ns as f64);
            curve.label = with_unit(round_trip, "round trip");
        }
    }
    let subtitle = subtitle(results, &goodput, "");
    let title = change("Goodput", &goodput, &results.x, Measure::Amount)
        .unwrap_or_else(|| format!("Goodput by {}", results.x.label));
    let vary = |conditions: &mut Conditions, x: f64| (conditions.loss, conditions.loss_events) = (x, x);
    let measured = lines(goodput, Dash::Solid, "simulated");
    Some(Figure {
        title,
        subtitle,
        arrangement: Arrangement::Stacked,
        panels: vec![Panel {
            x: Axis { label: "loss of segments".to_owned(), unit: results.x.unit, scale: ScaleChoice::BySpan },
            y: Axis { label: "Goodput".to_owned(), unit: Unit::BitsPerSecond, scale: ScaleChoice::BySpan },
            lines: [
                measured,
                law_lines(results, vary, law::mathis, MATHIS),
                law_lines(results, vary, law::cubic, CUBIC),
            ]
            .concat(),
            references: Vec::new(),
            marks: Vec::new(),
        }],
    })
}
