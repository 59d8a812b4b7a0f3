//! The timer behind x-checkpoint-delay (`colo_delay_timer`), and the host's clock that wakes the main loop for it.
//!
//! Arming it again always moves it later, so the clock thread sleeps on until the old time and looks again. The thread is none
//! of QEMU's: it stands for the time-out of the main loop's poll.

use super::Primary;
use super::main_loop::Work;
use colosim_sim::{Cx, Event, Sim, Span, Time};
use std::cell::Cell;
use std::rc::Rc;

pub(super) struct CheckpointTimer {
    due: Cell<Option<Time>>,
    armed: Event,
}

impl CheckpointTimer {
    pub fn new(sim: &Sim) -> CheckpointTimer {
        CheckpointTimer { due: Cell::new(None), armed: Event::new(sim, "colo_delay_timer") }
    }

    /// `timer_mod`: due in `delay` from now.
    pub fn arm(&self, cx: &Cx, delay: Span) {
        self.due.set(Some(cx.sim.now() + delay));
        self.armed.set(cx);
    }

    /// `timer_free`.
    pub fn disarm(&self) {
        self.due.set(None);
    }

    /// Is it due? Then it is no longer armed.
    pub fn take_due(&self, now: Time) -> bool {
        let is_due = self.due.get().is_some_and(|due| due <= now);
        if is_due {
            self.due.set(None);
        }
        is_due
    }
}

/// Hands the timer to the main loop whenever it is due.
pub(super) async fn timer_thread(cx: Cx, qemu: Rc<Primary>) {
    let timer = &qemu.checkpoint_timer;
    loop {
        timer.armed.wait_idle(&cx).await;
        timer.armed.reset(&cx);
        while let Some(due) = timer.due.get() {
            if due > cx.sim.now() {
                cx.sleep_until(due).await;
                continue;
            }
            qemu.post(&cx, Work::CheckpointTimer);
            break;
        }
    }
}
