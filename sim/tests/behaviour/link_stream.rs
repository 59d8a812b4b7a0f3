//! Bytes out are the bytes in, in order, whatever happens to the path.

use crate::common::{SHORT, config, run};
use crate::link_path::{IDEAL, bytes};
use colosim_sim::link::{Loss, PageRead, PagesRead, Path, PathConfig, Piece, ReadError, Tcp, Transport, connect};
use colosim_sim::{Config, Counting, Simulator, Span, Time};
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

fn expected(pieces: &[Piece]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => all.extend_from_slice(bytes),
            Piece::Fill { word, bytes } => all.extend(word.to_le_bytes().iter().cycle().take(*bytes as usize)),
            Piece::Pages { words, pages, page_bytes } => (0..*pages as usize).for_each(|page| {
                all.extend(words.at(page).to_le_bytes().iter().cycle().take(*page_bytes as usize));
            }),
        }
    }
    all
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let real = proptest::collection::vec(any::<u8>(), 0..5_000).prop_map(|bytes| Piece::Bytes(bytes.into()));
    let fill = (any::<u64>(), 0u64..200_000).prop_map(|(word, bytes)| Piece::Fill { word, bytes });
    let pages = (any::<u64>(), any::<u64>(), 0u64..50, 1u64..600).prop_map(|(first, step, pages, length)| {
        Piece::Pages { words: Counting { first, step }, pages, page_bytes: 8 * length }
    });
    proptest::collection::vec(prop_oneof![real, fill, pages], 0..12)
}

fn loss() -> impl Strategy<Value = Loss> {
    let bursts = (0.0..0.1, 1.0..8.0).prop_map(|(mean, burst)| Loss::bursts(mean, burst).expect("it is possible"));
    prop_oneof![Just(Loss::None), (0.0..0.3).prop_map(Loss::Bernoulli), bursts]
}

