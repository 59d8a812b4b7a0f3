//! What a run measured, under the names of `query-migrate`.

use super::style::plain_table;
use colosim_models::metrics::{Checkpoint, Metrics};
use colosim_sim::Span;
use serde::Serialize;

/// Quantiles of one quantity over the checkpoints of a run, nanoseconds or a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 90 % are not above it.
    pub p90: u64,
    /// 99 % are not above it.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl Quantiles {
    /// Nearest rank: the smallest value that so many are not above. Zero without any.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Quantiles {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let rank = |percent: usize| match values.len() {
            0 => 0,
            count => values[(count * percent).div_ceil(100).max(1) - 1],
        };
        Quantiles { p50: rank(50), p90: rank(90), p99: rank(99), max: rank(100) }
    }
}

/// Measurements of a run, with what is derived from them.
#[derive(Debug, Serialize)]
pub struct MeasuredRun {
    /// Share of the time in which the primary's guest ran, see [`Steady`].
    pub guest_progress: f64,
    /// Mean rate of all channels, bit/s, see [`Steady`].
    pub throughput_bits_per_s: f64,
    /// Checkpoints that were finished.
    pub checkpoint_count: u64,
    /// Primary, stopped to running.
    pub pause_ns: Quantiles,
    /// Secondary, stopped to running.
    pub secondary_pause_ns: Quantiles,
    /// Since the previous request.
    pub interval_ns: Quantiles,
    /// Copying the cache to the guest.
    pub flush_ns: Quantiles,
    /// Pages of that.
    pub flush_pages: Quantiles,
    /// Pages to send.
    pub dirty_pages: Quantiles,
    /// As measured.
    #[serde(flatten)]
    pub measured: Metrics,
}

/// What rates are taken over: with two checkpoints or more, the time between the first and the last request, so that
/// precopy does not count; else the whole migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steady {
    elapsed_ns: u64,
    guest_run_ns: u64,
    bytes: u64,
}

impl Steady {
    fn of(metrics: &Metrics) -> Steady {
        match metrics.checkpoints.as_slice() {
            // A checkpoint's interval ends with its request; its pause and its bytes belong to the next one's.
            [paused @ .., _] if !paused.is_empty() => {
                let elapsed_ns = metrics.checkpoints[1..].iter().map(|c| c.interval_ns).sum::<u64>();
                let pause_ns: u64 = paused.iter().map(|c| c.pause_ns).sum();
                let bytes = paused.iter().map(|c| c.bytes).sum();
                Steady { elapsed_ns, guest_run_ns: elapsed_ns.saturating_sub(pause_ns), bytes }
            }
            _ => Steady {
                elapsed_ns: metrics.elapsed_ns,
                guest_run_ns: metrics.guest_run_ns,
                bytes: metrics.transferred_bytes + metrics.checkpoints.iter().map(|c| c.bytes).sum::<u64>(),
            },
        }
    }

    fn ratio(self, part: f64) -> f64 {
        if self.elapsed_ns == 0 { 0.0 } else { part / self.elapsed_ns as f64 }
    }
}

impl MeasuredRun {
    /// Derive them.
    pub fn new(metrics: &Metrics) -> MeasuredRun {
        let over = |of: fn(&Checkpoint) -> u64| Quantiles::of(metrics.checkpoints.iter().map(of));
        let steady = Steady::of(metrics);
        MeasuredRun {
            guest_progress: steady.ratio(steady.guest_run_ns as f64),
            throughput_bits_per_s: steady.ratio(steady.bytes as f64 * 8e9),
            checkpoint_count: metrics.checkpoints.len() as u64,
            pause_ns: over(|c| c.pause_ns),
            secondary_pause_ns: over(|c| c.secondary_pause_ns),
            interval_ns: over(|c| c.interval_ns),
            flush_ns: over(|c| c.flush_ns),
            flush_pages: over(|c| c.flush_pages),
            dirty_pages: over(|c| c.dirty_pages),
            measured: metrics.clone(),
        }
    }

