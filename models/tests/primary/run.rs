//! One run of a primary against the scripted secondary.

use crate::log::Log;
use crate::scripted_secondary::Scripted;
use colosim_models::guest::{GuestRam, Layout, Side};
use colosim_models::metrics::{Metrics, Recorder};
use colosim_models::milestone::Milestones;
use colosim_models::preset::preset;
use colosim_models::primary::{Primary, PrimaryConfig, PrimaryObserver};
use colosim_models::scenario::{
    Accel, Contents, Granularity, Guest, Migration, PageRate, Share, Size, Span as Length, Workload,
};
use colosim_models::steps::STEPS;
use colosim_models::variant::{Multifd, SyncSender, Variant};
use colosim_sim::link::{Loss, Path, PathConfig, Tcp, Transport, connect};
use colosim_sim::{Config, Cx, Noise, Outcome, Plan, Sim, Simulator, Span, StepCost, Time};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

/// What one run is made of.
pub struct Setup {
    pub guest: Guest,
    pub migration: Migration,
    pub variant: Variant,
    pub granularity: Granularity,
    /// Bits per second of the path.
    pub rate: u64,
    /// How long the secondary takes from vmstate-received to vmstate-loaded.
    pub load_time: Span,
    /// Stop reading here.
    pub freeze_at: Option<Time>,
}

impl Setup {
    /// 4 MiB of RAM, four channels, the merged design, a checkpoint every 20 ms.
    pub fn new(workload: Workload) -> Setup {
        Setup {
            guest: Guest {
                ram: Size::from_bytes(4 << 20),
                video_ram: Size::default(),
                page_size: Size::from_bytes(4096),
                untouched: Size::default(),
                contents: Contents::default(),
                filled: Share::new(0.5),
                workload,
                paused: false,
                accel: Accel::Tcg,
                resizable: None,
                disk: None,
                output: None,
            },
            migration: Migration {
                multifd_channels: 4,
                x_checkpoint_delay: Length::from_nanos(20_000_000),
                ..Migration::default()
            },
            variant: preset("merged").expect("a preset").variant.clone(),
            granularity: Granularity::Packet,
            rate: 10_000_000_000,
            load_time: Span::ZERO,
            freeze_at: None,
        }
    }
}

/// Every page equally likely.
pub fn uniform(rate: u64, bytes: u64, zero_share: f64) -> Workload {
    Workload::Uniform {
        rate: PageRate::from_per_second(rate),
        working_set: Size::from_bytes(bytes),
        zero_share: Share::new(zero_share),
    }
}

/// What the primary told its observer.
#[derive(Default)]
pub struct Observed {
    pub states: RefCell<Vec<(u32, Vec<Vec<u64>>)>>,
    pub running: Cell<bool>,
}

impl PrimaryObserver for Observed {
    fn checkpoint_state(&self, number: u32, ram: &GuestRam) {
        self.states.borrow_mut().push((number, ram.blocks().iter().map(|block| block.iter().collect()).collect()));
    }

    fn vm_running(&self, running: bool) {
        self.running.set(running);
    }
}

/// What a run leaves behind.
pub struct Seen {
    pub outcome: Outcome,
    pub metrics: Metrics,
    pub log: Log,
    pub observed: Rc<Observed>,
    pub primary: Rc<Primary>,
    pub layout: Rc<Layout>,
}

impl Seen {
    /// Each state that the primary told its observer is what the streams made of the secondary's RAM.
    pub fn assert_states_arrived(&self) {
        let states = self.observed.states.borrow();
        assert!(states.len() >= self.log.states.len());
        for (state, (number, ram)) in states.iter().enumerate().take(self.log.states.len()) {
            assert_eq!(*number as usize, state);
            assert!(self.log.image(&self.layout, state) == *ram, "RAM differs at checkpoint {number}");
        }
    }
}

