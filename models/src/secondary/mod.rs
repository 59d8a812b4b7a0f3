//! The secondary: QEMU's incoming side with multifd and COLO, thread by thread.
//!
//! ```text
//!  main thread (main loop, incoming coroutine, bottom halves)      COLO thread
//!    incoming  ── loads precopy through ram_load ──────┐             colo ── checkpoint after checkpoint:
//!    failover  ── x-colo-lost-heartbeat                │               ram_load ─▶ flush ─▶ run
//!                                                      ▼                  │
//!  receive threads 0..N                             recv_sync ◀───────────┘
//!    multifd_recv ─▶ multifd_colo ─▶ colo_cache, guest RAM
//! ```
//!
//! Every thread is one function that reads top to bottom like the QEMU function it follows. What two threads share is a
//! field of [`Secondary`]; the BQL is a mutex, everything else is as (un)protected as it is in QEMU.
//!
//! **Not modelled**: postcopy, TLS, device emulation; of disks only what `replication` has.

mod cache;
mod channel;
mod colo;
mod failover;
mod flush;
mod incoming;
mod main_loop;
mod multifd_colo;
mod multifd_recv;
mod multifd_recv_pages;
mod multifd_recv_sync;
mod page;
mod ram_block;
mod ram_load;
mod vm;

pub use main_loop::Work;
pub use page::PageContent;
pub(crate) use page::first_eight;
pub use ram_block::RamBlock;
pub use vm::Vm;

use crate::guest::Layout;
use crate::metrics::Recorder;
use crate::milestone::Milestones;
use crate::network_output::{self, NetworkOutput};
use crate::oracle::Oracle;
use crate::replication::{SecondaryDisk, nbd_server_thread};
use crate::scenario::{Accel, Compression, Granularity, Place};
use crate::variant::Variant;
use cache::RamState;
use colosim_sim::link::Socket;
use colosim_sim::{Atomic, Cx, Event, Mutex, Plain, Pointer, ProcessId, Signal, Sim};
use main_loop::MainLoop;
use multifd_recv::MultifdRecvState;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// `mis->state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationStatus {
    /// Nothing came yet.
    Setup,
    /// Precopy is being received.
    Active,
    /// COLO.
    Colo,
    /// The VM runs here, or was told to.
    Completed,
    /// Loading failed.
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
    /// Asked for while a checkpoint was being applied: ask again after it.
    Relaunch,
}

/// The state of the SVM's devices, as far as it matters here: which checkpoint it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// All of this checkpoint; 0: as precopy left them.
    Whole {
        /// Its number.
        checkpoint: u32,
    },
    /// Loading that of this checkpoint has begun, and did not come to its end.
    Half {
        /// Its number.
        checkpoint: u32,
    },
}

/// What a secondary is made of.
pub struct SecondaryConfig {
    /// The design.
    pub variant: Variant,
    /// Capability x-colo.
    pub x_colo: bool,
    /// Number of multifd channels; zero without multifd.
    pub channels: u32,
    /// Did the primary's guest run when it was stopped to be migrated?
    pub target_is_live: bool,
    /// Payload compression.
    pub compression: Compression,
    /// RAM.
    pub layout: Rc<Layout>,
    /// Step size.
    pub granularity: Granularity,
    /// What a page's 64-bit content stands for.
    pub content: PageContent,
    /// What runs the guest's instructions.
    pub accel: Accel,
    /// Parameter exit-on-error: does the process end when loading fails?
    pub exit_on_error: bool,
    /// Size of the guest's CPU-less world: what the SVM does.
    pub vm: Vm,
}

/// What was made to fail from outside.
#[derive(Default)]
pub(crate) struct Faults {
    /// Disks cannot be activated (C3).
    pub disk_activation: Cell<bool>,
    /// Replication reports an error (C24).
    pub replication: Cell<bool>,
}

