//! `sweep`: runs along one or two fields of a scenario, measured for charts.

use super::Settings;
use crate::cli::SweepArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::{Chosen, Loaded, check, load};
use crate::files::unfinished_sweep::{FinishedRun, SweepIdentity, UnfinishedSweep};
use crate::files::{create_dir, sweep as files};
use crate::inquiry::is_asked;
use crate::interrupt;
use crate::progress::Progress;
use crate::report::json;
use crate::report::metrics::MeasuredRun;
use crate::report::names::counted;
use crate::report::sweep::{Swept, text};
use crate::values::{Assignment, Format};
use colosim_models::experiment::ScenarioExperiment;
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::{Link, Scenario, SweepValue, Transport, Unit, Vary, Workload};
use colosim_plots::results::{self, Field, SweepPoint, SweepResults};
use colosim_sim::explore::Trial;
use colosim_sim::link::Tcp;
use colosim_sim::{Plan, Simulator};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One combination of values, ready to run.
struct Point {
    x: f64,
    unit: results::Unit,
    x_text: String,
    series: String,
    series_unit: results::Unit,
    loaded: Loaded,
    chosen: Chosen,
}

/// Measure every point, and write what was measured.
pub fn sweep(args: &SweepArgs, settings: Settings) -> Result<Answer, Failure> {
    let loaded = load(&args.source)?;
    let fields = fields(&loaded.scenario, &args.vary)?;
    let points = points(&loaded, &fields, args)?;
    let planned = points.len() as u64 * (args.seeds.end - args.seeds.start);
    if planned > args.max_runs {
        let message = format!("{} are more than --max-runs {}", counted(planned, "run"), args.max_runs);
        return Err(Failure::usage(message, Some("fewer values or seeds, or a higher limit".to_owned())));
    }
    let with_fields = Scenario { sweep: fields.clone(), ..loaded.scenario.clone() };
    let variant = points.first().map(|point| point.chosen.name.clone()).unwrap_or_default();
    let unfinished = UnfinishedSweep::new(&args.out, SweepIdentity::new(&loaded, &with_fields, &variant, &args.seeds));
    let finished = unfinished.read(planned)?;
    create_dir(&args.out)?;
    let stop = interrupt::watch()?;
    let runs = run_all(&points, args, finished, settings, stop)?;
    let complete = runs.len() as u64 == planned;
    let violated = runs.iter().filter(|run| run.violated).count() as u64;
    let unit = points.first().map_or(results::Unit::None, |point| point.unit);
    let results = SweepResults {
        scenario: loaded.name.clone(),
        question: loaded.scenario.question.clone(),
        variant,
        x: field(&fields[0], unit),
        series: fields
            .get(1)
            .map(|vary| field(vary, points.first().map_or(results::Unit::None, |point| point.series_unit))),
        points: runs.iter().map(|run| run.point.clone()).collect(),
    };
    let written = match results.points.is_empty() {
        true => Vec::new(),
        false => files::write(&args.out, &results)?.to_vec(),
    };
    match complete {
        true => unfinished.remove()?,
        false => unfinished.write(runs)?,
    }
    let swept = Swept {
        files: written.iter().map(|path| path.display().to_string()).collect(),
        runs: results.points.len() as u64,
        planned,
        complete,
        runs_with_violations: violated,
        results,
    };
    let exit = match violated {
        _ if !complete => Exit::Interrupted,
        0 => Exit::Done,
        _ => Exit::Violated,
    };
    let text = match settings.format {
        Format::Json => json::document(&swept),
        Format::Text => text(&swept),
    };
    Ok(Answer { text, exit })
}

/// The scenario's own fields, with the values of `--vary` where both name one, then the others of `--vary`.
fn fields(scenario: &Scenario, vary: &[Assignment]) -> Result<Vec<Vary>, Failure> {
    let mut fields = scenario.sweep.clone();
    for assignment in vary {
        let values = split_values(&assignment.value).into_iter().map(SweepValue::Text).collect();
        match fields.iter_mut().find(|field| field.path == assignment.path) {
            Some(field) => field.values = values,
            None => fields.push(Vary { path: assignment.path.clone(), values }),
        }
    }
    match fields.len() {
        0 => Err(Failure::usage(
            "there is no field to sweep: the scenario has no `sweep`",
            Some("name one, as in `--vary link.loss=0,1e-4,1e-3`".to_owned()),
        )),
        1 | 2 => Ok(fields),
        count => Err(Failure::usage(
            format!("{count} fields are too many for a chart: {}", paths(&fields)),
            Some(
                "the first is the x axis, the second tells the lines apart; `--set sweep=[]` drops the scenario's own"
                    .to_owned(),
            ),
        )),
    }
}

