//! `colosim`: a deterministic simulator of QEMU's COLO migration, as a command.
//!
//! ```text
//!  cli (flags) ─▶ files (scenario, witness) ─▶ commands ─▶ report ─▶ stdout, exit code
//!                                                 │
//!                            inquiry (search, shrink, window), models, plots
//! ```
//!
//! Everything that the user wrote is checked before anything runs. A command gives an [`exit::Answer`] for stdout or an
//! [`exit::Failure`] for stderr; nothing else prints, but for progress and notes on stderr.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod exit;
mod files;
mod inquiry;
mod interrupt;
mod progress;
mod report;
mod strategy;
mod values;

use clap::Parser;
use exit::Exit;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    fail_with_one_message();
    let cli = cli::Cli::parse();
    match commands::execute(&cli) {
        Ok(answer) => match print(&answer.text) {
            Ok(()) => answer.exit.into(),
            Err(error) => {
                report::tell(&format!("error: cannot write to stdout: {error}\n"));
                Exit::Unfinished.into()
            }
        },
        Err(failure) => {
            report::tell(&report::style::failure(&failure));
            failure.exit().into()
        }
    }
}

/// Whoever reads stdout may have seen enough: a broken pipe is no error.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A bug of this program is told in one message too, whatever thread it shows on.
fn fail_with_one_message() {
    std::panic::set_hook(Box::new(|panic| {
        report::tell(&format!("error: internal error, please report it with the command line: {panic}\n"));
        std::process::exit(3);
    }));
}
