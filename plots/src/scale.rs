//! Axes: from values to positions, and the ticks that name them.
//!
//! Linear ticks step by 1, 2 or 5 times a power of ten (Heckbert, "Nice Numbers for Graph Labels", Graphics Gems,
//! 1990), counted in the unit that is shown. A logarithmic axis holds the value 0, which has no logarithm, in a
//! place of its own, left of a break or below the lowest power of ten.

use crate::results::Unit;
use crate::unit::number;

/// An axis turns logarithmic when its largest value is more than this many times its smallest.
pub const LOGARITHMIC_SPAN_MIN: f64 = 20.0;
/// Up to this many distinct x values get a tick each.
const SWEPT_TICKS_MAX: usize = 8;
/// Linear ticks aimed at.
const TICKS_WANTED: f64 = 6.0;
/// Room left and right of the outermost x value, as a share of the span.
const SIDE_ROOM: f64 = 0.045;
/// Room above the highest and below the lowest y value, as a share of the span.
const VERTICAL_ROOM: f64 = 0.06;
/// The foot of a linear y axis moves up to a tick if the lowest value stays this share of the span above it,
const FOOT_ROOM_MIN: f64 = 0.025;
/// or down to one if it is no farther than this.
const FOOT_ROOM_MAX: f64 = 0.1;
/// A logarithmic y axis shares one unit up to this ratio of its ends.
const SHARED_UNIT_SPAN_MAX: f64 = 3000.0;
/// Extent of the place of 0 on a logarithmic axis, as a share of the span of the others.
const ZERO_ROOM: f64 = 0.16;

/// How an axis chooses between a linear and a logarithmic scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleChoice {
    /// Always linear.
    Linear,
    /// Logarithmic when the values span more than [`LOGARITHMIC_SPAN_MIN`], else linear.
    BySpan,
    /// Logarithmic wherever no value is below 0.
    Logarithmic,
}

/// A named place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value, in the base unit.
    pub value: f64,
    /// What is written there.
    pub text: String,
}

/// The place of 0 on a logarithmic axis, in decades.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ZeroPlace {
    at: f64,
    break_at: f64,
}

/// A range of values laid along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    logarithmic: bool,
    /// Ends of the axis: values on a linear scale, decades on a logarithmic one.
    start: f64,
    end: f64,
    zero: Option<ZeroPlace>,
}

impl Scale {
    /// The x scale of `values` (finite, any order, at least one).
    pub fn across(values: &[f64], choice: ScaleChoice) -> Scale {
        let (low, high) = extent(values);
        let positives: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
        if low < 0.0 || !wants_logarithm(&positives, choice) {
            let (low, high) = if low < high { (low, high) } else { opened(low) };
            let room = (high - low) * SIDE_ROOM;
            return Scale { logarithmic: false, start: low - room, end: high + room, zero: None };
        }
        let (low_positive, _) = extent(&positives);
        let (first, last) = (libm::log10(low_positive), libm::log10(high));
        let zero_room = (last - first) * ZERO_ROOM;
        let zero = (low == 0.0).then_some(ZeroPlace { at: first - zero_room, break_at: first - zero_room / 2.0 });
        let start = zero.map_or(first, |zero| zero.at);
        let room = (last - start) * SIDE_ROOM;
        Scale { logarithmic: true, start: start - room, end: last + room, zero }
    }

