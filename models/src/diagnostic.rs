//! What is wrong with a file that a user wrote: one message with the place, the source line and what was meant.
//!
//! ```text
//! error: unknown field `los` in `Link`
//!   --> scenarios/x.ron:9:52
//!    |
//!  9 |     link: (rate: "10 Gbit/s", latency: "50 us", los: 1e-4),
//!    |                                                 ^^^ did you mean `loss`?
//! ```
//!
//! Text without colour: the command line adds it.

use std::fmt;
use std::ops::Range;

/// Longest part of a source line that is printed, in characters.
const EXCERPT_CHARS: usize = 160;

/// One message about one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the file as the user gave it, or of the flag.
    pub file: String,
    /// Line, 1 is the first.
    pub line: u32,
    /// Column in characters, 1 is the first.
    pub column: u32,
    /// Number of characters meant, at least 1.
    pub length: u32,
    /// The line; empty if the place is not known.
    pub source_line: String,
    /// What was expected and what was found.
    pub message: String,
    /// What to do, as a phrase ("did you mean `loss`?").
    pub suggestion: Option<String>,
}

impl Diagnostic {
    /// A message about the bytes `span` of `text`; only the first line of the span is marked.
    pub fn at(file: &str, text: &str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = floor_char_boundary(text, span.end).clamp(start, line_end);
        Diagnostic {
            file: file.to_string(),
            line: 1 + count(text[..line_start].matches('\n').count()),
            column: 1 + count(text[line_start..start].chars().count()),
            length: count(text[start..end].trim_end().chars().count()).max(1),
            source_line: text[line_start..line_end].trim_end_matches('\r').to_string(),
            message: message.into(),
            suggestion: None,
        }
    }

    /// A message about a file as a whole.
    pub fn unplaced(file: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(file, "", 0..0, message)
    }

    /// The same message with advice, if there is any.
    pub fn with_suggestion(mut self, suggestion: Option<String>) -> Diagnostic {
        self.suggestion = suggestion;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = number.len() + 1;
        writeln!(f, "error: {}", self.message)?;
        write!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
        let advice = self.suggestion.as_deref().unwrap_or_default();
        if self.source_line.is_empty() {
            return if advice.is_empty() { Ok(()) } else { write!(f, "\n{:gutter$} = {advice}", "") };
        }
        let (excerpt, before) = self.excerpt();
        let pad: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let width = (self.length as usize).min(excerpt.chars().count().saturating_sub(before.chars().count()).max(1));
        writeln!(f, "\n{:gutter$} |", "")?;
        writeln!(f, " {number} | {excerpt}")?;
        let marked = format!("{:gutter$} | {pad}{} {advice}", "", "^".repeat(width));
        f.write_str(marked.trim_end())
    }
}

impl Diagnostic {
    /// The part of the source line that is printed, and its part before the place.
    fn excerpt(&self) -> (String, String) {
        let chars: Vec<char> = self.source_line.chars().collect();
        let column = (self.column as usize - 1).min(chars.len());
        let start = if chars.len() <= EXCERPT_CHARS { 0 } else { column.saturating_sub(EXCERPT_CHARS / 2) };
        let end = chars.len().min(start + EXCERPT_CHARS);
        (chars[start..end].iter().collect(), chars[start..column].iter().collect())
    }
}

impl std::error::Error for Diagnostic {}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The candidate that `word` is most likely a slip of; none if nothing is close.
///
/// Distance: optimal string alignment (strsim), upper and lower case and `-` and `_` being equal. Close is: at most a
/// third of the word, or the word is the start or the end of exactly one candidate.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let closest = candidates.iter().map(|&candidate| (strsim::osa_distance(&word, &plain(candidate)), candidate)).min();
    if let Some((distance, candidate)) = closest
        && distance <= (word.chars().count() / 3).max(1)
        && distance < plain(candidate).chars().count()
    {
        return Some(candidate);
    }
    if word.chars().count() < 3 {
        return None;
    }
    let mut parts = candidates.iter().filter(|candidate| {
        let candidate = plain(candidate);
        candidate.starts_with(&word) || candidate.ends_with(&word)
    });
    parts.next().copied().filter(|_| parts.next().is_none())
}

/// "did you mean `x`?", or, if nothing is close and the choice is small, "one of `a`, `b`".
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(candidate) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    match candidates.len() {
        1..=16 => Some(format!("expected one of `{}`", candidates.join("`, `"))),
        _ => None,
    }
}
