//! The primary: QEMU's outgoing side with multifd and COLO, thread by thread.
//!
//! ```text
//!  migration thread "mig/src/main"                                 main loop "src/main"
//!    migration_thread ─▶ ram_save ─▶ multifd_queue ──┐               failover ── x-colo-lost-heartbeat
//!    colo ── checkpoint after checkpoint ─▲          │ jobs, syncs   timer ──▶ colo::checkpoint_notify
//!                                                    ▼
//!                             send threads 0..N: multifd_send ─▶ multifd sockets
//! ```
//!
//! Every thread is one function that reads top to bottom like the QEMU function it follows. What two threads share is a
//! field of [`Primary`] or of its multifd state.
//!
//! **Not modelled**: the return path of precopy (it stays closed), cancelling, XBZRLE, postcopy, TLS,
//! zero-copy-send, establishing the connections; of disks only what `replication` has.

mod auto_converge;
mod checkpoint_timer;
mod colo;
mod failover;
mod main_channel;
mod main_loop;
mod migration_thread;
mod multifd_queue;
mod multifd_send;
mod ram_save;
mod rate_limit;

use crate::guest::{GuestRam, GuestWriter, Layout, Side};
use crate::metrics::{Metrics, Recorder};
use crate::milestone::Milestones;
use crate::network_output::{self, NetworkOutput, Wanted};
use crate::replication::PrimaryDisk;
use crate::scenario::{self, Contents, Granularity, ZeroPageDetection};
use crate::variant::{Multifd, Variant};
use crate::wire::colo_message::ColoMessage;
use auto_converge::AutoConverge;
use checkpoint_timer::CheckpointTimer;
use colosim_sim::link::Socket;
use colosim_sim::{Atomic, Cx, Event, Mutex, ProcessId, Signal, Sim, ThreadId, Time};
use main_channel::MainChannel;
use main_loop::{MainLoop, Work};
use multifd_send::MultifdSendState;
use ram_save::RamState;
use rate_limit::RateLimit;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// What the oracles need to be told by the primary.
pub trait PrimaryObserver {
    /// The PVM is stopped; its RAM now is the state of checkpoint `number` (0: end of precopy).
    fn checkpoint_state(&self, number: u32, ram: &GuestRam);
    /// The PVM is stopped and its disk drained; this is the content of each cluster at checkpoint `number`.
    fn disk_state(&self, _number: u32, _clusters: Vec<u64>) {}
    /// The PVM was started or stopped.
    fn vm_running(&self, running: bool);
}

/// What a primary is made of.
pub struct PrimaryConfig {
    /// The design.
    pub variant: Variant,
    /// Migration parameters.
    pub migration: scenario::Migration,
    /// The guest.
    pub guest: scenario::Guest,
    /// Step size.
    pub granularity: Granularity,
    /// RAM.
    pub layout: Rc<Layout>,
    /// Checkpoints after which the scenario ends, if it ends after some.
    pub checkpoints_max: Option<u32>,
}

/// State of the migration (`MigrationState.state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Not under way yet.
    Setup,
    /// Precopy.
    Active,
    /// The VM is stopped at the end of precopy.
    Device,
    /// COLO.
    Colo,
    /// The VM was handed over; or, after COLO, failover was asked for.
    Completed,
    /// It broke; the VM runs on here.
    Failed,
}

/// State of the failover request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverState {
    /// Nobody asked.
    None,
    /// Asked for, bottom half scheduled.
    Require,
    /// The bottom half runs.
    Active,
    /// Done.
    Completed,
}

/// Page and packet counters, of the whole run.
#[derive(Default)]
struct Counters {
    /// `normal`: pages sent with content.
    normal: Cell<u64>,
    /// `duplicate`: pages sent as zero pages.
    duplicate: Cell<u64>,
    /// Data packets on the multifd channels.
    packets: Cell<u64>,
}

