//! How a command ends: an answer for stdout with an exit code, or a failure for stderr.

use colosim_models::diagnostic::Diagnostic;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes; scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing is violated.
    Done,
    /// A violation was found.
    Violated,
    /// The input or the command line is wrong; nothing was run.
    BadInput,
    /// Could not finish: I/O, a limit, a search that ended early, a witness that does not show its violation any more.
    Unfinished,
    /// Interrupted; what was found so far is kept.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Violated => 1,
            Exit::BadInput => 2,
            Exit::Unfinished => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// What a command has to say on stdout.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Text, or one JSON document; ends with a newline.
    pub text: String,
    /// How the program exits.
    pub exit: Exit,
}

/// Why a command has no answer.
#[derive(Debug)]
pub enum Failure {
    /// A file that the user wrote is wrong: everything that was found.
    Input(Vec<Diagnostic>),
    /// A flag is wrong, or does not fit the input.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it, as a phrase.
        advice: Option<String>,
    },
    /// It could not be finished.
    Unfinished(String),
}

impl Failure {
    /// A wrong flag, with advice if there is any.
    pub fn usage(message: impl Into<String>, advice: Option<String>) -> Failure {
        Failure::Usage { message: message.into(), advice }
    }

    /// A file or directory that could not be written or made.
    pub fn writing(path: &Path, error: &io::Error) -> Failure {
        Failure::Unfinished(format!("cannot write {}: {error}", path.display()))
    }

    /// The exit code that belongs to it.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Input(_) | Failure::Usage { .. } => Exit::BadInput,
            Failure::Unfinished(_) => Exit::Unfinished,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Failure::Input(vec![diagnostic])
    }
}
