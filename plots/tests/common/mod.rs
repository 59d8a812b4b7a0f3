//! Sweeps made up for the tests.

use colosim_plots::results::{Conditions, Field, Metrics, SweepPoint, SweepResults, Unit};

/// A sweep of `x-checkpoint-delay` over `delays_ms` for each count of channels, with `seeds` seeds.
pub fn delay_sweep(delays_ms: &[u64], channels: &[u64], seeds: u64) -> SweepResults {
    let mut points = Vec::new();
    for count in channels {
        for delay_ms in delays_ms {
            for seed in 0..seeds {
                let pause_ns = 2_000_000 + 16_000_000 / count + delay_ms * 10_000 + seed * 200_000;
                points.push(SweepPoint {
                    x: *delay_ms as f64 * 1e6,
                    x_text: format!("{delay_ms} ms"),
                    series: count.to_string(),
                    seed,
                    conditions: Conditions::default(),
                    metrics: Metrics {
                        guest_progress: *delay_ms as f64 / (*delay_ms as f64 + pause_ns as f64 / 1e6),
                        throughput_gbit_per_s: 3.0 - *delay_ms as f64 / 1e3 + 0.01 * seed as f64,
                        checkpoints: 10,
                        pause_p50_ns: pause_ns,
                        pause_p99_ns: 3 * pause_ns,
                        total_time_ns: 4_000_000_000,
                        downtime_ns: 30_000_000,
                        ..Metrics::default()
                    },
                });
            }
        }
    }
    SweepResults {
        scenario: "checkpoint-delay".into(),
        question: "What does a shorter delay cost?".into(),
        variant: "merged".into(),
        x: Field {
            path: "migration.x_checkpoint_delay".into(),
            label: "x-checkpoint-delay".into(),
            unit: Unit::Nanoseconds,
        },
        series: Some(Field {
            path: "migration.multifd_channels".into(),
            label: "multifd-channels".into(),
            unit: Unit::Count,
        }),
        points,
    }
}