/// The primary's QEMU process.
pub struct Primary {
    sim: Sim,
    process: ProcessId,
    variant: Variant,
    migration: scenario::Migration,
    granularity: Granularity,
    contents: Contents,
    checkpoints_max: Option<u32>,
    layout: Rc<Layout>,
    ram: RefCell<GuestRam>,
    bql: Mutex,
    main_loop: MainLoop,
    file: MainChannel,
    multifd: MultifdSendState,
    ram_state: RamState,
    rate_limit: RateLimit,
    auto_converge: AutoConverge,
    counters: Counters,
    state: Atomic<MigrationState>,
    failover_state: Atomic<FailoverState>,
    /// `colo_checkpoint_event`: set while a checkpoint is wanted.
    checkpoint_event: Event,
    checkpoint_timer: CheckpointTimer,
    /// `colo_exit_event`: the COLO loop may go.
    exit_event: Event,
    /// Answers of the secondary that were not waited for and are still to be taken, in order.
    unread: RefCell<Vec<ColoMessage>>,
    /// What the guest sends, if it sends anything.
    pub(crate) output: OnceCell<Rc<NetworkOutput>>,
    /// The guest's disk, if it has one.
    pub(crate) disk: OnceCell<Rc<PrimaryDisk>>,
    /// `packets_compare_notifier` is registered.
    compare_notifier: Cell<bool>,
    /// Just before the VM was stopped at the end of precopy.
    downtime_start: Cell<Time>,
    threads: RefCell<Option<Threads>>,
    /// Checkpoints that were finished.
    pub checkpoints_done: Cell<u32>,
    checkpoint_signals: RefCell<Vec<Signal>>,
    /// Precopy is over: the state is COLO, or the migration is complete or has failed.
    pub precopy_done: Signal,
    /// The COLO loop was left and the PVM runs on by itself.
    pub failed_over: Signal,
    /// Error messages, in order.
    pub errors: RefCell<Vec<String>>,
    /// The guest was stopped by its user.
    starts_paused: bool,
    began: Time,
    measured: Cell<bool>,
    recorder: Recorder,
    milestones: Milestones,
    observer: Rc<dyn PrimaryObserver>,
    /// From outside: the device state of checkpoints is one that the secondary cannot load.
    pub(crate) device_state_is_corrupt: Cell<bool>,
}

struct Threads {
    migration: ThreadId,
    send: Vec<ThreadId>,
}

impl Primary {
    /// A primary whose connections stand; `main` and `channels` are its ends of them. The migration command is given now.
    ///
    /// # Panics
    /// If the variant's multifd is on without channels, or off with some.
    #[expect(clippy::too_many_arguments, reason = "each is a different part of the world around the process")]
    pub fn new(
        sim: &Sim,
        process: ProcessId,
        config: PrimaryConfig,
        main: Socket,
        channels: Vec<Socket>,
        recorder: Recorder,
        milestones: Milestones,
        observer: Rc<dyn PrimaryObserver>,
    ) -> Rc<Primary> {
        let PrimaryConfig { variant, migration, guest, granularity, layout, checkpoints_max } = config;
        assert_eq!(variant.multifd == Multifd::On, !channels.is_empty(), "multifd has channels if it is on");
        let stream = sim.stream("workload", "primary");
        let writer = GuestWriter::new(&guest.workload, &layout, stream, Side::Primary);
        Rc::new(Primary {
            sim: sim.clone(),
            process,
            ram: RefCell::new(GuestRam::new(&layout, guest.filled, writer)),
            bql: Mutex::new(sim, "BQL of the primary"),
            main_loop: MainLoop::new(sim),
            file: MainChannel::new(main),
            multifd: MultifdSendState::new(sim, channels),
            ram_state: RamState::new(sim, &layout),
            rate_limit: RateLimit::new(&migration),
            auto_converge: AutoConverge::default(),
            counters: Counters::default(),
            state: Atomic::new(sim, MigrationState::Setup),
            failover_state: Atomic::new(sim, FailoverState::None),
            checkpoint_event: Event::new(sim, "colo_checkpoint_event"),
            checkpoint_timer: CheckpointTimer::new(sim),
            exit_event: Event::new(sim, "colo_exit_event"),
            unread: RefCell::default(),
            output: OnceCell::new(),
            disk: OnceCell::new(),
            compare_notifier: Cell::new(false),
            downtime_start: Cell::new(Time::ZERO),
            threads: RefCell::new(None),
            checkpoints_done: Cell::new(0),
            checkpoint_signals: RefCell::default(),
            precopy_done: Signal::new(sim),
            failed_over: Signal::new(sim),
            errors: RefCell::default(),
            starts_paused: guest.paused,
            began: sim.now(),
            measured: Cell::new(false),
            variant,
            migration,
            granularity,
            contents: guest.contents,
            checkpoints_max,
            layout,
            recorder,
            milestones,
            observer,
            device_state_is_corrupt: Cell::new(false),
        })
    }

