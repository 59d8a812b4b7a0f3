//! The primary against a scripted secondary: what it puts on the wire, and when.

mod log;
mod output;
mod pacing;
mod run;
mod scripted_secondary;
mod streams;
