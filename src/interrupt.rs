//! Ctrl-C: the first one asks long work to stop and keep what it has, a later one ends the program at once.

use crate::exit::Failure;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a shell for a program that was ended by SIGINT.
const KILLED_BY_SIGINT: i32 = 130;
/// Programs such as `timeout` send the signal to the process and to its group: what comes so soon is no second wish.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Watch for Ctrl-C from now on. The flag is set once it came.
///
/// # Errors
/// If the system takes no handler.
pub fn watch() -> Result<&'static AtomicBool, Failure> {
    let first = OnceLock::new();
    let handler = move || {
        INTERRUPTED.store(true, Ordering::Relaxed);
        if first.get_or_init(Instant::now).elapsed() > SAME_WISH {
            std::process::exit(KILLED_BY_SIGINT);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Unfinished(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(&INTERRUPTED)
}
