//! What no run could mean: impossible values of a scenario, each with the place of its field.
//!
//! Types, unknown names and units are refused when the file is read (`parse.rs`); here are values that are well formed
//! and impossible, alone or beside others. Limits are stated as constants.

use super::fault::{Action, Fault, Place};
use super::guest::Workload;
use super::link::Loss;
use super::outline::{Node, outline};
use super::schema::{Asks, Scenario, Stop};
use super::units::{Share, Size, Span};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::host_profile::HostProfile;
use crate::replication::CLUSTER_BYTES;
use colosim_sim::link;
use std::ops::RangeInclusive;

/// Most RAM of a guest, both blocks together.
pub const RAM_MAX: Size = Size::from_bytes(1 << 40);
/// Longest disk.
pub const DISK_MAX: Size = Size::from_bytes(64 << 30);
/// Page sizes of QEMU's targets.
pub const PAGE_BYTES: RangeInclusive<u64> = 1_024..=65_536;
/// Most device state; QEMU's COLO buffer grows from 4 MiB.
pub const DEVICE_STATE_MAX: Size = Size::from_bytes(1 << 30);
/// Bound of QEMU (`downtime-limit`, 2000 s).
pub const DOWNTIME_LIMIT_MAX: Span = Span::from_nanos(2_000_000_000_000);
/// Smallest socket buffer.
pub const BUFFER_MIN: Size = Size::from_bytes(64 << 10);
/// Largest socket buffer: the largest window of TCP.
pub const BUFFER_MAX: Size = Size::from_bytes(1 << 30);
/// Headers of a segment: IPv4, TCP and time stamps.
const HEADERS_BYTES: u64 = 52;
/// Largest initial window, in segments.
pub const WINDOW_MAX: u32 = 1 << 20;
/// Longest delay of an acknowledgement (Linux: at most 200 ms; RFC 1122: less than 500 ms).
pub const DELAYED_ACK_MAX: Span = Span::from_nanos(500_000_000);
/// Longest segment: what the loopback interface takes at once.
pub const SEGMENT_MAX: Size = Size::from_bytes(64 << 10);
/// Longest one-way delay and jitter.
pub const DELAY_MAX: Span = Span::from_nanos(10_000_000_000);
/// Most connections that colo-compare keeps apart (`hashtable_max_size`).
pub const CONNECTIONS_MAX: u32 = 16_384;
/// Most designs, fault plans and values of one swept field.
pub const LIST_LENGTH_MAX: usize = 1000;

impl Scenario {
    /// Everything that is impossible in this scenario; empty if it can be run. `text` and `name` are the file that it
    /// was read from (for the places; [`Scenario::to_ron`] if it was changed since), `steps` all names of steps.
    pub fn validate(&self, text: &str, name: &str, steps: &[&str]) -> Vec<Diagnostic> {
        let whole = outline(text);
        let mut checks = Checks { text, name, whole: whole.as_ref(), found: Vec::new() };
        self.check_question(&mut checks);
        self.check_guest(&mut checks);
        self.check_disk(&mut checks);
        self.check_migration(&mut checks);
        self.check_link(&mut checks);
        self.check_faults(&mut checks, steps);
        self.check_end(&mut checks);
        self.check_benign(&mut checks, steps);
        self.check_sweep(&mut checks, steps);
        checks.found
    }

