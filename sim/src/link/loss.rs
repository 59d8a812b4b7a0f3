//! Which segments a path loses: none, each with one probability, or in bursts (Gilbert 1960, Elliott 1963; netem's `loss gemodel`).

use crate::random::Stream;

/// How a path loses segments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Never.
    None,
    /// Each segment with this probability, whatever happened to others.
    Bernoulli(f64),
    /// A chain of two states that moves with each segment; it starts in the good one.
    GilbertElliott {
        /// Probability to leave the good state (netem's p).
        good_to_bad: f64,
        /// Probability to leave the bad state (netem's r).
        bad_to_good: f64,
        /// Probability of a loss in the bad state (netem's 1 - h).
        loss_in_bad: f64,
        /// Probability of a loss in the good state (netem's 1 - k).
        loss_in_good: f64,
    },
}

impl Loss {
    /// The simple Gilbert model: all is lost in the bad state, nothing in the good one. `mean_loss` is the share that is lost,
    /// `mean_burst_segments` the mean number of segments lost in a row. None if no chain does that.
    pub fn bursts(mean_loss: f64, mean_burst_segments: f64) -> Option<Loss> {
        if mean_loss == 0.0 {
            return Some(Loss::None);
        }
        let bad_to_good = 1.0 / mean_burst_segments;
        let good_to_bad = bad_to_good * mean_loss / (1.0 - mean_loss);
        Some(Loss::GilbertElliott { good_to_bad, bad_to_good, loss_in_bad: 1.0, loss_in_good: 0.0 })
            .filter(|loss| (0.0..1.0).contains(&mean_loss) && loss.is_possible())
    }

    /// Are all of its probabilities from 0 to 1?
    pub fn is_possible(&self) -> bool {
        let all = |probabilities: &[f64]| probabilities.iter().all(|p| (0.0..=1.0).contains(p));
        match *self {
            Loss::None => true,
            Loss::Bernoulli(p) => all(&[p]),
            Loss::GilbertElliott { good_to_bad, bad_to_good, loss_in_bad, loss_in_good } => {
                all(&[good_to_bad, bad_to_good, loss_in_bad, loss_in_good])
            }
        }
    }

    /// The share of segments that is lost in the long run.
    pub fn mean(&self) -> f64 {
        match *self {
            Loss::None => 0.0,
            Loss::Bernoulli(p) => p,
            Loss::GilbertElliott { loss_in_bad, loss_in_good, .. } => {
                let bad = self.share_of_bad();
                bad * loss_in_bad + (1.0 - bad) * loss_in_good
            }
        }
    }

    /// Loss events per segment: how often the bad state is entered, p r/(p + r); each loss by itself without bursts.
    pub fn events_per_segment(&self) -> f64 {
        match *self {
            Loss::GilbertElliott { bad_to_good, .. } => self.share_of_bad() * bad_to_good,
            Loss::None | Loss::Bernoulli(_) => self.mean(),
        }
    }

    fn share_of_bad(&self) -> f64 {
        match *self {
            Loss::GilbertElliott { good_to_bad, bad_to_good, .. } if good_to_bad > 0.0 => {
                good_to_bad / (good_to_bad + bad_to_good)
            }
            _ => 0.0,
        }
    }
}

/// The losses of one flow or path. A draw per loss and per change of state, none per segment.
#[derive(Debug, Clone)]
pub(crate) struct LossProcess {
    stream: Stream,
    /// The state it is in, then the other.
    states: [State; 2],
    /// Segments that are left in this state, and those before the next loss if the state lasts; `u64::MAX`: for ever.
    sojourn: u64,
    until_loss: u64,
}

#[derive(Debug, Clone, Copy)]
struct State {
    loss: f64,
    leave: f64,
}

impl LossProcess {
    pub fn new(loss: Loss, stream: Stream) -> LossProcess {
        let for_ever = |loss| [State { loss, leave: 0.0 }; 2];
        let states = match loss {
            Loss::None => for_ever(0.0),
            Loss::Bernoulli(p) => for_ever(p),
            Loss::GilbertElliott { good_to_bad, bad_to_good, loss_in_bad, loss_in_good } => {
                [State { loss: loss_in_good, leave: good_to_bad }, State { loss: loss_in_bad, leave: bad_to_good }]
            }
        };
        let mut process = LossProcess { stream, states, sojourn: 0, until_loss: 0 };
        process.enter();
        process
    }

    /// Of the next `segments` segments, the index of the first that is lost; the process has then moved past that one. None: it has
    /// moved past all of them.
    #[inline]
    pub fn next_lost(&mut self, segments: u64) -> Option<u64> {
        let mut passed = 0;
        loop {
            let rest = segments - passed;
            if rest <= self.until_loss.min(self.sojourn) {
                self.pass(rest);
                return None;
            }
            if self.until_loss < self.sojourn {
                let lost = passed + self.until_loss;
                self.pass(self.until_loss + 1);
                self.until_loss = self.stream.failures_before_success(self.states[0].loss);
                return Some(lost);
            }
            passed += self.sojourn;
            self.states.swap(0, 1);
            self.enter();
        }
    }

