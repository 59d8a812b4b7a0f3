//! How messages look on a terminal: colour where it helps, none if stderr is no terminal or `NO_COLOR` is set.

use crate::exit::Failure;
use colosim_models::diagnostic::Diagnostic;
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};
use std::io::{self, IsTerminal};

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// May this stream have colours? (<https://no-color.org>)
fn has_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A failure, as it is printed on stderr; ends with a newline.
pub fn failure(failure: &Failure) -> String {
    let coloured = has_colour(&io::stderr());
    let paint = |text: String| if coloured { paint(&text) } else { text };
    match failure {
        Failure::Input(found) => found.iter().map(Diagnostic::to_string).map(|text| paint(text) + "\n").collect(),
        Failure::Usage { message, advice: None } | Failure::Unfinished(message) => {
            paint(format!("error: {message}")) + "\n"
        }
        Failure::Usage { message, advice: Some(advice) } => paint(format!("error: {message}\n  = {advice}")) + "\n",
    }
}

/// Colours for the parts of a message: the word `error`, the frame, the mark below the source line.
fn paint(message: &str) -> String {
    let lines: Vec<String> = message.split('\n').map(paint_line).collect();
    lines.join("\n")
}

fn paint_line(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("error:") {
        return format!("{RED}error{PLAIN}{BOLD}:{rest}{PLAIN}");
    }
    if let Some((before, place)) = line.split_once("--> ") {
        return format!("{before}{BLUE}-->{PLAIN} {place}");
    }
    match line.split_once('|') {
        Some((gutter, rest)) if gutter.trim().chars().all(|c| c.is_ascii_digit()) => {
            let is_mark = gutter.trim().is_empty() && rest.trim_start().starts_with('^');
            let rest = if is_mark { format!("{RED}{rest}{PLAIN}") } else { rest.to_owned() };
            format!("{BLUE}{gutter}|{PLAIN}{rest}")
        }
        _ => line.to_owned(),
    }
}

/// Width of tables where there is no terminal, characters.
const PAGE_WIDTH: u16 = 160;

/// A table that fits the terminal.
pub fn table(head: &[&str]) -> Table {
    let mut table = plain_table();
    table.load_style(UTF8_FULL_CONDENSED).set_header(head.iter().copied());
    table
}

/// A table without frame, for names and values.
pub fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(PAGE_WIDTH);
    }
    table
}

/// May stdout have colours?
pub fn stdout_has_colour() -> bool {
    has_colour(&io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_but_colours() {
        let text = "a: \"x\"\nb: los: 1";
        let diagnostic = Diagnostic::at("x.ron", text, 10..13, "unknown field").with_suggestion(Some("`loss`?".into()));
        let plain = diagnostic.to_string();
        let mut painted = paint(&plain);
        assert_ne!(painted, plain);
        for colour in [RED, BLUE, BOLD, PLAIN] {
            painted = painted.replace(colour, "");
        }
        assert_eq!(painted, plain);
    }
}