    /// Start the guest and all threads.
    pub fn spawn(self: &Rc<Self>) {
        if !self.starts_paused {
            self.ram.borrow_mut().start(self.sim.now());
            self.observer.vm_running(true);
        }
        let sim = &self.sim;
        let qemu = self.clone();
        sim.spawn(self.process, "src/main", |cx| main_loop::main_loop_thread(cx, qemu));
        let qemu = self.clone();
        sim.spawn(self.process, "src/timer", |cx| checkpoint_timer::timer_thread(cx, qemu));
        let send_thread = |id| {
            let qemu = self.clone();
            let name = format!("mig/src/send_{id}");
            sim.spawn(self.process, &name, move |cx| multifd_send::multifd_send_thread(cx, qemu, id))
        };
        let send = (0..self.multifd.channels.len()).map(send_thread).collect();
        let qemu = self.clone();
        let migration = sim.spawn(self.process, "mig/src/main", |cx| migration_thread::migration_thread(cx, qemu));
        *self.threads.borrow_mut() = Some(Threads { migration, send });
        if let Some(output) = self.output.get() {
            self.spawn_output(output);
        }
        if let Some(disk) = self.disk.get().cloned() {
            sim.spawn(self.process, "src/disk", |cx| disk.guest_thread(cx));
        }
    }

    /// Start what the guest's packets pass on their way to the clients.
    fn spawn_output(self: &Rc<Self>, output: &Rc<NetworkOutput>) {
        let sim = &self.sim;
        let guest = output.clone();
        sim.spawn(self.process, "src/guest", |cx| network_output::pvm_thread(cx, guest));
        let (qemu, compare) = (self.clone(), output.clone());
        sim.spawn(self.process, "src/compare", |cx| async move {
            compare.compare.run(&cx, &compare.clients, |cx, wanted| qemu.compare_notifies(cx, wanted)).await;
        });
        let compare = output.clone();
        sim.spawn(self.process, "src/compare-in", |cx| async move { compare.compare.receive(&cx).await });
        let compare = output.clone();
        sim.spawn(self.process, "src/compare-timer", |cx| async move { compare.compare.tick(&cx).await });
    }

    /// `packets_compare_notifier`: colo-compare wants a checkpoint. Called by its thread.
    fn compare_notifies(&self, cx: &Cx, wanted: Wanted) {
        if !self.compare_notifier.get() {
            return;
        }
        if wanted == Wanted::Mismatch && !self.checkpoint_event.is_set(cx) {
            self.recorder.borrow_mut().mismatch_checkpoints += 1;
        }
        colo::colo_checkpoint_notify(cx, self);
    }

    /// Monitor command `x-colo-lost-heartbeat`: the main loop takes it up. An error unless the state is COLO.
    pub fn lost_heartbeat(&self, cx: &Cx) {
        self.post(cx, Work::LostHeartbeat);
    }

    /// Monitor command `yank` of instance "migration", out of band: every socket is shut, the one registered last first.
    pub fn yank(&self, _: &Cx) {
        self.multifd.channels.iter().rev().for_each(|channel| channel.socket.shutdown());
        self.file.socket.shutdown();
    }

    /// Monitor command `yank` of the NBD node, out of band: a guest write that waits for the secondary fails there.
    pub fn yank_disk(&self) {
        self.disk.get().inspect(|disk| disk.yank());
    }

    /// Does the PVM run?
    pub fn is_vm_running(&self) -> bool {
        self.ram.borrow().is_running()
    }

