//! Errors held against those of an earlier run, and medians against their bounds.

use crate::errors::Row;
use crate::reasons::bound;
use colosim_measured::Errors;
use std::collections::BTreeMap;
use std::path::Path;

/// Errors of an earlier run: part, figure.
pub type Limits = BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>;

/// What an error may grow by: it is printed with two digits after the point, in per cent.
const ROUNDING: f64 = 0.000_05;

/// The JSON in the last line of a file that an earlier run has printed.
pub fn read(file: &Path) -> Result<Limits, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(last).map_err(|error| {
        format!("{}: the last line is not the JSON that this program ends with: {error}", file.display())
    })
}

/// What has grown or is beyond its bound, as text. What the earlier run did not have is not held against anything; what it had and is
/// missing now has grown.
pub fn grown(limits: &Limits, rows: &[Row]) -> Vec<String> {
    let mut grown = Vec::new();
    for (part, figures) in limits {
        for (figure, limit) in figures {
            let now = rows.iter().find(|row| row.class.is_none() && row.part == part && row.figure == figure);
            match now {
                None => grown.push(format!("{part} {figure} is not measured any more")),
                Some(row) => grown.extend(beyond(limit, row.errors).map(|text| format!("{part} {figure}: {text}"))),
            }
        }
    }
    for row in rows.iter().filter(|row| row.class.is_none()) {
        if let Some(bound) = bound(row.part, row.figure).filter(|bound| row.errors.median > *bound) {
            let (part, figure, median) = (row.part, row.figure, 100.0 * row.errors.median);
            grown.push(format!("{part} {figure}: median {median:.2} % is beyond its bound of {} %", 100.0 * bound));
        }
    }
    grown
}

fn beyond(limit: &BTreeMap<String, f64>, now: Errors) -> impl Iterator<Item = String> {
    [("median", now.median), ("p90", now.p90), ("worst", now.worst)].into_iter().filter_map(|(name, now)| {
        let before = *limit.get(name)?;
        (now > before + ROUNDING).then(|| format!("{name} {:.2} % → {:.2} %", 100.0 * before, 100.0 * now))
    })
}
