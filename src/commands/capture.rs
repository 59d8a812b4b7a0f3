//! `capture verify` and `capture show`: recorded migrations of a real QEMU.

mod leak;

use super::Settings;
use crate::cli::{CaptureShowArgs, CaptureVerifyArgs};
use crate::exit::{Answer, Exit, Failure};
use crate::files::plan::PlanFile;
use crate::files::{plan, recording};
use crate::report::{json, style};
use crate::values::Format;
use colosim_models::capture::{
    Epoch, MainItem, MemoryVerdict, RecordedPacket, Recording, Replay, Verdict, epochs, judge, main_items, packets,
    replay,
};
use colosim_sim::explore::{Stalls, Strategy, Trial};
use colosim_sim::{Plan, Simulator, Span};
use leak::Leak;
use rayon::prelude::*;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// The longest stall of a receive thread: longer than any pause between two checkpoints of a recording.
const STALL_MAX: Span = Span::millis(1_000);

#[derive(Serialize)]
struct Verified {
    capture: String,
    packets: usize,
    checkpoints: usize,
    states_checked: usize,
    states_equal: usize,
    memories: Vec<MemoryVerdict>,
    answers_equal: bool,
    ends: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seeds: Option<Seeds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leak: Option<Leak>,
    verdict: &'static str,
}

#[derive(Serialize)]
struct Seeds {
    runs: u64,
    agree: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_that_differs: Option<u64>,
}

/// Run recordings through the secondary and compare.
pub fn verify(args: &CaptureVerifyArgs, settings: Settings) -> Result<Answer, Failure> {
    let recordings: Vec<Recording> = args.dirs.iter().map(|dir| read(dir)).collect::<Result<_, _>>()?;
    let plan = args.plan.as_deref().map(plan_alone).transpose()?;
    let pool = settings.workers()?;
    let verified = pool.install(|| {
        let verified = recordings.par_iter().map(|one| verify_one(one, args.seeds, plan.as_ref()));
        verified.collect::<Result<Vec<Verified>, Failure>>()
    })?;
    let agree = verified.iter().filter(|one| one.verdict == "agrees").count();
    let text = match settings.format {
        Format::Json if verified.len() == 1 => json::document(&verified[0]),
        Format::Json => json::document(&verified),
        Format::Text => {
            let lines: String = verified.iter().map(line).collect();
            format!("{lines}{agree} of {} agree\n", verified.len())
        }
    };
    Ok(Answer { text, exit: if agree == verified.len() { Exit::Done } else { Exit::Violated } })
}

fn read(dir: &Path) -> Result<Recording, Failure> {
    if !recording::is_recording(dir) {
        let message = format!("{} is no recording: it has no index.json", dir.display());
        return Err(Failure::usage(message, Some("name a directory such as tests/captures/colo-multifd".into())));
    }
    recording::read(dir)
}

/// The plan in a file; a witness has a scenario that is not the recording's.
fn plan_alone(path: &Path) -> Result<Plan, Failure> {
    match plan::read(path)? {
        PlanFile::Plan(plan) => Ok(plan),
        PlanFile::Witness(_) => {
            let message = format!("{} is a witness of a scenario, expected a plan alone", path.display());
            Err(Failure::usage(message, Some("capture verify prints one where the recorded guest has a leak".into())))
        }
    }
}

fn run(simulator: &mut Simulator, recording: &Recording, seed: u64, plan: Plan) -> Result<(Replay, Verdict), Failure> {
    let replayed = replay(simulator, recording, seed, plan)
        .map_err(|error| Failure::usage(format!("cannot replay {}: {error}", recording.name), None))?;
    let verdict = judge(recording, &replayed);
    Ok((replayed, verdict))
}

fn verify_one(recording: &Recording, seeds: Option<u64>, plan: Option<&Plan>) -> Result<Verified, Failure> {
    let mut simulator = Simulator::new();
    let (replayed, verdict) = run(&mut simulator, recording, 0, plan.cloned().unwrap_or_default())?;
    let seeds = seeds.map(|count| with_stalls(recording, &replayed, count)).transpose()?;
    let leak = leak::verify(&mut simulator, recording, &replayed, plan)?;
    let agrees = verdict.agrees
        && seeds.as_ref().is_none_or(|seeds| seeds.agree == seeds.runs)
        && leak.as_ref().is_none_or(Leak::agrees);
    let multifd = recording.connections.iter().filter(|c| c.name != "main");
    Ok(Verified {
        capture: recording.name.clone(),
        packets: multifd.map(|c| packets(&c.sent.bytes).0.len()).sum(),
        checkpoints: replayed.states.len().saturating_sub(1),
        states_checked: verdict.states_checked,
        states_equal: verdict.states_equal,
        memories: verdict.memories,
        answers_equal: verdict.answers_equal,
        ends: verdict.ends.name(),
        wait: replayed.wait,
        // A real secondary ends with errors too; they are of interest where it should not have.
        errors: if verdict.agrees { Vec::new() } else { replayed.errors },
        seeds,
        leak,
        verdict: if agrees { "agrees" } else { "disagrees" },
    })
}

