//! The same set-ups in the simulation: the lab's host profile, its own noise, and no stall.

use crate::measured::{Config, Experiment, Group, Record, Setup, Transport};
use colosim_models::host_profile::HostProfile;
use colosim_models::preset::preset;
use colosim_models::scenario::Scenario;
use colosim_models::steps::{colo_incoming, failover, incoming_bh, multifd_recv};
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::{Kind, Outcome, Plan, Simulator, StepId, Time};
use rayon::prelude::*;

/// The guest of `failover-leak`, which its records leave out. From the counters in them: about 12 500 pages between two
/// checkpoints over TCP and 14 500 over UNIX sockets, whose pauses are shorter, so 30 000 pages a second with a request each
/// 500 ms; the leaked pages lie between 14 and 89 MiB.
const GUEST_OF_LEAK: Config = Config { ram_mib: 128, ws_mib: 96, dirty_pages_per_s: 30_000, checkpoint_delay_ms: 500 };

/// The guest of the other experiments, where a record leaves it out.
const GUEST: Config = Config { ram_mib: 64, ws_mib: 32, dirty_pages_per_s: 30_000, checkpoint_delay_ms: 100 };

/// The checkpoint in which, or after which, the fault strikes.
const CHECKPOINT: u32 = 2;

/// Cores of the lab's host.
const CORES: u32 = 2;

/// From a fault to what follows, microseconds, from the records of `secondary` in which nobody slept in between. A process that is
/// stopped stops at once. One that is killed does too, but its kernel frees its memory before it closes its sockets, and the
/// request waits for its end: 2.3 to 4.7 ms after the kill, 0.5 ms after the end of the streams.
const FREEZE_TO_REQUEST_US: u64 = 200;
const KILL_TO_CLOSE_US: u64 = 2_300;
const CLOSE_TO_REQUEST_US: u64 = 500;
const YANK_TO_REQUEST_US: u64 = 600;
/// A held connection is lost for good only so much later.
const HELD_US: u64 = 120_000;

/// What one run shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub experiment: Experiment,
    /// As the experiment counts; none: not told, the checkpoint was over when the request came.
    pub counted: Option<bool>,
    pub leaked_pages: u64,
    /// From the request to the running guest, nanoseconds.
    pub resume_ns: Option<u64>,
    /// From F4 to the end of the last receive thread, and from the running guest, nanoseconds.
    pub last_thread_ns: Option<(i64, i64)>,
}

/// Run a group with so many seeds; the records' own waits and guests take turns, and so do the times for which the kernel of the
/// lab's host held acknowledgements back: its timer is no finer than its tick.
pub fn simulate(group: &Group, acknowledgements_us: &[u64], seeds: u64) -> Result<Vec<Shown>, String> {
    let mut scenarios = Vec::new();
    for acknowledgement_us in acknowledgements_us {
        for record in &group.records {
            scenarios.push(scenario(group, record, *acknowledgement_us)?);
        }
    }
    let design = if group.setup.multifd { "merged" } else { "plain-ram.c" };
    let variant = &preset(design).ok_or_else(|| format!("there is no preset {design}"))?.variant;
    let profile = match group.setup.transport {
        Transport::Tcp => "lab-loopback-medians",
        Transport::Unix => "lab-unix-medians",
    };
    let mut host = HostProfile::builtin(profile).ok_or_else(|| format!("there is no host profile {profile}"))?;
    // Both QEMU processes ran on one host. Elsewhere the profiles leave that out: a search wants each thread by itself.
    host.shared_cores = Some(CORES);
    let plan = Plan::natural();
    let shown = (0..seeds).into_par_iter().map_init(Simulator::new, |simulator, seed| {
        let index = (seed % scenarios.len() as u64) as usize;
        let scenario = &scenarios[index];
        let faults = faults_of(&scenario.faults, seed);
        let input = RunInput { scenario, variant, host: &host, faults: &faults, seed, plan: &plan, record: true };
        shown(group.experiment, &run(simulator, input))
    });
    Ok(shown.collect())
}

/// The first fault of an undirected experiment strikes at any time of a checkpoint's interval, by the seed.
fn faults_of(faults: &[Vec<colosim_models::scenario::Fault>], seed: u64) -> Vec<colosim_models::scenario::Fault> {
    faults[(seed % faults.len() as u64) as usize].clone()
}

