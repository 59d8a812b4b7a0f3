//! Answers: text for people, JSON for programs.

pub mod answers;
pub mod claim;
pub mod compare;
pub mod explore;
pub mod hazards;
pub mod held_back;
pub mod json;
pub mod metrics;
pub mod names;
pub mod nearest;
pub mod races;
pub mod run;
pub mod story;
pub mod style;
pub mod sweep;

use std::io::Write;

/// Write to stderr. If nobody listens there, there is nobody to tell it.
pub fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
