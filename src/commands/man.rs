//! `completions` and `man`: what clap makes of the command line's definition.

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::{Answer, Exit, Failure};
use crate::files;
use clap::CommandFactory;

/// The completion script for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<Answer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "colosim", &mut script);
    Ok(Answer { text: String::from_utf8_lossy(&script).into_owned(), exit: Exit::Done })
}

/// The manual page, or all of them into a directory.
pub fn man(args: &ManArgs) -> Result<Answer, Failure> {
    let text = match &args.out {
        Some(dir) => {
            files::create_dir(dir)?;
            clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Failure::writing(dir, &error))?;
            format!("{}\n", dir.display())
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Failure::Unfinished(format!("cannot make the manual page: {error}")))?;
            String::from_utf8_lossy(&page).into_owned()
        }
    };
    Ok(Answer { text, exit: Exit::Done })
}
