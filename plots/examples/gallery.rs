//! Draws made-up sweeps in both themes, to judge the look of the charts: `cargo run --example gallery -- DIRECTORY`.
//!
//! The curves have the shape one expects of COLO: a longer checkpoint delay leaves the guest more time and dirties
//! more pages.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use colosim_plots::results::{Conditions, Field, Metrics, SweepPoint, SweepResults, Unit};
use colosim_plots::{Theme, render};

const SEEDS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).ok_or("name the directory to write to")?;
    fs::create_dir_all(&directory)?;
    let delays = [50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0].map(|delay_ms| delay_ms * 1e6);
    let sweeps = [
        ("delay", sweep("x-checkpoint-delay", Unit::Nanoseconds, &delays, &[1, 2, 4, 8], delay_run)),
        ("loss", sweep("link loss", Unit::Ratio, &[0.0, 1e-5, 1e-4, 1e-3, 1e-2], &[2, 8], loss_run)),
        ("one", sweep("x-checkpoint-delay", Unit::Nanoseconds, &[100e6], &[2, 4], delay_run)),
    ];
    for (name, results) in sweeps {
        for (theme_name, theme) in [("light", Theme::LIGHT), ("dark", Theme::DARK)] {
            for plot in render(&results, &theme)? {
                let stem = Path::new(&directory).join(format!("{name}-{}-{theme_name}", plot.name));
                fs::write(stem.with_extension("svg"), plot.svg)?;
                fs::write(stem.with_extension("png"), plot.png)?;
            }
        }
    }
    Ok(())
}

fn sweep(label: &str, unit: Unit, xs: &[f64], channels: &[u64], run: fn(f64, u64, f64) -> Metrics) -> SweepResults {
    let mut points = Vec::new();
    for &count in channels {
        for (index, &x) in xs.iter().enumerate() {
            for seed in 0..SEEDS {
                let noise = (((seed * 37 + index as u64 * 11 + count * 5) % 17) as f64 - 8.0) / 8.0;
                let metrics = run(x, count, noise);
                points.push(SweepPoint {
                    x,
                    x_text: unit.format(x),
                    series: count.to_string(),
                    seed,
                    conditions: Conditions::default(),
                    metrics,
                });
            }
        }
    }
    SweepResults {
        scenario: "checkpoint-delay".into(),
        question: "What does a checkpoint cost, and do more multifd channels make it cheaper?".into(),
        variant: "merged".into(),
        x: Field { path: "swept".into(), label: label.into(), unit },
        series: Some(Field {
            path: "migration.multifd_channels".into(),
            label: "multifd-channels".into(),
            unit: Unit::Count,
        }),
        points,
    }
}

fn delay_run(delay_ns: f64, channels: u64, noise: f64) -> Metrics {
    let delay_s = delay_ns / 1e9;
    let rate_gbit_per_s = 9.4 * (1.0 - (-0.45 * channels as f64).exp());
    let dirty_gbit = 0.9 * (1.0 - (-delay_s / 0.6).exp()) + 0.02;
    let pause_s = (0.003 + 0.35 * dirty_gbit / rate_gbit_per_s) * (1.0 + 0.06 * noise);
    let progress = delay_s / (delay_s + pause_s + 0.004);
    Metrics {
        guest_progress: progress + 0.004 * noise,
        throughput_gbit_per_s: dirty_gbit / (delay_s + pause_s) * 2.0 * (1.0 + 0.05 * noise),
        checkpoints: (10.0 / delay_s) as u64,
        pause_p50_ns: (pause_s * 1e9) as u64,
        pause_p99_ns: (pause_s * (2.6 + 0.5 * noise) * 1e9) as u64,
        ..Metrics::default()
    }
}

fn loss_run(loss: f64, channels: u64, noise: f64) -> Metrics {
    let slowed = 1.0 / (1.0 + 40.0 * loss.sqrt() / channels as f64);
    let pause_s = (0.008 / slowed) * (1.0 + 0.1 * noise);
    Metrics {
        guest_progress: (0.2 / (0.2 + pause_s)).min(1.0),
        throughput_gbit_per_s: 4.0 * slowed * (1.0 + 0.05 * noise),
        checkpoints: 50,
        pause_p50_ns: (pause_s * 1e9) as u64,
        pause_p99_ns: (pause_s * (3.0 + 60.0 * loss.sqrt()) * 1e9) as u64,
        ..Metrics::default()
    }
}
