//! Page data in each compression: streams that live on over the packets of a channel, and payloads that are broken.

use colosim_models::wire::codec::{CodecError, Compressor, Decompressor};
use colosim_models::wire::multifd_packet::Compression;
use proptest::collection::vec;
use proptest::prelude::*;

const PAGE: usize = 4096;
const METHODS: [Compression; 3] = [Compression::Nocomp, Compression::Zlib, Compression::Zstd];

/// A page that is neither constant nor repetitive, different for each `seed`.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..PAGE / 8).flat_map(|_| next()).collect()
}

fn compress(compressor: &mut Compressor, pages: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = Vec::new();
    compressor.pages(&pages.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut payload);
    payload
}

fn decompress(decompressor: &mut Decompressor, payload: &[u8], count: usize) -> (Vec<Vec<u8>>, Result<(), CodecError>) {
    let mut pages = Vec::new();
    let result = decompressor.pages(payload, count, PAGE, |_, page| pages.push(page.to_vec()));
    (pages, result)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_come_back_as_they_were_over_many_packets(
        packets in vec(vec((0u64..6, 0usize..=PAGE), 0..40), 1..12),
    ) {
        for method in METHODS {
            let mut compressor = Compressor::new(method).unwrap();
            let mut decompressor = Decompressor::new(method).unwrap();
            for packet in &packets {
                let page = |(seed, cut): &(u64, usize)| {
                    let mut page = noise(*seed);
                    page[*cut..].fill(*seed as u8);
                    page
                };
                let pages: Vec<Vec<u8>> = packet.iter().map(page).collect();
                let payload = compress(&mut compressor, &pages);
                let (got, result) = decompress(&mut decompressor, &payload, pages.len());
                prop_assert_eq!(result, Ok(()));
                prop_assert!(got == pages, "{:?}: pages differ", method);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_damaged_payload_gives_pages_or_an_error(
        cuts in vec(0usize..=PAGE, 1..6), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for method in METHODS {
            let mut decompressor = Decompressor::new(method).unwrap();
            let mut compressor = Compressor::new(method).unwrap();
            for round in 0..2 {
                let page = |cut: &usize| [&noise(round)[..*cut], &vec![0; PAGE - cut]].concat();
                let mut payload = compress(&mut compressor, &cuts.iter().map(page).collect::<Vec<_>>());
                for (index, value) in &damage {
                    let at = index.index(payload.len());
                    payload[at] = *value;
                }
                let (got, result) = decompress(&mut decompressor, &payload, cuts.len());
                prop_assert!(result.is_err() || got.len() == cuts.len());
            }
        }
    }
}

#[test]
fn a_stream_longer_than_any_window_is_decoded_to_its_end() {
    for method in METHODS {
        let mut compressor = Compressor::new(method).unwrap();
        let mut decompressor = Decompressor::new(method).unwrap();
        for packet in 0..6 {
            let pages: Vec<Vec<u8>> = (0..128).map(|page| noise(packet * 64 + page)).collect();
            let payload = compress(&mut compressor, &pages);
            let (got, result) = decompress(&mut decompressor, &payload, 128);
            assert_eq!(result, Ok(()), "{method:?}, packet {packet}");
            assert!(got == pages, "{method:?}, packet {packet}: pages differ");
        }
    }
}

#[test]
fn a_full_packet_of_compressible_pages_shrinks() {
    for method in [Compression::Zlib, Compression::Zstd] {
        let mut compressor = Compressor::new(method).unwrap();
        let payload = compress(&mut compressor, &vec![vec![7; PAGE]; 128]);
        assert!(payload.len() < 128 * PAGE / 50, "{method:?}: {} bytes", payload.len());
    }
}

#[test]
fn a_packet_without_pages_has_no_payload() {
    for method in METHODS {
        assert!(compress(&mut Compressor::new(method).unwrap(), &[]).is_empty());
        let (_, result) = decompress(&mut Decompressor::new(method).unwrap(), &[1, 2], 0);
        assert_eq!(result, Err(CodecError::PayloadWithoutPages { found: 2 }));
    }
}

#[test]
fn a_payload_cut_short_delivers_the_whole_pages_before_the_cut() {
    for method in METHODS {
        let pages: Vec<Vec<u8>> = (0..64).map(noise).collect();
        let payload = compress(&mut Compressor::new(method).unwrap(), &pages);
        let (got, result) = decompress(&mut Decompressor::new(method).unwrap(), &payload[..payload.len() / 2], 64);
        assert!(result.is_err(), "{method:?}");
        assert!(got.len() < 64 && got[..] == pages[..got.len()], "{method:?}: {} pages", got.len());
    }
}

#[test]
fn a_payload_with_more_pages_than_announced_is_refused() {
    for method in METHODS {
        let pages: Vec<Vec<u8>> = (0..8).map(noise).collect();
        let payload = compress(&mut Compressor::new(method).unwrap(), &pages);
        let (got, result) = decompress(&mut Decompressor::new(method).unwrap(), &payload, 7);
        assert_eq!(result, Err(CodecError::PayloadTooLong { pages: 7 }), "{method:?}");
        assert!(got == pages[..7], "{method:?}");
    }
}

#[test]
fn a_payload_with_fewer_pages_than_announced_is_refused() {
    for method in METHODS {
        let pages: Vec<Vec<u8>> = (0..8).map(noise).collect();
        let payload = compress(&mut Compressor::new(method).unwrap(), &pages);
        let (got, result) = decompress(&mut Decompressor::new(method).unwrap(), &payload, 9);
        assert_eq!(result, Err(CodecError::ShortPage { page: 8, got: 0, page_size: PAGE }), "{method:?}");
        assert!(got == pages, "{method:?}");
    }
}

#[test]
fn a_second_channel_cannot_continue_the_stream_of_the_first() {
    for method in [Compression::Zlib, Compression::Zstd] {
        let mut compressor = Compressor::new(method).unwrap();
        compress(&mut compressor, &[noise(1)]);
        let second = compress(&mut compressor, &[noise(2)]);
        let (got, result) = decompress(&mut Decompressor::new(method).unwrap(), &second, 1);
        assert!(matches!(result, Err(CodecError::BadData { page: 0, .. })), "{method:?}: {result:?}");
        assert!(got.is_empty());
    }
}

#[test]
fn methods_that_need_hardware_are_not_modelled() {
    for method in [Compression::Qpl, Compression::Uadk, Compression::Qatzip] {
        assert!(Compressor::new(method).is_none() && Decompressor::new(method).is_none());
    }
}