fn scenario(group: &Group, record: &Record, acknowledgement_us: u64) -> Result<Scenario, String> {
    let leak = group.experiment == Experiment::UncommittedPages;
    let Config { ram_mib, ws_mib, dirty_pages_per_s, checkpoint_delay_ms } =
        record.config.unwrap_or(if leak { GUEST_OF_LEAK } else { GUEST });
    let Setup { transport, channels, .. } = &group.setup;
    // Loopback has segments of nearly 64 KiB and acknowledges late, as any path. Its receive window stays at 16 segments: Linux
    // lets it grow to twice what is read in a round trip, and 16 segments on top, and a round trip is a few microseconds
    // here. The sender's limit of a UNIX socket is net.core.wmem_default, and it counts what the receiver has not read.
    let link = match transport {
        Transport::Tcp => format!(
            "transport: Tcp, no_delay: false, rate: \"1000 Gbit/s\", latency: \"10 us\", delayed_ack: \"{acknowledgement_us} us\", segment: \"65483 B\", \
             receive_buffer: \"1 MiB\""
        ),
        Transport::Unix => {
            "transport: Unix, rate: \"1000 Gbit/s\", latency: \"5 us\", send_buffer: \"208 KiB\", receive_buffer: \"208 KiB\""
                .to_owned()
        }
    };
    let faults = faults(group, record, checkpoint_delay_ms * 1_000).join(",\n");
    let text = format!(
        "Scenario(question: \"\", asks: [CommittedState], variants: [\"merged\"],
         guest: (ram: \"{ram_mib} MiB\", filled: 0.1,
                 workload: Sequential(rate: \"{dirty_pages_per_s} pages/s\", working_set: \"{ws_mib} MiB\")),
         migration: (multifd_channels: {}, x_checkpoint_delay: \"{checkpoint_delay_ms} ms\", max_bandwidth: \"0\"),
         link: ({link}), granularity: Packet, faults: [{faults}], stop: AfterCheckpoints({}))",
        (*channels).max(1),
        CHECKPOINT + 8,
    );
    Scenario::from_ron(&text, "agreement").map_err(|error| format!("{group}: {error}"))
}

/// The faults of a group as fault plans in RON.
fn faults(group: &Group, record: &Record, interval_us: u64) -> Vec<String> {
    let Setup { how, yank, hold, channels, .. } = &group.setup;
    let gone = match (how.as_str(), group.experiment) {
        ("kill" | "kill-later", Experiment::Primary) => Some("KillSecondary"),
        ("freeze" | "freeze-later", Experiment::Primary) => Some("FreezeSecondary"),
        ("kill" | "kill-later", _) => Some("KillPrimary"),
        ("freeze" | "freeze-later", _) => Some("FreezePrimary"),
        _ => None,
    };
    let (yanked, asked) = match group.experiment {
        Experiment::Primary => ("YankPrimary", "FailoverPrimary"),
        _ => ("YankSecondary", "FailoverSecondary"),
    };
    let mut actions: Vec<(u64, String)> = Vec::new();
    let mut first_us = vec![(record.wait_ms.unwrap_or(0.0) * 1e3) as u64];
    let mut place =
        format!("Step(thread: \"mig/dst/colo\", step: \"colo_incoming.wait_vmstate_send\", visit: {CHECKPOINT})");
    match (group.experiment, hold.as_deref()) {
        (Experiment::UncommittedPages, _) => {}
        (_, Some(held)) => {
            // A connection that is held before the checkpoint's first SYNC, or while its pages are sent.
            let (channels, data_at) = match held {
                "mid-packet" => (0..1, format!("SavingRam(checkpoint: {CHECKPOINT})")),
                "one" => (0..1, place.clone()),
                "all" => (0..*channels, place.clone()),
                _ => (0..0, place.clone()),
            };
            place = data_at;
            first_us = vec![if held == "mid-packet" { MID_PACKET_US } else { 0 }];
            actions.extend(channels.map(|channel| (0, format!("CutChannel(channel: {channel})"))));
            match held {
                "main" => actions.push((0, "CutMain".to_owned())),
                // Held after it had delivered the word that lets the loader wait, which came 40 ms after vmstate-send.
                "all" => actions.push((60_000, "CutMain".to_owned())),
                _ => {}
            }
        }
        // At any time of an interval.
        (_, None) => {
            place = format!("Requested(checkpoint: {CHECKPOINT})");
            first_us = (0..UNDIRECTED).map(|nth| interval_us * nth / UNDIRECTED).collect();
        }
    }
    let mut after_us = if actions.is_empty() { 0 } else { HELD_US };
    if let Some(gone) = gone {
        let mut until_request_us = FREEZE_TO_REQUEST_US;
        if gone == "KillPrimary" {
            actions.push((after_us, "FreezePrimary".to_owned()));
            after_us = KILL_TO_CLOSE_US;
            until_request_us = CLOSE_TO_REQUEST_US;
        }
        actions.push((after_us, gone.to_owned()));
        after_us = match record.failover_us_after.filter(|_| group.experiment != Experiment::UncommittedPages) {
            None => until_request_us,
            Some(all_us) => {
                let passed_us = if gone == "KillPrimary" { KILL_TO_CLOSE_US } else { 0 };
                all_us.saturating_sub(passed_us + if *yank { YANK_TO_REQUEST_US } else { 0 })
            }
        };
    }
    if *yank || how == "alive-yank" {
        actions.push((after_us, yanked.to_owned()));
        after_us = YANK_TO_REQUEST_US;
    }
    actions.push((after_us, asked.to_owned()));
    let plan = |first_us: &u64| {
        let mut faults = Vec::new();
        for (nth, (after_us, action)) in actions.iter().enumerate() {
            faults.push(match nth {
                0 => format!("(at: {place}, after: \"{} us\", do: {action})", first_us + after_us),
                _ => format!("(after: \"{after_us} us\", do: {action})"),
            });
        }
        format!("[{}]", faults.join(", "))
    };
    first_us.iter().map(plan).collect()
}

/// From the beginning of a checkpoint's RAM to the middle of its pages: 3000 of them at 1.1 us.
const MID_PACKET_US: u64 = 1_000;

/// Times within an interval at which undirected faults strike.
const UNDIRECTED: u64 = 97;

fn shown(experiment: Experiment, run: &Run) -> Shown {
    let trace = Trace(&run.outcome);
    let hangs =
        run.outcome.violations.iter().any(|violation| violation.kind == Kind::HANG || violation.kind == Kind::DEADLOCK);
    let left = trace.first("dst/main", failover::LEAVE_COLO_STATE);
    let counted = match experiment {
        Experiment::Secondary | Experiment::Primary => Some(hangs),
        Experiment::UncommittedPages => {
            let flushed = trace.nth("mig/dst/colo", colo_incoming::FLUSH, CHECKPOINT);
            let inside = left.is_some_and(|left| flushed.is_none_or(|flushed| left < flushed));
            inside.then_some(run.metrics.leaked_pages > 0)
        }
    };
    let last = trace.last_of("mig/dst/recv_", multifd_recv::EXIT);
    let runs = trace.first("dst/main", incoming_bh::START_VM);
    let since = |a: Time, b: Time| a.0 as i64 - b.0 as i64;
    Shown {
        experiment,
        counted,
        leaked_pages: run.metrics.leaked_pages,
        resume_ns: run.metrics.failover_ns,
        last_thread_ns: match (left, runs, last) {
            (Some(left), Some(runs), Some(last)) => Some((since(last, left), since(last, runs))),
            _ => None,
        },
    }
}

/// The trace of a run.
struct Trace<'a>(&'a Outcome);

impl Trace<'_> {
    fn nth(&self, thread: &str, step: StepId, visit: u32) -> Option<Time> {
        let names = &self.0.thread_names;
        let found = |r: &&colosim_sim::Record| r.step == step && r.visit == visit && names[r.thread.index()] == thread;
        self.0.records.iter().find(found).map(|record| record.time)
    }

    fn first(&self, thread: &str, step: StepId) -> Option<Time> {
        self.nth(thread, step, 1)
    }

    /// When the last of the threads of this kind did a step.
    fn last_of(&self, threads: &str, step: StepId) -> Option<Time> {
        let names = &self.0.thread_names;
        let of_kind = |r: &&colosim_sim::Record| r.step == step && names[r.thread.index()].starts_with(threads);
        self.0.records.iter().rev().find(of_kind).map(|record| record.time)
    }
}
