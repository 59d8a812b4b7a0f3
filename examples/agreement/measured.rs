//! The measurements: `failover.json`, an array of records, one for each failover of a real QEMU.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What was done to a real pair, and what came of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    pub experiment: Experiment,
    pub variant: Setup,
    /// The guest and the migration, where the record has them.
    pub config: Option<Config>,
    /// `resumed` or `stuck`.
    pub outcome: Option<String>,
    /// Milliseconds from the checkpoint's stop of the secondary to the fault or request.
    pub wait_ms: Option<f64>,
    /// Pages of the unfinished checkpoint in the guest; none: the checkpoint was over, or the pages cannot be told apart.
    pub leaked_pages: Option<u64>,
    /// Milliseconds from the command to the running guest, as a client of the monitor saw it.
    pub failover_ms: Option<f64>,
    /// Microseconds from the fault to the failover request.
    #[serde(alias = "failover_us_after_kill")]
    pub failover_us_after: Option<u64>,
    /// The last trace events before the fault.
    #[serde(default, alias = "last_before_kill")]
    pub before: Vec<(i64, String, String)>,
    /// Trace events after the fault: microseconds, event, arguments.
    #[serde(default, alias = "after_kill")]
    pub after: Vec<(i64, String, String)>,
}

/// Which experiment a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Experiment {
    /// `failover-leak`: pages of the unfinished checkpoint in the guest.
    UncommittedPages,
    /// Failover of the secondary at any time (`dead-channel`, if a channel was held).
    Secondary,
    /// Failover of the primary.
    Primary,
}

/// What a group of records has in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Setup {
    /// What happened to the other side: `kill`, `freeze`, `alive`, `alive-yank`, or one of the first two `-later`.
    pub how: String,
    #[serde(default)]
    pub yank: bool,
    /// Which connection was held back before: `one`, `mid-packet`, `main`, `all`.
    pub hold: Option<String>,
    pub transport: Transport,
    pub multifd: bool,
    pub channels: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    Unix,
}

/// The guest and the migration of a record.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Config {
    pub ram_mib: u64,
    pub ws_mib: u64,
    pub dirty_pages_per_s: u64,
    pub checkpoint_delay_ms: u64,
}

/// Records that were set up alike.
#[derive(Debug)]
pub struct Group {
    pub experiment: Experiment,
    pub setup: Setup,
    pub records: Vec<Record>,
}

impl Group {
    /// What the experiment counts in its records: k of n. None of them can be told: n is zero.
    pub fn counted(&self) -> (u64, u64) {
        let told: Vec<bool> = self.records.iter().filter_map(|record| self.shows(record)).collect();
        (told.iter().filter(|shown| **shown).count() as u64, told.len() as u64)
    }

    fn shows(&self, record: &Record) -> Option<bool> {
        match self.experiment {
            Experiment::UncommittedPages => record.leaked_pages.map(|pages| pages > 0),
            Experiment::Secondary | Experiment::Primary => record.outcome.as_ref().map(|outcome| outcome == "stuck"),
        }
    }

    /// What is counted.
    pub fn counts(&self) -> &'static str {
        match self.experiment {
            Experiment::UncommittedPages => "leaks",
            Experiment::Secondary | Experiment::Primary => "hangs",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { how, yank, hold, transport, multifd, channels } = &self.setup;
        let experiment = match (self.experiment, hold) {
            (Experiment::UncommittedPages, _) => "failover-leak",
            (Experiment::Secondary, Some(_)) => "dead-channel",
            (Experiment::Secondary, None) => "secondary-failover",
            (Experiment::Primary, _) => "primary-failover",
        };
        write!(f, "{experiment} {how}")?;
        if let Some(hold) = hold {
            write!(f, " hold={hold}")?;
        }
        if *yank {
            f.write_str(" yank")?;
        }
        f.write_str(match transport {
            Transport::Tcp => " tcp",
            Transport::Unix => " unix",
        })?;
        if *multifd { write!(f, " multifd {channels}") } else { f.write_str(" plain") }
    }
}

impl Record {
    /// When the secondary left the COLO state for good (F4), microseconds.
    fn left_us(&self) -> Option<i64> {
        self.after
            .iter()
            .find(|(_, event, text)| event == "migrate_set_state" && text.contains("completed"))
            .map(|e| e.0)
    }

    /// When its guest was set running after that.
    fn ran_us(&self) -> Option<i64> {
        let left = self.left_us()?;
        let runs = |(at, event, text): &&(i64, String, String)| {
            *at > left && event == "runstate_set" && text.contains("new_state 9 ")
        };
        self.after.iter().find(runs).map(|(at, ..)| *at)
    }

