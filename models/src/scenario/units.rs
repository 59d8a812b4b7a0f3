//! Quantities with their unit, as a user writes them: `"16 MiB"`, `"37us"`, `"10 Gbit/s"`, `"20000 pages/s"`, `30 %`.
//!
//! Every quantity but [`Share`] is a whole number of its base unit. Decimals are exact: `"2.5 MiB"` is 2 621 440 bytes,
//! `"0.3 B"` is refused. A zero needs no unit. Text that a quantity prints reads back as the same quantity.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Why a text is no quantity: what is expected, what was found, an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

/// The units of one kind of quantity; the base unit is the last.
struct Kind {
    /// As in "is no size".
    name: &'static str,
    /// As in "no whole number of bytes".
    base: &'static str,
    example: &'static str,
    units: &'static [Unit],
}

struct Unit {
    name: &'static str,
    /// In base units.
    factor: u64,
    /// Is it used for printing? The others are only read.
    printed: bool,
}

const fn printed(name: &'static str, factor: u64) -> Unit {
    Unit { name, factor, printed: true }
}

const fn read_only(name: &'static str, factor: u64) -> Unit {
    Unit { name, factor, printed: false }
}

const SIZE: Kind = Kind {
    name: "size",
    base: "bytes",
    example: "16 MiB",
    units: &[
        printed("TiB", 1 << 40),
        printed("GiB", 1 << 30),
        printed("MiB", 1 << 20),
        printed("KiB", 1 << 10),
        printed("TB", 1_000_000_000_000),
        printed("GB", 1_000_000_000),
        printed("MB", 1_000_000),
        printed("kB", 1000),
        printed("B", 1),
    ],
};

const SPAN: Kind = Kind {
    name: "time span",
    base: "nanoseconds",
    example: "100 ms",
    units: &[
        read_only("min", 60_000_000_000),
        printed("s", 1_000_000_000),
        printed("ms", 1_000_000),
        printed("us", 1000),
        read_only("\u{b5}s", 1000),
        read_only("\u{3bc}s", 1000),
        printed("ns", 1),
    ],
};

const BANDWIDTH: Kind = Kind {
    name: "bit rate",
    base: "bits per second",
    example: "10 Gbit/s",
    units: &[
        printed("Tbit/s", 1_000_000_000_000),
        printed("Gbit/s", 1_000_000_000),
        printed("Mbit/s", 1_000_000),
        printed("kbit/s", 1000),
        printed("GiB/s", 8 << 30),
        printed("MiB/s", 8 << 20),
        printed("KiB/s", 8 << 10),
        read_only("GB/s", 8_000_000_000),
        read_only("MB/s", 8_000_000),
        read_only("kB/s", 8000),
        read_only("B/s", 8),
        printed("bit/s", 1),
    ],
};

const WRITE_RATE: Kind = Kind {
    name: "write rate",
    base: "writes per second",
    example: "500 writes/s",
    units: &[read_only("write/s", 1), printed("writes/s", 1)],
};

const PACKET_RATE: Kind = Kind {
    name: "packet rate",
    base: "packets per second",
    example: "2000 packets/s",
    units: &[read_only("packet/s", 1), printed("packets/s", 1)],
};

const PAGE_RATE: Kind = Kind {
    name: "page rate",
    base: "pages per second",
    example: "20000 pages/s",
    units: &[read_only("page/s", 1), printed("pages/s", 1)],
};

impl Kind {
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
        let (number, unit_name) = (&text[..split], text[split..].trim_start());
        let (digits, decimals) = self.digits(text, number)?;
        if digits == 0 && unit_name.is_empty() {
            return Ok(0);
        }
        let Some(unit) = self.units.iter().find(|unit| unit.name == unit_name) else {
            let example = match self.meant(unit_name) {
                Some(unit) => format!("{number} {}", unit.name),
                None => self.example.to_string(),
            };
            return Err(self.refused(text, &example));
        };
        let scale = 10u128.pow(decimals);
        let too_large = || UnitError(format!("`{text}` is too large: at most {} {} fit", u64::MAX, self.base));
        let scaled = digits.checked_mul(u128::from(unit.factor)).ok_or_else(too_large)?;
        if scaled % scale != 0 {
            return Err(UnitError(format!("`{text}` is no whole number of {}", self.base)));
        }
        u64::try_from(scaled / scale).map_err(|_| too_large())
    }

    /// The digits of `number` without point, and how many of them stand behind the point.
    fn digits(&self, text: &str, number: &str) -> Result<(u128, u32), UnitError> {
        let plain = number.replace('_', "");
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let fraction = fraction.trim_end_matches('0');
        let all = format!("{whole}{fraction}");
        if whole.is_empty() || fraction.contains('.') {
            return Err(self.refused(text, self.example));
        }
        if all.len() > 30 {
            return Err(UnitError(format!("`{text}` has too many digits (at most 30)")));
        }
        let digits = all.parse().map_err(|_| self.refused(text, self.example))?;
        Ok((digits, fraction.len() as u32))
    }

    /// The unit that `name` is a slip of: other case, or cut short.
    fn meant(&self, name: &str) -> Option<&Unit> {
        let name = name.to_lowercase();
        let mut units = self.units.iter().filter(|unit| unit.printed);
        units
            .clone()
            .find(|unit| unit.name.to_lowercase() == name)
            .or_else(|| units.find(|unit| !name.is_empty() && unit.name.to_lowercase().starts_with(&name)))
    }

    fn refused(&self, text: &str, example: &str) -> UnitError {
        UnitError(format!("`{text}` is no {}; write e.g. `{example}`", self.name))
    }

    /// The shortest exact text whose number is at least 1.
    fn format(&self, value: u64) -> String {
        let base = &self.units[self.units.len() - 1];
        let shown = self.units.iter().filter(|unit| unit.printed && value >= unit.factor);
        let texts = shown.filter_map(|unit| {
            let fraction = u128::from(value % unit.factor) * 1_000_000_000;
            let exact = fraction % u128::from(unit.factor) == 0;
            let decimals = format!("{:09}", fraction / u128::from(unit.factor));
            let decimals = decimals.trim_end_matches('0');
            let point = if decimals.is_empty() { "" } else { "." };
            exact.then(|| format!("{}{point}{decimals} {}", value / unit.factor, unit.name))
        });
        texts.min_by_key(|text| (text.len(), text.contains('.'))).unwrap_or_else(|| format!("{value} {}", base.name))
    }
}

