//! The simulator of colosim beside two tools that explore schedules of real Rust code: shuttle, which draws them at random, and
//! loom, which enumerates them.
//!
//! `cargo bench -p colosim-peers` measures, on this machine and in one run, how many schedules each explores per second and how
//! many each needs to find one race. The figures compare three different things: shuttle and loom run the program itself, with
//! a stack for each thread; colosim runs a model of it on a virtual clock. And where shuttle's schedulers choose among the
//! threads at each point, colosim's trials are timed runs, in which a stall holds up one thread for long.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod kernel_cost;
pub mod measure;
pub mod toy;