    /// The y scale of `values` (finite, at least one), whose ticks will be read in the unit `unit` chooses.
    ///
    /// A linear axis starts at 0 unless all values lie in the upper half of 0 to the largest one.
    pub fn upright(values: &[f64], choice: ScaleChoice, unit: Unit) -> Scale {
        let (low, high) = extent(values);
        let positives: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
        if low >= 0.0 && wants_logarithm(&positives, choice) {
            let (first, last) = (libm::log10(extent(&positives).0), libm::log10(high));
            let room = (last - first) * VERTICAL_ROOM;
            let zero_room = (last - first) * ZERO_ROOM;
            let zero = (low == 0.0).then_some(ZeroPlace { at: first - zero_room, break_at: first - zero_room / 2.0 });
            let start = zero.map_or(first - room, |zero| zero.at);
            return Scale { logarithmic: true, start, end: last + room, zero };
        }
        let (low, high) = if low < high { (low, high) } else { opened(low) };
        let from_zero = low >= 0.0 && low < high / 2.0;
        let bottom = if from_zero { 0.0 } else { low - (high - low) * VERTICAL_ROOM };
        let top = high + (high - bottom) * VERTICAL_ROOM;
        let step = linear_step(top - bottom, unit.reading(top.abs().max(bottom.abs())).divisor);
        let start = if from_zero { 0.0 } else { foot(low, bottom, top, step) };
        Scale { logarithmic: false, start: if low >= 0.0 { start.max(0.0) } else { start }, end: top, zero: None }
    }

    /// Whether equal factors are equally far apart.
    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Where `value` lies, from 0 (start of the axis) to 1 (its end); values beyond the axis lie at its ends.
    pub fn position(&self, value: f64) -> f64 {
        let place = match (self.logarithmic, self.zero) {
            (false, _) => value,
            (true, _) if value > 0.0 => libm::log10(value),
            (true, Some(zero)) => zero.at,
            (true, None) => return 0.0,
        };
        ((place - self.start) / (self.end - self.start)).clamp(0.0, 1.0)
    }

    /// Whether a line may join the two values: none crosses the break between 0 and the rest of a logarithmic axis.
    pub fn joins(&self, a: f64, b: f64) -> bool {
        self.zero.is_none() || (a > 0.0) == (b > 0.0)
    }

    /// Where the break of a logarithmic axis that holds 0 lies, from 0 to 1.
    pub fn break_position(&self) -> Option<f64> {
        self.zero.map(|zero| (zero.break_at - self.start) / (self.end - self.start))
    }

    /// Ticks at the `swept` values where they are few, else at round values. Each carries its own unit, but for
    /// page rates, whose long unit is returned for the label of the axis.
    pub fn ticks_across(&self, swept: &[f64], unit: Unit) -> (Vec<Tick>, &'static str) {
        let mut values = distinct(swept);
        if values.len() > SWEPT_TICKS_MAX {
            values = self.zero_and_round_values(unit);
        }
        if unit == Unit::PagesPerSecond {
            let reading = unit.reading(self.ends().1);
            let tick = |value: f64| Tick { value, text: number(value / reading.divisor) };
            return (values.into_iter().map(tick).collect(), reading.name);
        }
        (values.into_iter().map(|value| Tick { value, text: unit.format(value) }).collect(), "")
    }

    /// Ticks at round values, all read in the one unit that is returned with them.
    ///
    /// It belongs in the label of the axis, and is empty where the ticks carry their own: shares their `%`, and all
    /// values on an axis so long that no one unit suits both its ends.
    pub fn ticks_upright(&self, unit: Unit) -> (Vec<Tick>, &'static str) {
        let (low, high) = self.ends();
        if self.logarithmic && high / low > SHARED_UNIT_SPAN_MAX {
            let tick = |value: f64| Tick { value, text: unit.format(value) };
            return (self.zero_and_round_values(unit).into_iter().map(tick).collect(), "");
        }
        let reading = unit.reading(high.abs().max(low.abs()));
        let decimals = if self.logarithmic { None } else { Some(decimals_of(self.step(unit) / reading.divisor)) };
        let text = |value: f64| {
            let value = value / reading.divisor;
            let text = match decimals {
                Some(decimals) if value.abs() < 1e4 => format!("{value:.decimals$}").replace('-', "−"),
                _ => number(value),
            };
            if unit == Unit::Ratio { format!("{text} %") } else { text }
        };
        let ticks =
            self.zero_and_round_values(unit).into_iter().map(|value| Tick { value, text: text(value) }).collect();
        (ticks, if unit == Unit::Ratio { "" } else { reading.name })
    }

