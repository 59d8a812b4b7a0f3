//! How well does the simulation agree with failovers of a real QEMU?
//!
//! ```text
//!  DIR/failover.json ─▶ measured: groups ─▶ simulated: each with many seeds, natural noise ─▶ comparison ─▶ table, JSON
//! ```
//!
//! `cargo run --release --example agreement -- DIR [SEEDS]` reads the measurements in DIR (the layout of the public data set of
//! the lab), runs every measured group of failovers under the lab's host profile without any stall, and prints what was
//! measured beside what was simulated. The last line is JSON. Exit code 2: bad input.

mod comparison;
mod measured;
mod simulated;

use colosim_sim::explore::Rate;
use comparison::{ERROR, fits, spread};
use measured::{Experiment, Group};
use serde::Serialize;
use simulated::{Shown, simulate};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs of each group.
const SEEDS: u64 = 100;

/// The last line.
#[derive(Serialize)]
struct Summary {
    groups: usize,
    agree: usize,
    /// The groups that do not agree.
    disagree: Vec<String>,
}

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn compare() -> Result<(), String> {
    let usage = "usage: agreement DIR [SEEDS], where DIR has a failover.json";
    let mut args = std::env::args_os().skip(1);
    let dir = PathBuf::from(args.next().ok_or(usage)?);
    let seeds = match args.next() {
        None => SEEDS,
        Some(text) => text.to_str().and_then(|text| text.parse().ok()).filter(|seeds| *seeds > 0).ok_or(usage)?,
    };
    if args.next().is_some() {
        return Err(usage.to_owned());
    }
    let groups = measured::read(&dir)?;
    let acknowledgements = measured::acknowledgements_us(&groups);
    let simulated: Vec<Vec<Shown>> =
        groups.iter().map(|group| simulate(group, &acknowledgements, seeds)).collect::<Result<_, _>>()?;

    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["group", "", "measured", "simulated, 95 %", "agrees", "pages measured", "pages simulated"]);
    let mut disagree = Vec::new();
    for (group, runs) in groups.iter().zip(&simulated) {
        let (k, n) = group.counted();
        let rate = rate(runs);
        let agrees = fits(k, n, rate);
        if !agrees {
            disagree.push(group.to_string());
        }
        let measured: Vec<u64> = group.records.iter().filter_map(|r| r.leaked_pages).filter(|p| *p > 0).collect();
        let own: Vec<u64> = runs
            .iter()
            .filter(|run| run.counted == Some(true))
            .map(|run| run.leaked_pages)
            .filter(|p| *p > 0)
            .collect();
        let (low, high) = rate.interval();
        table.add_row([
            group.to_string(),
            group.counts().to_owned(),
            format!("{k} of {n}"),
            format!("{:.2} ({low:.2} to {high:.2}) of {}", rate.share(), rate.runs),
            if agrees { "yes" } else { "NO" }.to_owned(),
            pages(&measured),
            pages(&own),
        ]);
    }
    println!("{table}");
    println!(
        "Pages: least, median, largest of the failovers that leak. Agreement: each group by itself, error {ERROR}."
    );
    pooled(&groups, &simulated);
    times(&groups, &simulated);
    let summary = Summary { groups: groups.len(), agree: groups.len() - disagree.len(), disagree };
    println!("{}", serde_json::to_string(&summary).expect("numbers and text are JSON"));
    Ok(())
}

fn rate(runs: &[Shown]) -> Rate {
    let told: Vec<bool> = runs.iter().filter_map(|run| run.counted).collect();
    Rate { hits: told.iter().filter(|shown| **shown).count() as u64, runs: told.len() as u64 }
}

/// The groups of `failover-leak` with what happened to the primary in common: few records each, but together they say more.
fn pooled(groups: &[Group], simulated: &[Vec<Shown>]) {
    let mut pools: BTreeMap<(bool, &str), (u64, u64, Vec<f64>)> = BTreeMap::new();
    for (group, runs) in groups.iter().zip(simulated) {
        let (k, n) = group.counted();
        if group.experiment == Experiment::UncommittedPages {
            let pool = pools.entry((group.setup.multifd, &group.setup.how)).or_default();
            pool.0 += k;
            pool.1 += n;
            pool.2.extend(std::iter::repeat_n(rate(runs).share(), n as usize));
        }
    }
    println!(
        "Failovers that leak, all transports and numbers of channels together; simulated: each group as often as measured"
    );
    for ((multifd, how), (k, n, shares)) in pools {
        let kind = if multifd { "multifd" } else { "plain" };
        println!(
            "  {kind:<8} {how:<11} measured {k:>2} of {n:>2}   simulated {:>4.1} of {n:>2}",
            shares.iter().sum::<f64>()
        );
    }
}

fn pages(leaked: &[u64]) -> String {
    spread(leaked).map_or_else(|| "–".to_owned(), |[least, median, most]| format!("{least} / {median} / {most}"))
}

/// How long a failover of the secondary takes, and when its receive threads end.
fn times(groups: &[Group], simulated: &[Vec<Shown>]) {
    let ours = |experiment: Experiment| experiment != Experiment::Primary;
    let records = || groups.iter().filter(|group| ours(group.experiment)).flat_map(|group| &group.records);
    let of_groups = groups.iter().zip(simulated).filter(|(group, _)| ours(group.experiment));
    let runs: Vec<&Shown> = of_groups.flat_map(|(_, runs)| runs).collect();

    let client: Vec<f64> =
        records().filter(|r| r.outcome.as_deref() == Some("resumed")).filter_map(|r| r.failover_ms).collect();
    let undirected = || records().filter(|record| record.experiment == Experiment::Secondary);
    let traced: Vec<f64> = undirected().filter_map(|r| r.resume_us()).map(|us| us as f64 / 1e3).collect();
    let resumed = runs.iter().filter(|run| run.experiment == Experiment::Secondary && run.counted == Some(false));
    let own: Vec<f64> = resumed.filter_map(|run| run.resume_ns).map(|ns| ns as f64 / 1e6).collect();
    println!("Failover of the secondary, least / median / largest, ms:");
    println!("  request to running guest, as the client of the monitor saw it: {}", milliseconds(&client));
    println!("  request to running guest, in the trace:                        {}", milliseconds(&traced));
    println!("  request to running guest, simulated:                           {}", milliseconds(&own));

    let measured: Vec<(i64, i64)> = records().filter_map(|record| record.last_thread_us()).collect();
    let own: Vec<(i64, i64)> = runs.iter().filter_map(|run| run.last_thread_ns).collect();
    let lags = |of: &[(i64, i64)], unit: f64| -> Vec<f64> {
        of.iter().map(|(lag, _)| *lag as f64 / unit).filter(|lag| *lag > 0.0).collect()
    };
    let late = |of: &[(i64, i64)]| of.iter().filter(|(_, late)| *late > 0).count();
    println!(
        "  COLO state left to end of last receive thread, in the trace:   {}",
        milliseconds(&lags(&measured, 1e3))
    );
    println!("  COLO state left to end of last receive thread, simulated:      {}", milliseconds(&lags(&own, 1e6)));
    println!(
        "Failovers in which a receive thread ends after the guest was set running: measured {} of {}, simulated {} of {}",
        late(&measured),
        measured.len(),
        late(&own),
        own.len()
    );
}

fn milliseconds(values: &[f64]) -> String {
    let shown = |[least, median, most]: [f64; 3]| format!("{least:.2} / {median:.2} / {most:.2} ({})", values.len());
    spread(values).map_or_else(|| "–".to_owned(), shown)
}
