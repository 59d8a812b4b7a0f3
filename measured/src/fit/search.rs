//! Costs that show only in the pace of all threads: Gauss and Newton's method with Levenberg and Marquardt's damping.

use super::groups::{Group, Part};
use super::observed::Observations;
use colosim_models::host_profile::HostProfile;

/// Costs with a common factor, one unknown each.
pub(super) static SEARCHED: [Group; 6] = [
    Group { steps: &["migration.find_page"], part: Part::PerPage, source: "pace of multifd's pages" },
    Group { steps: &["migration.write_page"], part: Part::PerPage, source: "pace of pages on the main connection" },
    Group {
        steps: &["multifd_send.prepare", "multifd_send.writev"],
        part: Part::PerPage,
        source: "pace of few channels",
    },
    Group {
        steps: &["multifd_recv.record_normal", "multifd_recv.readv_pages"],
        part: Part::PerPage,
        source: "end of multifd's load",
    },
    Group { steps: &["ram_load.page_word"], part: Part::PerPage, source: "end of the load on the main connection" },
    Group {
        steps: &["multifd_queue.sync_request", "multifd_send.write_sync"],
        part: Part::Fixed,
        source: "empty checkpoints with multifd",
    },
];

/// Rounds after which the search ends, whether or not it still gains.
const ROUNDS_MAX: usize = 5;
/// A round that gains less than this part of the sum of squares is the last.
const GAIN_MIN: f64 = 1e-2;
/// The step of a difference quotient, in the logarithm of a cost.
const DIFFERENCE: f64 = 0.1;
/// How much the costs that the fit began with are trusted: a factor of 2.7 away counts as much as an observation that is off by a
/// tenth. It decides where several costs explain the same pace.
const TRUST: f64 = 0.1;
/// Longest step of a round, in the logarithm of a cost: a factor of 2.7.
const STEP_MAX: f64 = 1.0;
/// Damping: at first, after a round that gains, after one that does not.
const DAMPING: f64 = 1e-2;
const EASED: f64 = 0.3;
const TIGHTENED: f64 = 5.0;
/// Attempts of one round with more and more damping.
const ATTEMPTS: usize = 4;

/// Let the searched costs of `profile` be those that fit best.
pub(super) fn minimise(profile: &mut HostProfile, observations: &Observations) {
    let mut logs: Vec<f64> = SEARCHED.iter().map(|group| libm::log(group.sum(profile).max(1.0))).collect();
    let first = logs.clone();
    let residuals_at = |logs: &[f64]| {
        let mut residuals = observations.residuals(&at(profile, logs));
        residuals.extend(logs.iter().zip(&first).map(|(log, first)| TRUST * (log - first)));
        residuals
    };
    let mut residuals = residuals_at(&logs);
    let mut damping = DAMPING;
    for _ in 0..ROUNDS_MAX {
        let columns: Vec<Vec<f64>> = (0..logs.len())
            .map(|unknown| {
                let mut moved = logs.clone();
                moved[unknown] += DIFFERENCE;
                residuals_at(&moved).iter().zip(&residuals).map(|(a, b)| (a - b) / DIFFERENCE).collect()
            })
            .collect();
        let before = sum_of_squares(&residuals);
        let mut gain = 0.0;
        for _ in 0..ATTEMPTS {
            let step = damped_step(&columns, &residuals, damping);
            let moved: Vec<f64> =
                logs.iter().zip(&step).map(|(log, step)| log + step.clamp(-STEP_MAX, STEP_MAX)).collect();
            let there = residuals_at(&moved);
            if sum_of_squares(&there) < before {
                gain = 1.0 - sum_of_squares(&there) / before;
                (logs, residuals) = (moved, there);
                damping *= EASED;
                break;
            }
            damping *= TIGHTENED;
        }
        if gain < GAIN_MIN {
            break;
        }
    }
    *profile = at(profile, &logs);
}

fn at(profile: &HostProfile, logs: &[f64]) -> HostProfile {
    let mut moved = profile.clone();
    SEARCHED.iter().zip(logs).for_each(|(group, log)| group.set_sum(&mut moved, libm::exp(*log)));
    moved
}

fn sum_of_squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// The step s that solves (JᵀJ + λ(diag JᵀJ + 1)) s = -Jᵀr. The 1 keeps an unknown on which nothing depends where it is.
fn damped_step(columns: &[Vec<f64>], residuals: &[f64], damping: f64) -> Vec<f64> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let rows = columns.iter().enumerate().map(|(i, column)| {
        let mut row: Vec<f64> = columns.iter().map(|other| product(column, other)).collect();
        row[i] += damping * (row[i] + 1.0);
        row.push(-product(column, residuals));
        row
    });
    solved(rows.collect())
}

/// The solution of linear equations, each row with its right side at its end, by elimination. They are positive definite, so no
/// pivot is zero.
fn solved(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let unknowns = rows.len();
    for pivot in 0..unknowns {
        let own = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != pivot) {
            let factor = row[pivot] / own[pivot];
            row.iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    (0..unknowns).map(|unknown| rows[unknown][unknowns] / rows[unknown][unknown]).collect()
}

#[cfg(test)]
mod tests {
    use super::{damped_step, solved};

    #[test]
    fn linear_equations_are_solved() {
        assert_eq!(solved(vec![vec![2.0, 1.0, 5.0], vec![1.0, 3.0, 10.0]]), [1.0, 3.0]);
    }

    #[test]
    fn without_damping_one_step_solves_a_linear_problem() {
        // r = (x - 3, 2 y + 4) at (0, 0).
        let step = damped_step(&[vec![1.0, 0.0], vec![0.0, 2.0]], &[-3.0, 4.0], 0.0);
        assert_eq!(step, [3.0, -2.0]);
    }

    #[test]
    fn an_unknown_on_which_nothing_depends_stays() {
        let step = damped_step(&[vec![1.0], vec![0.0]], &[1.0], 1e-2);
        assert_eq!(step[1], 0.0);
    }
}