fn paths(fields: &[Vary]) -> String {
    fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// At commas that are in no bracket and no string: `Uniform(rate: "1 pages/s", ..),Idle` are two values.
fn split_values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quoted) = (0usize, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(value) = values.last_mut() {
            value.push(c);
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
}

/// Every combination of values as a scenario of its own, checked.
fn points(loaded: &Loaded, fields: &[Vary], args: &SweepArgs) -> Result<Vec<Point>, Failure> {
    let with_sweep = Scenario { sweep: fields.to_vec(), ..loaded.scenario.clone() };
    check(&with_sweep, &with_sweep.to_ron(), "the scenario with --vary")?;
    let base = Scenario { sweep: Vec::new(), ..loaded.scenario.clone() };
    let one_line = [SweepValue::Text(String::new())];
    let lines = fields.get(1).map_or(&one_line[..], |field| &field.values);
    let mut points = Vec::new();
    for line in lines {
        let of_line = match fields.get(1) {
            Some(field) => base.set(&field.path, &line.to_string())?,
            None => base.clone(),
        };
        for (index, value) in fields[0].values.iter().enumerate() {
            let scenario = of_line.set(&fields[0].path, &value.to_string())?;
            check(&scenario, &scenario.to_ron(), &format!("the scenario with {} = {value}", fields[0].path))?;
            // What is no number lies in its order along the axis.
            let number = scenario.field_number(&fields[0].path);
            let (x, unit) = number.map_or((index as f64, results::Unit::None), |(x, unit)| (x, unit_of(unit)));
            let series_unit = fields.get(1).and_then(|field| scenario.field_number(&field.path));
            let series_unit = series_unit.map_or(results::Unit::None, |(_, unit)| unit_of(unit));
            let loaded = with_host(loaded, scenario)?;
            let chosen = loaded.variant(args.variant.as_deref())?;
            points.push(Point {
                x,
                unit,
                x_text: value.to_string(),
                series: line.to_string(),
                series_unit,
                loaded,
                chosen,
            });
        }
    }
    Ok(points)
}

/// The host profile may be swept over too.
fn with_host(base: &Loaded, scenario: Scenario) -> Result<Loaded, Failure> {
    let (host, host_text) = if scenario.host == base.scenario.host {
        (base.host.clone(), base.host_text.clone())
    } else {
        let message = format!("`{}`: only built-in host profiles can be swept over", scenario.host);
        (HostProfile::builtin(&scenario.host).ok_or_else(|| Failure::usage(message, None))?, None)
    };
    Ok(Loaded { name: base.name.clone(), scenario, host, host_text })
}

fn unit_of(unit: Unit) -> results::Unit {
    match unit {
        Unit::Nanoseconds => results::Unit::Nanoseconds,
        Unit::Bytes => results::Unit::Bytes,
        Unit::BitsPerSecond => results::Unit::BitsPerSecond,
        Unit::PagesPerSecond => results::Unit::PagesPerSecond,
        Unit::Ratio => results::Unit::Ratio,
        Unit::Count => results::Unit::Count,
    }
}

/// QEMU writes its names with hyphens: `x-checkpoint-delay`.
fn field(vary: &Vary, unit: results::Unit) -> Field {
    let name = vary.path.rsplit('.').next().unwrap_or(&vary.path);
    let label = match vary.path.as_str() {
        "guest.output.differ" => "different packets".to_owned(),
        _ => name.replace('_', "-"),
    };
    Field { path: vary.path.clone(), label, unit }
}

/// The runs that were made before an interrupt, in order, with those that were `finished` before.
fn run_all(
    points: &[Point],
    args: &SweepArgs,
    finished: Vec<FinishedRun>,
    settings: Settings,
    stop: &AtomicBool,
) -> Result<Vec<FinishedRun>, Failure> {
    let all = points.iter().flat_map(|point| args.seeds.clone().map(move |seed| (point, seed)));
    let is_finished = |index: u64| finished.binary_search_by_key(&index, |run| run.index).is_ok();
    let jobs: Vec<(u64, &Point, u64)> = all
        .zip(0u64..)
        .filter(|(_, index)| !is_finished(*index))
        .map(|((point, seed), index)| (index, point, seed))
        .collect();
    let planned = (jobs.len() + finished.len()) as u64;
    let progress = Progress::new("sweep", settings.quiet);
    let done = AtomicU64::new(finished.len() as u64);
    let made: Vec<Option<FinishedRun>> = settings.workers()?.install(|| {
        let one = |simulator: &mut Simulator, (index, point, seed): &(u64, &Point, u64)| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let (measured, violated) = run_one(simulator, point, *seed);
            progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, Some(planned), "runs".to_owned());
            Some(FinishedRun { index: *index, point: measured, violated })
        };
        jobs.par_iter().map_init(Simulator::new, one).collect()
    });
    let mut runs: Vec<FinishedRun> = finished.into_iter().chain(made.into_iter().flatten()).collect();
    runs.sort_by_key(|run| run.index);
    Ok(runs)
}

