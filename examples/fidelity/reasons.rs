//! What error is allowed, and why some configurations exceed three times that.

use crate::errors::Row;

/// A worst error beyond so many bounds has its reason printed.
const TIMES_BOUND: f64 = 3.0;

/// The bound on the median error of a figure over all classes; none: it is reported without one.
pub fn bound(part: &str, figure: &str) -> Option<f64> {
    match (part, figure) {
        ("precopy", "total_time") => Some(0.05),
        ("precopy", "bytes" | "pages") => Some(0.01),
        ("colo", "pause" | "flush" | "run_share") => Some(0.10),
        ("net", "goodput" | "burst_p50") => Some(0.10),
        _ => None,
    }
}

/// Why the worst configuration of a class is off by more than three times its bound; none if it is not.
pub fn reason(row: &Row) -> Option<String> {
    let class = row.class.as_deref()?;
    if row.errors.worst <= TIMES_BOUND * bound(row.part, row.figure)? {
        return None;
    }
    let cause = row.worst.cause.as_deref().unwrap_or("cause not established");
    Some(format!("{} {class}, {}: {}: {cause}", row.part, row.figure, row.worst.configuration))
}

/// The bound on the median, as text.
pub fn bound_text(row: &Row) -> String {
    bound(row.part, row.figure).map_or_else(String::new, |bound| format!("{} %", 100.0 * bound))
}
