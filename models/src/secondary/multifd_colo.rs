//! The two COLO hooks of a multifd receive thread (QEMU `migration/multifd-colo.c`): where pages go before they are read,
//! and what is copied to the guest after.

use super::cache::colo_record_bitmap;
use super::multifd_recv::{Host, Packet};
use super::{MigrationStatus, Secondary};
use crate::guest::runs_of;
use crate::steps::multifd_recv as step;
use crate::variant::{
    CacheAssert, ClearGuestZero, CopyPredicate, EnabledPredicate, HookCopy, HookRecord, RecordTime, RecordZero,
    RecvTarget, StateReads,
};
use colosim_sim::{Counting, Cx, Kind, Memory};
use std::ops::Range;

/// R5e: read the state, record what will have to be flushed, choose the memory that the packet goes to.
pub(super) async fn multifd_colo_prepare_recv(cx: &Cx, qemu: &Secondary, packet: &mut Packet) {
    cx.step(step::READ_STATE_PREPARE).await;
    let state = qemu.state.read(cx);
    packet.state_at_prepare = state;
    let mut asserted = None;
    if qemu.variant.cache_assert == CacheAssert::BeforeRecord {
        asserted = Some(assert_cache(cx, qemu, packet).await);
    }
    if qemu.variant.record_time == RecordTime::BeforeData {
        record_packet(cx, qemu, packet).await;
    }
    if qemu.variant.cache_assert == CacheAssert::AfterRecord {
        asserted = Some(assert_cache(cx, qemu, packet).await);
    }

    cx.step(step::SET_HOST).await;
    let to_cache = match qemu.variant.recv_target {
        RecvTarget::CacheAlways => true,
        RecvTarget::ByState => state == MigrationStatus::Colo,
        RecvTarget::GuestAlways => false,
    };
    packet.host = match (to_cache, asserted) {
        (true, Some(cache)) => Host::Cache(cache),
        (true, None) => Host::Cache(qemu.blocks[packet.block].colo_cache.dereference(cx).await),
        (false, _) => Host::Guest,
    };
}

/// R5e2 and R5e3: in COLO state, the pages of the packet have to be flushed from the cache.
pub(super) async fn record_packet(cx: &Cx, qemu: &Secondary, packet: &Packet) {
    if packet.state_at_prepare != MigrationStatus::Colo {
        return;
    }
    let block = &qemu.blocks[packet.block];
    colo_record_bitmap(cx, qemu, block, &packet.normal, step::RECORD_NORMAL).await;
    if qemu.variant.record_zero == RecordZero::Yes {
        colo_record_bitmap(cx, qemu, block, &packet.zero, step::RECORD_ZERO).await;
    }
}

/// R5e4: an assertion, which ends the process.
async fn assert_cache(cx: &Cx, qemu: &Secondary, packet: &Packet) -> Memory {
    cx.step(step::ASSERT_CACHE).await;
    let pointer = &qemu.blocks[packet.block].colo_cache;
    let Some(cache) = pointer.get(cx) else {
        let detail = format!("{} finds no colo_cache for the packet it has taken", cx.name());
        cx.violate(Kind::ASSERTION, "block->colo_cache", pointer.cleared_by(), detail);
        cx.halt().await
    };
    cache
}

/// Does this design prepare at this place, and is COLO wanted now?
pub(super) fn prepares(qemu: &Secondary, place: HookRecord) -> bool {
    qemu.variant.hook_record == place && qemu.is_colo_wanted(WhoAsks::ReceiveThread)
}

/// R8, if this design copies at this place: unless the state says otherwise, the page of precopy gets into the other memory too.
pub(super) async fn multifd_colo_process_recv(cx: &Cx, qemu: &Secondary, packet: &Packet, place: HookCopy) {
    if qemu.variant.hook_copy != place || !qemu.is_colo_wanted(WhoAsks::ReceiveThread) {
        return;
    }
    cx.step(step::READ_STATE_PROCESS).await;
    let by_snapshot =
        qemu.variant.copy_predicate == CopyPredicate::Snapshot || qemu.variant.state_reads == StateReads::Once;
    let state = if by_snapshot { packet.state_at_prepare } else { qemu.state.read(cx) };
    if !qemu.is_precopy(state) {
        return;
    }
    let block = &qemu.blocks[packet.block];
    for pages in packet.normal.chunks(qemu.pages_per_step()) {
        cx.step_on(step::COPY_TO_GUEST, pages.len() as u64).await;
        for mut pages in runs_of(pages) {
            while !pages.is_empty() {
                let written = match &packet.host {
                    Host::Cache(cache) => {
                        let (words, count) = cache.read_run(cx, pages.clone());
                        qemu.write_guest(cx, packet.block, pages.start..pages.start + count, words);
                        count
                    }
                    Host::Guest => {
                        let cache = block.colo_cache.dereference(cx).await;
                        let (words, count) = block.guest.read_run(cx, pages.clone());
                        cache.write_run(cx, pages.start..pages.start + count, words);
                        count
                    }
                };
                pages.start += written;
            }
        }
    }
    // Inside the nocomp method a zero page is the affair of what clears it.
    if place == HookCopy::InNocompRecv || qemu.variant.clear_guest_zero == ClearGuestZero::No {
        return;
    }
    for pages in packet.zero.chunks(qemu.pages_per_step()) {
        cx.step_on(step::CLEAR_GUEST, pages.len() as u64).await;
        for pages in runs_of(pages) {
            match &packet.host {
                Host::Cache(_) => qemu.write_guest(cx, packet.block, pages, Counting::ZERO),
                Host::Guest => block.colo_cache.dereference(cx).await.write_run(cx, pages, Counting::ZERO),
            }
        }
    }
}

/// Who looks whether COLO is wanted; not all look at the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhoAsks {
    ReceiveThread,
    Loader,
}

impl Secondary {
    /// Is COLO wanted (`migrate_colo()`, `migration_incoming_colo_enabled()`)?
    pub(super) fn is_colo_wanted(&self, who: WhoAsks) -> bool {
        let flag = self.colo_enabled.get();
        match (self.variant.enabled_predicate, who) {
            (EnabledPredicate::Capability, _) => self.x_colo,
            (EnabledPredicate::LoaderBoth, WhoAsks::ReceiveThread) => self.x_colo,
            (EnabledPredicate::Flag, _) => flag,
            (EnabledPredicate::Both | EnabledPredicate::LoaderBoth, _) => self.x_colo && flag,
        }
    }

    /// Does a page that comes in this state count as one of precopy?
    pub(super) fn is_precopy(&self, state: MigrationStatus) -> bool {
        match self.variant.copy_predicate {
            CopyPredicate::ActiveOnly => state == MigrationStatus::Active,
            CopyPredicate::NotColo | CopyPredicate::Snapshot => state != MigrationStatus::Colo,
        }
    }

    /// Length of a block in bytes, now.
    pub(super) fn used_length(&self, block: usize) -> u64 {
        self.layout.offset(self.blocks[block].used_pages())
    }

    /// A thread that is no vCPU writes guest RAM; the oracles look on.
    pub(super) fn write_guest(&self, cx: &Cx, block: usize, pages: Range<usize>, words: Counting) {
        self.vm.look(cx.sim.now(), &self.blocks);
        let guest = &self.blocks[block].guest;
        if !self.oracle.watches_guest() {
            return guest.write_run(cx, pages, words);
        }
        for page in pages.clone() {
            let word = words.at(page - pages.start);
            let changed = guest.peek(page) != word;
            guest.write(cx, page, word);
            self.oracle.guest_written(cx, self, block, page, changed);
        }
    }
}
