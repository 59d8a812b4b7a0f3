//! Committed state: what the secondary holds at a commit is what the primary held at that checkpoint, all of it; and after
//! failover the guest has that, plus what it wrote itself.

use super::{BIT_MISSING, Oracle, STATE_DIFFERS, TORN_PAGE, UNCOMMITTED_PAGES, WRITE_WHILE_RUNNING};
use crate::guest::{GuestRam, page_runs};
use crate::secondary::{PageContent, RamBlock, Secondary};
use crate::wire::multifd_packet::slots;
use colosim_sim::{Contents, Cx, Violation};
use std::collections::BTreeSet;

/// All of RAM at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The checkpoint it belongs to; 0 is the end of precopy.
    pub number: u32,
    /// The content of every page of every block.
    pub blocks: Vec<Contents>,
    /// The content of the cache, if there is one.
    pub cache: Option<Vec<Contents>>,
}

impl State {
    pub(super) fn of_primary(number: u32, ram: &GuestRam) -> State {
        State { number, blocks: ram.blocks().to_vec(), cache: None }
    }

    fn of_secondary(number: u32, blocks: &[RamBlock]) -> State {
        let cache: Vec<_> =
            blocks.iter().filter_map(|b| b.colo_cache.peek()).map(|c| c.peek_all(Contents::clone)).collect();
        State {
            number,
            blocks: blocks.iter().map(|b| b.guest.peek_all(Contents::clone)).collect(),
            cache: (cache.len() == blocks.len()).then_some(cache),
        }
    }
}

impl Oracle {
    /// Precopy has been loaded: guest and cache equal the primary's RAM.
    pub(crate) fn precopy_loaded(&self, cx: &Cx, qemu: &Secondary) {
        self.reached(cx, qemu, 0);
    }

    /// A checkpoint is in the guest: guest and cache equal the primary's RAM at that checkpoint.
    pub(crate) fn committed(&self, cx: &Cx, qemu: &Secondary, number: u32) {
        self.reached(cx, qemu, number);
        qemu.vm.forget_written();
        if let Some(disk) = qemu.disk.get() {
            disk.forget_own_writes();
            *self.committed_disk.borrow_mut() =
                self.primary_disk.borrow().clone().filter(|(of, _)| *of == number).map(|(_, clusters)| clusters);
        }
    }

    fn reached(&self, cx: &Cx, qemu: &Secondary, number: u32) {
        qemu.vm.look(cx.sim.now(), &qemu.blocks);
        let state = State::of_secondary(number, &qemu.blocks);
        if let Some(primary) = self.primary.borrow().as_ref().filter(|primary| primary.number == number) {
            self.compare(cx, qemu, "guest RAM", &primary.blocks, &state.blocks, number);
            if let Some(cache) = &state.cache {
                self.compare(cx, qemu, "colo_cache", &primary.blocks, cache, number);
            }
        }
        if let Some(states) = &self.states {
            states.borrow_mut().push(state.clone());
        }
        *self.committed.borrow_mut() = Some(state);
    }

    fn compare(&self, cx: &Cx, qemu: &Secondary, what: &str, primary: &[Contents], own: &[Contents], number: u32) {
        let differing: Vec<_> = differing_pages(primary, own).collect();
        let Some((block, page)) = differing.first() else { return };
        let (count, idstr) = (differing.len(), &qemu.blocks[*block].idstr);
        let cause = self.left_colo.borrow().clone();
        self.once(cx, STATE_DIFFERS, what, cause, || {
            format!(
                "{count} pages of {what} differ from the primary's at checkpoint {number}, first page {page} of {idstr}"
            )
        });
    }

    /// Every page in which cache and guest differ has its bit set.
    pub(crate) fn before_flush(&self, cx: &Cx, qemu: &Secondary) {
        if qemu.vm.is_running(cx) {
            self.once(cx, WRITE_WHILE_RUNNING, "guest RAM", None, || {
                "the checkpoint is flushed into the RAM of a guest that runs".to_owned()
            });
        }
        for block in &qemu.blocks {
            let (Some(cache), Some(bmap)) = (block.colo_cache.peek(), block.bmap.peek()) else { continue };
            let missing = block.guest.peek_all(|guest| {
                cache.peek_all(|cache| guest.differing(cache).find(|page| bmap.peek(page / 64) >> (page % 64) & 1 == 0))
            });
            if let Some(page) = missing {
                self.once(cx, BIT_MISSING, "bmap", None, || {
                    format!("page {page} of {} differs between cache and guest, but its bit is clear", block.idstr)
                });
            }
        }
    }

    /// The incoming side is over, or will never be: is anything in the guest that no checkpoint committed?
    pub fn check_uncommitted(&self, cx: &Cx, qemu: &Secondary) {
        let committed = self.committed.borrow();
        let Some(committed) = committed.as_ref().filter(|_| self.left_colo.borrow().is_some()) else { return };
        qemu.vm.look(cx.sim.now(), &qemu.blocks);
        let written: BTreeSet<_> = qemu.vm.written().into_iter().collect();
        let now = State::of_secondary(committed.number, &qemu.blocks);
        let mut leaked = self.touched.borrow().clone();
        leaked.extend(differing_pages(&committed.blocks, &now.blocks).filter(|page| !written.contains(page)));
        self.leaked_pages.set(leaked.len() as u64);
        if leaked.is_empty() {
            return;
        }
        let torn = leaked.iter().find(|(block, page)| PageContent::is_torn(now.blocks[*block].get(*page)));
        if let Some((block, page)) = torn {
            let culprit = self.last_touch.borrow().clone().unwrap_or_else(|| cx.place());
            let idstr = &qemu.blocks[*block].idstr;
            cx.sim.report(Violation {
                kind: TORN_PAGE,
                object: "guest RAM".into(),
                culprit,
                cause: self.left_colo.borrow().clone(),
                detail: format!("page {page} of {idstr} holds part of one version and part of another"),
            });
        }
        let slots = u64::from(slots(qemu.layout.page_size));
        let packets = match leaked.len() as u64 {
            count if count == slots => format!(" = 1 whole packet of {slots}"),
            count if count.is_multiple_of(slots) => format!(" = {} whole packets of {slots}", count / slots),
            _ => String::new(),
        };
        let detail = format!(
            "{} pages{packets} of checkpoint {}, which was never whole, are in guest RAM: {}",
            leaked.len(),
            committed.number + 1,
            runs(&leaked, qemu)
        );
        let culprit = self.last_touch.borrow().clone().unwrap_or_else(|| cx.place());
        cx.sim.report(Violation {
            kind: UNCOMMITTED_PAGES,
            object: "guest RAM".into(),
            culprit,
            cause: self.left_colo.borrow().clone(),
            detail,
        });
    }
}

fn differing_pages<'a>(a: &'a [Contents], b: &'a [Contents]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let blocks = a.iter().zip(b).enumerate();
    blocks.flat_map(|(block, (a, b))| a.differing(b).map(move |page| (block, page)))
}

/// Pages as runs, as `pc.ram 5627–5754`.
fn runs(pages: &BTreeSet<(usize, usize)>, qemu: &Secondary) -> String {
    let runs = page_runs(pages.iter().copied());
    let shown = runs.iter().take(4).map(|(b, from, to)| format!("{} {from}–{to}", qemu.blocks[*b].idstr));
    let shown = shown.collect::<Vec<_>>().join(", ");
    if runs.len() > 4 { format!("{shown} and {} more runs", runs.len() - 4) } else { shown }
}
