//! How far is the simulation from what was measured?
//!
//! ```text
//!  DIR/{precopy,colo}.json, DIR/{bulk,burst,…}.json ─▶ parts: measured beside simulated ─▶ errors: by part, class, figure
//!                                                                       └─▶ scatter plots      └─▶ table or Markdown, JSON
//! ```
//!
//! `cargo run --release --example fidelity -- DIR [DIR…] [--plots OUT] [--format text|markdown] [--check FILE]` takes folders of
//! recorded migrations or of recorded transfers, simulates every recorded configuration, and prints the relative errors; the
//! last line is JSON. With `--plots`, a scatter plot of each figure is written to OUT as SVG and PNG. With `--check`, the errors are held
//! against the JSON at the end of FILE, which an earlier run has printed, and against their bounds: exit code 1 if one has grown or is
//! beyond. Exit code 2: bad input.

mod check;
mod errors;
mod given;
mod markdown;
mod parts;
mod plots;
mod reasons;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: fidelity DIR [DIR…] [--plots OUT] [--format text|markdown] [--check FILE]";

/// What is asked for.
struct Arguments {
    folders: Vec<PathBuf>,
    plots: Option<PathBuf>,
    markdown: bool,
    check: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing has grown worse than what it was to be held against.
fn run() -> Result<bool, String> {
    let arguments = arguments()?;
    let limits = arguments.check.as_deref().map(check::read).transpose()?;
    let parts = parts::compare(&arguments.folders)?;
    let errors = errors::of(&parts);
    let report = match arguments.markdown {
        true => markdown::page(&arguments.folders, &parts, &errors),
        false => table::report(&parts, &errors),
    };
    print!("{report}");
    println!("{}", errors::summary(&errors));
    if let Some(folder) = &arguments.plots {
        plots::write(&parts, folder)?;
    }
    let grown = limits.map_or(Vec::new(), |limits| check::grown(&limits, &errors));
    grown.iter().for_each(|line| eprintln!("grown: {line}"));
    Ok(grown.is_empty())
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { folders: Vec::new(), plots: None, markdown: false, check: None };
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        let mut value = |what: &str| given.next().ok_or(format!("{what} is missing\n{USAGE}"));
        match argument.to_str() {
            Some("--plots") => arguments.plots = Some(value("the folder after --plots")?.into()),
            Some("--check") => arguments.check = Some(value("the file after --check")?.into()),
            Some("--format") => {
                arguments.markdown = match value("the format after --format")?.to_str() {
                    Some("markdown") => true,
                    Some("text") => false,
                    _ => return Err(format!("a format is text or markdown\n{USAGE}")),
                }
            }
            Some(flag) if flag.starts_with('-') => return Err(format!("unknown flag {flag}\n{USAGE}")),
            _ => arguments.folders.push(argument.into()),
        }
    }
    match arguments.folders.is_empty() {
        true => Err(format!("no folder of measurements\n{USAGE}")),
        false => Ok(arguments),
    }
}
