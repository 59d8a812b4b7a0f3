//! Who touched what last, and whether something ordered it (FastTrack, Flanagan and Freund, PLDI 2009).
//!
//! For each location the last write is kept as one epoch, the reads since as one epoch or, when several threads read
//! without order between them, as a list. Two accesses conflict if at least one of them writes; a conflict that no
//! synchronisation orders is a [`Hazard`], also in a run where it did no harm.

use crate::happens_before::Epoch;
use crate::kernel::Core;
use crate::step::StepId;
use crate::thread::ThreadId;
use crate::time::Time;
use crate::violation::{Hazard, HazardKey, Place};

/// An access that may conflict with a later one.
#[derive(Debug, Clone, Copy)]
struct Access {
    epoch: Epoch,
    step: StepId,
    visit: u32,
    at: Time,
}

/// The accesses of one location that still matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Location {
    write: Option<Access>,
    reads: Reads,
}

#[derive(Debug, Clone, Default)]
enum Reads {
    #[default]
    None,
    One(Access),
    Many(Vec<Access>),
}

/// What an access does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
    Free,
}

impl Location {
    /// `thread` accesses this location of the object with the given name index at its present step.
    pub fn access(&mut self, core: &mut Core, object: u32, thread: ThreadId, mode: Mode) {
        let state = &core.threads[thread.index()];
        let clock = state.clock;
        let epoch = core.clocks.epoch(clock, thread);
        let access = Access { epoch, step: state.step, visit: state.visit, at: core.now };
        if let Some(write) = self.write
            && write.epoch.thread != thread
            && !core.clocks.is_ordered(write.epoch, clock)
        {
            core.hazard(
                object,
                write,
                access,
                ["read after write", "write after write", "free after access"][mode as usize],
            );
        }
        if mode == Mode::Read {
            self.add_read(core, access);
            return;
        }
        match std::mem::take(&mut self.reads) {
            Reads::None => {}
            Reads::One(read) => core.read_then_write(object, read, access, mode),
            Reads::Many(reads) => {
                for read in reads {
                    core.read_then_write(object, read, access, mode);
                }
            }
        }
        self.write = Some(access);
    }

    fn add_read(&mut self, core: &Core, access: Access) {
        let clock = core.threads[access.epoch.thread.index()].clock;
        match &mut self.reads {
            Reads::None => self.reads = Reads::One(access),
            Reads::One(read) => {
                if read.epoch.thread == access.epoch.thread || core.clocks.is_ordered(read.epoch, clock) {
                    *read = access;
                } else {
                    self.reads = Reads::Many(vec![*read, access]);
                }
            }
            Reads::Many(reads) => match reads.iter_mut().find(|read| read.epoch.thread == access.epoch.thread) {
                Some(read) => *read = access,
                None => reads.push(access),
            },
        }
    }
}

impl Core {
    fn read_then_write(&mut self, object: u32, read: Access, write: Access, mode: Mode) {
        let clock = self.threads[write.epoch.thread.index()].clock;
        if read.epoch.thread != write.epoch.thread && !self.clocks.is_ordered(read.epoch, clock) {
            let conflict = if mode == Mode::Free { "free after access" } else { "write after read" };
            self.hazard(object, read, write, conflict);
        }
    }

    fn hazard(&mut self, object: u32, first: Access, second: Access, conflict: &'static str) {
        if !self.hazard_keys.insert(HazardKey { object, first: first.step, second: second.step }) {
            return;
        }
        let place = |access: Access| Place {
            thread: self.threads[access.epoch.thread.index()].name.to_string(),
            step: access.step,
            visit: access.visit,
            at: access.at,
        };
        let object = self.object_names[object as usize].to_string();
        let hazard = Hazard { object, first: place(first), second: place(second), conflict };
        self.hazards.push(hazard);
    }

    /// The index of an object's name; equal names share it.
    pub fn object_name(&mut self, name: &str) -> u32 {
        match self.object_names.iter().position(|known| &**known == name) {
            Some(index) => index as u32,
            None => {
                self.object_names.push(name.into());
                self.object_names.len() as u32 - 1
            }
        }
    }
}