    /// The values at the ends of the axis, without the place of 0.
    fn ends(&self) -> (f64, f64) {
        if !self.logarithmic {
            return (self.start, self.end);
        }
        let start = self.zero.map_or(self.start, |zero| zero.break_at);
        (libm::exp10(start), libm::exp10(self.end))
    }

    fn step(&self, unit: Unit) -> f64 {
        let (low, high) = self.ends();
        linear_step(high - low, unit.reading(high.abs().max(low.abs())).divisor)
    }

    /// With 0 in front where it has a place of its own.
    fn zero_and_round_values(&self, unit: Unit) -> Vec<f64> {
        let zero = self.zero.map(|_| 0.0);
        zero.into_iter().chain(self.round_values(unit)).collect()
    }

    fn round_values(&self, unit: Unit) -> Vec<f64> {
        let (low, high) = self.ends();
        if self.logarithmic {
            return logarithmic_values(low, high);
        }
        let step = self.step(unit);
        let (first, last) = (libm::ceil(low / step - 1e-9), libm::floor(high / step + 1e-9));
        let count = (last - first) as usize + 1;
        (0..count).map(|index| (first + index as f64) * step).collect()
    }
}

/// 1, 2 and 5 times the powers of ten between `low` and `high`; the powers alone where that is more than two and a
/// half decades.
fn logarithmic_values(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (libm::floor(libm::log10(low)) as i32, libm::ceil(libm::log10(high)) as i32);
    let mantissas: &[f64] = if high / low > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut values = Vec::new();
    for exponent in first..=last {
        values.extend(mantissas.iter().map(|mantissa| mantissa * libm::exp10(f64::from(exponent))));
    }
    values.retain(|value| (low..=high).contains(value));
    values
}

/// The step of linear ticks over `span`: 1, 2 or 5 times a power of ten of `divisor`, the one nearest to what is
/// wanted.
fn linear_step(span: f64, divisor: f64) -> f64 {
    let wanted = span / divisor / TICKS_WANTED;
    let power = libm::exp10(libm::floor(libm::log10(wanted)));
    let step = match wanted / power {
        ratio if ratio < 1.5 => power,
        ratio if ratio < 3.0 => 2.0 * power,
        ratio if ratio < 7.0 => 5.0 * power,
        _ => 10.0 * power,
    };
    step * divisor
}

/// Where a linear y axis that does not start at 0 starts: on a tick near `bottom` if one is near and leaves room
/// below `low`.
fn foot(low: f64, bottom: f64, top: f64, step: f64) -> f64 {
    let span = top - bottom;
    let below = |value: f64| libm::floor(value / step + 1e-9) * step;
    let (inner, outer) = (below(low), below(bottom));
    if inner >= bottom && low - inner >= span * FOOT_ROOM_MIN {
        inner
    } else if bottom - outer <= span * FOOT_ROOM_MAX {
        outer
    } else {
        bottom
    }
}

/// Digits behind the point that tell multiples of `step` apart.
fn decimals_of(step: f64) -> usize {
    (-libm::floor(libm::log10(step) + 1e-9)).clamp(0.0, 9.0) as usize
}

fn wants_logarithm(values: &[f64], choice: ScaleChoice) -> bool {
    let (low, high) = extent(values);
    match choice {
        ScaleChoice::Linear => false,
        ScaleChoice::BySpan => low > 0.0 && high / low > LOGARITHMIC_SPAN_MIN,
        ScaleChoice::Logarithmic => low > 0.0 && high > low,
    }
}

/// A range about a single value.
fn opened(value: f64) -> (f64, f64) {
    if value == 0.0 { (0.0, 1.0) } else { (value - value.abs() / 4.0, value + value.abs() / 4.0) }
}

fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}
