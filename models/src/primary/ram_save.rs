//! Saving RAM (QEMU `migration/ram.c`): the dirty scan, and the START, PART and END sections of "ram".
//!
//! The scan goes round the list of blocks. A search that finds nothing runs off the end of the list once and leaves the cursor
//! at the end of the block in which it started; so a pass over dirty pages before the cursor runs off the end twice: once to
//! get to them, once to find that there are no more. With a sync per round that makes two epochs of a pass, the first
//! of them empty or short.
//!
//! With [`Granularity::Packet`] the costs of a packet's pages are spent together, when the next page is searched; pages between
//! which no thread could act are found and queued at once.

use super::Primary;
use super::multifd_queue::{EpochEnd, Exiting, multifd_queue_pages, multifd_ram_flush_and_sync, room};
use crate::guest::{DirtyBitmap, Layout, PageAddress};
use crate::scenario::{Granularity, ZeroPageDetection};
use crate::steps::migration as step;
use crate::variant::{Multifd, SyncSender};
use crate::wire::multifd_packet::slots;
use crate::wire::ram_section::{self, BlockEntry, Word};
use crate::wire::stream::{self, Item, SectionHeader};
use colosim_sim::{Cx, Mutex, Sim, Span, StepId};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// The id of the "ram" section: that of the first, and only, iterable state.
const SECTION_ID: u32 = 1;
/// A PART section ends after this time at the latest (`MAX_WAIT`).
const PART_TIME_MAX: Span = Span::millis(50);
/// The time is looked at after this many pages.
const PAGES_PER_LOOK: usize = 64;

/// `ram_state`, and the bitmaps of the blocks.
pub(super) struct RamState {
    bitmap: RefCell<DirtyBitmap>,
    bitmap_mutex: Mutex,
    /// `last_seen_block`, `last_page`.
    cursor: Cell<PageAddress>,
    idstrs: Vec<Arc<str>>,
    /// Dirty syncs before the one of the completion.
    pub dirty_syncs: Cell<u64>,
    /// Passes between two dirty syncs in which a page was sent.
    pub rounds: Cell<u64>,
    in_round: Cell<bool>,
    /// Pages that the last pass of `ram_save_complete` had to send.
    pub last_pass_pages: Cell<u64>,
    unspent: Unspent,
}

/// Pages whose steps are not spent yet.
#[derive(Default)]
struct Unspent {
    found: Cell<u64>,
    checked: Cell<u64>,
    written: Cell<u64>,
}

impl RamState {
    pub fn new(sim: &Sim, layout: &Layout) -> RamState {
        RamState {
            bitmap: RefCell::new(DirtyBitmap::new(layout)),
            bitmap_mutex: Mutex::new(sim, "bitmap_mutex of the primary"),
            cursor: Cell::new(PageAddress { block: 0, page: 0 }),
            idstrs: layout.blocks.iter().map(|block| block.idstr.as_str().into()).collect(),
            dirty_syncs: Cell::new(0),
            rounds: Cell::new(0),
            in_round: Cell::new(false),
            last_pass_pages: Cell::new(0),
            unspent: Unspent::default(),
        }
    }

    /// `migration_dirty_pages`.
    pub fn dirty_pages(&self) -> u64 {
        self.bitmap.borrow().dirty_pages()
    }
}

/// The START section with the list of blocks (`ram_save_setup`). An error becomes one of the main channel.
pub(super) async fn ram_save_setup(cx: &Cx, qemu: &Primary) {
    cx.step(step::START_SECTION).await;
    qemu.file.put_item(&Item::SectionStart(SectionHeader {
        section_id: SECTION_ID,
        idstr: "ram".into(),
        instance_id: 0,
        version_id: ram_section::VERSION,
    }));
    migration_bitmap_sync(cx, qemu).await;
    count_dirty_sync(qemu);
    let entry = |block: &crate::guest::Block| BlockEntry {
        idstr: block.idstr.clone(),
        used_length: qemu.layout.offset(block.pages),
    };
    let blocks = qemu.layout.blocks.iter().map(entry).collect();
    qemu.file.put_word(&Word::MemSize(blocks), qemu.layout.page_size);
    if multifd_ram_flush_and_sync(cx, qemu, EpochEnd::Setup).await.is_err() {
        return qemu.file.set_error();
    }
    end_section(cx, qemu).await;
}