fn path() -> impl Strategy<Value = PathConfig> {
    let rate = prop_oneof![Just(0), 1_000_000u64..100_000_000_000];
    (rate, 0u64..10_000_000, 0u64..10_000_000, loss(), 1_500u64..1_000_000).prop_map(
        |(rate_bits_per_s, latency, jitter, loss, queue_bytes)| PathConfig {
            rate_bits_per_s,
            latency: Span(latency),
            jitter: Span(jitter),
            loss,
            queue_bytes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_is_reliable_and_in_order(
        pieces in pieces(),
        path in path(),
        seed in any::<u64>(),
        buffers in (1u64..300_000, 2u64..300_000),
        reads in proptest::collection::vec(1usize..70_000, 1..8),
    ) {
        let expected = expected(&pieces);
        let got: Rc<RefCell<Vec<u8>>> = Rc::default();
        let total = expected.len();
        let config = Config { seed, time_limit: Span(u64::MAX / 2), record: false, ..config() };
        Simulator::new().run(config, |sim| {
            let process = sim.process("qemu");
            let ends = ((process, &Path::new(path)), (process, &Path::new(path)));
            let (first, second) = connect(sim, "link", ends.0, ends.1, Transport::Tcp(Tcp::ethernet()), buffers.0, buffers.1);
            sim.spawn(process, "writer", |cx| async move {
                first.write(&cx, pieces).await.expect("nobody closes");
                first.shutdown();
            });
            let got = got.clone();
            sim.spawn(process, "reader", |cx| async move {
                for n in reads.iter().cycle() {
                    let mut buffer = vec![0; *n];
                    let result = second.read_exact(&cx, &mut buffer).await;
                    let arrived = match result {
                        Ok(()) => *n,
                        Err(ReadError::Eof { got }) => got as usize,
                        Err(ReadError::Reset { .. }) => panic!("nobody resets"),
                    };
                    got.borrow_mut().extend_from_slice(&buffer[..arrived]);
                    cx.step(SHORT).await;
                    if result.is_err() {
                        return;
                    }
                }
            });
        });
        prop_assert_eq!(got.borrow().len(), total);
        prop_assert!(*got.borrow() == expected, "bytes differ");
    }
}

const WORDS: Counting = Counting { first: 1 << 40, step: 3 };

/// How pages are read.
#[derive(Clone, Copy)]
enum Reads {
    AtMost(usize),
    ByTrain,
}

/// When each page was read, and its word: of three pieces, with a pause after each.
fn reads(seed: u64, path: PathConfig, buffers: (u64, u64), pages: u64, how: Reads) -> Vec<(Time, u64)> {
    let read: Rc<RefCell<Vec<(Time, u64)>>> = Rc::default();
    let config = Config { seed, time_limit: Span(u64::MAX / 2), record: false, ..config() };
    Simulator::new().run(config, |sim| {
        let process = sim.process("both");
        let ends = ((process, &Path::new(path)), (process, &Path::new(PathConfig { loss: Loss::None, ..path })));
        let (first, second) =
            connect(sim, "link", ends.0, ends.1, Transport::Tcp(Tcp::ethernet()), buffers.0, buffers.1);
        sim.spawn(process, "writer", move |cx| async move {
            for _ in 0..3 {
                first.write(&cx, [Piece::Pages { words: WORDS, pages, page_bytes: 4_096 }]).await.unwrap();
            }
        });
        let read = read.clone();
        sim.spawn(process, "reader", move |cx| async move {
            for _ in 0..3 {
                let mut left = pages as usize;
                while left > 0 {
                    let pages_read = match how {
                        Reads::AtMost(pages_max) => second.read_pages(&cx, 4_096, left.min(pages_max)).await,
                        Reads::ByTrain => second.read_pages_by_train(&cx, 4_096, left).await,
                    };
                    let (words, count) = match pages_read.unwrap() {
                        PagesRead::Words(words, count) => (words, count),
                        PagesRead::Bytes(_) => panic!("every page is one word"),
                    };
                    left -= count;
                    read.borrow_mut().extend((0..count).map(|page| (cx.sim.now(), words.at(page))));
                }
                cx.sleep(Span::micros(300)).await;
            }
        });
    });
    read.take()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_read_at_once_come_when_they_would_come_one_by_one(
        path in path(),
        seed in any::<u64>(),
        buffers in (10_000u64..300_000, 10_000u64..300_000),
        pages in 1u64..200,
    ) {
        let at_once = reads(seed, path, buffers, pages, Reads::AtMost(usize::MAX));
        prop_assert!(at_once == reads(seed, path, buffers, pages, Reads::AtMost(1)));
        let words = (0..3).flat_map(|_| (0..pages).map(|page| WORDS.at(page as usize)));
        prop_assert!(at_once.iter().map(|(_, word)| *word).eq(words.clone()));
        let by_train = reads(seed, path, buffers, pages, Reads::ByTrain);
        prop_assert!(by_train.iter().map(|(_, word)| *word).eq(words));
    }
}

#[test]
fn pages_read_by_train_are_there_when_the_last_of_them_is_and_take_few_turns() {
    let path = PathConfig { rate_bits_per_s: 10_000_000_000, ..IDEAL };
    let all = |how| reads(1, path, (4 << 20, 4 << 20), 128, how);
    let (one_by_one, by_train) = (all(Reads::AtMost(1)), all(Reads::ByTrain));
    let ends = |reads: &[(Time, u64)]| reads.chunks(128).map(|piece| piece[127]).collect::<Vec<_>>();
    assert_eq!(ends(&by_train), ends(&one_by_one));
    let turns = |reads: &[(Time, u64)]| reads.chunk_by(|(a, _), (b, _)| a == b).count();
    assert!(4 * turns(&by_train) < turns(&one_by_one), "{} of {}", turns(&by_train), turns(&one_by_one));
}

#[test]
fn a_fill_that_is_split_at_odd_offsets_reads_back_as_the_right_bytes() {
    let word = 0x0807_0605_0403_0201;
    let all = expected(&[Piece::Fill { word, bytes: 100 }]);
    for odd in 1..24 {
        // A send buffer of an odd size splits the fill inside of words, each read splits it anew.
        let all = all.clone();
        run(|sim, process| {
            let ends = ((process, &Path::new(IDEAL)), (process, &Path::new(IDEAL)));
            let (first, second) = connect(sim, "link", ends.0, ends.1, Transport::Tcp(Tcp::ethernet()), odd, 1 << 20);
            sim.spawn(process, "writer", |cx| async move {
                first.write(&cx, [Piece::Fill { word, bytes: 100 }]).await.unwrap();
            });
            sim.spawn(process, "reader", move |cx| async move {
                let mut got = vec![0; 100];
                let (head, tail) = got.split_at_mut(odd as usize / 2 + 1);
                second.read_exact(&cx, head).await.unwrap();
                second.read_exact(&cx, tail).await.unwrap();
                assert_eq!(got, all);
                cx.sim.finish();
            });
        });
    }
}

#[test]
fn a_page_comes_back_as_a_word_or_as_bytes() {
    let outcome = run(|sim, process| {
        let ends = ((process, &Path::new(IDEAL)), (process, &Path::new(IDEAL)));
        let (first, second) = connect(sim, "link", ends.0, ends.1, Transport::Tcp(Tcp::ethernet()), 1 << 20, 1 << 20);
        let page = |word| Piece::Fill { word, bytes: 4096 };
        let equal_bytes = Piece::Bytes([9u64.to_le_bytes(); 512].concat().into());
        // The last page begins in one piece and ends in the next.
        let written = [page(7), page(8), bytes(4096), equal_bytes, bytes(100), page(3)];
        sim.spawn(process, "writer", |cx| async move { first.write(&cx, written).await.unwrap() });
        sim.spawn(process, "reader", |cx| async move {
            let mut pages = Vec::new();
            for _ in 0..5 {
                pages.push(second.read_page(&cx, 4096).await.unwrap());
            }
            let real = |piece: Piece| PageRead::Bytes(expected(&[piece]));
            assert_eq!(pages[..2], [PageRead::Word(7), PageRead::Word(8)]);
            assert_eq!(pages[2..4], [real(bytes(4096)), PageRead::Word(9)]);
            let mixed = [expected(&[bytes(100)]), expected(&[page(3)])].concat();
            assert_eq!(pages[4], PageRead::Bytes(mixed[..4096].to_vec()));
            cx.sim.finish();
        });
    });
    assert_eq!(outcome.ended, colosim_sim::Ended::Finished);
}
