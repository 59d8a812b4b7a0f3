//! The report as a page for the documentation: the same for the same folders, a line for each row.

use crate::errors::Row;
use crate::parts::Part;
use crate::reasons::reason;
use crate::table::{HEADER, cells};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# How far the simulation is from what was measured

Made by `cargo run --release --example fidelity -- DIR [DIR…] --format markdown`: every recorded configuration of the folders,
simulated with the built-in host profiles. Errors are relative to what was measured. `bound` is what the median over all classes is to stay
below. `--check FILE` with this page as FILE fails if a median, 90th percentile or worst error has grown since.
";

/// The page, without the line of JSON at its end.
pub fn page(parts: &[Part], rows: &[Row]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for part in parts {
        writeln!(text, "\n## {}\n\n| {} |", part.name, HEADER.join(" | ")).expect("a string takes text");
        writeln!(text, "|---|---|--:|--:|--:|--:|--:|---|").expect("a string takes text");
        let of_part: Vec<&Row> = rows.iter().filter(|row| row.part == part.name).collect();
        for row in &of_part {
            writeln!(text, "| {} |", cells(row).join(" | ")).expect("a string takes text");
        }
        let reasons: Vec<String> = of_part.iter().filter_map(|row| reason(row)).collect();
        if !reasons.is_empty() {
            text.push_str("\nOver three times the bound:\n\n");
        }
        for reason in reasons {
            writeln!(text, "- {reason}").expect("a string takes text");
        }
    }
    text.push_str("\n## As JSON\n\n");
    text
}
