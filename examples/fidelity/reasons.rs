//! What error is allowed, and why some configurations exceed three times that.

use crate::errors::Row;

/// A worst error beyond so many bounds has its reason printed.
const TIMES_BOUND: f64 = 3.0;

/// The bound on the median error of a figure; none: it is reported without one.
fn bound(part: &str, figure: &str) -> Option<f64> {
    match (part, figure) {
        ("precopy", "total_time") => Some(0.05),
        ("precopy", "bytes" | "pages") => Some(0.01),
        ("colo", "pause" | "flush" | "run_share") => Some(0.10),
        ("net", "goodput" | "burst_p50") => Some(0.10),
        _ => None,
    }
}

/// Causes that were established: part, class, figures, and the cause. A cause belongs here once an experiment has shown it.
const REASONS: &[(&str, &str, &[&str], &str)] = &[];

/// Why the worst configuration of a class is off by more than three times its bound; none if it is not.
pub fn reason(row: &Row) -> Option<String> {
    let class = row.class.as_deref()?;
    let limit = TIMES_BOUND * bound(row.part, row.figure)?;
    if row.errors.worst <= limit {
        return None;
    }
    let known = REASONS
        .iter()
        .find(|(part, of_class, figures, _)| *part == row.part && *of_class == class && figures.contains(&row.figure));
    let cause = known.map_or("cause not established", |(.., cause)| cause);
    Some(format!("{} {class}, {}: {}: {cause}", row.part, row.figure, row.worst.configuration))
}

/// The bound on the median, as text.
pub fn bound_text(row: &Row) -> String {
    bound(row.part, row.figure).map_or_else(String::new, |bound| format!("{} %", 100.0 * bound))
}
