//! `fit`: a host profile from recorded runs.

use super::Settings;
use crate::cli::{FitArgs, RecordedOver};
use crate::exit::{Answer, Exit, Failure};
use crate::files::{read_text, write_whole};
use crate::report::json;
use crate::values::Format;
use colosim_measured::colo::{Transport, recordings};
use colosim_measured::fit::{self, Fit, FittedCost, Misfit};
use colosim_measured::precopy;
use colosim_measured::{Error, fit::Part};
use colosim_models::host_profile::HostProfile;
use colosim_models::scenario::{Span, TEXT_BYTES_MAX};
use colosim_models::steps::step_names;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Fit, write, report.
pub fn fit(args: &FitArgs, settings: Settings) -> Result<Answer, Failure> {
    let (text, base) = profile(&args.profile)?;
    let transport = match args.transport {
        RecordedOver::Tcp => Transport::Tcp,
        RecordedOver::Unix => Transport::Unix,
    };
    let recordings = recordings(&args.dir).map_err(refused)?.ok_or_else(|| {
        Failure::usage(
            format!("{} has no colo.json", args.dir.display()),
            Some("name a directory with recordings".into()),
        )
    })?;
    // All precopy migrations were recorded over TCP.
    let migrations = match transport {
        Transport::Tcp => precopy::recordings(&args.dir).map_err(refused)?.unwrap_or_default(),
        Transport::Unix => Vec::new(),
    };
    let fit = settings.workers()?.install(|| fit::fit(&base, &recordings, &migrations, transport)).map_err(refused)?;
    if let Some(path) = &args.out {
        write_whole(path, fitted_text(&text, &fit, args.transport).as_bytes())?;
    }
    let text = match settings.format {
        Format::Json => json::document(&as_json(&fit)),
        Format::Text => as_text(&fit),
    };
    Ok(Answer { text, exit: Exit::Done })
}

/// Text and content of a built-in profile or of a file.
fn profile(named: &Path) -> Result<(String, HostProfile), Failure> {
    let name = named.display().to_string();
    let text = match HostProfile::builtin_text(&name) {
        Some(text) => text.to_owned(),
        None => read_text(named, TEXT_BYTES_MAX)?,
    };
    let profile = HostProfile::from_ron(&text, &name, &step_names())?;
    Ok((text, profile))
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Refused(diagnostic) => diagnostic.into(),
        error => Failure::usage(error.to_string(), None),
    }
}

/// The profile that the fit began with, with the fitted costs and a statement of the error.
fn fitted_text(base: &str, fit: &Fit, over: RecordedOver) -> String {
    let over = match over {
        RecordedOver::Tcp => "TCP on loopback",
        RecordedOver::Unix => "a UNIX socket",
    };
    let Misfit { median, worst, .. } = fit.after;
    let migrations = match fit.migrations {
        0 => String::new(),
        some => format!(" and {some} precopy migrations"),
    };
    let doc = format!(
        "{:?}",
        format!(
            "QEMU 11.1.3, two processes on a 2-core host over {over}, tcg; fitted to {} checkpoints{migrations}; what it was fitted \
             to: half within {:.1} %, all within {:.0} %",
            fit.checkpoints,
            100.0 * median,
            100.0 * worst
        )
    );
    let cost = |cost: &FittedCost| (vec!["steps", cost.step, cost.part.field()], quoted(cost.after_ns));
    let mut values: Vec<(Vec<&str>, String)> = fit.costs.iter().map(cost).collect();
    values.push((vec!["doc"], doc));
    HostProfile::rewritten(base, &values)
}

fn quoted(ns: u64) -> String {
    format!("{:?}", Span::from_nanos(ns).to_string())
}

fn as_text(fit: &Fit) -> String {
    let mut text = String::new();
    let line = |what: &str, misfit: &Misfit| {
        format!(
            "{what:7} sum of squares {:.4} over {} observations; half within {:.1} %, all within {:.1} %\n",
            misfit.sum_of_squares,
            misfit.observations,
            100.0 * misfit.median,
            100.0 * misfit.worst
        )
    };
    text.push_str(&line("before:", &fit.before));
    text.push_str(&line("after:", &fit.after));
    let _ = writeln!(text, "\n{:<40} {:<9} {:>12} {:>12}  read from", "step", "part", "before", "after");
    for cost in &fit.costs {
        let (before, after) = (Span::from_nanos(cost.before_ns), Span::from_nanos(cost.after_ns));
        let _ = writeln!(text, "{:<40} {:<9} {before:>12} {after:>12}  {}", cost.step, cost.part, cost.source);
    }
    text
}

fn as_json(fit: &Fit) -> Value {
    let misfit = |misfit: &Misfit| {
        json!({
            "sum_of_squares": misfit.sum_of_squares,
            "observations": misfit.observations,
            "median": misfit.median,
            "worst": misfit.worst,
        })
    };
    let part = |part: Part| part.field();
    let cost = |cost: &FittedCost| {
        json!({
            "step": cost.step,
            "part": part(cost.part),
            "before_ns": cost.before_ns,
            "after_ns": cost.after_ns,
            "read_from": cost.source,
        })
    };
    json!({
        "checkpoints": fit.checkpoints,
        "migrations": fit.migrations,
        "before": misfit(&fit.before),
        "after": misfit(&fit.after),
        "costs": fit.costs.iter().map(cost).collect::<Vec<Value>>(),
    })
}
