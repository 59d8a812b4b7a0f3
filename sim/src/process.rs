//! Processes: groups of threads that are killed or frozen together.

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
    pub on_exit: Vec<Rc<dyn Fn()>>,
}