/// The same recording with the receive threads stalled at random, once for each seed: nothing may change.
fn with_stalls(recording: &Recording, undisturbed: &Replay, count: u64) -> Result<Seeds, Failure> {
    let mut outcome = undisturbed.outcome.clone();
    let names = &outcome.thread_names;
    outcome.visits.retain(|(thread, ..)| names[thread.index()].starts_with("mig/dst/recv_"));
    outcome.hazards.clear();
    let base = Trial { seed: 0, faults: Vec::new(), plan: Plan::undisturbed() };
    let strategy = Stalls { span_max: STALL_MAX };
    let mut course = strategy.trials(&base, &outcome, 1..count + 1);
    let trials: Vec<Trial> = std::iter::from_fn(|| course.next_trial()).collect();
    let agree: Vec<bool> = trials
        .into_par_iter()
        .map_init(Simulator::new, |simulator, trial| Ok(run(simulator, recording, trial.seed, trial.plan)?.1.agrees))
        .collect::<Result<_, Failure>>()?;
    Ok(Seeds {
        runs: count,
        agree: agree.iter().filter(|agrees| **agrees).count() as u64,
        first_that_differs: agree.iter().position(|agrees| !agrees).map(|index| index as u64 + 1),
    })
}

fn line(one: &Verified) -> String {
    let memories: Vec<String> =
        one.memories.iter().map(|m| format!("{} {} of {} differ", m.name, m.differ, m.pages)).collect();
    let mut text = format!(
        "{:<9} {}: {} packets, {} whole checkpoints, {} of {} states equal, answers {}, ends {}\n",
        one.verdict,
        one.capture,
        one.packets,
        one.checkpoints,
        one.states_equal,
        one.states_checked,
        if one.answers_equal { "equal" } else { "differ" },
        one.ends,
    );
    let _ = writeln!(text, "          memories: {}", memories.join(", "));
    if let Some(wait) = &one.wait {
        let _ = writeln!(text, "          {wait}");
    }
    for error in &one.errors {
        let _ = writeln!(text, "          the simulated secondary says: {error}");
    }
    if let Some(leak) = &one.leak {
        text.push_str(&leak.text());
    }
    if let Some(seeds) = &one.seeds {
        let _ =
            writeln!(text, "          with the receive threads stalled: {} of {} seeds agree", seeds.agree, seeds.runs);
        if let Some(seed) = seeds.first_that_differs {
            let _ = writeln!(text, "          the first seed that differs is {seed}");
        }
    }
    text
}

#[derive(Serialize)]
struct Shown {
    capture: String,
    main: Vec<ShownItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    main_ends_with: Option<String>,
    channels: Vec<ShownChannel>,
    epochs: Vec<ShownEpoch>,
}

#[derive(Serialize)]
struct ShownEpoch {
    epoch: usize,
    #[serde(flatten)]
    of: Epoch,
}

#[derive(Serialize)]
struct ShownItem {
    offset: usize,
    item: String,
}

#[derive(Serialize)]
struct ShownChannel {
    channel: String,
    packets: Vec<RecordedPacket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_with: Option<String>,
}

/// Print what is in a recording.
pub fn show(args: &CaptureShowArgs, settings: Settings) -> Result<Answer, Failure> {
    let recording = read(&args.dir)?;
    let (items, main_error) = main_items(&recording);
    let multifd = recording.connections.iter().filter(|c| c.name != "main");
    let (streams, errors): (Vec<_>, Vec<_>) = multifd.clone().map(|c| packets(&c.sent.bytes)).unzip();
    let epochs = epochs(&streams);
    let channels = multifd.zip(streams).zip(errors).map(|((connection, packets), error)| ShownChannel {
        channel: connection.name.clone(),
        packets,
        ends_with: error.map(|error| error.to_string()),
    });
    let shown = Shown {
        capture: recording.name.clone(),
        main: items.iter().map(|item| ShownItem { offset: item.offset, item: item_text(item) }).collect(),
        main_ends_with: main_error.map(|error| error.to_string()),
        channels: channels.collect(),
        epochs: epochs.into_iter().enumerate().map(|(epoch, of)| ShownEpoch { epoch, of }).collect(),
    };
    let text = match settings.format {
        Format::Json => json::document(&shown),
        Format::Text => show_text(&shown),
    };
    Ok(Answer { text, exit: Exit::Done })
}

fn item_text(item: &MainItem) -> String {
    let words: Vec<String> = item.words.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if words.is_empty() { item.what.clone() } else { format!("{}: {}", item.what, words.join(", ")) }
}

fn show_text(shown: &Shown) -> String {
    let mut text = format!("{}, main channel\n", shown.capture);
    for item in &shown.main {
        let _ = writeln!(text, "{:>10}  {}", item.offset, item.item);
    }
    if let Some(error) = &shown.main_ends_with {
        let _ = writeln!(text, "            ends: {error}");
    }
    for channel in &shown.channels {
        let _ = writeln!(text, "{}", channel.channel);
        let mut table = style::plain_table();
        table.set_header(["offset", "packet", "epoch", "flags", "block", "normal", "zero", "data bytes"]);
        for packet in &channel.packets {
            table.add_row([
                packet.offset.to_string(),
                packet.packet_num.to_string(),
                packet.epoch.to_string(),
                if packet.flags == 1 { "SYNC".into() } else { format!("{:#x}", packet.flags) },
                packet.block.clone().unwrap_or_default(),
                packet.normal.to_string(),
                packet.zero.to_string(),
                packet.data_bytes.to_string(),
            ]);
        }
        let _ = writeln!(text, "{table}");
        if let Some(error) = &channel.ends_with {
            let _ = writeln!(text, "  ends: {error}");
        }
    }
    if !shown.epochs.is_empty() {
        let mut table = style::plain_table();
        table.set_header(["epoch", "data packets", "normal", "zero", "SYNC on"]);
        for epoch in &shown.epochs {
            let synced = format!("{} of {} channels", epoch.of.synced_channels, shown.channels.len());
            table.add_row([
                epoch.epoch.to_string(),
                epoch.of.packets.to_string(),
                epoch.of.normal.to_string(),
                epoch.of.zero.to_string(),
                synced,
            ]);
        }
        let _ = writeln!(text, "{table}");
    }
    text
}
