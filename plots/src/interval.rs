//! The spread over seeds: a mean with its 95 % confidence interval (Student, "The probable error of a mean", 1908),
//! or the smallest and the largest value where two runs are too few for one.

use std::fmt::Write;

/// Fewest values for which a confidence interval is given; below, the interval spans minimum to maximum.
pub const CONFIDENCE_COUNT_MIN: usize = 3;

/// Two-sided 95 % quantiles of Student's t for 1 to 10 degrees of freedom, from any printed table.
const T_QUANTILES: [f64; 10] = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281];

/// A mean and the interval about it, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Arithmetic mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of values.
    pub count: usize,
}

impl Interval {
    /// The interval of `values`, or `None` of no value.
    pub fn of(values: &[f64]) -> Option<Interval> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        if count < CONFIDENCE_COUNT_MIN {
            return Interval::range(values);
        }
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1) as f64;
        let half_width = t_quantile(count - 1) * libm::sqrt(variance / count as f64);
        Some(Interval { mean, low: mean - half_width, high: mean + half_width, count })
    }

    /// The mean of `values` and their extremes, for quantities as skewed as a 99th percentile, about whose mean nothing is
    /// symmetric; `None` of no value.
    pub fn range(values: &[f64]) -> Option<Interval> {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let count = values.len();
        (count > 0).then(|| Interval { mean: values.iter().sum::<f64>() / count as f64, low, high, count })
    }

    /// The interval cut to what the quantity can be, such as a share to 0..=1.
    pub fn within(self, low: f64, high: f64) -> Interval {
        Interval { low: self.low.max(low).min(self.mean), high: self.high.min(high).max(self.mean), ..self }
    }
}

/// The two-sided 95 % quantile of Student's t.
///
/// Beyond the table it is the Cornish-Fisher expansion about the normal quantile to the third order in 1/ν, which
/// is within 0.0005 of the true value there (Abramowitz and Stegun, 26.7.5).
fn t_quantile(degrees_of_freedom: usize) -> f64 {
    if let Some(quantile) = T_QUANTILES.get(degrees_of_freedom - 1) {
        return *quantile;
    }
    let (z, nu) = (1.959_964_f64, degrees_of_freedom as f64);
    let (z3, z5, z7) = (z * z * z, z * z * z * z * z, z * z * z * z * z * z * z);
    z + (z3 + z) / (4.0 * nu)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * nu * nu)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * nu * nu * nu)
}

/// Says in words what the points and intervals of a chart are, from the number of seeds behind each point.
pub fn describe(seed_counts: &[usize]) -> String {
    let fewest = seed_counts.iter().copied().min().unwrap_or(0);
    let most = seed_counts.iter().copied().max().unwrap_or(0);
    if most <= 1 {
        return "one seed per point".to_owned();
    }
    let mut text =
        if fewest == most { format!("mean of {most} seeds") } else { format!("mean of {fewest}–{most} seeds") };
    let spread = match (fewest >= CONFIDENCE_COUNT_MIN, most >= CONFIDENCE_COUNT_MIN) {
        (true, _) => "95 % confidence interval (Student t)",
        (false, true) => "95 % confidence interval (Student t; minimum and maximum below 3 seeds)",
        (false, false) => "minimum and maximum",
    };
    write!(text, " with {spread}").expect("a String takes any text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_values_get_the_student_interval_of_four_degrees_of_freedom() {
        let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let half_width = 2.7764 * (2.5_f64 / 5.0).sqrt();
        assert!((interval.mean - 3.0).abs() < 1e-12);
        assert!((interval.high - 3.0 - half_width).abs() < 1e-9);
        assert!((3.0 - interval.low - half_width).abs() < 1e-9);
    }

    #[test]
    fn two_values_get_their_minimum_and_maximum() {
        let interval = Interval::of(&[4.0, 2.0]).unwrap();
        assert_eq!((interval.mean, interval.low, interval.high, interval.count), (3.0, 2.0, 4.0, 2));
    }

    #[test]
    fn no_value_has_no_interval() {
        assert_eq!(Interval::of(&[]), None);
    }

    #[test]
    fn quantiles_beyond_the_table_match_printed_ones() {
        for (degrees_of_freedom, printed) in [(11, 2.2010), (15, 2.1314), (30, 2.0423), (120, 1.9799)] {
            assert!((t_quantile(degrees_of_freedom) - printed).abs() < 5e-4, "{degrees_of_freedom}");
        }
    }

    #[test]
    fn an_interval_cut_to_its_range_still_holds_the_mean() {
        let cut = Interval { mean: 0.99, low: 0.95, high: 1.03, count: 3 }.within(0.0, 1.0);
        assert_eq!((cut.low, cut.high), (0.95, 1.0));
    }

    #[test]
    fn the_description_says_which_interval_is_drawn() {
        assert_eq!(describe(&[1, 1]), "one seed per point");
        assert_eq!(describe(&[2, 2]), "mean of 2 seeds with minimum and maximum");
        assert_eq!(describe(&[5, 5]), "mean of 5 seeds with 95 % confidence interval (Student t)");
        assert!(describe(&[1, 5]).contains("1–5 seeds"));
        assert!(describe(&[1, 5]).contains("minimum and maximum below 3"));
    }
}