fn run_one(simulator: &mut Simulator, point: &Point, seed: u64) -> (SweepPoint, bool) {
    let scenario = &point.loaded.scenario;
    let fault_plan = (!scenario.faults.is_empty()).then_some(0);
    let experiment = ScenarioExperiment::new(scenario, &point.chosen.variant, &point.loaded.host, fault_plan);
    let run = experiment.run_whole(
        simulator,
        &Trial { plan: Plan::natural(), ..Trial::undisturbed(&experiment, seed) },
        false,
    );
    let measured = MeasuredRun::new(&run.metrics);
    let metrics = results::Metrics {
        guest_progress: measured.guest_progress,
        throughput_gbit_per_s: measured.throughput_bits_per_s / 1e9,
        checkpoints: measured.checkpoint_count,
        pause_p50_ns: measured.pause_ns.p50,
        pause_p99_ns: measured.pause_ns.p99,
        total_time_ns: measured.measured.total_time_ns,
        downtime_ns: measured.measured.downtime_ns,
        transferred_bytes: measured.measured.transferred_bytes,
        pages: measured.measured.normal + measured.measured.duplicate,
        rounds: measured.measured.rounds,
        packets_released: measured.measured.packets_released,
        held_mean_ns: measured.measured.held_mean_ns,
        held_p99_ns: measured.measured.held_p99_ns,
    };
    let violated = run.outcome.violations.iter().any(|violation| is_asked(scenario, violation.kind));
    let (x_text, series) = (point.x_text.clone(), point.series.clone());
    (SweepPoint { x: point.x, x_text, series, seed, conditions: conditions(scenario), metrics }, violated)
}

/// What the closed forms need to know.
fn conditions(scenario: &Scenario) -> results::Conditions {
    let (guest, migration, path) = (&scenario.guest, &scenario.migration, &scenario.link);
    let (swept_pages_per_s, working_set_bytes) = match guest.workload {
        Workload::Sequential { rate, working_set, zero_share, .. } if zero_share.value() == 0.0 => {
            (rate.per_second(), working_set.bytes())
        }
        _ => (0, 0),
    };
    let loss = path.loss.of_path().expect("the scenario was checked");
    let limit = match migration.max_bandwidth.bits_per_second() {
        0 => u64::MAX,
        limit => limit,
    };
    results::Conditions {
        ram_bytes: (guest.ram.bytes() as f64 * guest.filled.value()) as u64,
        page_bytes: guest.page_size.bytes(),
        swept_pages_per_s,
        working_set_bytes,
        downtime_limit_ns: migration.downtime_limit.nanos(),
        rate_bits_per_s: payload_rate(path).min(limit),
        round_trip_ns: 2 * path.latency.nanos(),
        loss: loss.mean(),
        loss_events: loss.events_per_segment(),
        segment_bytes: path.segment.bytes(),
        flows: u64::from(migration.multifd_channels),
    }
}

/// What of the path's rate is left for data when each full segment has its headers, bit/s.
fn payload_rate(path: &Link) -> u64 {
    let (rate, segment) = (path.rate.bits_per_second(), path.segment.bytes());
    match path.transport {
        Transport::Unix => rate,
        Transport::Tcp => {
            let frame = segment + Tcp::ethernet().header_bytes;
            (u128::from(rate) * u128::from(segment) / u128::from(frame)) as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{payload_rate, split_values};
    use colosim_models::scenario::{Link, Transport};

    #[test]
    fn headers_take_their_part_of_the_rate_from_tcp_only() {
        let path = |transport| Link { transport, ..Link::default() };
        assert_eq!(payload_rate(&path(Transport::Unix)), 10_000_000_000);
        assert_eq!(payload_rate(&path(Transport::Tcp)), 9_653_333_333);
    }

    #[test]
    fn values_are_split_at_commas_outside_of_brackets_and_strings() {
        assert_eq!(split_values("0, 1e-4,1e-3"), ["0", "1e-4", "1e-3"]);
        assert_eq!(split_values("50 us"), ["50 us"]);
        let workloads = r#"Uniform(rate: "1 pages/s", working_set: "8, MiB"),Idle"#;
        assert_eq!(split_values(workloads), [r#"Uniform(rate: "1 pages/s", working_set: "8, MiB")"#, "Idle"]);
    }
}
