//! The report as tables for a terminal.

use crate::errors::Row;
use crate::parts::Part;
use crate::reasons::{bound_text, reason};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use std::fmt::Write;

/// The heads of the columns.
pub const HEADER: [&str; 8] = ["class", "figure", "n", "median", "p90", "worst", "bound", "the worst configuration"];

/// A table for each part, and the reasons.
pub fn report(parts: &[Part], rows: &[Row]) -> String {
    let mut text = String::new();
    for part in parts {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(HEADER);
        let of_part: Vec<&Row> = rows.iter().filter(|row| row.part == part.name).collect();
        of_part.iter().for_each(|row| {
            table.add_row(cells(row));
        });
        writeln!(text, "{}\n{table}", part.name).expect("a string takes text");
        for reason in of_part.iter().filter_map(|row| reason(row)) {
            writeln!(text, "over three times the bound: {reason}").expect("a string takes text");
        }
        for line in left_out(part) {
            writeln!(text, "{line}").expect("a string takes text");
        }
        text.push('\n');
    }
    text
}

/// What was recorded and is not simulated, as sentences.
pub fn left_out(part: &Part) -> impl Iterator<Item = String> {
    part.left_out.iter().map(|(reason, count)| format!("Not simulated: {count} recorded configurations; {reason}."))
}

/// A row's cells, in the order of [`HEADER`].
pub fn cells(row: &Row) -> [String; 8] {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let worst = &row.worst;
    [
        row.class.clone().unwrap_or_else(|| "all".to_owned()),
        row.figure.to_owned(),
        row.count.to_string(),
        percent(row.errors.median),
        percent(row.errors.p90),
        percent(row.errors.worst),
        bound_text(row),
        format!("{} (measured {}, simulated {})", worst.configuration, Short(worst.measured), Short(worst.simulated)),
    ]
}

/// A number with about as many digits as it is worth.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.0.abs() >= 100.0 {
            0
        } else if self.0.abs() >= 1.0 {
            2
        } else {
            4
        };
        write!(f, "{:.digits$}", self.0)
    }
}
