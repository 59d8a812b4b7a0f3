//! The migration thread's side of multifd (QEMU `multifd_queue_page`, `multifd_send`, `multifd_ram_flush_and_sync`): pages are
//! collected, full packets handed to idle channels round robin, and epochs ended with a SYNC on every channel.

use super::Primary;
use crate::guest::PageAddress;
use crate::steps::multifd_queue as step;
use crate::variant::{Multifd, SetupSync, SyncSender};
use crate::wire::multifd_packet::slots;
use crate::wire::ram_section::Word;
use colosim_sim::{Cx, Ordering};

/// The send threads are on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exiting;

/// `multifd_queue_page`, for `pages` pages: a full packet leaves when the next page comes, or one of another block.
pub(super) async fn multifd_queue_pages(
    cx: &Cx,
    qemu: &Primary,
    address: PageAddress,
    pages: usize,
) -> Result<(), Exiting> {
    let mut pages = address.page..address.page + pages;
    while !pages.is_empty() {
        let room = room(qemu, address.block);
        if room == 0 {
            multifd_send(cx, qemu).await?;
            continue;
        }
        let mut data = qemu.multifd.queued.borrow_mut();
        data.block = address.block;
        let end = pages.end.min(pages.start + room);
        data.pages.extend(pages.start..end);
        pages.start = end;
    }
    Ok(())
}

/// How many pages of this block can be queued before a packet has to leave.
pub(super) fn room(qemu: &Primary, block: usize) -> usize {
    let data = qemu.multifd.queued.borrow();
    let fits = data.pages.is_empty() || data.block == block;
    if fits { slots(qemu.layout.page_size) as usize - data.pages.len() } else { 0 }
}

/// `multifd_send`: hand what is collected to an idle channel.
async fn multifd_send(cx: &Cx, qemu: &Primary) -> Result<(), Exiting> {
    let state = &qemu.multifd;
    check_exiting(cx, qemu)?;
    state.mutex.lock(cx).await;
    cx.step(step::WAIT_CHANNEL).await;
    state.channels_ready.wait(cx).await;
    let mut id = state.next_channel.get() % state.channels.len();
    // A token says that some channel is idle, not which.
    while state.channels[id].pending_job.load(cx, Ordering::AcquireRelease) {
        if let Err(exiting) = check_exiting(cx, qemu) {
            state.mutex.unlock(cx);
            return Err(exiting);
        }
        id = (id + 1) % state.channels.len();
    }
    state.next_channel.set((id + 1) % state.channels.len());
    cx.step(step::HAND_OVER).await;
    let channel = &state.channels[id];
    cx.assert(channel.data.borrow().pages.is_empty(), "p->data", "an idle channel still has pages");
    channel.data.swap(&state.queued);
    channel.pending_job.store(cx, true, Ordering::AcquireRelease);
    channel.sem.post(cx);
    state.mutex.unlock(cx);
    Ok(())
}

/// Where the sender is when it ends an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EpochEnd {
    /// In the START section, before any page.
    Setup,
    /// The dirty scan ran off the end of the block list, or a section ends.
    RoundOrSection,
}

/// `multifd_ram_flush_and_sync`: after it every channel's stream holds all pages queued before, then one SYNC packet. With
/// a sync per round the loader is told with a MULTIFD_FLUSH word.
pub(super) async fn multifd_ram_flush_and_sync(cx: &Cx, qemu: &Primary, end: EpochEnd) -> Result<(), Exiting> {
    if qemu.variant.multifd == Multifd::Off {
        return Ok(());
    }
    if !qemu.multifd.queued.borrow().pages.is_empty() {
        multifd_send(cx, qemu).await?;
    }
    let syncs = match end {
        EpochEnd::Setup => qemu.variant.setup_sync == SetupSync::Present,
        EpochEnd::RoundOrSection => qemu.variant.sync_sender != SyncSender::Absent,
    };
    if !syncs {
        return Ok(());
    }
    multifd_send_sync_main(cx, qemu).await?;
    if qemu.variant.sync_sender != SyncSender::PerSection {
        cx.step(step::FLUSH_WORD).await;
        qemu.file.put_word(&Word::Flush, qemu.layout.page_size);
        qemu.file.flush(cx, qemu).await;
    }
    Ok(())
}

/// `multifd_send_sync_main`: ask every channel for a SYNC packet, then wait for all of them.
async fn multifd_send_sync_main(cx: &Cx, qemu: &Primary) -> Result<(), Exiting> {
    let state = &qemu.multifd;
    for channel in &state.channels {
        cx.step(step::SYNC_REQUEST).await;
        check_exiting(cx, qemu)?;
        let pending = channel.pending_sync.load(cx, Ordering::Relaxed);
        cx.assert(!pending, "pending_sync", "a sync is asked for while another is pending");
        channel.pending_sync.store(cx, true, Ordering::Relaxed);
        channel.sem.post(cx);
    }
    for channel in &state.channels {
        cx.step(step::SYNC_WAIT).await;
        check_exiting(cx, qemu)?;
        state.channels_ready.wait(cx).await;
        channel.sem_sync.wait(cx).await;
    }
    Ok(())
}

fn check_exiting(cx: &Cx, qemu: &Primary) -> Result<(), Exiting> {
    match qemu.multifd.exiting.load(cx, Ordering::Relaxed) {
        true => Err(Exiting),
        false => Ok(()),
    }
}
