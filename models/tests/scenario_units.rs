//! Quantities with units: what is read, what is printed, what is refused and in which words.

use colosim_models::scenario::{Bandwidth, PageRate, Share, Size, Span};
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn error<T: FromStr + Debug>(text: &str) -> String
where
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => panic!("`{text}` was read as {value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn units_are_read_with_and_without_a_space() {
    let bytes = |text: &str| text.parse::<Size>().unwrap().bytes();
    assert_eq!(bytes("16 MiB"), 16 << 20);
    assert_eq!(bytes("64KiB"), 64 << 10);
    assert_eq!(bytes("4096 B"), 4096);
    assert_eq!(bytes("2.5 MiB"), 2_621_440);
    assert_eq!((bytes("3 kB"), bytes("3 MB"), bytes("3 GB")), (3000, 3_000_000, 3_000_000_000));
    let nanos = |text: &str| text.parse::<Span>().unwrap().nanos();
    assert_eq!((nanos("37us"), nanos("37 \u{b5}s"), nanos("37 \u{3bc}s")), (37_000, 37_000, 37_000));
    assert_eq!((nanos("100 ms"), nanos("1 s"), nanos("250 ns")), (100_000_000, 1_000_000_000, 250));
    let bits = |text: &str| text.parse::<Bandwidth>().unwrap().bits_per_second();
    assert_eq!((bits("10 Gbit/s"), bits("400 Mbit/s")), (10_000_000_000, 400_000_000));
    assert_eq!((bits("128 MiB/s"), bits("0 bit/s"), bits("0")), (1_073_741_824, 0, 0));
    assert_eq!("20_000 pages/s".parse::<PageRate>().unwrap().per_second(), 20_000);
}

#[test]
fn a_share_is_a_number_or_a_percentage() {
    let share = |text: &str| text.parse::<Share>().unwrap().value();
    assert_eq!((share("0.3"), share("30 %"), share("100%"), share("0.7 %")), (0.3, 0.3, 1.0, 0.007));
    for text in ["1.5", "-0.1", "101 %", "NaN", "half", "%", ""] {
        assert!(error::<Share>(text).contains("is no share; write a number from 0 to 1"), "{text}");
    }
}

#[test]
fn the_shortest_exact_form_is_printed() {
    assert_eq!(Size::from_bytes(16 << 20).to_string(), "16 MiB");
    assert_eq!(Size::from_bytes(2_621_440).to_string(), "2.5 MiB");
    assert_eq!(Size::from_bytes(16_000_000).to_string(), "16 MB");
    assert_eq!(Size::from_bytes(12_750).to_string(), "12750 B");
    assert_eq!(Size::from_bytes(0).to_string(), "0 B");
    assert_eq!(Span::from_nanos(100_000_000).to_string(), "100 ms");
    assert_eq!(Span::from_nanos(1_500_000).to_string(), "1.5 ms");
    assert_eq!(Span::from_nanos(20_000_000_000).to_string(), "20 s");
    assert_eq!(Bandwidth::from_bits_per_second(10_000_000_000).to_string(), "10 Gbit/s");
    assert_eq!(Bandwidth::from_bits_per_second(8 * (128 << 20)).to_string(), "128 MiB/s");
    assert_eq!(Bandwidth::from_bits_per_second(400_000_000).to_string(), "400 Mbit/s");
    assert_eq!(PageRate::from_per_second(20_000).to_string(), "20000 pages/s");
    assert_eq!(Share::new(0.00001).to_string(), "0.00001");
}

#[test]
fn a_wrong_unit_is_answered_with_an_example() {
    assert_eq!(error::<Bandwidth>("10 Gbit"), "`10 Gbit` is no bit rate; write e.g. `10 Gbit/s`");
    assert_eq!(error::<Bandwidth>("3 gbit/s"), "`3 gbit/s` is no bit rate; write e.g. `3 Gbit/s`");
    assert_eq!(error::<Size>("16 mib"), "`16 mib` is no size; write e.g. `16 MiB`");
    assert_eq!(error::<Size>("4 ms"), "`4 ms` is no size; write e.g. `16 MiB`");
    assert_eq!(error::<Span>("100"), "`100` is no time span; write e.g. `100 ms`");
    assert_eq!(error::<PageRate>("20000"), "`20000` is no page rate; write e.g. `20000 pages/s`");
    for text in ["", "ms", "-1 ms", "1..5 ms", ".5 s", "1 s s", "one s"] {
        assert!(error::<Span>(text).ends_with("is no time span; write e.g. `100 ms`"), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_not_rounded() {
    assert_eq!(error::<Size>("0.3 B"), "`0.3 B` is no whole number of bytes");
    assert_eq!(error::<Span>("0.5 ns"), "`0.5 ns` is no whole number of nanoseconds");
    assert!(error::<Size>("16777216 TiB").contains("is too large: at most 18446744073709551615 bytes fit"));
    assert!(error::<Size>("999999999999999999999999999999 TiB").contains("is too large"));
    assert!(error::<Size>("9999999999999999999999999999999 B").contains("too many digits"));
    assert_eq!("18446744073709551615 B".parse::<Size>().unwrap().bytes(), u64::MAX);
}

proptest! {
    #[test]
    fn a_printed_quantity_reads_back(value: u64, shift in 0u32..64, tens in 0u32..19) {
        // Both round and odd numbers, in powers of two and of ten.
        for value in [value, value >> shift, (value >> shift) << shift, value / 10u64.pow(tens) * 10u64.pow(tens)] {
            let (size, span) = (Size::from_bytes(value), Span::from_nanos(value));
            let (rate, pages) = (Bandwidth::from_bits_per_second(value), PageRate::from_per_second(value));
            prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            prop_assert_eq!(rate.to_string().parse::<Bandwidth>().unwrap(), rate);
            prop_assert_eq!(pages.to_string().parse::<PageRate>().unwrap(), pages);
        }
    }

    #[test]
    fn a_printed_share_reads_back(value in 0.0..=1.0f64) {
        let share = Share::new(value);
        prop_assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
        prop_assert_eq!(ron::from_str::<Share>(&ron::to_string(&share).unwrap()).unwrap(), share);
    }

    #[test]
    fn any_text_is_a_quantity_or_an_error(text in "[0-9._]{0,40} ?\\PC{0,8}") {
        let _ = (text.parse::<Size>(), text.parse::<Span>(), text.parse::<Bandwidth>(), text.parse::<Share>());
    }
}
