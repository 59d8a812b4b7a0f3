//! The simulator as a model uses it: one file for each behaviour.

mod access;
mod common;
mod explore_search;
mod explore_shrink;
mod explore_toy;
mod explore_verify;
mod join;
mod limits;
mod link_end;
mod link_path;
mod link_stream;
mod lock;
mod memory;
mod order;
mod process;
mod trace;
