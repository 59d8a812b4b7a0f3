//! Deterministic simulation of threads, locks, memory and links on a virtual clock.
//!
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
pub mod explore;
mod happens_before;
mod kernel;
pub mod link;
mod lock;
mod memory;
mod plan;
mod process;
pub mod random;
mod shared;
mod step;
mod thread;
mod time;
mod timers;
mod trace;
mod violation;
mod waits;

pub use kernel::{Config, Ended, Outcome, Sim, Simulator};
pub use lock::{Event, Mutex, Semaphore, Signal};
pub use memory::{Memory, TRACKED_PAGES_MAX};
pub use plan::{Plan, Stall};
pub use process::ProcessId;
pub use shared::{Atomic, Ordering, Plain, Pointer};
pub use step::{Noise, StepCost, StepId, StepInfo};
pub use thread::{Cx, Step, ThreadId};
pub use time::{Span, Time};
pub use trace::{CHECKPOINT_INTERVAL, Record};
pub use violation::{Hazard, HazardKey, Kind, Place, Violation};
pub use waits::Waiting;
