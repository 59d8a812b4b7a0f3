//! Numbers and units as a reader wants them: 100 ms rather than 1e8 ns, 9.4 Gbit/s, 64 KiB.

use crate::results::Unit;

/// A unit chosen for reading: the base value divided by `divisor` is given in `name`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Base units in one of this unit.
    pub divisor: f64,
    /// Its name, `ms`; empty for a bare number.
    pub name: &'static str,
}

impl Unit {
    /// The units that values of this kind are read in, from small to large.
    fn readings(self) -> &'static [Reading] {
        const fn reading(divisor: f64, name: &'static str) -> Reading {
            Reading { divisor, name }
        }
        const KIB: f64 = 1024.0;
        const NANOSECONDS: &[Reading] =
            &[reading(1.0, "ns"), reading(1e3, "µs"), reading(1e6, "ms"), reading(1e9, "s")];
        const BYTES: &[Reading] = &[
            reading(1.0, "B"),
            reading(KIB, "KiB"),
            reading(KIB * KIB, "MiB"),
            reading(KIB * KIB * KIB, "GiB"),
            reading(KIB * KIB * KIB * KIB, "TiB"),
        ];
        const BITS_PER_SECOND: &[Reading] =
            &[reading(1.0, "bit/s"), reading(1e3, "kbit/s"), reading(1e6, "Mbit/s"), reading(1e9, "Gbit/s")];
        const PAGES_PER_SECOND: &[Reading] =
            &[reading(1.0, "pages/s"), reading(1e3, "thousand pages/s"), reading(1e6, "million pages/s")];
        const RATIO: &[Reading] = &[reading(0.01, "%")];
        const BARE: &[Reading] = &[reading(1.0, "")];
        match self {
            Unit::Nanoseconds => NANOSECONDS,
            Unit::Bytes => BYTES,
            Unit::BitsPerSecond => BITS_PER_SECOND,
            Unit::PagesPerSecond => PAGES_PER_SECOND,
            Unit::Ratio => RATIO,
            Unit::Count | Unit::None => BARE,
        }
    }

    /// The largest unit in which `value` (base unit) is at least 1; the smallest where there is none.
    pub fn reading(self, value: f64) -> Reading {
        let readings = self.readings();
        let fitting = readings.iter().rev().find(|reading| value.abs() >= reading.divisor * (1.0 - 1e-9));
        *fitting.unwrap_or(&readings[0])
    }

    /// `value` (base unit) with its own unit: `100 ms`, `1.5 s`, `0.01 %`, `16`.
    pub fn format(self, value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        let reading = self.reading(value);
        with_unit(number(value / reading.divisor), reading.name)
    }
}

/// Puts the unit behind the number, where there is one.
pub fn with_unit(number: String, unit: &str) -> String {
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// A number with at most four significant digits, no trailing zeros, and thin spaces between thousands from 10 000
/// on.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let exponent = libm::floor(libm::log10(value.abs())) as i32;
    let decimals = (3 - exponent).clamp(0, 9) as usize;
    let digits = format!("{:.decimals$}", value.abs());
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", grouped(digits))
}

/// Splits the whole part into groups of three where it has five digits or more.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = String::with_capacity(digits.len() + 4);
    for (index, digit) in whole.chars().enumerate() {
        if whole.len() >= 5 && index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_largest_unit_that_keeps_them_above_one() {
        let texts = [1.0, 37e3, 1e6, 50e6, 100e6, 1e9, 1.5e9, 120e9].map(|value| Unit::Nanoseconds.format(value));
        assert_eq!(texts, ["1 ns", "37 µs", "1 ms", "50 ms", "100 ms", "1 s", "1.5 s", "120 s"]);
    }

    #[test]
    fn sizes_rates_and_shares_carry_their_units() {
        assert_eq!(Unit::Bytes.format(65536.0), "64 KiB");
        assert_eq!(Unit::Bytes.format(1.5 * 1024.0 * 1024.0 * 1024.0), "1.5 GiB");
        assert_eq!(Unit::BitsPerSecond.format(9.4e9), "9.4 Gbit/s");
        assert_eq!(Unit::PagesPerSecond.format(20_000.0), "20 thousand pages/s");
        assert_eq!(Unit::Ratio.format(0.95), "95 %");
        assert_eq!(Unit::Ratio.format(1e-5), "0.001 %");
        assert_eq!(Unit::Count.format(16.0), "16");
    }

    #[test]
    fn zero_needs_no_unit() {
        assert_eq!(Unit::Nanoseconds.format(0.0), "0");
    }

    #[test]
    fn a_value_a_hair_below_a_unit_is_read_in_that_unit() {
        assert_eq!(Unit::Nanoseconds.format(0.1 * 3.0 * 1e9 / 0.3 * (1.0 - 1e-12)), "1 s");
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let texts = [0.1 + 0.2, 1234.0, 16384.0, 1_048_576.0, -2.5, 0.000_123_4].map(number);
        assert_eq!(texts, ["0.3", "1234", "16\u{2009}384", "1\u{2009}048\u{2009}576", "−2.5", "0.0001234"]);
    }
}
