//! The world of a run: two hosts, a path between them, a management; built from a scenario, a design, faults, a seed and
//! a plan.

use crate::guest::{GuestWriter, Layout, Side};
use crate::host_profile::HostProfile;
use crate::management::{Management, span};
use crate::metrics::{Metrics, Recorder};
use crate::milestone::Milestones;
use crate::network_output::NetworkOutput;
use crate::oracle::Oracle;
use crate::primary::{Primary, PrimaryConfig};
use crate::replication::{PrimaryDisk, SecondaryDisk};
use crate::scenario::{Asks, Congestion, Fault, Scenario, Size, Stop, Transport};
use crate::secondary::{PageContent, Secondary, SecondaryConfig, Vm};
use crate::steps::STEPS;
use crate::variant::{Multifd, Variant};
use colosim_sim::link::{self, Path, PathConfig, Socket, Tcp, connect};
use colosim_sim::{Config, Noise, Outcome, Plan, ProcessId, Sim, Simulator, Span, StepCost};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Steps after which a run is ended, whatever it does.
const STEP_LIMIT: u64 = 2_000_000_000;

/// What one run is made of.
#[derive(Debug, Clone, Copy)]
pub struct RunInput<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The design.
    pub variant: &'a Variant,
    /// The hosts.
    pub host: &'a HostProfile,
    /// The faults that strike, in order.
    pub faults: &'a [Fault],
    /// Seed of all randomness.
    pub seed: u64,
    /// The adversary.
    pub plan: &'a Plan,
    /// Keep the whole trace.
    pub record: bool,
}

/// What one run leaves behind.
#[derive(Debug, Clone)]
pub struct Run {
    /// Trace hash, violations, hazards, and why it ended.
    pub outcome: Outcome,
    /// Measurements.
    pub metrics: Metrics,
    /// How many of the faults have struck.
    pub faults_struck: u32,
}

/// The costs of every step on a host, and how they vary.
pub fn costs(host: &HostProfile) -> (Rc<[StepCost]>, Noise) {
    let cost = |name: &str| {
        let cost = host.cost(name);
        StepCost { fixed_ns: cost.fixed.nanos(), per_unit_ns: cost.per_page.nanos() }
    };
    let preemption = host.noise.preemption;
    let noise = Noise {
        spread_permille: (host.noise.spread.value() * 1000.0) as u32,
        preemption_interval_ns: preemption.map_or(0, |p| p.mean_interval.nanos()),
        preemption_length_ns: preemption.map_or(0, |p| p.mean_length.nanos()),
    };
    (STEPS.iter().map(|step| cost(step.name)).collect(), noise)
}

/// Run it.
pub fn run(simulator: &mut Simulator, input: RunInput<'_>) -> Run {
    let (costs, noise) = costs(input.host);
    let config = Config {
        seed: input.seed,
        steps: STEPS,
        costs,
        noise,
        plan: input.plan.clone(),
        time_limit: time_limit(input.scenario),
        step_limit: STEP_LIMIT,
        record: input.record,
    };
    let recorder: Recorder = Recorder::default();
    let world: RefCell<Option<(Rc<Management>, Rc<Primary>)>> = RefCell::new(None);
    simulator.share_cores(input.host.shared_cores.unwrap_or(0));
    let outcome = simulator.run(config, |sim| {
        *world.borrow_mut() = Some(build(sim, &input, &recorder));
    });
    let (management, primary) = world.into_inner().expect("the world was built");
    primary.finish_metrics(outcome.time);
    let mut metrics = std::mem::take(&mut *recorder.borrow_mut());
    metrics.leaked_pages = management.oracle.leaked_pages();
    if let Some(output) = &management.output {
        metrics.packets_released = output.clients.packets();
        metrics.packets_held = output.compare.held();
        metrics.count_held(output.clients.held());
    }
    metrics.failover_ns = management.failover.get().and_then(|(asked, ran)| Some(ran?.since(asked).0));
    Run { outcome, metrics, faults_struck: management.struck.get() }
}

