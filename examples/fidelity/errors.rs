//! The relative errors: of each figure in each class, and of each figure over all classes.

use crate::parts::Part;
use colosim_measured::{Comparison, Errors};
use std::collections::BTreeMap;

/// The errors of one figure.
pub struct Row {
    pub part: &'static str,
    /// None: all classes together.
    pub class: Option<String>,
    pub figure: &'static str,
    pub count: usize,
    pub errors: Errors,
    /// The configuration that is farthest off.
    pub worst: Comparison,
}

/// Of every part: all classes together first, then class by class in alphabetical order; figures in the order in which they come.
pub fn of(parts: &[Part]) -> Vec<Row> {
    parts.iter().flat_map(of_part).collect()
}

fn of_part(part: &Part) -> Vec<Row> {
    let mut classes: BTreeMap<&str, Vec<&Comparison>> = BTreeMap::new();
    for comparison in comparable(part) {
        classes.entry(&comparison.class).or_default().push(comparison);
    }
    let all = rows(part.name, None, &comparable(part).collect::<Vec<_>>());
    let each = classes.iter().flat_map(|(class, of_class)| rows(part.name, Some(class), of_class));
    all.into_iter().chain(each).collect()
}

/// A figure that was measured as 0 has no relative error.
fn comparable(part: &Part) -> impl Iterator<Item = &Comparison> {
    part.comparisons.iter().filter(|comparison| comparison.relative_error().is_finite())
}

fn rows(part: &'static str, class: Option<&str>, comparisons: &[&Comparison]) -> Vec<Row> {
    let mut figures: Vec<&'static str> = Vec::new();
    for comparison in comparisons {
        if !figures.contains(&comparison.figure) {
            figures.push(comparison.figure);
        }
    }
    let row = |figure: &'static str| {
        let of_figure: Vec<&Comparison> = comparisons.iter().copied().filter(|one| one.figure == figure).collect();
        let worst = of_figure.iter().max_by(|a, b| a.relative_error().total_cmp(&b.relative_error()))?;
        Some(Row {
            part,
            class: class.map(str::to_owned),
            figure,
            count: of_figure.len(),
            errors: Errors::of(of_figure.iter().map(|one| one.relative_error()))?,
            worst: (*worst).clone(),
        })
    };
    figures.into_iter().filter_map(row).collect()
}

/// The errors over all classes as one line of JSON: part, figure, median, p90 and worst.
pub fn summary(rows: &[Row]) -> String {
    let mut parts: BTreeMap<&str, BTreeMap<&str, Errors>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.class.is_none()) {
        parts.entry(row.part).or_default().insert(row.figure, row.errors);
    }
    serde_json::to_string(&parts).expect("numbers and text are JSON")
}
