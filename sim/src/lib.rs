//! Deterministic simulation of threads, locks, memory and links on a virtual clock.
//!
//! ```text
//!   model: async fns, one per thread              explore: many runs
//!        │ step, lock, wait, read, write            │ seed, faults, plan of stalls
//!        ▼                                          ▼
//!   ┌──────────────────────── kernel ─────────────────────────┐
//!   │ timers (time, sequence) · waits · vector clocks · trace │──▶ Outcome: violations, hazards, trace hash
//!   └─────────────────────────────────────────────────────────┘
//!        ▲                    ▲                    ▲
//!      locks           tracked memory            links
//! ```
//!
//! A simulated thread is an async function on an executor that knows only virtual nanoseconds. It does *steps*: named points
//! that cost time and where others may run. Nothing in a run depends on the real clock, on real threads or on addresses, so
//! the same input gives the same run, and the trace hash says so.
//!
//! # A race, found
//! A worker writes a buffer; the main thread frees it without waiting for the worker. On its own the worker is fast enough. A
//! stall of the worker shows the bug; that the two are unordered shows even without one, as a hazard.
//!
//! ```
//! use colosim_sim::{Config, Kind, Memory, Noise, Plan, Simulator, Span, Stall, StepCost, StepId, StepInfo};
//!
//! const WRITE: StepId = StepId(0);
//! const FREE: StepId = StepId(1);
//! const STEPS: &[StepInfo] = &[
//!     StepInfo { name: "worker.write", stands_for: "the worker stores its result" },
//!     StepInfo { name: "main.free", stands_for: "the main thread is done" },
//! ];
//!
//! let run = |plan: Plan| {
//!     let config = Config {
//!         seed: 1,
//!         steps: STEPS,
//!         costs: [StepCost { fixed_ns: 1_000, per_unit_ns: 0 }, StepCost { fixed_ns: 5_000, per_unit_ns: 0 }].into(),
//!         noise: Noise::default(),
//!         plan,
//!         time_limit: Span::millis(1),
//!         step_limit: 1_000,
//!         record: false,
//!     };
//!     Simulator::new().run(config, |sim| {
//!         let process = sim.process("program");
//!         let buffer = Memory::allocate(sim, "buffer", 1);
//!         let own = buffer.clone();
//!         sim.spawn(process, "worker", |cx| async move {
//!             cx.step(WRITE).await;
//!             own.write(&cx, 0, 42);
//!         });
//!         sim.spawn(process, "main", |cx| async move {
//!             cx.step(FREE).await; // without cx.join(worker).await
//!             buffer.free(&cx);
//!         });
//!     })
//! };
//!
//! let quiet = run(Plan::undisturbed());
//! assert!(quiet.violations.is_empty());
//! assert_eq!(quiet.hazards[0].object, "buffer");
//!
//! let late = Stall {
//!     thread: "worker".into(),
//!     step: "worker.write".into(),
//!     visit: 1,
//!     at_wait: 0,
//!     span_ns: 4_001,
//! };
//! let broken = run(Plan::of_stalls(vec![late]));
//! assert_eq!(broken.violations[0].kind, Kind::USE_AFTER_FREE);
//! ```
//!
//! # A tour
//! - [`Simulator`] runs, [`Sim`] is the handle on a running simulation, [`Cx`] what a thread's body works with.
//! - [`Mutex`], [`Condvar`], [`Semaphore`], [`Event`], [`Cx::join`], [`Atomic`]: synchronisation, with vector clocks. [`Signal`]: for observers.
//! - [`Memory`], [`Plain`], [`Pointer`]: what threads share, with use after free, bounds, NULL and hazards watched.
//! - [`link`]: connections with rate, latency, jitter, loss and a queue; shutdown, reset, cut.
//! - [`explore`]: stalls by seed, shrinking, the race window, determinism check.
//!
//! # Not modelled
//! Weak memory: a run is sequentially consistent, and what relaxed code may see beyond that shows only as a hazard. Priorities
//! and cores: every thread has a core of its own, a busy host is noise and stalls. Happens-before does not follow bytes over a
//! link, since a socket orders nothing inside the process that reads it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
mod control;
pub mod explore;
mod happens_before;
mod holds;
mod kernel;
pub mod link;
mod lock;
mod memory;
mod names;
mod plan;
mod process;
pub mod random;
mod run;
mod shared;
mod spin;
mod step;
mod thread;
mod time;
mod timers;
mod touch;
mod trace;
mod violation;
mod wait;
mod waits;

pub use control::{Actor, Blocked, Choice, EventRecord, Scheduler};
pub use holds::HoldEnd;
pub use kernel::{Sim, Simulator};
pub use lock::{Condvar, Event, Mutex, Semaphore, Signal};
pub use memory::{Memory, TRACKED_PAGES_MAX};
pub use plan::{Fork, Hold, Plan, Stall, Visit};
pub use process::ProcessId;
pub use run::{Config, Ended, HeldBack, Outcome};
pub use shared::{Atomic, Ordering, Plain, Pointer};
pub use step::{Noise, StepCost, StepId, StepInfo};
pub use thread::{Cx, Step, ThreadId};
pub use time::{Span, Time};
pub use touch::{Touch, Touched};
pub use trace::{CHECKPOINT_INTERVAL, Record};
pub use violation::{Hazard, HazardKey, Kind, Place, Violation};
pub use waits::Waiting;