    /// As tables: precopy, then checkpoints, then failover, each if there was any.
    pub fn text(&self) -> String {
        let metrics = &self.measured;
        let mut precopy = plain_table();
        let rows = [
            ("total-time", Span(metrics.total_time_ns).to_string()),
            ("setup-time", Span(metrics.setup_time_ns).to_string()),
            ("downtime", Span(metrics.downtime_ns).to_string()),
            ("transferred", format!("{} B", metrics.transferred_bytes)),
            ("multifd-bytes", format!("{} B", metrics.multifd_bytes)),
            ("normal", format!("{} pages", metrics.normal)),
            ("duplicate", format!("{} pages", metrics.duplicate)),
            ("dirty-sync-count", metrics.dirty_sync_count.to_string()),
            ("rounds", metrics.rounds.to_string()),
            ("guest page writes", metrics.guest_page_writes.to_string()),
            ("guest progress", format!("{:.1} %", 100.0 * self.guest_progress)),
            ("throughput", format!("{:.3} Gbit/s", self.throughput_bits_per_s / 1e9)),
        ];
        for (name, value) in rows {
            precopy.add_row([name.to_owned(), value]);
        }
        let mut text = format!("{}\n", trimmed(&precopy.to_string()));
        if self.checkpoint_count > 0 {
            text += &format!("\n{}\n", trimmed(&self.checkpoints().to_string()));
        }
        if let Some(failover) = metrics.failover_ns {
            text += &format!("\nfailover took {}\n", Span(failover));
        }
        if metrics.leaked_pages > 0 {
            text += &format!("leaked into guest RAM: {} pages of an unfinished checkpoint\n", metrics.leaked_pages);
        }
        text
    }

    fn checkpoints(&self) -> comfy_table::Table {
        let mut table = plain_table();
        table.set_header([format!("{} checkpoints", self.checkpoint_count).as_str(), "p50", "p90", "p99", "max"]);
        let spans = [
            ("interval", self.interval_ns),
            ("pause", self.pause_ns),
            ("secondary pause", self.secondary_pause_ns),
            ("flush", self.flush_ns),
        ];
        for (name, q) in spans {
            let cells = [q.p50, q.p90, q.p99, q.max].map(|ns| Span(ns).to_string());
            table.add_row([name.to_owned()].into_iter().chain(cells));
        }
        for (name, q) in [("flush pages", self.flush_pages), ("dirty pages", self.dirty_pages)] {
            let cells = [q.p50, q.p90, q.p99, q.max].map(|count| count.to_string());
            table.add_row([name.to_owned()].into_iter().chain(cells));
        }
        table
    }
}

/// Without the blanks that a table ends its lines with.
fn trimmed(table: &str) -> String {
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Quantiles, Steady};
    use colosim_models::metrics::{Checkpoint, Metrics};

    #[test]
    fn rates_are_taken_from_the_first_to_the_last_request() {
        let checkpoint =
            |interval_ns, pause_ns, bytes| Checkpoint { interval_ns, pause_ns, bytes, ..Checkpoint::default() };
        let checkpoints = vec![checkpoint(1_000, 30, 7), checkpoint(100, 20, 8), checkpoint(100, 99, 9)];
        let colo = Metrics { elapsed_ns: 5_000, guest_run_ns: 4_000, checkpoints, ..Metrics::default() };
        assert_eq!(Steady::of(&colo), Steady { elapsed_ns: 200, guest_run_ns: 150, bytes: 15 });
        let precopy = Metrics { checkpoints: Vec::new(), transferred_bytes: 3, ..colo };
        assert_eq!(Steady::of(&precopy), Steady { elapsed_ns: 5_000, guest_run_ns: 4_000, bytes: 3 });
    }

    #[test]
    fn quantiles_are_values_that_occur() {
        assert_eq!(Quantiles::of([]), Quantiles::default());
        assert_eq!(Quantiles::of([7]), Quantiles { p50: 7, p90: 7, p99: 7, max: 7 });
        assert_eq!(Quantiles::of((1..=200).rev()), Quantiles { p50: 100, p90: 180, p99: 198, max: 200 });
    }
}