    fn check_question(&self, checks: &mut Checks<'_>) {
        checks.refuse_if(self.variants.is_empty(), "variants", "there is no variant to run");
        let lists = [("variants", self.variants.len()), ("faults", self.faults.len()), ("benign", self.benign.len())];
        for (list, length) in lists {
            checks.refuse_if(
                length > LIST_LENGTH_MAX,
                list,
                format!("{length} are too many (at most {LIST_LENGTH_MAX})"),
            );
        }
        for (i, choice) in self.variants.iter().enumerate() {
            if let Err(error) = choice.resolve_all() {
                // The preset's name, where it stands alone and where it stands before switches.
                let path = [format!("variants.{i}.0"), format!("variants.{i}")];
                let path = path.iter().find(|path| checks.has(path)).unwrap_or(&path[1]);
                checks.refuse(path, error.to_string(), error.suggestion());
            }
        }
        let repeated = |asks: &Asks, before: &[Asks]| before.contains(asks);
        for (i, asks) in self.asks.iter().enumerate() {
            let message = format!("`{asks:?}` is asked twice");
            checks.refuse_if(repeated(asks, &self.asks[..i]), &format!("asks.{i}"), message);
        }
        if !self.host.ends_with(".ron") && HostProfile::builtin(&self.host).is_none() {
            let names = HostProfile::builtin_names();
            checks.refuse("host", format!("unknown host profile `{}`", self.host), did_you_mean(&self.host, names));
        }
    }

    fn check_guest(&self, checks: &mut Checks<'_>) {
        let guest = &self.guest;
        let page = guest.page_size.bytes();
        if !page.is_power_of_two() || !PAGE_BYTES.contains(&page) {
            let message =
                format!("a page of {} is impossible; it is a power of two from 1 KiB to 64 KiB", guest.page_size);
            return checks.refuse("guest.page_size", message, None);
        }
        checks.refuse_if(guest.ram.bytes() == 0, "guest.ram", "the guest has no RAM");
        let total = guest.ram.bytes().saturating_add(guest.video_ram.bytes());
        checks.refuse_if(
            total > RAM_MAX.bytes(),
            "guest.ram",
            format!("{} of RAM are too many (at most {RAM_MAX})", Size::from_bytes(total)),
        );
        for (path, size) in [("guest.ram", guest.ram), ("guest.video_ram", guest.video_ram)] {
            let message = format!("{size} are no whole number of pages of {}", guest.page_size);
            checks.refuse_if(size.bytes() % page != 0, path, message);
        }
        if let Some(output) = guest.output {
            let connections = output.connections;
            let message = format!("{connections} connections are impossible; it is 1 to {CONNECTIONS_MAX}");
            checks.refuse_if(!(1..=CONNECTIONS_MAX).contains(&connections), "guest.output.connections", message);
            let message = "a guest that sends no packet has no output; leave `output` out";
            checks.refuse_if(output.rate.per_second() == 0, "guest.output.rate", message);
        }
        let (working_set, hot) = match guest.workload {
            Workload::Idle => return,
            Workload::EachRun { pages } => {
                let message = format!("{pages} pages are more than the RAM of {}", guest.ram);
                let room = guest.ram.bytes().saturating_sub(guest.untouched.bytes());
                return checks.refuse_if(u64::from(pages) * page > room, "guest.workload.pages", message);
            }
            Workload::Uniform { working_set, .. } | Workload::Sequential { working_set, .. } => (working_set, None),
            Workload::HotCold { working_set, hot_set, hot_writes, .. } => (working_set, Some((hot_set, hot_writes))),
        };
        let path = "guest.workload.working_set";
        if working_set.bytes() < page {
            let message = format!("a working set of {working_set} holds no page of {}", guest.page_size);
            return checks.refuse(path, message, None);
        }
        let message = format!("the working set of {working_set} is larger than the RAM of {}", guest.ram);
        checks.refuse_if(working_set > guest.ram, path, message);
        let message = format!("behind {} that stay untouched there is no room for it", guest.untouched);
        let end = working_set.bytes().saturating_add(guest.untouched.bytes());
        checks.refuse_if(working_set <= guest.ram && end > guest.ram.bytes(), path, message);
        if let Some((set, writes)) = hot {
            check_hot_set(checks, working_set.bytes() / page, set, writes);
        }
    }

