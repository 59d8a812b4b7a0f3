//! A recorded migration as a scenario, and its run.

use super::recording::{Compression, Config, Recording};
use crate::error::Error;
use colosim_models::host_profile::HostProfile;
use colosim_models::preset::preset;
use colosim_models::scenario::Scenario;
use colosim_models::variant::Variant;
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::{Plan, Simulator};

/// What the machine `pc` has besides its RAM: two ROMs and the ACPI tables, in KiB.
const ROMS_KIB: u64 = 520;
/// What is not zero in a guest before it fills anything, its ROMs included: in pages, the same for every size of RAM (pages
/// sent less zero pages and filled pages).
const FIRMWARE_PAGES: u64 = 123;
/// The guest fills from 4 MiB on. What is not zero before is laid directly before that.
const FILL_FROM_PAGE: u64 = 1024;
const PAGES_PER_MIB: u64 = 256;
const PAGE_BYTES: u64 = 4096;

/// What connected the two processes: segments of 64 KiB and a receive window of 16 of them, as in [`crate::colo`].
const LOOPBACK: &str =
    "transport: Tcp, rate: \"400 Gbit/s\", latency: \"10 us\", segment: \"65483 B\", receive_buffer: \"1 MiB\"";

/// Length of the description of the device state: of the machine `pc` without disk and network card, in the recorded streams.
const VM_DESCRIPTION_BYTES: u64 = 95_386;
/// How long the rate of the guest was counted before the migration command, from its start delay on. From the guest's own
/// clock: until it was looked at after the migration it ran 270 to 380 ms longer than that took, start delay included.
const COUNTED_MS: u64 = 250;

/// What a recording does not tell, or not exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumed {
    /// How long the guest ran before the migration, from its start delay on.
    pub counted_ms: u64,
    /// `downtime-limit` in microseconds.
    pub downtime_limit_us: u64,
}

impl Assumed {
    /// As its configuration has it.
    pub fn of(recording: &Recording) -> Assumed {
        let downtime_limit_us = recording.config.downtime_limit_ms.saturating_mul(1000);
        Assumed { counted_ms: COUNTED_MS, downtime_limit_us }
    }
}

/// A recorded configuration, ready to run.
pub struct Configuration {
    scenario: Scenario,
    variant: Variant,
}

impl Configuration {
    /// What was recorded.
    ///
    /// # Errors
    /// It is none that the simulator takes: no page of RAM, no channel.
    pub fn of(recording: &Recording) -> Result<Configuration, Error> {
        Configuration::assuming(recording, Assumed::of(recording))
    }

    /// What was recorded, but for what is assumed.
    ///
    /// # Errors
    /// As [`Configuration::of`].
    pub fn assuming(recording: &Recording, assumed: Assumed) -> Result<Configuration, Error> {
        let text = scenario(recording, assumed);
        let scenario = Scenario::from_ron(&text, "precopy.json")?;
        let design = if recording.config.multifd { "merged" } else { "plain-ram.c" };
        if let Some(wrong) = scenario.validate(&text, "precopy.json", &[]).into_iter().next() {
            return Err(Error::Refused(wrong));
        }
        Ok(Configuration { scenario, variant: preset(design).expect("a design of this program").variant.clone() })
    }

    /// Run it on a host, with this seed.
    pub fn run(&self, simulator: &mut Simulator, host: &HostProfile, seed: u64) -> Run {
        let plan = Plan::natural();
        let input = RunInput {
            scenario: &self.scenario,
            variant: &self.variant,
            host,
            faults: &[],
            seed,
            plan: &plan,
            record: false,
        };
        run(simulator, input)
    }
}

/// Where in its working set the guest is when migration starts, bytes.
fn start(config: &Config, counted_ms: u64) -> u64 {
    let pages = config.dirty_pages_per_s * (config.guest_start_delay_ms + counted_ms) / 1000;
    pages % (config.ws_mib * PAGES_PER_MIB).max(1) * PAGE_BYTES
}

/// The scenario in RON. A migration that was stopped by its user is looked at when it was.
fn scenario(recording: &Recording, Assumed { counted_ms, downtime_limit_us }: Assumed) -> String {
    let Config { ram_mib, fill_mib, ws_mib, dirty_pages_per_s, max_bandwidth, channels, .. } = recording.config;
    let workload = match dirty_pages_per_s {
        0 => "Idle".to_owned(),
        rate => format!(
            "Sequential(rate: \"{rate} pages/s\", working_set: \"{ws_mib} MiB\", start: \"{} B\")",
            start(&recording.config, counted_ms)
        ),
    };
    let detection = recording.config.zero_page_detection.in_ron();
    let compression = match recording.config.compression {
        Compression::None => "None",
        Compression::Zlib => "Zlib",
        Compression::Zstd => "Zstd",
    };
    let contents = match recording.config.fill_mode {
        0 => "Random",
        _ => "RepeatedWord",
    };
    let stop = match recording.result.converged {
        true => "AfterPrecopy".to_owned(),
        false => format!("AtTime(\"{} ms\")", recording.result.query_migrate.total_time),
    };
    let filled_pages = fill_mib * PAGES_PER_MIB + FIRMWARE_PAGES;
    let pages = ram_mib * PAGES_PER_MIB + ROMS_KIB / 4;
    format!(
        "Scenario(question: \"\", variants: [\"merged\"],
         guest: (ram: \"{ram_mib} MiB\", video_ram: \"{ROMS_KIB} KiB\", untouched: \"{} B\", filled: {}, contents: {contents},
                 workload: {workload}),
         migration: (multifd_channels: {}, max_bandwidth: \"{max_bandwidth} B/s\", downtime_limit: \"{downtime_limit_us} us\",
                     zero_page_detection: {detection}, multifd_compression: {compression}, x_colo: false, auto_converge: {}, vm_description: \"{VM_DESCRIPTION_BYTES} B\"),
         link: ({LOOPBACK}),
         granularity: Packet, stop: {stop})",
        (FILL_FROM_PAGE - FIRMWARE_PAGES) * PAGE_BYTES,
        filled_pages as f64 / pages as f64,
        channels.max(1),
        recording.config.auto_converge,
    )
}
