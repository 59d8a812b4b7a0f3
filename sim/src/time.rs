//! Virtual time: whole nanoseconds since the start of a run.
//!
//! Time is never ticked and never rounded to a grid; a rate is turned into a [`Span`] by integer division that rounds up,
//! so that a link is never faster than it was asked to be.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point in virtual time, nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A length of virtual time in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Time {
    /// The start of a run.
    pub const ZERO: Time = Time(0);
    /// Later than everything that can happen.
    pub const NEVER: Time = Time(u64::MAX);

    /// The time that has passed since `earlier`; zero if `earlier` lies in the future.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `micros` microseconds.
    pub const fn micros(micros: u64) -> Span {
        Span(micros * 1_000)
    }

    /// `millis` milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(millis * 1_000_000)
    }

    /// The time that `bytes` take at `bits_per_second`, rounded up. Zero bits per second means: no limit.
    pub fn of_bytes(bytes: u64, bits_per_second: u64) -> Span {
        if bits_per_second == 0 {
            return Span::ZERO;
        }
        let nanos = (u128::from(bytes) * 8 * 1_000_000_000).div_ceil(u128::from(bits_per_second));
        Span(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Span {
    /// In the largest unit that keeps at most three digits before the point, as `37.5 µs`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, thousandths) = (self.0 / unit, self.0 % unit * 1_000 / unit);
        if thousandths == 0 {
            return write!(f, "{whole} {name}");
        }
        let fraction = format!("{thousandths:03}");
        write!(f, "{whole}.{} {name}", fraction.trim_end_matches('0'))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_at_a_rate_round_up() {
        assert_eq!(Span::of_bytes(1, 10_000_000_000), Span(1));
        assert_eq!(Span::of_bytes(1250, 10_000_000_000), Span::micros(1));
        assert_eq!(Span::of_bytes(u64::MAX, 1), Span(u64::MAX));
        assert_eq!(Span::of_bytes(5, 0), Span::ZERO);
    }

    #[test]
    fn a_span_reads_as_a_person_writes_it() {
        assert_eq!(Span(37_500).to_string(), "37.5 µs");
        assert_eq!(Span(999).to_string(), "999 ns");
        assert_eq!(Span::millis(2_000).to_string(), "2 s");
    }
}