/// A run that has not ended by then never will.
fn time_limit(scenario: &Scenario) -> Span {
    // Ten minutes, or three times what all of RAM takes at the rate that is allowed, and at 1 GiB/s.
    let (ram, link) = (u128::from(scenario.guest.ram.bytes()), scenario.link.rate.bits_per_second() / 8);
    let limit = [link, scenario.migration.max_bandwidth.bytes_per_second(), 1 << 30];
    let slowest = limit.into_iter().filter(|rate| *rate > 0).min().unwrap_or(u64::MAX);
    let all_of_ram_ns = ram * 1_000_000_000 / u128::from(slowest);
    let precopy = Span::millis(600_000).max(Span(u64::try_from(3 * all_of_ram_ns).unwrap_or(u64::MAX)));
    let checkpoints = match scenario.stop {
        Stop::AfterPrecopy => 0,
        Stop::AfterCheckpoints(count) => u64::from(count) + 2,
        Stop::AtTime(time) => return span(time),
    };
    let delay = span(scenario.migration.x_checkpoint_delay);
    precopy + Span(delay.0.saturating_mul(2 * checkpoints)) + span(scenario.failover_bound)
}

fn build(sim: &Sim, input: &RunInput<'_>, recorder: &Recorder) -> (Rc<Management>, Rc<Primary>) {
    let scenario = input.scenario;
    let layout = Rc::new(Layout::new(&scenario.guest, Side::Primary));
    let of_secondary = Rc::new(Layout::new(&scenario.guest, Side::Secondary));
    let (channels, of_primary) = match input.variant.multifd {
        Multifd::On => {
            let channels = scenario.migration.multifd_channels;
            (channels, scenario.migration.primary_multifd_channels.unwrap_or(channels))
        }
        Multifd::Off => (0, 0),
    };
    let primary_process = sim.process("primary");
    let secondary_process = sim.process("secondary");
    let host_process = sim.process("management");
    sim.outside(host_process);

    let network = Network::new(sim, scenario, primary_process, secondary_process);
    let (primary_main, secondary_main) = network.connect("main");
    let multifd: Vec<_> = (0..of_primary).map(|id| network.connect(&format!("multifd_{id}"))).collect();
    let redirector = scenario.guest.output.map(|config| (config, network.connect("redirector")));
    let (primary_multifd, mut secondary_multifd): (Vec<_>, Vec<_>) = multifd.into_iter().unzip();
    if of_primary != channels {
        // Channels connect side by side. Which come first matters where not all are wanted.
        let first = sim.stream("order of connections", "multifd").below(u64::from(of_primary));
        secondary_multifd.rotate_right(first as usize + 1);
    }

    let nbd = scenario.guest.disk.map(|disk| (disk, network.connect("nbd")));

    let oracle = Rc::new(Oracle::new());
    let milestones = match &scenario.explore_from {
        Some(place) => Milestones::explored_from(place.clone()),
        None => {
            sim.explore_from_here();
            Milestones::new()
        }
    };
    let primary = Primary::new(
        sim,
        primary_process,
        PrimaryConfig {
            variant: input.variant.clone(),
            migration: scenario.migration.clone(),
            guest: scenario.guest.clone(),
            granularity: scenario.granularity,
            layout: layout.clone(),
            checkpoints_max: match scenario.stop {
                Stop::AfterCheckpoints(count) => Some(count),
                Stop::AfterPrecopy | Stop::AtTime(_) => None,
            },
        },
        primary_main.clone(),
        primary_multifd.clone(),
        recorder.clone(),
        milestones.clone(),
        oracle.clone(),
    );
    let svm =
        GuestWriter::new(&scenario.guest.workload, &of_secondary, sim.stream("workload", "secondary"), Side::Secondary);
    let secondary = Secondary::new(
        sim,
        secondary_process,
        SecondaryConfig {
            variant: input.variant.clone(),
            x_colo: scenario.migration.x_colo,
            channels,
            target_is_live: !scenario.guest.paused,
            compression: scenario.migration.multifd_compression,
            layout: of_secondary,
            granularity: scenario.granularity,
            content: PageContent::Tag,
            accel: scenario.guest.accel,
            exit_on_error: scenario.migration.exit_on_error,
            vm: Vm::new(sim, svm),
        },
        secondary_main,
        secondary_multifd,
        oracle.clone(),
        milestones.clone(),
        recorder.clone(),
    );
    let output = redirector.as_ref().map(|(config, (at_primary, at_secondary))| {
        Rc::new(NetworkOutput::new(sim, *config, at_primary.clone(), at_secondary.clone()))
    });
    if let Some(output) = &output {
        let is_first = primary.output.set(output.clone()).is_ok() && secondary.output.set(output.clone()).is_ok();
        debug_assert!(is_first, "a machine has its network once");
    }
    if let Some((disk, (client, server))) = &nbd {
        let is_first = primary.disk.set(Rc::new(PrimaryDisk::new(sim, *disk, client.clone()))).is_ok()
            && secondary.disk.set(Rc::new(SecondaryDisk::new(sim, *disk, server.clone()))).is_ok();
        debug_assert!(is_first, "a machine has its disk once");
    }
    primary.spawn();
    secondary.spawn();

    let management = Rc::new(Management {
        primary: primary.clone(),
        secondary,
        primary_process,
        secondary_process,
        main: primary_main,
        channels: primary_multifd,
        nbd: nbd.map(|(_, (client, _))| client),
        redirector: redirector.map(|(_, (at_primary, _))| at_primary),
        output,
        oracle,
        milestones,
        failover_bound: span(scenario.failover_bound),
        fenced: scenario.asks.contains(&Asks::OneSideRuns),
        struck: Cell::new(0),
        refused: Cell::new(None),
        watched: Cell::new(false),
        under_way: Cell::new(0),
        failover: Cell::new(None),
    });
    let (faults, stop) = (input.faults.to_vec(), scenario.stop);
    let striking = management.clone();
    sim.spawn(host_process, "management/faults", |cx| striking.strike(cx, faults));
    let stopping = management.clone();
    sim.spawn(host_process, "management/stop", move |cx| stopping.stop(cx, stop));
    (management, primary)
}

