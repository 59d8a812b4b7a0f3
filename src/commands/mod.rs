//! The commands: each takes its arguments and gives an answer.

mod answers;
mod capture;
mod check;
mod compare;
mod explore;
mod fit;
mod list;
mod man;
mod plot;
mod races;
mod replay;
mod run;
mod sweep;

use crate::cli::{CaptureCommand, Cli, Command, Global};
use crate::exit::{Answer, Failure};
use crate::inquiry::workers;
use crate::report::tell;
use crate::values::Format;
use rayon::ThreadPool;

/// What holds for every command, checked.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How the answer is written.
    pub format: Format,
    /// No progress and no notes.
    pub quiet: bool,
    /// Worker threads; zero: one per processor.
    pub jobs: usize,
}

impl Settings {
    fn new(global: &Global) -> Settings {
        Settings { format: global.format, quiet: global.quiet, jobs: usize::from(global.jobs.unwrap_or(0)) }
    }

    /// Worker threads for a command's own runs.
    ///
    /// # Errors
    /// If the host does not start them.
    pub fn workers(&self) -> Result<ThreadPool, Failure> {
        workers(self.jobs)
    }

    /// Tell the user something beside the answer.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            tell(&format!("note: {text}\n"));
        }
    }
}

/// Do what the command line says.
///
/// # Errors
/// See [`Failure`].
pub fn execute(cli: &Cli) -> Result<Answer, Failure> {
    let settings = Settings::new(&cli.global);
    match &cli.command {
        Command::Run(args) => run::run(args, settings),
        Command::Explore(args) => explore::explore(args, settings),
        Command::Compare(args) => compare::compare(args, settings),
        Command::Races(args) => races::races(args, settings),
        Command::Answers(args) => answers::answers(args, settings),
        Command::Replay(args) => replay::replay(args, settings),
        Command::Fit(args) => fit::fit(args, settings),
        Command::Sweep(args) => sweep::sweep(args, settings),
        Command::Plot(args) => plot::plot(args, settings),
        Command::Capture(CaptureCommand::Verify(args)) => capture::verify(args, settings),
        Command::Capture(CaptureCommand::Show(args)) => capture::show(args, settings),
        Command::Check(args) => check::check(args, settings),
        Command::List(args) => list::list(args, settings),
        Command::Completions(args) => man::completions(args),
        Command::Man(args) => man::man(args),
    }
}