    fn pass(&mut self, segments: u64) {
        for left in [&mut self.sojourn, &mut self.until_loss] {
            if *left != u64::MAX {
                *left = left.saturating_sub(segments);
            }
        }
    }

    fn enter(&mut self) {
        self.sojourn = self.stream.failures_before_success(self.states[0].leave).saturating_add(1);
        self.until_loss = self.stream.failures_before_success(self.states[0].loss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(loss: Loss) -> LossProcess {
        LossProcess::new(loss, Stream::new(7, "loss", "test"))
    }

    /// The numbers of the lost ones among `segments`, asked for `batch` at a time.
    fn lost(loss: Loss, segments: u64, batch: u64) -> Vec<u64> {
        let mut process = process(loss);
        let mut lost = Vec::new();
        let mut sent = 0;
        while sent < segments {
            let size = batch.min(segments - sent);
            match process.next_lost(size) {
                Some(index) => {
                    assert!(index < size);
                    lost.push(sent + index);
                    sent += index + 1;
                }
                None => sent += size,
            }
        }
        lost
    }

    /// Lengths of the runs of consecutive losses.
    fn runs(lost: &[u64]) -> Vec<usize> {
        lost.chunk_by(|a, b| a + 1 == *b).map(<[u64]>::len).collect()
    }

    #[test]
    fn every_process_has_a_golden_value() {
        let golden = |loss| lost(loss, 10_000, 64).into_iter().take(5).collect::<Vec<u64>>();
        assert_eq!(golden(Loss::Bernoulli(0.01)), [35, 69, 82, 115, 181]);
        assert_eq!(golden(Loss::bursts(0.01, 4.0).unwrap()), [142, 143, 193, 194, 454]);
    }

    #[test]
    fn a_path_without_loss_loses_nothing() {
        for loss in [Loss::None, Loss::Bernoulli(0.0), Loss::bursts(0.0, 3.0).unwrap()] {
            assert_eq!(process(loss).next_lost(u64::MAX), None);
        }
        assert_eq!(lost(Loss::Bernoulli(1.0), 10, 3).len(), 10);
    }

    #[test]
    fn the_batches_make_no_difference() {
        for loss in [Loss::Bernoulli(0.03), Loss::bursts(0.02, 8.0).unwrap()] {
            assert_eq!(lost(loss, 100_000, 1), lost(loss, 100_000, 1_000));
        }
    }

    #[test]
    fn the_mean_loss_and_the_length_of_bursts_are_as_asked_for() {
        for (mean, burst) in [(0.001, 1.0), (0.01, 4.0), (0.003, 16.0), (0.1, 2.0)] {
            let loss = Loss::bursts(mean, burst).unwrap();
            assert!((loss.mean() - mean).abs() < 1e-12);
            assert!((loss.events_per_segment() - mean / burst).abs() < 1e-9 * mean);
            let segments = (40_000.0 * burst / mean) as u64;
            let lost = lost(loss, segments, 45);
            let runs = runs(&lost);
            // 40 000 bursts: five standard errors of a geometric burst length and of their number are below 5 %.
            let share = lost.len() as f64 / segments as f64;
            assert!((share / mean - 1.0).abs() < 0.05, "{share} of {mean}");
            let length = lost.len() as f64 / runs.len() as f64;
            // Two bursts may touch, which Bernoulli-like chains do with the probability of a loss.
            assert!((length / burst - 1.0).abs() < 0.05 + 2.0 * mean, "{length} of {burst}");
        }
    }

    #[test]
    fn losses_in_both_states_add_up() {
        let loss = Loss::GilbertElliott { good_to_bad: 0.01, bad_to_good: 0.1, loss_in_bad: 0.5, loss_in_good: 0.001 };
        let share = lost(loss, 2_000_000, 100).len() as f64 / 2e6;
        assert!((share / loss.mean() - 1.0).abs() < 0.05, "{share} of {}", loss.mean());
    }

    #[test]
    fn bernoulli_losses_are_as_far_apart_as_independent_ones() {
        let lost = lost(Loss::Bernoulli(0.02), 2_000_000, 37);
        let next = lost.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!((lost.len() as f64 / 2e6 / 0.02 - 1.0).abs() < 0.03);
        assert!((next as f64 / lost.len() as f64 / 0.02 - 1.0).abs() < 0.2);
    }

    #[test]
    fn what_no_chain_can_do_is_refused() {
        assert_eq!(Loss::bursts(0.9, 1.0), None);
        assert_eq!(Loss::bursts(1.0, 4.0), None);
        assert_eq!(Loss::bursts(-0.1, 4.0), None);
        assert_eq!(Loss::bursts(0.1, 0.5), None);
        assert!(!Loss::Bernoulli(f64::NAN).is_possible());
    }
}