    fn check_disk(&self, checks: &mut Checks<'_>) {
        let Some(disk) = self.guest.disk else { return };
        let size = disk.size;
        let message = format!("{size} are no whole number of clusters of {}", Size::from_bytes(CLUSTER_BYTES));
        checks.refuse_if(size.bytes() == 0 || size.bytes() % CLUSTER_BYTES != 0, "guest.disk.size", message);
        let message = format!("a disk of {size} is too long (at most {DISK_MAX}): each cluster's content is kept");
        checks.refuse_if(size > DISK_MAX, "guest.disk.size", message);
    }

    fn check_migration(&self, checks: &mut Checks<'_>) {
        let migration = &self.migration;
        let channels = migration.multifd_channels;
        let message = format!("{channels} multifd channels are impossible; QEMU takes 1 to 255");
        checks.refuse_if(!(1..=255).contains(&channels), "migration.multifd_channels", message);
        let delay = migration.x_checkpoint_delay.nanos();
        checks.refuse_if(
            delay == 0,
            "migration.x_checkpoint_delay",
            "without a delay there is nothing but checkpoints",
        );
        let limit = migration.downtime_limit;
        let message = format!("{limit} are too long (QEMU: at most {DOWNTIME_LIMIT_MAX})");
        checks.refuse_if(limit > DOWNTIME_LIMIT_MAX, "migration.downtime_limit", message);
        let state = migration.device_state;
        let message = format!("{state} of device state are too many (at most {DEVICE_STATE_MAX})");
        checks.refuse_if(state > DEVICE_STATE_MAX, "migration.device_state", message);
    }

    fn check_link(&self, checks: &mut Checks<'_>) {
        let link = &self.link;
        checks.refuse_if(link.rate.bits_per_second() == 0, "link.rate", "a link of rate 0 carries nothing");
        if let Loss::Bernoulli(p) | Loss::GilbertElliott { loss: p, .. } = link.loss {
            let message = format!("a loss of {p} is impossible; it is at least 0 and less than 1");
            checks.refuse_if(!(0.0..1.0).contains(&p), "link.loss", message);
        }
        if let Loss::GilbertElliott { loss, burst } = link.loss {
            let message = format!("no chain loses {loss} of the segments in bursts of {burst}; a burst is at least 1");
            checks.refuse_if(link::Loss::bursts(loss, burst).is_none(), "link.loss", message);
        }
        for (path, span) in [("link.latency", link.latency), ("link.jitter", link.jitter)] {
            checks.refuse_if(span > DELAY_MAX, path, format!("{span} are too long (at most {DELAY_MAX})"));
        }
        for (path, delay) in [("link.delayed_ack", link.delayed_ack), ("link.jiffy", link.jiffy)] {
            let message = format!("{delay} are too long (at most {DELAYED_ACK_MAX})");
            checks.refuse_if(delay > DELAYED_ACK_MAX, path, message);
        }
        let message = format!("a window of {} segments is impossible; it is 1 to {WINDOW_MAX}", link.initial_window);
        checks.refuse_if(!(1..=WINDOW_MAX).contains(&link.initial_window), "link.initial_window", message);
        let segment = link.segment;
        let message = format!("a segment of {segment} is impossible; it is 1 B to {SEGMENT_MAX}");
        checks.refuse_if(segment.bytes() == 0 || segment > SEGMENT_MAX, "link.segment", message);
        if let Some(queue) = link.queue {
            let frame = Size::from_bytes(segment.bytes().saturating_add(HEADERS_BYTES));
            checks.refuse_if(queue < frame, "link.queue", format!("a queue of {queue} holds no frame of {frame}"));
        }
        for (path, size) in [("link.send_buffer", link.send_buffer), ("link.receive_buffer", link.receive_buffer)] {
            let message = format!("a socket buffer of {size} is impossible; it is {BUFFER_MIN} to {BUFFER_MAX}");
            checks.refuse_if(size < BUFFER_MIN || size > BUFFER_MAX, path, message);
        }
    }

