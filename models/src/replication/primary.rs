//! The primary's disk: a quorum of the local disk and, over NBD, the secondary's.
//!
//! A guest write is complete when both have answered. The replication node keeps an error of the connection to itself and reports
//! success, and nobody asks it: a lost write makes the disks differ unnoticed.

use super::nbd::{REPLY_LEN, encode_reply, encode_write};
use super::{CLUSTER_BYTES, DiskWrites, Stage, clusters};
use crate::guest::Side;
use crate::scenario::Disk;
use crate::steps::disk as step;
use colosim_sim::link::{Piece, Socket};
use colosim_sim::{Cx, Event, Sim, Span};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The PVM's disk.
pub struct PrimaryDisk {
    local: RefCell<Vec<u64>>,
    stage: Cell<Stage>,
    /// The NBD client, one end of its connection.
    nbd: Socket,
    /// From the end of a write to the next.
    interval: Span,
    writes: RefCell<DiskWrites>,
    vm_runs: Event,
    /// No write is under way.
    drained: Event,
}

impl PrimaryDisk {
    /// A disk of zeros that nobody writes yet.
    pub fn new(sim: &Sim, disk: Disk, nbd: Socket) -> PrimaryDisk {
        let drained = Event::new(sim, "guest writes in flight");
        PrimaryDisk {
            local: RefCell::new(vec![0; clusters(disk) as usize]),
            stage: Cell::new(Stage::None),
            nbd,
            interval: Span(1_000_000_000 / disk.rate.per_second().max(1)),
            writes: RefCell::new(DiskWrites::new(sim, disk, Side::Primary)),
            vm_runs: Event::new(sim, "the PVM runs"),
            drained,
        }
    }

    /// The guest's disk driver: one write after the other while the VM runs.
    pub async fn guest_thread(self: Rc<Self>, cx: Cx) {
        self.drained.set(&cx);
        loop {
            self.vm_runs.wait_idle(&cx).await;
            cx.sleep(self.interval).await;
            if self.vm_runs.is_set(&cx) {
                self.drained.reset(&cx);
                self.write(&cx).await;
                self.drained.set(&cx);
            }
        }
    }

    async fn write(&self, cx: &Cx) {
        cx.step(step::GUEST_WRITE).await;
        let (cluster, content) = self.writes.borrow_mut().next();
        self.local.borrow_mut()[cluster] = content;
        if self.stage.get() == Stage::Running {
            // An error stays in the node.
            let _: Option<()> = self.write_to_secondary(cx, cluster, content).await;
        }
    }

    async fn write_to_secondary(&self, cx: &Cx, cluster: usize, content: u64) -> Option<()> {
        let request = Piece::Bytes(encode_write(cluster)[..].into());
        let payload = Piece::Fill { word: content, bytes: CLUSTER_BYTES };
        self.nbd.write(cx, [request, payload]).await.ok()?;
        let mut reply = [0; REPLY_LEN];
        self.nbd.read_exact(cx, &mut reply).await.ok()?;
        (reply == encode_reply(cluster)).then_some(())
    }

    /// `replication_start_all`: P7.
    pub fn start_replication(&self) {
        if self.stage.get() == Stage::None {
            self.stage.set(Stage::Running);
        }
    }

    /// `replication_stop_all`: H6.
    pub fn stop_replication(&self) {
        if self.stage.get() == Stage::Running {
            self.stage.set(Stage::Done);
        }
    }

    /// The VM was started or stopped.
    pub fn vm_running(&self, cx: &Cx, runs: bool) {
        match runs {
            true => self.vm_runs.set(cx),
            false => self.vm_runs.reset(cx),
        }
    }

    /// `bdrv_drain_all`, after the VM was stopped: wait until every write has been answered. The BQL stays held.
    pub async fn drain(&self, cx: &Cx) {
        self.drained.wait(cx).await;
    }

    /// `yank`: the connection to the secondary is shut, and a write that waits for it is over.
    pub fn yank(&self) {
        self.nbd.shutdown();
    }

    /// The content of every cluster, for oracles.
    pub fn content(&self) -> Vec<u64> {
        self.local.borrow().clone()
    }
}