/// A PART section (`ram_save_iterate`): pages until the rate limit, 50 ms, or no page is left.
pub(super) async fn ram_save_iterate(cx: &Cx, qemu: &Primary) {
    qemu.file.put_item(&Item::SectionPart { section_id: SECTION_ID });
    qemu.ram_state.bitmap_mutex.lock(cx).await;
    let began = cx.sim.now();
    let mut pages = 0;
    let mut result = Ok(());
    while result.is_ok() && !qemu.rate_limit.is_exceeded(qemu) {
        // The page after which the time is looked at is the last one of its run.
        let until_look = (PAGES_PER_LOOK - pages % PAGES_PER_LOOK) % PAGES_PER_LOOK + 1;
        match ram_find_and_save_block(cx, qemu, until_look).await {
            Ok(0) => break,
            Ok(saved) => pages += saved,
            Err(exiting) => result = Err(exiting),
        }
        if (pages - 1).is_multiple_of(PAGES_PER_LOOK) && cx.sim.now().since(began) > PART_TIME_MAX {
            break;
        }
    }
    spend_steps(cx, qemu).await;
    qemu.ram_state.bitmap_mutex.unlock(cx);
    match result {
        Ok(()) => sync_and_end_section(cx, qemu).await,
        Err(Exiting) => qemu.file.set_error(),
    }
}

/// The END section of RAM, which is all iterable state there is (`ram_save_complete`): what is dirty now, without a limit.
/// The guest is stopped. An error becomes one of the main channel.
pub(super) async fn qemu_savevm_live_state(cx: &Cx, qemu: &Primary) {
    qemu.file.put_item(&Item::SectionEnd { section_id: SECTION_ID });
    migration_bitmap_sync(cx, qemu).await;
    qemu.ram_state.last_pass_pages.set(qemu.ram_state.dirty_pages());
    qemu.ram_state.bitmap_mutex.lock(cx).await;
    let result = loop {
        match ram_find_and_save_block(cx, qemu, usize::MAX).await {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(exiting) => break Err(exiting),
        }
    };
    spend_steps(cx, qemu).await;
    qemu.ram_state.bitmap_mutex.unlock(cx);
    match result {
        Ok(()) => sync_and_end_section(cx, qemu).await,
        Err(Exiting) => qemu.file.set_error(),
    }
}

/// `migration_bitmap_sync`: the pages that the guest wrote since the last sync are dirty.
async fn migration_bitmap_sync(cx: &Cx, qemu: &Primary) {
    cx.step(step::DIRTY_SYNC).await;
    let ram_state = &qemu.ram_state;
    ram_state.bitmap_mutex.lock(cx).await;
    let newly_dirty = qemu.ram.borrow_mut().sync_dirty_log(cx.sim.now(), &mut ram_state.bitmap.borrow_mut());
    qemu.auto_converge.after_sync(qemu, cx.sim.now(), newly_dirty);
    ram_state.in_round.set(false);
    ram_state.bitmap_mutex.unlock(cx);
}

/// `ram_state_pending_exact`: a dirty sync under the BQL. Returns the bytes that are left to send.
pub(super) async fn ram_state_pending_exact(cx: &Cx, qemu: &Primary) -> u64 {
    qemu.bql.lock(cx).await;
    migration_bitmap_sync(cx, qemu).await;
    count_dirty_sync(qemu);
    qemu.bql.unlock(cx);
    ram_state_pending_estimate(qemu)
}

/// `ram_state_pending_estimate`: bytes that are left to send, as of the last sync.
pub(super) fn ram_state_pending_estimate(qemu: &Primary) -> u64 {
    qemu.ram_state.dirty_pages() * qemu.layout.page_size
}

fn count_dirty_sync(qemu: &Primary) {
    qemu.ram_state.dirty_syncs.set(qemu.ram_state.dirty_syncs.get() + 1);
}

/// `ram_find_and_save_block`: search the next dirty page and send it, and up to `pages_max` dirty ones right behind it if nothing
/// could come in between. Returns how many there were.
async fn ram_find_and_save_block(cx: &Cx, qemu: &Primary, pages_max: usize) -> Result<usize, Exiting> {
    let ram_state = &qemu.ram_state;
    let costs_are_due = ram_state.unspent.found.get() >= u64::from(slots(qemu.layout.page_size));
    if costs_are_due {
        spend_steps(cx, qemu).await;
    }
    let start = ram_state.cursor.get();
    let mut at = start;
    let mut complete_round = false;
    loop {
        let end = qemu.layout.blocks[at.block].pages;
        at.page = ram_state.bitmap.borrow().next_dirty(at.block, at.page).unwrap_or(end);
        if complete_round && at.block == start.block && at.page >= start.page {
            ram_state.cursor.set(at);
            return Ok(0);
        }
        if at.page < end {
            break;
        }
        at = PageAddress { block: at.block + 1, page: 0 };
        if at.block == qemu.layout.blocks.len() {
            if qemu.variant.sync_sender != SyncSender::PerSection {
                spend_steps(cx, qemu).await;
                multifd_ram_flush_and_sync(cx, qemu, EpochEnd::RoundOrSection).await?;
            }
            at.block = 0;
            complete_round = true;
        }
    }
    let pages_max = if costs_are_due || complete_round { 1 } else { pages_max };
    let pages = run_without_waiting(qemu, at, pages_max);
    page_step(cx, qemu, step::FIND_PAGE, &ram_state.unspent.found, pages).await;
    ram_state.bitmap.borrow_mut().clear_run(at.block, at.page..at.page + pages);
    if !ram_state.in_round.replace(true) {
        ram_state.rounds.set(ram_state.rounds.get() + 1);
    }
    ram_save_target_pages(cx, qemu, at, pages).await?;
    at.page += pages - 1;
    ram_state.cursor.set(at);
    Ok(pages)
}

