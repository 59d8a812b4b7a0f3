//! The secondary's disk: active over hidden over secondary disk, and the backup job that fills the hidden disk.
//!
//! What the SVM writes is generated when somebody looks, as its writes to RAM are.

use super::nbd::{REQUEST_LEN, decode_write, encode_reply};
use super::{CLUSTER_BYTES, DiskWrites, Stage, clusters};
use crate::guest::{RunClock, Side};
use crate::scenario::Disk;
use crate::secondary::Secondary;
use crate::steps::disk as step;
use colosim_sim::link::{PageRead, Piece, Socket};
use colosim_sim::{Cx, Sim, Time};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use thiserror::Error;

/// What the replication of the secondary complains about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("block replication: {0}")]
pub struct ReplicationError(&'static str);

/// The SVM's disk.
pub struct SecondaryDisk {
    active: RefCell<Vec<Option<u64>>>,
    hidden: RefCell<Vec<Option<u64>>>,
    secondary: RefCell<Vec<u64>>,
    stage: Cell<Stage>,
    /// The node's error: the backup job was cancelled.
    error: Cell<bool>,
    /// The checkpoint that the disk without the SVM's writes is of.
    checkpoint: Cell<u32>,
    /// Clusters that the commit job has still to look at.
    to_commit: Cell<usize>,
    nbd: Socket,
    serves: Cell<bool>,
    svm: RefCell<Svm>,
}

/// The writes of the SVM.
struct Svm {
    writes: DiskWrites,
    rate_per_s: u64,
    clock: RunClock,
    /// Clusters written since the checkpoint that RAM is of.
    own: BTreeSet<usize>,
}

impl SecondaryDisk {
    /// A disk of zeros; `nbd` is the server's end of its one connection.
    pub fn new(sim: &Sim, disk: Disk, nbd: Socket) -> SecondaryDisk {
        let clusters = clusters(disk) as usize;
        SecondaryDisk {
            active: RefCell::new(vec![None; clusters]),
            hidden: RefCell::new(vec![None; clusters]),
            secondary: RefCell::new(vec![0; clusters]),
            stage: Cell::new(Stage::None),
            error: Cell::new(false),
            checkpoint: Cell::new(0),
            to_commit: Cell::new(0),
            nbd,
            serves: Cell::new(true),
            svm: RefCell::new(Svm {
                writes: DiskWrites::new(sim, disk, Side::Secondary),
                rate_per_s: disk.rate.per_second(),
                clock: RunClock::default(),
                own: BTreeSet::new(),
            }),
        }
    }

    /// `replication_start_all`: C7.
    pub fn start(&self) {
        if self.stage.get() == Stage::None {
            self.stage.set(Stage::Running);
        }
    }

    /// `replication_get_error_all`: C24. `fails`: the backup job has ended by itself.
    ///
    /// # Errors
    /// If replication was not started, or its backup job has ended.
    pub fn get_error(&self, fails: bool) -> Result<(), ReplicationError> {
        match (self.stage.get(), self.error.get() || fails) {
            (Stage::None, _) => Err(ReplicationError("it is not started")),
            (_, true) => Err(ReplicationError("I/O error")),
            (_, false) => Ok(()),
        }
    }

    /// `replication_do_checkpoint_all`: C25. Ignored from the failover on.
    ///
    /// # Errors
    /// If replication does not run.
    pub fn do_checkpoint(&self, checkpoint: u32) -> Result<(), ReplicationError> {
        match self.stage.get() {
            Stage::Failover | Stage::Done => Ok(()),
            Stage::None | Stage::FailoverFailed => Err(ReplicationError("it does not run")),
            Stage::Running => {
                self.active.borrow_mut().fill(None);
                self.hidden.borrow_mut().fill(None);
                self.checkpoint.set(checkpoint);
                Ok(())
            }
        }
    }

    /// `replication_stop_all(failover)`: F5. The backup job is cancelled, which leaves its error in the node, and the commit job
    /// is started. Returns whether it was.
    pub fn stop(&self) -> bool {
        let runs = self.stage.get() == Stage::Running;
        if runs {
            self.error.set(true);
            self.stage.set(Stage::Failover);
            self.to_commit.set(self.secondary.borrow().len());
        }
        runs
    }

    /// The commit job does one more cluster. Returns whether it goes on.
    async fn commit(&self, cx: &Cx) -> bool {
        cx.step(step::COMMIT).await;
        self.to_commit.set(self.to_commit.get() - 1);
        if self.to_commit.get() > 0 {
            return true;
        }
        let content = self.content();
        self.active.borrow_mut().fill(None);
        self.hidden.borrow_mut().fill(None);
        *self.secondary.borrow_mut() = content;
        self.error.set(false);
        self.stage.set(Stage::Done);
        false
    }

    /// The PVM writes a cluster. The first time since the checkpoint the old content is saved before.
    fn write_from_primary(&self, cluster: usize, content: u64) {
        let mut secondary = self.secondary.borrow_mut();
        if self.stage.get() == Stage::Running {
            self.hidden.borrow_mut()[cluster].get_or_insert(secondary[cluster]);
        }
        secondary[cluster] = content;
    }

    /// The SVM was started.
    pub fn vm_starts(&self, now: Time) {
        self.svm.borrow_mut().clock.start(now);
    }

    /// The SVM was stopped, and the disk drained.
    pub fn vm_stops(&self, now: Time) {
        self.look(now);
        self.svm.borrow_mut().clock.stop(now);
    }

    /// Let everything that the SVM wrote until `now` be in the active disk.
    fn look(&self, now: Time) {
        let svm = &mut *self.svm.borrow_mut();
        let due = svm.clock.done(now, svm.rate_per_s);
        while svm.writes.count < due {
            let (cluster, content) = svm.writes.next();
            self.active.borrow_mut()[cluster] = Some(content);
            svm.own.insert(cluster);
        }
    }

    /// RAM is of a new checkpoint: what the SVM wrote before is no part of its life. For oracles.
    pub fn forget_own_writes(&self) {
        self.svm.borrow_mut().own.clear();
    }

    /// The checkpoint that the disk is of, but for the SVM's writes. For oracles.
    pub fn checkpoint(&self) -> u32 {
        self.checkpoint.get()
    }

    /// Clusters that differ from `expected` and were not written by the SVM since RAM's checkpoint. For oracles.
    pub fn differing(&self, now: Time, expected: &[u64]) -> usize {
        self.look(now);
        let own = &self.svm.borrow().own;
        let content = self.content();
        (0..content.len()).filter(|cluster| content[*cluster] != expected[*cluster] && !own.contains(cluster)).count()
    }

    /// The content of every cluster as the SVM sees it.
    fn content(&self) -> Vec<u64> {
        let (active, hidden) = (self.active.borrow(), self.hidden.borrow());
        let secondary = self.secondary.borrow();
        (0..secondary.len()).map(|i| active[i].or(hidden[i]).unwrap_or(secondary[i])).collect()
    }

    /// Monitor command `nbd-server-stop`, which management gives before it asks for failover.
    pub fn stop_nbd_server(&self) {
        self.serves.set(false);
        self.nbd.close();
    }
}

/// The NBD server: writes of the PVM.
pub async fn nbd_server_thread(cx: Cx, qemu: Rc<Secondary>, disk: Rc<SecondaryDisk>) {
    loop {
        disk.nbd.wait_readable(&cx).await;
        let mut request = [0; REQUEST_LEN];
        if disk.nbd.read_exact(&cx, &mut request).await.is_err() {
            return;
        }
        let content = disk.nbd.read_page(&cx, CLUSTER_BYTES).await;
        let (Some(cluster), Ok(PageRead::Word(content))) = (decode_write(&request), content) else { return };
        qemu.bql.lock(&cx).await;
        if disk.serves.get() {
            cx.step(step::NBD_WRITE).await;
            disk.write_from_primary(cluster, content);
        }
        qemu.bql.unlock(&cx);
        if disk.nbd.write(&cx, [Piece::Bytes(encode_reply(cluster)[..].into())]).await.is_err() {
            return;
        }
    }
}

/// The main loop gives the commit job its turn. Returns whether it wants another one.
pub async fn commit_turn(cx: &Cx, qemu: &Secondary) -> bool {
    match qemu.disk.get() {
        Some(disk) => disk.commit(cx).await,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::STEPS;
    use colosim_sim::link::{Loss, Path, PathConfig, Transport, connect};
    use colosim_sim::{Config, Noise, Plan, Simulator, Span, StepCost};

    const CLUSTERS: usize = 4;

    /// Do something with the disk of a secondary, in a run of its own.
    fn with_disk(test: impl AsyncFn(Cx, &SecondaryDisk) + 'static) {
        let config = Config {
            seed: 1,
            steps: STEPS,
            costs: vec![StepCost { fixed_ns: 1, per_unit_ns: 0 }; STEPS.len()].into(),
            noise: Noise::default(),
            plan: Plan::undisturbed(),
            time_limit: Span::millis(1),
            step_limit: 1_000,
            record: false,
        };
        let outcome = Simulator::new().run(config, |sim| {
            let path = Path::new(PathConfig {
                rate_bits_per_s: 1_000_000_000,
                latency: Span::ZERO,
                jitter: Span::ZERO,
                loss: Loss::None,
                queue_bytes: 1 << 20,
            });
            let (a, b) = (sim.process("primary"), sim.process("secondary"));
            let (_, server) = connect(sim, "nbd", (a, &path), (b, &path), Transport::Unix, 1 << 20, 1 << 20);
            let disk: Disk = ron::from_str("(size: \"256 KiB\", rate: \"1000 writes/s\")").expect("a disk");
            let disk = SecondaryDisk::new(sim, disk, server);
            sim.spawn(b, "test", move |cx| async move { test(cx, &disk).await });
        });
        assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    }

    #[test]
    fn what_the_primary_writes_is_seen_from_the_next_checkpoint_on() {
        with_disk(async |_, disk| {
            disk.start();
            disk.write_from_primary(2, 7);
            disk.write_from_primary(2, 8);
            assert_eq!(disk.content(), [0; CLUSTERS]);
            assert_eq!(disk.do_checkpoint(1), Ok(()));
            assert_eq!((disk.content()[2], disk.checkpoint()), (8, 1));
        });
    }

    #[test]
    fn a_checkpoint_drops_what_the_secondary_wrote() {
        with_disk(async |_, disk| {
            disk.start();
            disk.vm_starts(Time::ZERO);
            disk.vm_stops(Time(20_000_000));
            assert!(disk.differing(Time(20_000_000), &[0; CLUSTERS]) == 0, "its own writes do not count");
            disk.forget_own_writes();
            assert!(disk.differing(Time(20_000_000), &[0; CLUSTERS]) > 0);
            assert_eq!(disk.do_checkpoint(1), Ok(()));
            assert_eq!(disk.content(), [0; CLUSTERS]);
        });
    }

    #[test]
    fn from_the_failover_on_a_checkpoint_is_ignored_and_an_error_reported_until_all_is_committed() {
        with_disk(async |cx, disk| {
            disk.start();
            disk.write_from_primary(0, 7);
            assert!(disk.stop());
            assert!(!disk.stop(), "the second is ignored");
            assert_eq!(disk.do_checkpoint(1), Ok(()));
            assert_eq!(disk.checkpoint(), 0);
            assert!(disk.get_error(false).is_err());
            while disk.commit(&cx).await {}
            assert_eq!((disk.get_error(false), disk.content()[0]), (Ok(()), 0));
        });
    }
}