/// The path between the hosts, and the connections on it.
struct Network<'a> {
    sim: &'a Sim,
    scenario: &'a Scenario,
    primary: ProcessId,
    secondary: ProcessId,
    there: Path,
    back: Path,
}

impl<'a> Network<'a> {
    fn new(sim: &'a Sim, scenario: &'a Scenario, primary: ProcessId, secondary: ProcessId) -> Network<'a> {
        let link = &scenario.link;
        let config = PathConfig {
            rate_bits_per_s: link.rate.bits_per_second(),
            latency: span(link.latency),
            jitter: span(link.jitter),
            loss: link.loss.of_path().expect("the scenario was validated"),
            queue_bytes: link.queue.map_or(u64::MAX, Size::bytes),
        };
        Network { sim, scenario, primary, secondary, there: Path::new(config), back: Path::new(config) }
    }

    /// The primary's and the secondary's end of a new connection.
    fn connect(&self, name: &str) -> (Socket, Socket) {
        let link = &self.scenario.link;
        let transport = match link.transport {
            Transport::Tcp => link::Transport::Tcp(Tcp {
                congestion: match link.congestion {
                    Congestion::Cubic => link::Congestion::Cubic { hystart: link.hystart },
                    Congestion::Reno => link::Congestion::Reno,
                },
                segment_bytes: link.segment.bytes(),
                initial_window: link.initial_window,
                slow_start_after_idle: link.slow_start_after_idle,
                // QEMU sets TCP_NODELAY on multifd channels only.
                no_delay: link.no_delay || name != "main",
                acknowledgement_delay: span(link.delayed_ack),
                timer_grain: span(link.jiffy),
                ..Tcp::ethernet()
            }),
            Transport::Unix => link::Transport::Unix,
        };
        connect(
            self.sim,
            name,
            (self.primary, &self.there),
            (self.secondary, &self.back),
            transport,
            link.send_buffer.bytes(),
            link.receive_buffer.bytes(),
        )
    }
}
