//! The report as a page for the documentation: the same for the same folders, a line for each row.

use crate::errors::Row;
use crate::given::given;
use crate::parts::Part;
use crate::reasons::{bound_text, reason};
use crate::table::{HEADER, cells, left_out};
use std::fmt::Write;
use std::path::PathBuf;

const INTRODUCTION: &str = "\
Every recorded configuration of the folders, simulated with the built-in host profiles, beside what was recorded. Errors are
relative to what was measured; a figure that was measured as 0 has none. `bound` is what the median over all classes has to stay below.
Where the worst configuration of a class is off by more than three times that, what is known of the cause is said below the table.
With this page as FILE, `--check FILE` fails if a median, a 90th percentile or a worst error over all classes has grown, or a median is
beyond its bound.
";

/// The page, without the line of JSON at its end. The plots are looked for in the folder `fidelity` beside it.
pub fn page(folders: &[PathBuf], parts: &[Part], rows: &[Row]) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let mut text = format!(
        "# How far the simulation is from what was measured\n\nMade by\n\n```console\n$ cargo run --release --example fidelity -- \
         --format markdown --plots docs/fidelity {} > docs/fidelity.md\n```\n\n{INTRODUCTION}",
        folders.join(" ")
    );
    for part in parts {
        of_part(&mut text, part, rows).expect("a string takes text");
    }
    text.push_str("\n## As JSON\n\n");
    text
}

fn of_part(text: &mut String, part: &Part, rows: &[Row]) -> std::fmt::Result {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.part == part.name).collect();
    writeln!(text, "\n## {}\n\nTaken from the recordings, not predicted:\n", part.name)?;
    for statement in given(part.name) {
        writeln!(text, "- {statement}")?;
    }
    writeln!(text, "\n| {} |", HEADER.join(" | "))?;
    writeln!(text, "|---|---|--:|--:|--:|--:|--:|---|")?;
    for row in &rows {
        writeln!(text, "| {} |", cells(row).join(" | "))?;
    }
    let reasons: Vec<String> = rows.iter().filter_map(|row| reason(row)).collect();
    if !reasons.is_empty() {
        writeln!(text, "\nOver three times the bound:\n")?;
    }
    for reason in reasons {
        writeln!(text, "- {reason}")?;
    }
    for line in left_out(part) {
        writeln!(text, "\n{line}")?;
    }
    let file = |row: &Row| format!("fidelity/{}-{}.svg", part.name, row.figure);
    let (bounded, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|row| row.class.is_none()).partition(|row| !bound_text(row).is_empty());
    for row in bounded {
        writeln!(text, "\n![{}: {}, simulated against measured]({})", part.name, row.figure, file(row))?;
    }
    let others: Vec<String> = others.iter().map(|row| format!("[{}]({})", row.figure, file(row))).collect();
    writeln!(text, "\nSimulated against measured also for {}.", others.join(", "))
}
