//! auto-converge (QEMU `migration_trigger_throttle`, `mig_throttle_guest_down` in `migration/ram.c`): a guest that dirties more than
//! half of what is sent, twice in a row, is slowed down by another step.
//!
//! It is looked at with a dirty sync that comes a second or more after the last one that was looked at. A throttled vCPU sleeps
//! its share of the time (`cpu_throttle_thread`); here its guest's clock is slower by that share, without the slices of 10 ms.
//!
//! Not modelled: cpu-throttle-tailslow, and that the guest's output slows down too.

use super::Primary;
use colosim_sim::{Span, Time};
use std::cell::Cell;

/// At least so long between two looks.
const PERIOD: Span = Span::millis(1_000);
/// `throttle-trigger-threshold`: dirtied of transferred bytes, percent.
const TRIGGER_PERCENT: u64 = 50;
/// `cpu-throttle-initial`, percent.
const INITIAL: u32 = 20;
/// `cpu-throttle-increment`, percent.
const INCREMENT: u32 = 10;
/// `max-cpu-throttle`, percent.
const MAX: u32 = 99;

#[derive(Default)]
pub(super) struct AutoConverge {
    /// When the period began; none before the first sync.
    began: Cell<Option<Time>>,
    bytes_at_start: Cell<u64>,
    dirtied_pages: Cell<u64>,
    /// Periods in a row in which too much was dirtied (`dirty_rate_high_cnt`).
    high_periods: Cell<u32>,
    /// `cpu-throttle-percentage`.
    throttle: Cell<u32>,
}

impl AutoConverge {
    /// A dirty sync has found so many pages newly dirty.
    pub fn after_sync(&self, qemu: &Primary, now: Time, pages: u64) {
        self.dirtied_pages.set(self.dirtied_pages.get() + pages);
        let Some(began) = self.began.get() else { return self.begin(qemu, now) };
        if now.since(began) <= PERIOD {
            return;
        }
        let transferred = qemu.transferred_bytes() - self.bytes_at_start.get();
        let dirtied = self.dirtied_pages.get() * qemu.layout.page_size;
        if qemu.migration.auto_converge && dirtied > transferred * TRIGGER_PERCENT / 100 {
            self.high_periods.set(self.high_periods.get() + 1);
            if self.high_periods.get() >= 2 {
                self.high_periods.set(0);
                self.slow_down(qemu, now);
            }
        }
        self.begin(qemu, now);
    }

    fn begin(&self, qemu: &Primary, now: Time) {
        self.began.set(Some(now));
        self.bytes_at_start.set(qemu.transferred_bytes());
        self.dirtied_pages.set(0);
    }

    fn slow_down(&self, qemu: &Primary, now: Time) {
        let percent = match self.throttle.get() {
            0 => INITIAL,
            percent => (percent + INCREMENT).min(MAX),
        };
        self.throttle.set(percent);
        qemu.ram.borrow_mut().throttle(now, percent);
        qemu.recorder.borrow_mut().cpu_throttle_percentage = u64::from(percent);
    }

    /// `cpu_throttle_stop`.
    pub fn stop(&self, qemu: &Primary, now: Time) {
        if self.throttle.replace(0) > 0 {
            qemu.ram.borrow_mut().throttle(now, 0);
        }
    }
}
