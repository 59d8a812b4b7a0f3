//! Ctrl-C: the first one asks long work to stop and keep what it has, the second one ends the program at once.

use crate::exit::Failure;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a shell for a program that was ended by SIGINT.
const KILLED_BY_SIGINT: i32 = 130;

/// Watch for Ctrl-C from now on. The flag is set once it came.
///
/// # Errors
/// If the system takes no handler.
pub fn watch() -> Result<&'static AtomicBool, Failure> {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED_BY_SIGINT);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Unfinished(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(&INTERRUPTED)
}