    /// From the failover request to the running guest in the trace, microseconds.
    pub fn resume_us(&self) -> Option<i64> {
        let asked = self.failover_us_after.map_or(Some(0), |after| i64::try_from(after).ok())?;
        Some(self.ran_us()? - asked)
    }

    /// From the end of the COLO state to that of the last receive thread, microseconds, and from the running guest.
    pub fn last_thread_us(&self) -> Option<(i64, i64)> {
        let ends = self.after.iter().filter(|(_, event, _)| event == "multifd_recv_thread_end");
        let last = ends.map(|(at, ..)| *at).max()?;
        Some((last - self.left_us()?, last - self.ran_us()?))
    }

    /// From `vmstate-send` to the start of the loader, microseconds, if an acknowledgement was waited for in between.
    fn held_us(&self) -> Option<u64> {
        let at = |name: &str, argument: &str| {
            self.before.iter().rev().find(|(_, event, text)| event == name && text.contains(argument)).map(|e| e.0)
        };
        let held = at("ram_load_start", "")? - at("colo_receive_message", "vmstate-send")?;
        (self.variant.multifd && self.variant.transport == Transport::Tcp && held >= SHORTEST_HELD_US)
            .then_some(held as u64)
    }
}

/// A loader that starts later than that after `vmstate-send` has waited for an acknowledgement.
const SHORTEST_HELD_US: i64 = 10_000;

/// How long acknowledgements were waited for in all records; Linux's 40 ms, if no record says it.
pub fn acknowledgements_us(groups: &[Group]) -> Vec<u64> {
    let mut held: Vec<u64> = groups.iter().flat_map(|group| &group.records).filter_map(Record::held_us).collect();
    held.sort_unstable();
    if held.is_empty() { vec![40_000] } else { held }
}

/// Read the measurements in a folder.
pub fn read(dir: &Path) -> Result<Vec<Group>, String> {
    let path = dir.join("failover.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}; name a folder with the measurements", path.display()))?;
    let records: Vec<Record> = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if records.is_empty() {
        return Err(format!("{} has no record", path.display()));
    }
    let mut groups: BTreeMap<(Experiment, Setup), Vec<Record>> = BTreeMap::new();
    for record in records {
        check(&record).map_err(|message| format!("{}: {message}", path.display()))?;
        groups.entry((record.experiment, record.setup_of_group())).or_default().push(record);
    }
    let group = |((experiment, setup), records)| Group { experiment, setup, records };
    Ok(groups.into_iter().map(group).collect())
}

impl Record {
    /// A migration without multifd has no number of channels.
    fn setup_of_group(&self) -> Setup {
        let mut setup = self.variant.clone();
        if !setup.multifd {
            setup.channels = 0;
        }
        setup
    }
}

fn check(record: &Record) -> Result<(), String> {
    let Setup { how, hold, channels, multifd, .. } = &record.variant;
    let known = ["kill", "freeze", "alive", "alive-yank", "kill-later", "freeze-later"];
    if !known.contains(&how.as_str()) {
        return Err(format!("`how` is \"{how}\", expected one of {}", known.join(", ")));
    }
    let holds = ["one", "mid-packet", "main", "all"];
    if let Some(hold) = hold.as_ref().filter(|hold| !holds.contains(&hold.as_str())) {
        return Err(format!("`hold` is \"{hold}\", expected one of {}", holds.join(", ")));
    }
    if *multifd && !(1..=255).contains(channels) {
        return Err(format!("`channels` is {channels}, expected 1 to 255"));
    }
    if record.wait_ms.is_some_and(|wait| !(0.0..=60_000.0).contains(&wait)) {
        return Err("`wait_ms` is expected to be 0 to 60000".to_owned());
    }
    if let Some(Config { ram_mib, ws_mib, dirty_pages_per_s, checkpoint_delay_ms }) = record.config {
        let small = (8..=4096).contains(&ram_mib) && (1..ram_mib).contains(&ws_mib);
        if !small || dirty_pages_per_s > 10_000_000 || !(1..=60_000).contains(&checkpoint_delay_ms) {
            return Err(format!(
                "a guest of {ram_mib} MiB that writes {dirty_pages_per_s} pages/s in {ws_mib} MiB, with a checkpoint each \
                 {checkpoint_delay_ms} ms, is none that is simulated here"
            ));
        }
    }
    Ok(())
}
