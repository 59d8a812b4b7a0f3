//! Values of flags: text to checked values, with errors in the words of the flag.

use clap::ValueEnum;
use std::ops::Range;
use std::time::Duration;

/// A range of seeds, `A..B` (B excluded) or `N` for `0..N`.
pub fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| -> Result<u64, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is no seed; write `A..B` or a number of seeds"))
    };
    let range = match text.split_once("..") {
        Some((first, end)) => number(first)?..number(end)?,
        None => 0..number(text)?,
    };
    if range.is_empty() {
        return Err(format!("`{text}` holds no seed; the end must be greater than the start"));
    }
    Ok(range)
}

/// `path=value`.
pub fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok(Assignment { path: path.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err("write it as `path=value`, as in `link.loss=1e-3`".to_owned()),
    }
}

/// A field of the scenario and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Path of the field, as `link.loss`.
    pub path: String,
    /// Its value, in RON or as bare text.
    pub value: String,
}

/// Wall-clock time: `30s`, `500ms`, `2 min`.
pub fn budget(text: &str) -> Result<Duration, String> {
    let span: colosim_models::scenario::Span = text.parse().map_err(|error| format!("{error}"))?;
    match span.nanos() {
        0 => Err("in no time nothing is run".to_owned()),
        nanos => Ok(Duration::from_nanos(nanos)),
    }
}

/// Which of the scenario's fault plans strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPlan {
    /// No fault at all.
    None,
    /// The one at this position; 0 is the first.
    Index(usize),
}

/// `none` or a position.
pub fn fault_plan(text: &str) -> Result<FaultPlan, String> {
    match text {
        "none" => Ok(FaultPlan::None),
        _ => text.parse().map(FaultPlan::Index).map_err(|_| "write `none` or a position, 0 is the first".to_owned()),
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One document for programs, with stable keys.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_number_of_them() {
        assert_eq!(seeds("5..9"), Ok(5..9));
        assert_eq!(seeds("200"), Ok(0..200));
        for wrong in ["", "0", "9..5", "3..3", "x", "1..y", "-1"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_assignment_is_split_at_the_first_equals_sign() {
        let assignment = |text| assignment(text).map(|a| (a.path, a.value));
        assert_eq!(assignment("question=a=b"), Ok(("question".to_owned(), "a=b".to_owned())));
        assert!(assignment("link.loss").is_err());
        assert!(assignment("=1").is_err());
    }

    #[test]
    fn a_budget_has_a_unit() {
        assert_eq!(budget("30s"), Ok(Duration::from_secs(30)));
        assert!(budget("30").is_err());
        assert!(budget("0").is_err());
    }
}