/// How many dirty pages from this one on can be queued without a step or a wait between them: one, or up to `pages_max`.
fn run_without_waiting(qemu: &Primary, from: PageAddress, pages_max: usize) -> usize {
    let by_packet = qemu.granularity == Granularity::Packet && qemu.variant.multifd == Multifd::On;
    if !by_packet || qemu.zero_page_detection() == ZeroPageDetection::Legacy {
        return 1;
    }
    let costs_put_off = qemu.ram_state.unspent.found.get() as usize;
    let pages_max = pages_max.min(room(qemu, from.block)).min(slots(qemu.layout.page_size) as usize - costs_put_off);
    qemu.ram_state.bitmap.borrow().dirty_run(from.block, from.page, pages_max).max(1)
}

/// `ram_save_target_page`: a zero page that the migration thread finds becomes a word on the main channel; every other page
/// is queued for multifd, with those right behind it, or follows its word on the main channel.
async fn ram_save_target_pages(cx: &Cx, qemu: &Primary, address: PageAddress, pages: usize) -> Result<(), Exiting> {
    let unspent = &qemu.ram_state.unspent;
    let idstr = || Arc::clone(&qemu.ram_state.idstrs[address.block]);
    let (offset, page_size) = (qemu.layout.offset(address.page), qemu.layout.page_size);
    if qemu.zero_page_detection() == ZeroPageDetection::Legacy {
        page_step(cx, qemu, step::ZERO_CHECK, &unspent.checked, 1).await;
        let content = qemu.ram.borrow_mut().content(cx.sim.now(), address);
        if content == 0 {
            qemu.file.put_word(&Word::Zero { block: idstr(), offset }, page_size);
            qemu.file.flush_if_full(cx, qemu).await;
            qemu.counters.duplicate.set(qemu.counters.duplicate.get() + 1);
            return Ok(());
        }
    }
    if qemu.variant.multifd == Multifd::On {
        return multifd_queue_pages(cx, qemu, address, pages).await;
    }
    page_step(cx, qemu, step::WRITE_PAGE, &unspent.written, 1).await;
    qemu.file.put_word(&Word::Page { block: idstr(), offset }, page_size);
    if qemu.file.is_full_with_a_page() {
        spend_steps(cx, qemu).await;
    }
    qemu.file.put_page(cx, qemu, address).await;
    qemu.counters.normal.set(qemu.counters.normal.get() + 1);
    Ok(())
}

/// The end of a PART or END section, which with a sync per section ends an epoch too.
async fn sync_and_end_section(cx: &Cx, qemu: &Primary) {
    let sync = qemu.variant.sync_sender == SyncSender::PerSection;
    if sync && multifd_ram_flush_and_sync(cx, qemu, EpochEnd::RoundOrSection).await.is_err() {
        return qemu.file.set_error();
    }
    end_section(cx, qemu).await;
}

/// EOS and footer, each with a flush.
async fn end_section(cx: &Cx, qemu: &Primary) {
    cx.step(step::END_SECTION).await;
    qemu.file.put_word(&Word::Eos, qemu.layout.page_size);
    qemu.file.flush(cx, qemu).await;
    qemu.file.put(|out| stream::encode_footer(out, SECTION_ID));
    qemu.file.flush(cx, qemu).await;
}

/// Do a step for pages, or put it off, by the granularity.
async fn page_step(cx: &Cx, qemu: &Primary, step: StepId, unspent: &Cell<u64>, pages: usize) {
    match qemu.granularity {
        Granularity::Page => cx.step_on(step, pages as u64).await,
        Granularity::Packet => unspent.set(unspent.get() + pages as u64),
    }
}

/// Do the steps that were put off.
async fn spend_steps(cx: &Cx, qemu: &Primary) {
    let Unspent { found, checked, written } = &qemu.ram_state.unspent;
    for (step, pages) in [(step::FIND_PAGE, found), (step::ZERO_CHECK, checked), (step::WRITE_PAGE, written)] {
        let pages = pages.take();
        if pages > 0 {
            cx.step_on(step, pages).await;
        }
    }
}
