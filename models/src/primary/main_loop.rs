//! The main loop: it holds the BQL while it dispatches, and gives it up while it polls.

use super::{Primary, colo, failover, migration_thread};
use colosim_sim::{Cx, Event, Sim};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What the main loop dispatches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Monitor command `x-colo-lost-heartbeat`.
    LostHeartbeat,
    /// The failover bottom half.
    FailoverBh,
    /// The time of the checkpoint timer has come.
    CheckpointTimer,
    /// The migration's cleanup bottom half.
    CleanupBh,
}

pub(super) struct MainLoop {
    queue: RefCell<VecDeque<Work>>,
    work: Event,
}

impl MainLoop {
    pub fn new(sim: &Sim) -> MainLoop {
        MainLoop { queue: RefCell::default(), work: Event::new(sim, "work for the main loop of the primary") }
    }

    fn take(&self) -> Option<Work> {
        self.queue.borrow_mut().pop_front()
    }
}

impl Primary {
    /// Hand work to the main loop, from any thread.
    pub(super) fn post(&self, cx: &Cx, work: Work) {
        self.main_loop.queue.borrow_mut().push_back(work);
        self.main_loop.work.set(cx);
    }
}

/// The main thread, from the migration command on.
pub(super) async fn main_loop_thread(cx: Cx, qemu: Rc<Primary>) {
    loop {
        qemu.main_loop.work.wait_idle(&cx).await;
        qemu.main_loop.work.reset(&cx);
        qemu.bql.lock(&cx).await;
        while let Some(work) = qemu.main_loop.take() {
            match work {
                Work::LostHeartbeat => failover::lost_heartbeat(&cx, &qemu).await,
                Work::FailoverBh => failover::colo_failover_bh(&cx, &qemu).await,
                Work::CheckpointTimer => colo::checkpoint_timer_expired(&cx, &qemu),
                Work::CleanupBh => migration_thread::migration_cleanup_bh(&cx, &qemu).await,
            }
        }
        qemu.bql.unlock(&cx);
    }
}