    fn check_faults(&self, checks: &mut Checks<'_>, steps: &[&str]) {
        for (i, plan) in self.faults.iter().enumerate() {
            for (j, fault) in plan.iter().enumerate() {
                self.check_fault(checks, steps, fault, &format!("faults.{i}.{j}"));
            }
        }
    }

    fn check_fault(&self, checks: &mut Checks<'_>, steps: &[&str], fault: &Fault, path: &str) {
        if let Action::CutChannel { channel }
        | Action::ResetChannel { channel }
        | Action::BreakChannel { channel }
        | Action::CloseChannel { channel } = fault.action
        {
            let channels = self.migration.multifd_channels;
            let message = format!(
                "there is no channel {channel}: with {channels} multifd channels the last is {}",
                channels.saturating_sub(1)
            );
            checks.refuse_if(channel >= channels, &format!("{path}.do.channel"), message);
        }
        match &fault.at {
            None | Some(Place::Time(_)) => {}
            Some(Place::Step { step, visit, .. }) => {
                checks.refuse_if(*visit == 0, &format!("{path}.at.visit"), "visits are counted from 1");
                if !steps.contains(&step.as_str()) {
                    let suggestion = did_you_mean(step, steps.iter().copied());
                    checks.refuse(&format!("{path}.at.step"), format!("unknown step `{step}`"), suggestion);
                }
            }
            Some(
                Place::LoadingRam { checkpoint }
                | Place::Idle { checkpoint }
                | Place::Requested { checkpoint }
                | Place::SavingRam { checkpoint }
                | Place::Received { checkpoint }
                | Place::Flushing { checkpoint },
            ) => {
                let path = format!("{path}.at.checkpoint");
                checks.refuse_if(*checkpoint == 0, &path, "checkpoints are counted from 1");
                // After the last checkpoint the secondary waits for one more.
                let waits = u32::from(matches!(fault.at, Some(Place::Idle { .. })));
                match self.stop {
                    Stop::AfterPrecopy => {
                        checks.refuse(&path, "no checkpoint is reached: the run stops after precopy", None)
                    }
                    Stop::AfterCheckpoints(last) if *checkpoint > last.saturating_add(waits) => {
                        let message = format!("checkpoint {checkpoint} is never reached: the run stops after {last}");
                        checks.refuse(&path, message, None);
                    }
                    Stop::AfterCheckpoints(_) | Stop::AtTime(_) => {}
                }
            }
        }
    }

    fn check_end(&self, checks: &mut Checks<'_>) {
        match self.stop {
            Stop::AfterCheckpoints(0) => {
                checks.refuse("stop", "the run would stop before it begins", Some("write `AfterPrecopy`".into()));
            }
            Stop::AtTime(time) if time.nanos() == 0 => {
                checks.refuse("stop", "the run would stop before it begins", None)
            }
            Stop::AfterCheckpoints(_) if !self.migration.x_colo => {
                let advice = Some("write `stop: AfterPrecopy`".into());
                checks.refuse("migration.x_colo", "without COLO there is no checkpoint to stop after", advice);
            }
            Stop::AfterPrecopy | Stop::AfterCheckpoints(_) | Stop::AtTime(_) => {}
        }
        let bound = self.failover_bound.nanos();
        checks.refuse_if(bound == 0, "failover_bound", "no failover is over in no time");
    }

    /// A judgement about what does not exist would hide nothing, and its author would not know.
    fn check_benign(&self, checks: &mut Checks<'_>, steps: &[&str]) {
        for (i, benign) in self.benign.iter().enumerate() {
            for (j, step) in [&benign.steps.0, &benign.steps.1].into_iter().enumerate() {
                if !steps.contains(&step.as_str()) {
                    let suggestion = did_you_mean(step, steps.iter().copied());
                    checks.refuse(&format!("benign.{i}.steps.{j}"), format!("unknown step `{step}`"), suggestion);
                }
            }
            checks.refuse_if(benign.object.trim().is_empty(), &format!("benign.{i}.object"), "an object has a name");
            let reason = &format!("benign.{i}.reason");
            checks.refuse_if(benign.reason.trim().is_empty(), reason, "a judgement without a reason is none");
            let (first, second) = (&benign.steps.0, &benign.steps.1);
            let repeated = self.benign[..i].iter().any(|other| other.is_about(&benign.object, first, second));
            let message = format!("{first} and {second} at {} are judged twice", benign.object);
            checks.refuse_if(repeated, &format!("benign.{i}"), message);
        }
    }

