//! Processes: groups of threads that are killed or frozen together.

use crate::kernel::Sim;
use crate::random::fingerprint;
use std::rc::Rc;

/// Names a process of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub(crate) u16);

impl ProcessId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Default)]
pub(crate) struct Process {
    pub dead: bool,
    pub frozen: bool,
    pub outside: bool,
    pub on_exit: Vec<Rc<dyn Fn()>>,
}

impl Sim {
    /// Start a process: a group of threads that lives and dies together.
    pub fn process(&self, name: &str) -> ProcessId {
        let core = &mut *self.0.core.borrow_mut();
        core.processes.push(Process::default());
        core.trace.mix(core.processes.len() as u64, fingerprint(name));
        ProcessId(core.processes.len() as u16 - 1)
    }

    /// The process is the world outside, which makes faults strike and looks on: a controlled run lets it act last, unless it
    /// is told otherwise.
    pub fn outside(&self, process: ProcessId) {
        self.0.core.borrow_mut().processes[process.index()].outside = true;
    }

    /// Kill a process: its threads do nothing any more, and what it had registered with the kernel (sockets) is closed.
    pub fn kill(&self, process: ProcessId) {
        let (threads, on_exit) = {
            let core = &mut *self.0.core.borrow_mut();
            let state = &mut core.processes[process.index()];
            if std::mem::replace(&mut state.dead, true) {
                return;
            }
            let on_exit = std::mem::take(&mut state.on_exit);
            let threads: Vec<usize> = (0..core.threads.len()).filter(|i| core.threads[*i].process == process).collect();
            for &i in &threads {
                core.threads[i].alive = false;
                core.threads[i].wait = None;
            }
            if let Some(control) = &mut core.control {
                control.killed();
            }
            (threads, on_exit)
        };
        for i in threads {
            let task = self.0.core.borrow_mut().threads[i].task.take();
            drop(task);
        }
        for close in on_exit {
            close();
        }
    }

    /// Freeze a process (SIGSTOP): none of its threads runs, but what is outside of it goes on.
    pub fn freeze(&self, process: ProcessId) {
        let core = &mut *self.0.core.borrow_mut();
        core.processes[process.index()].frozen = true;
        if let Some(control) = &mut core.control {
            control.killed();
        }
    }

    /// Has the process been killed?
    pub fn is_dead(&self, process: ProcessId) -> bool {
        self.0.core.borrow().processes[process.index()].dead
    }

    /// Is the process frozen?
    pub fn is_frozen(&self, process: ProcessId) -> bool {
        self.0.core.borrow().processes[process.index()].frozen
    }

    /// Register what must happen when `process` is killed.
    pub(crate) fn on_exit(&self, process: ProcessId, close: impl Fn() + 'static) {
        self.0.core.borrow_mut().processes[process.index()].on_exit.push(Rc::new(close));
    }
}
