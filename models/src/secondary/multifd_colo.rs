//! The two COLO hooks of a multifd receive thread (QEMU `migration/multifd-colo.c`): where pages go before they are read,
//! and what is copied to the guest after.

use super::cache::colo_record_bitmap;
use super::multifd_recv::{Host, Packet};
use super::{MigrationStatus, Secondary};
use crate::steps::multifd_recv as step;
use crate::variant::{ClearGuestZero, CopyPredicate, HookCopy, HookRecord, RecordZero, RecvTarget};
use colosim_sim::{Cx, Kind};

/// R5e: read the state, record what will have to be flushed, choose the memory that the packet goes to.
pub(super) async fn multifd_colo_prepare_recv(cx: &Cx, qemu: &Secondary, packet: &mut Packet) {
    let block = &qemu.blocks[packet.block];
    cx.step(step::READ_STATE_PREPARE).await;
    let state = qemu.state.read(cx);
    packet.state_at_prepare = state;
    if state == MigrationStatus::Colo {
        colo_record_bitmap(cx, qemu, block, &packet.normal, step::RECORD_NORMAL).await;
        if qemu.variant.record_zero == RecordZero::Yes {
            colo_record_bitmap(cx, qemu, block, &packet.zero, step::RECORD_ZERO).await;
        }
    }

    cx.step(step::ASSERT_CACHE).await;
    let Some(cache) = block.colo_cache.get(cx) else {
        let detail = format!("{} finds no colo_cache for the packet it has taken", cx.name());
        cx.violate(Kind::ASSERTION, "block->colo_cache", block.colo_cache.cleared_by(), detail);
        cx.halt().await
    };

    cx.step(step::SET_HOST).await;
    packet.host = match qemu.variant.recv_target {
        RecvTarget::CacheAlways => Host::Cache(cache),
        RecvTarget::ByState if state == MigrationStatus::Colo => Host::Cache(cache),
        RecvTarget::ByState | RecvTarget::GuestAlways => Host::Guest,
    };
}

/// Does this design prepare at this place? Without x-colo nothing is prepared anywhere.
pub(super) fn prepares(qemu: &Secondary, place: HookRecord) -> bool {
    qemu.x_colo && qemu.variant.hook_record == place
}

/// R8: unless the state says otherwise, what went into the cache goes into the guest too.
pub(super) async fn multifd_colo_process_recv(cx: &Cx, qemu: &Secondary, packet: &Packet) {
    if !qemu.x_colo || qemu.variant.hook_copy == HookCopy::None {
        return;
    }
    let block = &qemu.blocks[packet.block];
    cx.step(step::READ_STATE_PROCESS).await;
    let copies = match qemu.variant.copy_predicate {
        CopyPredicate::NotColo => qemu.state.read(cx) != MigrationStatus::Colo,
        CopyPredicate::ActiveOnly => qemu.state.read(cx) == MigrationStatus::Active,
        CopyPredicate::Snapshot => packet.state_at_prepare != MigrationStatus::Colo,
    };
    if !copies {
        return;
    }
    for pages in packet.normal.chunks(qemu.pages_per_step()) {
        cx.step_on(step::COPY_TO_GUEST, pages.len() as u64).await;
        for page in pages {
            match &packet.host {
                Host::Cache(cache) => qemu.write_guest(cx, packet.block, *page, cache.read(cx, *page)),
                Host::Guest => {
                    let cache = block.colo_cache.dereference(cx).await;
                    cache.write(cx, *page, block.guest.read(cx, *page));
                }
            }
        }
    }
    if qemu.variant.clear_guest_zero == ClearGuestZero::Yes {
        for pages in packet.zero.chunks(qemu.pages_per_step()) {
            cx.step_on(step::CLEAR_GUEST, pages.len() as u64).await;
            for page in pages {
                qemu.write_guest(cx, packet.block, *page, 0);
            }
        }
    }
}

impl Secondary {
    /// A thread that is no vCPU writes guest RAM; the oracles look on.
    pub(super) fn write_guest(&self, cx: &Cx, block: usize, page: usize, word: u64) {
        self.vm.look(cx.sim.now(), &self.blocks);
        let guest = &self.blocks[block].guest;
        let changed = guest.peek(page) != word;
        guest.write(cx, page, word);
        self.oracle.guest_written(cx, self, block, page, changed);
    }
}