    fn check_sweep(&self, checks: &mut Checks<'_>, steps: &[&str]) {
        let single = Scenario { sweep: Vec::new(), ..self.clone() };
        let already_wrong = !checks.found.is_empty();
        for (i, vary) in self.sweep.iter().enumerate() {
            let path = format!("sweep.{i}.path");
            let values = format!("sweep.{i}.values");
            if single.field(&vary.path).is_none() {
                // `set` says why.
                if let Err(error) = single.set(&vary.path, "0") {
                    checks.refuse(&path, error.message, error.suggestion);
                }
                continue;
            }
            let repeated = self.sweep[..i].iter().any(|other| other.path == vary.path);
            checks.refuse_if(repeated, &path, format!("`{}` is swept twice", vary.path));
            checks.refuse_if(vary.values.is_empty(), &values, "there is no value to sweep over");
            let length = vary.values.len();
            let too_many = length > LIST_LENGTH_MAX;
            checks.refuse_if(too_many, &values, format!("{length} values are too many (at most {LIST_LENGTH_MAX})"));
            for (j, value) in vary.values.iter().take(LIST_LENGTH_MAX).enumerate() {
                let error = match single.set(&vary.path, &value.to_string()) {
                    Err(error) => Some(error),
                    // What is wrong in the file itself would be said again for every value.
                    Ok(_) if already_wrong => None,
                    Ok(scenario) => scenario.validate("", checks.name, steps).into_iter().next(),
                };
                if let Some(error) = error {
                    checks.refuse(&format!("{values}.{j}"), error.message, error.suggestion);
                }
            }
        }
    }
}

/// Both parts need a page if any write goes to them.
fn check_hot_set(checks: &mut Checks<'_>, pages: u64, set: Share, writes: Share) {
    let hot = (pages as f64 * set.value()).round();
    let message = format!("{set} of {pages} pages are no page, but {writes} of the writes go there");
    checks.refuse_if(hot == 0.0 && writes.value() > 0.0, "guest.workload.hot_set", message);
    let message = format!("{set} of {pages} pages leave no cold page, but not all writes are hot");
    checks.refuse_if(hot == pages as f64 && writes.value() < 1.0, "guest.workload.hot_set", message);
}

/// Collects messages and finds their places.
struct Checks<'a> {
    text: &'a str,
    name: &'a str,
    whole: Option<&'a Node>,
    found: Vec<Diagnostic>,
}

impl Checks<'_> {
    fn refuse_if(&mut self, impossible: bool, path: &str, message: impl Into<String>) {
        if impossible {
            self.refuse(path, message, None);
        }
    }

    /// The place is the field, or the innermost structure around it that the file has.
    fn refuse(&mut self, path: &str, message: impl Into<String>, suggestion: Option<String>) {
        let steps: Vec<&str> = path.split('.').collect();
        let node = self.whole.and_then(|whole| match whole.find(self.text, &steps) {
            Ok(node) => Some(node),
            Err((_, 0)) => None,
            Err((deepest, _)) => Some(deepest),
        });
        let diagnostic = match node {
            Some(node) => Diagnostic::at(self.name, self.text, node.span.clone(), message),
            None => Diagnostic::unplaced(self.name, message),
        };
        self.found.push(diagnostic.with_suggestion(suggestion));
    }

    fn has(&self, path: &str) -> bool {
        let steps: Vec<&str> = path.split('.').collect();
        self.whole.is_some_and(|whole| whole.find(self.text, &steps).is_ok())
    }
}