/// The secondary's QEMU process.
pub struct Secondary {
    pub(crate) sim: Sim,
    pub(crate) process: ProcessId,
    pub(crate) variant: Variant,
    pub(crate) x_colo: bool,
    pub(crate) channels: u32,
    pub(crate) compression: Compression,
    pub(crate) granularity: Granularity,
    pub(crate) content: PageContent,
    accel: Accel,
    exit_on_error: bool,
    pub(crate) layout: Rc<Layout>,
    /// RAM blocks, in the order of the layout.
    pub blocks: Vec<RamBlock>,
    pub(crate) bql: Mutex,
    main_loop: MainLoop,
    /// `mis->state`: changed by compare-and-swap, read plainly by everyone.
    pub state: Plain<MigrationStatus>,
    /// The failover state machine.
    pub failover_state: Atomic<FailoverState>,
    vmstate_loading: Plain<bool>,
    /// The flag `migration_colo_enabled`.
    colo_enabled: Cell<bool>,
    /// Does the state that is loaded want the guest to run, as the primary's did when it was stopped?
    target_is_live: bool,
    /// A receive thread has failed, and the design tells the incoming side.
    receive_failed: Cell<bool>,
    ram_state: Pointer<RamState>,
    multifd_recv_state: Pointer<Rc<MultifdRecvState>>,
    /// `colo_incoming_event`: failover work is finished.
    failover_done: Event,
    /// The failover bottom half has entered the parked coroutine.
    coroutine_entered: Cell<bool>,
    return_path_open: Cell<bool>,
    main: Socket,
    multifd: Vec<Socket>,
    /// The SVM.
    pub vm: Vm,
    pub(crate) devices: Cell<DeviceState>,
    /// Checkpoint that is being received; 0 before the first.
    pub(crate) checkpoint: Cell<u32>,
    /// Checkpoint of which a page has arrived; 0 before the first.
    loading: Cell<u32>,
    /// The incoming side is gone: B6 is done, or loading failed.
    pub over: Signal,
    /// Error messages, in order.
    pub errors: RefCell<Vec<String>>,
    pub(crate) oracle: Rc<Oracle>,
    pub(crate) milestones: Milestones,
    recorder: Recorder,
    pub(crate) faults: Faults,
    /// What the guest sends, if it sends anything.
    pub(crate) output: OnceCell<Rc<NetworkOutput>>,
    /// The guest's disk, if it has one.
    pub(crate) disk: OnceCell<Rc<SecondaryDisk>>,
}

impl Secondary {
    /// A secondary that listens; `main` and `multifd` are its ends of the connections that will come.
    #[expect(clippy::too_many_arguments, reason = "each is a different part of the world around the process")]
    pub fn new(
        sim: &Sim,
        process: ProcessId,
        config: SecondaryConfig,
        main: Socket,
        multifd: Vec<Socket>,
        oracle: Rc<Oracle>,
        milestones: Milestones,
        recorder: Recorder,
    ) -> Rc<Secondary> {
        let blocks = config.layout.blocks.iter().map(|block| RamBlock::new(sim, block)).collect();
        Rc::new(Secondary {
            sim: sim.clone(),
            process,
            variant: config.variant,
            x_colo: config.x_colo,
            channels: config.channels,
            compression: config.compression,
            granularity: config.granularity,
            content: config.content,
            accel: config.accel,
            exit_on_error: config.exit_on_error,
            layout: config.layout,
            blocks,
            bql: Mutex::new(sim, "BQL of the secondary"),
            main_loop: MainLoop::new(sim),
            state: Plain::new(sim, "mis->state", MigrationStatus::Setup),
            failover_state: Atomic::new(sim, FailoverState::None),
            vmstate_loading: Plain::new(sim, "vmstate_loading", false),
            colo_enabled: Cell::new(false),
            target_is_live: config.target_is_live,
            receive_failed: Cell::new(false),
            ram_state: Pointer::null(sim, "ram_state"),
            multifd_recv_state: Pointer::null(sim, "multifd_recv_state"),
            failover_done: Event::new(sim, "colo_incoming_event"),
            coroutine_entered: Cell::new(false),
            return_path_open: Cell::new(false),
            main,
            multifd,
            vm: config.vm,
            devices: Cell::new(DeviceState::Whole { checkpoint: 0 }),
            checkpoint: Cell::new(0),
            loading: Cell::new(0),
            over: Signal::new(sim),
            errors: RefCell::default(),
            oracle,
            milestones,
            recorder,
            faults: Faults::default(),
            output: OnceCell::new(),
            disk: OnceCell::new(),
        })
    }

    /// Start the main thread; it starts the others.
    pub fn spawn(self: &Rc<Self>) {
        let qemu = self.clone();
        self.sim.spawn(self.process, "dst/main", |cx| incoming::main_thread(cx, qemu));
        if let Some(disk) = self.disk.get().cloned() {
            let qemu = self.clone();
            self.sim.spawn(self.process, "dst/nbd", |cx| nbd_server_thread(cx, qemu, disk));
        }
        if let Some(output) = self.output.get().cloned() {
            self.sim.spawn(self.process, "dst/guest", |cx| network_output::svm_thread(cx, output));
        }
    }

    /// How many pages one step of the model covers.
    fn pages_per_step(&self) -> usize {
        match self.granularity {
            Granularity::Page => 1,
            Granularity::Packet => usize::MAX,
        }
    }

    /// A page of the stream arrives; the first one of a checkpoint is a milestone.
    fn page_arrives(&self, cx: &Cx) {
        let checkpoint = self.checkpoint.get();
        if self.loading.replace(checkpoint) != checkpoint {
            self.milestones.reach(cx, Place::LoadingRam { checkpoint });
        }
    }

    fn error(&self, message: String) {
        self.errors.borrow_mut().push(message);
    }
}