/// Run a primary against the scripted secondary until `until` returns; what is under way still arrives.
pub fn run<F: Future<Output = ()> + 'static>(setup: Setup, until: impl FnOnce(Cx, Rc<Primary>) -> F + 'static) -> Seen {
    let config = Config {
        seed: 1,
        steps: STEPS,
        costs: vec![StepCost { fixed_ns: 100, per_unit_ns: 0 }; STEPS.len()].into(),
        noise: Noise::default(),
        plan: Plan::default(),
        time_limit: Span::millis(120_000),
        step_limit: 100_000_000,
        record: false,
    };
    let layout = Rc::new(Layout::new(&setup.guest, Side::Primary));
    let recorder = Recorder::default();
    let observed = Rc::new(Observed::default());
    let log = Rc::new(RefCell::new(Log::default()));
    let mut primary = None;
    let outcome = Simulator::new().run(config, |sim| {
        primary = Some(build(sim, setup, &layout, &recorder, &observed, &log, until));
    });
    let primary = primary.expect("the primary was built");
    primary.finish_metrics(outcome.time);
    let metrics = recorder.borrow().clone();
    Seen { outcome, metrics, log: log.take(), observed, primary, layout }
}

fn build<F: Future<Output = ()> + 'static>(
    sim: &Sim,
    setup: Setup,
    layout: &Rc<Layout>,
    recorder: &Recorder,
    observed: &Rc<Observed>,
    log: &Rc<RefCell<Log>>,
    until: impl FnOnce(Cx, Rc<Primary>) -> F + 'static,
) -> Rc<Primary> {
    let path = || {
        Path::new(PathConfig {
            rate_bits_per_s: setup.rate,
            latency: Span::micros(50),
            jitter: Span::ZERO,
            loss: Loss::None,
            queue_bytes: 4 << 20,
        })
    };
    let (there, back) = (path(), path());
    let (here, peer) = (sim.process("primary"), sim.process("secondary"));
    let connection = |name: &str| {
        connect(sim, name, (here, &there), (peer, &back), Transport::Tcp(Tcp::loopback()), 1 << 20, 1 << 20)
    };
    let (main, peer_main) = connection("main");
    let channel_count = match setup.variant.multifd {
        Multifd::On => setup.migration.multifd_channels,
        Multifd::Off => 0,
    };
    let (channels, peer_channels): (Vec<_>, Vec<_>) =
        (0..channel_count).map(|id| connection(&format!("multifd_{id}"))).unzip();

    let scripted = Rc::new(Scripted {
        layout: layout.clone(),
        log: log.clone(),
        compression: setup.migration.multifd_compression,
        sync_on_eos: setup.variant.sync_sender == SyncSender::PerSection || channel_count == 0,
        colo: setup.migration.x_colo,
        load_time: setup.load_time,
    });
    log.borrow_mut().channels.resize_with(channel_count as usize, Vec::new);
    for (id, socket) in peer_channels.into_iter().enumerate() {
        let scripted = scripted.clone();
        sim.spawn(peer, &format!("recv_{id}"), move |cx| async move { scripted.read_channel(&cx, id, &socket).await });
    }
    sim.spawn(peer, "dst/main", move |cx| async move { scripted.read_main(&cx, &peer_main).await });

    let primary = Primary::new(
        sim,
        here,
        PrimaryConfig {
            checkpoints_max: None,
            variant: setup.variant,
            migration: setup.migration,
            guest: setup.guest,
            granularity: setup.granularity,
            layout: layout.clone(),
        },
        main,
        channels,
        recorder.clone(),
        Milestones::new(),
        observed.clone(),
    );
    primary.spawn();
    let watched = primary.clone();
    let freeze_at = setup.freeze_at;
    sim.spawn(sim.process("test"), "test/end", move |cx| async move {
        if let Some(time) = freeze_at {
            cx.sleep_until(time).await;
            cx.sim.freeze(peer);
        }
        until(cx.clone(), watched).await;
        cx.sleep(Span::millis(10)).await;
        cx.sim.finish();
    });
    primary
}
