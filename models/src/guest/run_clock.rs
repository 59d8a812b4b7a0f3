//! How long a guest has run, and what is due by then. A throttled guest runs for a part of the time.

use colosim_sim::{Span, Time};

/// The run time of a guest: it goes on while the guest runs, and stands still while it does not.
#[derive(Debug, Clone, Default)]
pub struct RunClock {
    /// Run time up to the last stop.
    ran: Span,
    started: Option<Time>,
    /// Percent of the time in which it sleeps though it runs.
    throttle: u32,
}

impl RunClock {
    /// `vm_start`. Returns whether the guest was stopped before.
    pub fn start(&mut self, now: Time) -> bool {
        let was_stopped = self.started.is_none();
        self.started.get_or_insert(now);
        was_stopped
    }

    /// `vm_stop`. Nothing happens if it is stopped already.
    pub fn stop(&mut self, now: Time) {
        self.ran = self.run_time(now);
        self.started = None;
    }

    /// `cpu_throttle_set`: from now on it sleeps this percentage of the time.
    pub fn throttle(&mut self, now: Time, percent: u32) {
        self.ran = self.run_time(now);
        self.started = self.started.map(|_| now);
        self.throttle = percent;
    }

    /// Does the guest run?
    pub fn is_running(&self) -> bool {
        self.started.is_some()
    }

    /// How long it has run.
    pub fn run_time(&self, now: Time) -> Span {
        let awake = |span: Span| Span((u128::from(span.0) * u128::from(100 - self.throttle) / 100) as u64);
        self.started.map_or(self.ran, |started| self.ran + awake(now.since(started)))
    }

    /// How many of the things that it does so many times a second it has done.
    pub fn done(&self, now: Time, rate_per_s: u64) -> u64 {
        (u128::from(self.run_time(now).0) * u128::from(rate_per_s) / 1_000_000_000) as u64
    }
}
