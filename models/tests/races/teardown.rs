//! Races 1 to 3: the cache, its bitmap and its pointer are gone before the receive threads are.

use crate::search::{changed, design, scenario, search};
use colosim_models::scenario::Asks;
use colosim_models::variant::{CacheRelease, Overrides};

const FREE_CACHE: &str = "colo_release_ram_cache.free_cache";
const FREE_RAM_STATE: &str = "colo_release_ram_cache.free_ram_state";

#[test]
fn series_v5_frees_the_cache_under_a_receive_thread_that_is_late() {
    // The load has to fail first, since the BQL is held over it; then one stall of one receive thread is enough. The search
    // places stalls at hazards in two draws of five, and there are about a dozen hazards: 40 seeds have several tries.
    let found = search(&scenario("cache-teardown"), &design("series-v5"), 40);
    let free = found.finding("use-after-free", "colo_cache", "multifd_recv.readv_pages", FREE_CACHE);
    let free = free.expect("race 1 is found");
    assert_eq!(free.shown_undisturbed, 0, "it needs a stall");
    let record = found.finding("null-dereference", "ram_state", "multifd_recv.record_zero", FREE_RAM_STATE);
    assert!(record.is_some(), "race 2 is found");
    let assertion = found.finding("assertion", "block->colo_cache", "multifd_recv.assert_cache", FREE_CACHE);
    assert!(assertion.is_some(), "race 3 is found");
}

#[test]
fn merged_keeps_the_cache_until_the_receive_threads_are_joined() {
    let found = search(&scenario("cache-teardown"), &design("merged"), 40);
    assert_eq!(found.of(Asks::Lifetime), Vec::<&_>::new());
}

#[test]
fn merged_with_the_old_place_of_the_release_breaks_without_a_stall() {
    let old = Overrides { cache_release: Some(CacheRelease::AfterColoJoin), ..Overrides::default() };
    let found = search(&scenario("cache-teardown"), &changed("merged", old), 8);
    let free = found.finding("use-after-free", "colo_cache", "multifd_recv.readv_pages", FREE_CACHE);
    assert!(free.is_some_and(|free| free.shown_undisturbed > 0));
}

#[test]
fn freeing_the_cache_before_the_colo_thread_is_joined_breaks_the_flush_or_the_load() {
    let mutant = Overrides { cache_release: Some(CacheRelease::BeforeColoJoin), ..Overrides::default() };
    let found = search(&scenario("cache-teardown"), &changed("merged", mutant), 20);
    assert!(!found.of(Asks::Lifetime).is_empty());
}

#[test]
fn a_failover_between_two_checkpoints_finds_every_thread_idle() {
    for name in ["plain-ram.c", "series-v5", "merged", "merged-bql-held"] {
        let found = search(&scenario("cache-teardown-idle"), &design(name), 15);
        assert_eq!(found.of(Asks::Lifetime), Vec::<&_>::new(), "{name}");
    }
}
