//! The model of TCP against the closed forms of its literature, over grids: no measurement is involved.
//!
//! Each file is a law: what it says, where it is from, and how far a run may be from it. The bounds hold what the law leaves out (the
//! round trip that a recovery takes, the queue, the spread of a finite run), and are stated beside it.

mod after_idle;
mod common;
mod loss_bursts;
mod parallel_flows;
mod random_loss;
mod slowest_channel;
mod window;
