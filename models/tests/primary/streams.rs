//! What the primary puts on the wire: everything decodes, nothing is missing, and epochs end where they must.

use crate::log::SeenMain;
use crate::run::{Seen, Setup, run, uniform};
use colosim_models::scenario::{Compression, Granularity, Share, Size, Workload, ZeroPageDetection};
use colosim_models::variant::{CacheAlloc, Multifd, SyncSender};

use std::collections::BTreeSet;

/// 4 MiB, written all over, a third of the writes leave zeros.
fn busy() -> Setup {
    Setup::new(uniform(50_000, 4 << 20, 0.3))
}

fn three_checkpoints(setup: Setup) -> Seen {
    run(setup, |cx, primary| async move { primary.checkpoints(&cx, 3).await })
}

/// What must hold in every configuration.
fn assert_whole(seen: &Seen) {
    assert_eq!(*seen.primary.errors.borrow(), Vec::<String>::new());
    seen.assert_states_arrived();
    let pages: BTreeSet<_> = seen.log.pages_in_precopy().into_iter().collect();
    assert_eq!(pages.len(), seen.layout.pages(), "every page is sent in precopy");
    for (i, checkpoint) in seen.metrics.checkpoints.iter().enumerate() {
        let sent = seen.log.pages_of_epochs(i + 1).iter().sum::<usize>() as u64;
        assert_eq!(checkpoint.dirty_pages, sent);
        assert_eq!(checkpoint.normal_pages + checkpoint.zero_pages, sent);
    }
    let numbers: Vec<u32> = seen.log.main.iter().filter_map(|(_, what)| device_number(what)).collect();
    assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
    assert_eq!(seen.log.count(&SeenMain::Description), 1);
}

fn device_number(what: &SeenMain) -> Option<u32> {
    match what {
        SeenMain::Devices { number, .. } => Some(*number),
        _ => None,
    }
}

#[test]
fn with_multifd_each_state_arrives_in_the_epochs_that_belong_to_it() {
    let seen = three_checkpoints(busy());
    assert_whole(&seen);
    assert_eq!(seen.primary.checkpoints_done.get(), 3);
    assert_eq!(seen.log.count(&SeenMain::Page) + seen.log.count(&SeenMain::Zero), 0);
    let packets: Vec<u64> = seen.log.channels.iter().flatten().map(|p| p.packet_num).collect();
    let distinct: BTreeSet<u64> = packets.iter().copied().collect();
    assert_eq!(distinct.len(), packets.len(), "packet numbers are those of all channels");
}

#[test]
fn page_and_packet_steps_send_the_same_kind_of_streams() {
    let seen = three_checkpoints(Setup { granularity: Granularity::Page, ..busy() });
    assert_whole(&seen);
}

#[test]
fn every_epoch_ends_with_a_sync_on_every_channel_and_one_flush_word() {
    let seen = three_checkpoints(busy());
    let flushes = seen.log.count(&SeenMain::Flush);
    assert_eq!(seen.log.syncs(), vec![flushes; 4]);
}

/// The cursor stands at the end of the block of the last page, so the pass over the dirty pages before it first wraps
/// (first epoch, empty) and ends with a second wrap.
#[test]
fn a_checkpoint_has_an_empty_epoch_and_one_with_all_its_pages() {
    let seen = three_checkpoints(busy());
    for checkpoint in 1..=3 {
        let epochs = seen.log.pages_of_epochs(checkpoint);
        assert!(epochs.len() == 2 && epochs[0] == 0 && epochs[1] > 0, "epochs of {epochs:?} pages");
        let main = seen.log.main_of_checkpoint(checkpoint);
        let ram = [SeenMain::End, SeenMain::Flush, SeenMain::Flush, SeenMain::Eos, SeenMain::Eof];
        assert_eq!(main[..5], ram);
    }
}

#[test]
fn a_checkpoint_of_an_idle_guest_has_one_flush_word() {
    let seen = three_checkpoints(Setup::new(Workload::Idle));
    assert_whole(&seen);
    for checkpoint in 1..=3 {
        assert_eq!(seen.log.pages_of_epochs(checkpoint), [0]);
    }
}

#[test]
fn a_sync_per_section_needs_no_flush_word() {
    let mut setup = busy();
    setup.variant.sync_sender = SyncSender::PerSection;
    let seen = three_checkpoints(setup);
    assert_whole(&seen);
    assert_eq!(seen.log.count(&SeenMain::Flush), 0);
    assert_eq!(seen.log.syncs(), vec![seen.log.count(&SeenMain::Eos); 4]);
}

