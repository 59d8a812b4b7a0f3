//! RON of the program's own files (witnesses, plans): read with the place of what is wrong, and written.
//!
//! Scenarios have a reader of their own in `colosim_models::scenario`, which knows their fields better.

use colosim_models::diagnostic::{Diagnostic, did_you_mean};
use colosim_models::scenario::TEXT_BYTES_MAX;
use ron::error::{Error, Position, SpannedError};
use ron::extensions::Extensions;
use ron::ser::PrettyConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Longest file that is read: a witness has a scenario and a host profile in it.
pub const FILE_BYTES_MAX: usize = 4 * TEXT_BYTES_MAX;

/// Read one value; `name` is the file in messages.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn from_ron<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, Diagnostic> {
    options().from_str(text).map_err(|error| diagnostic(&error, text, name))
}

fn diagnostic(error: &SpannedError, text: &str, name: &str) -> Diagnostic {
    let start = byte_offset(text, error.span.start);
    let end = byte_offset(text, error.span.end);
    let suggestion = match &error.code {
        Error::NoSuchStructField { found, expected, .. } => did_you_mean(found, expected.iter().copied()),
        _ => None,
    };
    let message = error.code.to_string();
    let mut chars = message.chars();
    let message = chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect());
    Diagnostic::at(name, text, start..end, message).with_suggestion(suggestion)
}

fn byte_offset(text: &str, position: Position) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = &text[line_start..];
    line_start + line.char_indices().nth(position.col.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// A value over several lines, with strings as they are.
///
/// # Errors
/// If it has no RON form.
pub fn to_ron<T: Serialize>(value: &T, name: &str) -> Result<String, ron::Error> {
    let config = PrettyConfig::new().new_line("\n").escape_strings(false).depth_limit(3);
    let body = options().to_string_pretty(value, config)?;
    Ok(format!("{name}{body}\n"))
}

/// A small value on one line, as a user would write it: `LoadingRam(checkpoint: 3)`.
pub fn inline<T: Serialize + std::fmt::Debug>(value: &T) -> String {
    options().to_string_pretty(value, PrettyConfig::new().depth_limit(0)).unwrap_or_else(|_| format!("{value:?}"))
}
