//! The main loop: it holds the BQL while it dispatches, and gives it up while it polls, which it does between any two things
//! that it dispatches (`os_host_main_loop_wait`).

use super::{Secondary, failover, incoming};
use crate::replication::commit_turn;
use colosim_sim::link::Socket;
use colosim_sim::{Cx, Event, Sim};
use std::cell::RefCell;
use std::collections::VecDeque;

/// What the main loop dispatches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Monitor command `x-colo-lost-heartbeat`.
    LostHeartbeat,
    /// Monitor command `cont`.
    Cont,
    /// Monitor command `nbd-server-stop`.
    NbdServerStop,
    /// A turn of the commit job, which `replication_stop_all` has started.
    CommitJob,
    /// The failover bottom half.
    FailoverBh,
    /// `process_incoming_migration_bh`.
    IncomingBh,
}

pub(super) struct MainLoop {
    queue: RefCell<VecDeque<Work>>,
    work: Event,
}

impl MainLoop {
    pub fn new(sim: &Sim) -> MainLoop {
        MainLoop { queue: RefCell::default(), work: Event::new(sim, "work for the main loop of the secondary") }
    }
}

impl Secondary {
    /// Hand work to the main loop, from any thread.
    pub fn post(&self, cx: &Cx, work: Work) {
        self.main_loop.queue.borrow_mut().push_back(work);
        self.main_loop.work.set(cx);
    }

    /// Run the main loop until `done`; the caller holds the BQL before and after.
    pub(super) async fn run_main_loop(&self, cx: &Cx, done: impl Fn() -> bool) {
        while !done() {
            if self.dispatch_one(cx).await {
                continue;
            }
            self.bql.unlock(cx);
            self.main_loop.work.wait_idle(cx).await;
            self.main_loop.work.reset(cx);
            self.bql.lock(cx).await;
        }
    }

    /// Run the main loop until the socket has something to read, as a coroutine that yields does.
    pub(super) async fn run_main_loop_until_readable(&self, cx: &Cx, socket: &Socket) {
        while !socket.is_readable(cx) {
            if self.dispatch_one(cx).await {
                continue;
            }
            self.bql.unlock(cx);
            socket.wait_readable_or_event(cx, &self.main_loop.work).await;
            if self.main_loop.work.is_set(cx) {
                self.main_loop.work.wait(cx).await;
                self.main_loop.work.reset(cx);
            }
            self.bql.lock(cx).await;
        }
    }

    /// Dispatch the oldest piece of work and poll; returns whether there was any.
    async fn dispatch_one(&self, cx: &Cx) -> bool {
        let Some(work) = self.main_loop.queue.borrow_mut().pop_front() else { return false };
        match work {
            Work::LostHeartbeat => failover::lost_heartbeat(cx, self).await,
            Work::Cont => self.user_cont(cx).await,
            Work::FailoverBh => failover::colo_failover_bh(cx, self).await,
            Work::IncomingBh => incoming::process_incoming_migration_bh(cx, self).await,
            Work::NbdServerStop => self.stop_nbd_server(cx).await,
            Work::CommitJob => {
                if commit_turn(cx, self).await {
                    self.post(cx, Work::CommitJob);
                }
            }
        }
        self.bql.unlock(cx);
        self.bql.lock(cx).await;
        true
    }
}
