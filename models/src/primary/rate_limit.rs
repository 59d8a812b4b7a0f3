//! max-bandwidth and downtime-limit (QEMU `migration_rate_limit`, `migration_update_counters`): windows of 100 ms, in each of
//! which a tenth of the limit may be sent; the bandwidth of the last one decides about switchover.
//!
//! Not modelled: avail-switchover-bandwidth, urgent requests.

use super::Primary;
use crate::scenario::Migration;
use crate::steps::migration as step;
use colosim_sim::{Cx, Span, Time};
use std::cell::Cell;

/// Length of a window (`BUFFER_DELAY`).
const WINDOW: Span = Span::millis(100);
/// Windows in a second (`XFER_LIMIT_RATIO`).
const WINDOWS_PER_S: u64 = 10;

pub(super) struct RateLimit {
    /// Bytes per window; zero: no limit.
    limit: Cell<u64>,
    downtime_limit_ns: u64,
    window_start: Cell<Time>,
    bytes_at_start: Cell<u64>,
    /// Bytes that can be sent within downtime-limit; zero before the end of the first window.
    threshold_bytes: Cell<u64>,
}

impl RateLimit {
    pub fn new(migration: &Migration) -> RateLimit {
        RateLimit {
            limit: Cell::new(migration.max_bandwidth.bytes_per_second() / WINDOWS_PER_S),
            downtime_limit_ns: migration.downtime_limit.nanos(),
            window_start: Cell::new(Time::ZERO),
            bytes_at_start: Cell::new(0),
            threshold_bytes: Cell::new(0),
        }
    }

    /// Open the first window (`update_iteration_initial_status`).
    pub fn open(&self, now: Time, transferred_bytes: u64) {
        self.window_start.set(now);
        self.bytes_at_start.set(transferred_bytes);
    }

    /// No limit any more.
    pub fn lift(&self) {
        self.limit.set(0);
    }

    /// Bytes that may be left when the VM is stopped (`threshold_size`).
    pub fn threshold_bytes(&self) -> u64 {
        self.threshold_bytes.get()
    }

    /// `migration_rate_exceeded`: has the main channel failed, or was more sent in this window than is allowed?
    pub fn is_exceeded(&self, qemu: &Primary) -> bool {
        let limit = self.limit.get();
        qemu.file.has_error() || (limit > 0 && qemu.transferred_bytes() - self.bytes_at_start.get() > limit)
    }

    /// `migration_update_counters`: close a window that is over, and open the next one now.
    fn update_counters(&self, now: Time, transferred_bytes: u64) {
        let elapsed = now.since(self.window_start.get());
        if elapsed < WINDOW {
            return;
        }
        let bytes = u128::from(transferred_bytes - self.bytes_at_start.get());
        let threshold = bytes * u128::from(self.downtime_limit_ns) / u128::from(elapsed.0);
        self.threshold_bytes.set(u64::try_from(threshold).unwrap_or(u64::MAX));
        self.open(now, transferred_bytes);
    }
}

/// `migration_rate_limit`: after a window that was used up, sleep until its end.
pub(super) async fn migration_rate_limit(cx: &Cx, qemu: &Primary) {
    cx.step(step::RATE_LIMIT).await;
    let rate_limit = &qemu.rate_limit;
    rate_limit.update_counters(cx.sim.now(), qemu.transferred_bytes());
    if rate_limit.is_exceeded(qemu) {
        cx.sleep_until(rate_limit.window_start.get() + WINDOW).await;
    }
}
