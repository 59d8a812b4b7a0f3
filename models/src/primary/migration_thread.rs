//! The migration thread (QEMU `migration_thread` in `migration/migration.c`): set-up, precopy, completion, and then either
//! COLO or the end; with the bottom half that cleans up.

use super::main_loop::Work;
use super::ram_save::{
    qemu_savevm_live_state, ram_save_iterate, ram_save_setup, ram_state_pending_estimate, ram_state_pending_exact,
};
use super::rate_limit::migration_rate_limit;
use super::{MigrationState, Primary, colo};
use crate::guest::{DEVICE, SavedGuest};
use crate::steps::{migration as step, primary_failover};
use crate::variant::CacheAlloc;
use crate::wire::command::Command;
use crate::wire::stream::{self, Item, SectionHeader};
use colosim_sim::{Cx, Ordering};
use std::rc::Rc;

/// The id of the one device's section.
const DEVICE_SECTION_ID: u32 = 2;
/// What fills a device's state: a byte that is part of no footer.
const DEVICE_FILL: u8 = 0x5a;

/// `migration_thread`.
pub(super) async fn migration_thread(cx: Cx, qemu: Rc<Primary>) {
    set_up(&cx, &qemu).await;
    while qemu.state.load(&cx, Ordering::Relaxed) == MigrationState::Active {
        if !qemu.rate_limit.is_exceeded(&qemu) {
            migration_iteration_run(&cx, &qemu).await;
        }
        if qemu.file.has_error() {
            qemu.error("cannot write to the main channel");
            qemu.state.compare_exchange(&cx, MigrationState::Active, MigrationState::Failed);
        }
        if qemu.state.load(&cx, Ordering::Relaxed) == MigrationState::Active {
            migration_rate_limit(&cx, &qemu).await;
        }
    }
    qemu.precopy_done.give(&cx);
    migration_iteration_finish(&cx, &qemu).await;
}

/// Header, the command that 10.x had for COLO, and the START section.
async fn set_up(cx: &Cx, qemu: &Primary) {
    cx.step(step::SETUP).await;
    qemu.file.put(stream::encode_header);
    if qemu.migration.x_colo && qemu.variant.cache_alloc == CacheAlloc::EnableColoCommand {
        qemu.file.put_item(&Item::Command(Command::EnableColo));
    }
    qemu.file.flush(cx, qemu).await;
    qemu.bql.lock(cx).await;
    ram_save_setup(cx, qemu).await;
    qemu.bql.unlock(cx);
    qemu.state.compare_exchange(cx, MigrationState::Setup, MigrationState::Active);
    qemu.recorder.borrow_mut().setup_time_ns = cx.sim.now().since(qemu.began).0;
    qemu.rate_limit.open(cx.sim.now(), qemu.transferred_bytes());
}

/// `migration_iteration_run`: complete if what is left can be sent within downtime-limit, else send some of it.
async fn migration_iteration_run(cx: &Cx, qemu: &Primary) {
    cx.step(step::ITERATE).await;
    let threshold = qemu.rate_limit.threshold_bytes();
    let mut pending = ram_state_pending_estimate(qemu);
    if pending < threshold {
        pending = ram_state_pending_exact(cx, qemu).await;
    }
    if pending <= threshold {
        migration_completion(cx, qemu).await;
    } else {
        ram_save_iterate(cx, qemu).await;
    }
}

/// `migration_completion`, `migration_completion_precopy`: stop the VM and send the rest.
async fn migration_completion(cx: &Cx, qemu: &Primary) {
    qemu.bql.lock(cx).await;
    qemu.downtime_start.set(cx.sim.now());
    cx.step(step::STOP_VM).await;
    qemu.stop_vm(cx);
    qemu.tell_checkpoint_state(0);
    qemu.state.compare_exchange(cx, MigrationState::Active, MigrationState::Device);
    qemu.rate_limit.lift();
    qemu_savevm_live_state(cx, qemu).await;
    cx.step(step::SAVE_DEVICES).await;
    qemu.file.put_buffer(cx, qemu, &device_state(qemu, 0)).await;
    qemu.file.put_item(&Item::VmDescription { text: description(qemu) });
    qemu.file.flush(cx, qemu).await;
    qemu.bql.unlock(cx);

    cx.step(step::COMPLETE).await;
    let to = match (qemu.file.has_error(), qemu.migration.x_colo) {
        (true, _) => MigrationState::Failed,
        (false, true) => MigrationState::Colo,
        (false, false) => MigrationState::Completed,
    };
    qemu.state.compare_exchange(cx, MigrationState::Device, to);
    record_precopy(cx, qemu);
}

