//! Measurements of a real QEMU and of a real kernel's TCP, read from folders, beside what the simulator predicts for the same
//! configurations.
//!
//! ```text
//!  DIR/{precopy,colo}.json ─▶ precopy, colo ─┐
//!  DIR/{bulk,burst,…}.json ─▶ network ───────┴▶ Comparison (class, figure, measured, simulated) ─▶ Errors (median, p90, worst)
//! ```

mod cause;
mod comparison;
mod error;
mod recording;

pub mod colo;
pub mod fit;
pub mod network;
pub mod precopy;

pub use comparison::{Comparison, Errors};
pub use error::Error;
pub use recording::{Detection, Recording};
