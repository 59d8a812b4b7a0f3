//! A recorded COLO configuration as a scenario, and its run.

use super::recording::{Config, Recording, Transport};
use crate::error::Error;
use colosim_models::host_profile::HostProfile;
use colosim_models::metrics::Checkpoint;
use colosim_models::preset::preset;
use colosim_models::scenario::Scenario;
use colosim_models::steps::step_names;
use colosim_models::variant::Variant;
use colosim_models::world::{Run, RunInput, run};
use colosim_sim::{Plan, Simulator};

/// Checkpoints that a recording leaves out at its start.
pub(crate) const LEFT_OUT: usize = 2;

/// A recorded configuration, ready to run.
pub struct Configuration {
    scenario: Scenario,
    variant: Variant,
    transport: Transport,
}

impl Configuration {
    /// What was recorded, with as many checkpoints.
    ///
    /// # Errors
    /// It is none that the simulator takes: without RAM, with a working set larger than that, without a checkpoint.
    pub fn of(recording: &Recording) -> Result<Configuration, Error> {
        let checkpoints = recording.result.checkpoints.len();
        Configuration::with(recording, checkpoints, &workload(&recording.config))
    }

    /// What was recorded, but with this many checkpoints beside those that a recording leaves out, and with so many dirty pages
    /// in each.
    ///
    /// # Errors
    /// As [`Configuration::of`].
    pub fn with_pages(recording: &Recording, checkpoints: usize, pages: u64) -> Result<Configuration, Error> {
        Configuration::with(recording, checkpoints, &format!("EachRun(pages: {pages})"))
    }

    fn with(recording: &Recording, checkpoints: usize, workload: &str) -> Result<Configuration, Error> {
        let refuse = |message| Error::Configuration {
            path: "colo.json".into(),
            configuration: recording.config.to_string(),
            message,
        };
        if recording.result.checkpoints.is_empty() {
            return Err(refuse("it has no checkpoint".into()));
        }
        let text = scenario(&recording.config, workload, checkpoints + LEFT_OUT);
        let scenario = Scenario::from_ron(&text, "colo.json").map_err(|error| refuse(error.message))?;
        if let Some(error) = scenario.validate(&text, "colo.json", &step_names()).into_iter().next() {
            return Err(refuse(error.message));
        }
        let design = if recording.config.multifd { "merged" } else { "plain-ram.c" };
        let variant = preset(design).expect("a design of this program").variant.clone();
        Ok(Configuration { scenario, variant, transport: recording.config.transport })
    }

    /// The same with TCP_NODELAY on the main connection: nothing waits for a delayed acknowledgement.
    pub fn without_delayed_acknowledgements(mut self) -> Configuration {
        self.scenario.link.no_delay = true;
        self
    }

    /// The profile of the host that recorded it.
    pub fn profile(&self) -> &'static str {
        match self.transport {
            Transport::Tcp => "lab-loopback",
            Transport::Unix => "lab-unix",
        }
    }

    /// Run it on a host, with this seed; `record`: with its trace.
    pub fn run(&self, simulator: &mut Simulator, host: &HostProfile, seed: u64, record: bool) -> Run {
        let plan = Plan::natural();
        let input =
            RunInput { scenario: &self.scenario, variant: &self.variant, host, faults: &[], seed, plan: &plan, record };
        run(simulator, input)
    }
}

/// The checkpoints of a run that a recording would hold.
pub fn recorded(run: &Run) -> &[Checkpoint] {
    run.metrics.checkpoints.get(LEFT_OUT..).unwrap_or_default()
}

/// What the guest does. One that dirties nothing still writes its counter and its stack, two pages, each time it runs.
fn workload(Config { dirty_pages_per_s, ws_mib, .. }: &Config) -> String {
    match dirty_pages_per_s {
        0 => "EachRun(pages: 2)".to_owned(),
        rate => format!("Sequential(rate: \"{rate} pages/s\", working_set: \"{ws_mib} MiB\")"),
    }
}

/// The scenario in RON.
fn scenario(config: &Config, workload: &str, checkpoints: usize) -> String {
    let Config { ram_mib, fill_mib, max_bandwidth, channels, checkpoint_delay_ms, .. } = config;
    let detection = config.zero_page_detection.in_ron();
    format!(
        "Scenario(question: \"\", variants: [\"merged\"],
         guest: (ram: \"{ram_mib} MiB\", filled: {}, workload: {workload}),
         migration: (multifd_channels: {}, x_checkpoint_delay: \"{checkpoint_delay_ms} ms\",
                     max_bandwidth: \"{max_bandwidth} B/s\", zero_page_detection: {detection}),
         link: ({}), granularity: Packet, stop: AfterCheckpoints({checkpoints}))",
        *fill_mib as f64 / *ram_mib as f64,
        (*channels).max(1),
        link(config.transport),
    )
}

/// What connected the two processes. The receive window of a loopback connection stays at 16 segments: Linux lets it grow
/// to twice what is read in a round trip, and 16 segments on top, and a round trip is a few microseconds here. Its send buffer
/// stays at what the initial window of 10 segments makes of it (`tcp_sndbuf_expand`: twice the window, 128 KiB and an skb for each
/// segment): a reader is never more than 780 pages behind, of which the window takes 255. The sender's limit of a UNIX
/// socket is net.core.wmem_default, and it counts what the receiver has not read.
fn link(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => {
            "transport: Tcp, no_delay: false, rate: \"1000 Gbit/s\", latency: \"10 us\", segment: \"65483 B\", \
             send_buffer: \"2626560 B\", receive_buffer: \"1 MiB\""
        }
        Transport::Unix => {
            "transport: Unix, rate: \"1000 Gbit/s\", latency: \"5 us\", send_buffer: \"208 KiB\", receive_buffer: \"208 KiB\""
        }
    }
}