#[test]
fn without_multifd_pages_and_zero_pages_travel_on_the_main_channel() {
    let mut setup = busy();
    setup.variant.multifd = Multifd::Off;
    let seen = three_checkpoints(setup);
    assert_whole(&seen);
    assert!(seen.log.count(&SeenMain::Page) > 0 && seen.log.count(&SeenMain::Zero) > 0);
    assert_eq!(seen.log.count(&SeenMain::Flush), 0);
    assert_eq!(seen.metrics.multifd_bytes, 0);
    assert_eq!(seen.metrics.duplicate + seen.metrics.normal, seen.log.pages_in_precopy().len() as u64);
}

#[test]
fn legacy_detection_sends_zero_pages_as_words_between_the_epochs_of_multifd() {
    let mut setup = busy();
    setup.migration.zero_page_detection = ZeroPageDetection::Legacy;
    let seen = three_checkpoints(setup);
    assert_whole(&seen);
    assert!(seen.log.count(&SeenMain::Zero) > 0);
    assert!(seen.log.channels.iter().flatten().all(|p| p.offsets.zero.is_empty()));
}

#[test]
fn without_detection_every_page_is_a_normal_one() {
    let mut setup = busy();
    setup.migration.zero_page_detection = ZeroPageDetection::None;
    let seen = three_checkpoints(setup);
    assert_whole(&seen);
    assert_eq!(seen.metrics.duplicate, 0);
    assert!(seen.log.channels.iter().flatten().all(|p| p.offsets.zero.is_empty()));
}

#[test]
fn compressed_channels_carry_the_same_states() {
    for compression in [Compression::Zlib, Compression::Zstd] {
        let mut setup = busy();
        setup.migration.multifd_compression = compression;
        let seen = three_checkpoints(setup);
        assert_whole(&seen);
        assert!(seen.metrics.multifd_bytes < 1 << 20, "{} bytes", seen.metrics.multifd_bytes);
    }
}

#[test]
fn a_second_block_is_sent_in_packets_of_its_own() {
    let mut setup = busy();
    setup.guest.video_ram = Size::from_bytes(1 << 20);
    setup.guest.filled = Share::new(0.9);
    let seen = three_checkpoints(setup);
    assert_whole(&seen);
    let blocks: BTreeSet<_> = seen.log.channels.iter().flatten().filter_map(|p| p.block.clone()).collect();
    assert_eq!(blocks.into_iter().collect::<Vec<_>>(), ["pc.ram", "vga.vram"]);
}

/// 16 pages, the first 8 filled. The swap of the two ends puts the first zero page last, and then each page that it got
/// from the end before it.
#[test]
fn zero_pages_stand_behind_normal_ones_in_the_order_that_the_swaps_leave() {
    let mut setup = Setup::new(Workload::Idle);
    setup.guest.ram = Size::from_bytes(16 * 4096);
    let seen = three_checkpoints(setup);
    let mut packets = seen.log.channels.iter().flatten().filter(|seen| !seen.flags.is_sync());
    let offsets = &packets.next().expect("one packet").offsets;
    assert!(packets.next().is_none());
    let pages = |offsets: &[u64]| offsets.iter().map(|offset| offset / 4096).collect::<Vec<_>>();
    assert_eq!(pages(&offsets.normal), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(pages(&offsets.zero), [9, 10, 11, 12, 13, 14, 15, 8]);
}

#[test]
fn the_set_up_sync_comes_before_every_page() {
    let seen = three_checkpoints(busy());
    assert!(seen.log.channels.iter().all(|packets| packets[0].flags.is_sync()));
    let main: Vec<_> = seen.log.main.iter().map(|(_, what)| what.clone()).take(3).collect();
    assert_eq!(main, [SeenMain::Start, SeenMain::Flush, SeenMain::Eos]);
}

#[test]
fn the_command_that_allocates_the_cache_is_sent_only_where_the_secondary_waits_for_it() {
    let mut setup = busy();
    setup.variant.cache_alloc = CacheAlloc::EnableColoCommand;
    let seen = three_checkpoints(setup);
    assert_eq!(seen.log.main[0].1, SeenMain::EnableColo);
    assert_eq!(three_checkpoints(busy()).log.count(&SeenMain::EnableColo), 0);
}

#[test]
fn the_device_state_is_as_long_as_asked() {
    let seen = three_checkpoints(busy());
    let in_checkpoint = seen.log.main_of_checkpoint(1);
    assert!(in_checkpoint.contains(&SeenMain::Devices { number: 1, bytes: 12_750 }));
}

#[test]
fn the_same_run_again_is_the_same_run() {
    let (first, second) = (three_checkpoints(busy()), three_checkpoints(busy()));
    assert_eq!(first.outcome.hash, second.outcome.hash);
    assert_eq!(first.metrics, second.metrics);
}