struct QuantityVisitor(&'static Kind);

impl Visitor<'_> for QuantityVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} such as \"{}\"", self.0.name, self.0.example)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        self.0.parse(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        match number {
            0 => Ok(0),
            _ => Err(E::custom(format!(
                "`{number}` has no unit; write a {} as e.g. `\"{}\"`",
                self.0.name, self.0.example
            ))),
        }
    }
}

macro_rules! quantity {
    ($(#[doc = $doc:literal])+ $name:ident, $kind:ident, $from:ident, $get:ident, $unit:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            #[doc = concat!("From ", $unit, ".")]
            pub const fn $from(value: u64) -> $name {
                $name(value)
            }

            #[doc = concat!("In ", $unit, ".")]
            pub const fn $get(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = UnitError;

            fn from_str(text: &str) -> Result<$name, UnitError> {
                $kind.parse(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&$kind.format(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_any(QuantityVisitor(&$kind)).map($name)
            }
        }
    };
}

quantity! {
    /// A number of bytes: `"16 MiB"`, `"64 KiB"`, `"4096 B"`, `"1.5 MB"`.
    Size, SIZE, from_bytes, bytes, "bytes"
}

quantity! {
    /// A length of time: `"37us"`, `"37 µs"`, `"100 ms"`, `"1 s"`, `"250 ns"`.
    Span, SPAN, from_nanos, nanos, "nanoseconds"
}

quantity! {
    /// A bit rate: `"10 Gbit/s"`, `"400 Mbit/s"`, `"128 MiB/s"`. Where a limit is meant, zero is: none.
    Bandwidth, BANDWIDTH, from_bits_per_second, bits_per_second, "bits per second"
}

impl Bandwidth {
    /// In whole bytes per second, rounded down.
    pub const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

quantity! {
    /// A rate of pages: `"20000 pages/s"`.
    PageRate, PAGE_RATE, from_per_second, per_second, "pages per second"
}

quantity! {
    /// A rate of disk writes: `"500 writes/s"`.
    WriteRate, WRITE_RATE, from_per_second, per_second, "writes per second"
}

quantity! {
    /// A rate of network packets: `"2000 packets/s"`.
    PacketRate, PACKET_RATE, from_per_second, per_second, "packets per second"
}

/// A part of a whole, 0 to 1: a number, or text such as `"30 %"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// From a ratio.
    ///
    /// # Panics
    /// If `value` is not in 0..=1.
    pub fn new(value: f64) -> Share {
        assert!((0.0..=1.0).contains(&value), "{value} is no share: not in 0 to 1");
        Share(value.abs())
    }

    /// The ratio, 0 to 1.
    pub const fn value(self) -> f64 {
        self.0
    }

    fn checked(value: f64, text: &dyn fmt::Display) -> Result<Share, UnitError> {
        match (0.0..=1.0).contains(&value) {
            true => Ok(Share(value.abs())),
            false => Err(UnitError(format!("`{text}` is no share; write a number from 0 to 1, or e.g. `\"30 %\"`"))),
        }
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Share, UnitError> {
        let text = text.trim();
        // A shift of the decimal exponent instead of a division: `0.7 %` is then exactly what `0.007` is.
        let value = match text.strip_suffix('%') {
            Some(percent) if !percent.contains(['e', 'E']) => format!("{}e-2", percent.trim_end()).parse(),
            _ => text.parse(),
        };
        Share::checked(value.unwrap_or(f64::NAN), &text)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

struct ShareVisitor;

impl Visitor<'_> for ShareVisitor {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share, a number from 0 to 1")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Share, E> {
        Share::checked(value, &value).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Share, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Share, E> {
        self.visit_f64(value as f64)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        deserializer.deserialize_any(ShareVisitor)
    }
}