fn record_precopy(cx: &Cx, qemu: &Primary) {
    let mut metrics = qemu.recorder.borrow_mut();
    let now = cx.sim.now();
    metrics.total_time_ns = now.since(qemu.began).0;
    metrics.downtime_ns = now.since(qemu.downtime_start.get()).0;
    qemu.count_sent(&mut metrics);
}

/// `migration_iteration_finish`: COLO, and the VM goes on here unless it was handed over.
async fn migration_iteration_finish(cx: &Cx, qemu: &Rc<Primary>) {
    qemu.auto_converge.stop(qemu, cx.sim.now());
    qemu.bql.lock(cx).await;
    let state = qemu.state.load(cx, Ordering::Relaxed);
    if state == MigrationState::Colo {
        qemu.bql.unlock(cx);
        colo::colo_process_checkpoint(cx, qemu).await;
        qemu.bql.lock(cx).await;
    }
    if state != MigrationState::Completed && !qemu.is_vm_running() {
        cx.step(primary_failover::RESUME_VM).await;
        qemu.start_vm(cx);
    }
    if state == MigrationState::Colo {
        qemu.failed_over.give(cx);
    }
    qemu.post(cx, Work::CleanupBh);
    qemu.bql.unlock(cx);
}

/// The cleanup bottom half: main loop, BQL held but for the first join.
pub(super) async fn migration_cleanup_bh(cx: &Cx, qemu: &Primary) {
    cx.step(step::CLEANUP).await;
    let Some(threads) = qemu.threads.take() else { return };
    qemu.bql.unlock(cx);
    cx.join(threads.migration).await;
    qemu.bql.lock(cx).await;
    qemu.multifd.exiting.store(cx, true, Ordering::Relaxed);
    for channel in &qemu.multifd.channels {
        channel.sem.post(cx);
        channel.socket.shutdown();
    }
    for thread in threads.send {
        cx.join(thread).await;
    }
    qemu.file.socket.close();
}

/// The state of all devices for checkpoint `number` as one full section and the byte EOF, as long as the scenario says (or the
/// little more that it takes at least). The section's payload starts with what is saved of the guest, which is stopped.
pub(super) fn device_state(qemu: &Primary, number: u32) -> Vec<u8> {
    let size = qemu.migration.device_state.bytes() as usize;
    let mut bytes = Vec::with_capacity(size);
    stream::encode_item(
        &mut bytes,
        &Item::SectionFull(SectionHeader {
            section_id: DEVICE_SECTION_ID,
            idstr: DEVICE.into(),
            instance_id: 0,
            version_id: 1,
        }),
    );
    let mut end = Vec::new();
    stream::encode_footer(&mut end, DEVICE_SECTION_ID);
    stream::encode_item(&mut end, &Item::Eof);
    let payload_len = size.saturating_sub(bytes.len() + end.len()).max(SavedGuest::BYTES);
    let payload_at = bytes.len();
    bytes.resize(payload_at + payload_len, DEVICE_FILL);
    let saved = SavedGuest { checkpoint: number, next_page: qemu.ram.borrow().next_page() };
    bytes[payload_at..payload_at + SavedGuest::BYTES].copy_from_slice(&saved.encode());
    bytes.extend_from_slice(&end);
    bytes
}

/// What the device state is made of, in JSON, padded to the length that the scenario gives it.
fn description(qemu: &Primary) -> Vec<u8> {
    let size = qemu.migration.device_state.bytes();
    let mut text = format!(r#"{{"devices":[{{"name":"device","instance_id":0,"size":{size}}}]}}"#).into_bytes();
    let length = text.len().max(qemu.migration.vm_description.bytes() as usize);
    text.resize(length, b' ');
    text
}
