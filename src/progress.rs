//! A progress bar on stderr, for work that takes longer than a second and a person who looks on.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Work that is over sooner shows no bar.
const QUIET_AT_FIRST: Duration = Duration::from_secs(1);

/// The bar of one piece of work; it goes away when dropped.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: Once,
    quiet: bool,
}

impl Progress {
    /// A bar for `what`; with `quiet` it never shows.
    pub fn new(what: &str, quiet: bool) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let template = "{prefix}  {wide_bar}  {pos}/{len} {msg}  {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        Progress { bar, started: Instant::now(), shown: Once::new(), quiet }
    }

    /// So much is done, of so much if that is known.
    pub fn set(&self, done: u64, of: Option<u64>, message: String) {
        if self.quiet {
            return;
        }
        if self.started.elapsed() >= QUIET_AT_FIRST {
            // The target draws nothing if stderr is no terminal.
            self.shown.call_once(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
        if let Some(of) = of {
            self.bar.set_length(of);
        }
        self.bar.set_message(message);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