    /// State of the migration.
    pub fn state(&self) -> MigrationState {
        self.state.peek()
    }

    /// Wait until `count` checkpoints were finished.
    pub async fn checkpoints(&self, cx: &Cx, count: u32) {
        if count > 0 {
            let signal = self.checkpoint_signal(&cx.sim, count);
            signal.wait(cx, "checkpoints of the primary").await;
        }
    }

    /// Fill in what is measured over the whole run. Only the first call counts: a primary that is killed or frozen is
    /// measured at that moment, all others at the end of the run.
    pub fn finish_metrics(&self, now: Time) {
        if self.measured.replace(true) {
            return;
        }
        let mut ram = self.ram.borrow_mut();
        ram.advance(now);
        let mut metrics = self.recorder.borrow_mut();
        metrics.guest_page_writes = ram.writes();
        metrics.guest_run_ns = ram.run_time(now).0;
        metrics.elapsed_ns = now.since(self.began).0;
        if metrics.total_time_ns == 0 {
            self.count_sent(&mut metrics);
        }
        metrics.checkpoints.truncate(self.checkpoints_done.get() as usize);
    }

    /// What precopy has sent so far.
    fn count_sent(&self, metrics: &mut Metrics) {
        metrics.transferred_bytes = self.transferred_bytes();
        metrics.multifd_bytes = self.multifd.bytes.get();
        metrics.normal = self.counters.normal.get();
        metrics.duplicate = self.counters.duplicate.get();
        metrics.dirty_sync_count = self.ram_state.dirty_syncs.get();
        metrics.rounds = self.ram_state.rounds.get();
    }

    fn checkpoint_signal(&self, sim: &Sim, number: u32) -> Signal {
        let mut signals = self.checkpoint_signals.borrow_mut();
        let index = number as usize - 1;
        if signals.len() <= index {
            signals.resize_with(index + 1, || Signal::new(sim));
        }
        signals[index].clone()
    }

    /// `vm_start`. The caller holds the BQL.
    fn start_vm(&self, cx: &Cx) {
        debug_assert!(self.bql.is_held_by(cx), "vm_start needs the BQL");
        self.ram.borrow_mut().start(cx.sim.now());
        self.output.get().inspect(|output| output.pvm.start(cx));
        self.disk.get().inspect(|disk| disk.vm_running(cx, true));
        self.observer.vm_running(true);
    }

    /// `vm_stop`. The caller holds the BQL.
    fn stop_vm(&self, cx: &Cx) {
        debug_assert!(self.bql.is_held_by(cx), "vm_stop needs the BQL");
        self.ram.borrow_mut().stop(cx.sim.now());
        self.output.get().inspect(|output| output.pvm.stop(cx));
        self.disk.get().inspect(|disk| disk.vm_running(cx, false));
        self.observer.vm_running(false);
    }

    /// `bdrv_drain_all`, which ends `vm_stop`. The caller holds the BQL, and goes on holding it.
    async fn drain_disk(&self, cx: &Cx) {
        if let Some(disk) = self.disk.get() {
            disk.drain(cx).await;
        }
    }

    /// The PVM was just stopped for checkpoint `number`.
    fn tell_checkpoint_state(&self, number: u32) {
        self.observer.checkpoint_state(number, &self.ram.borrow());
        self.output.get().inspect(|output| output.checkpoint_state(number));
        self.disk.get().inspect(|disk| self.observer.disk_state(number, disk.content()));
    }

    /// Who looks for zero pages. With multifd off, `multifd` acts as `legacy`.
    fn zero_page_detection(&self) -> ZeroPageDetection {
        match (self.migration.zero_page_detection, self.variant.multifd) {
            (ZeroPageDetection::Multifd, Multifd::Off) => ZeroPageDetection::Legacy,
            (mode, _) => mode,
        }
    }

    /// Bytes on all channels so far, as the rate limit and `query-migrate` count them.
    fn transferred_bytes(&self) -> u64 {
        self.file.flushed_bytes() + self.multifd.bytes.get()
    }

    fn error(&self, message: impl Into<String>) {
        self.errors.borrow_mut().push(message.into());
    }
}
