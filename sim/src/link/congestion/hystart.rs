//! HyStart as Linux has it (`hystart_update` in `net/ipv4/tcp_cubic.c`; Ha and Rhee, "Taming the elephants: new TCP slow start", 2011):
//! slow start ends when a round's acknowledgements arrive as one train that is longer than half of the shortest round trip, or when
//! the shortest round trip of a round has grown by an eighth.

use super::Acked;
use crate::time::{Span, Time};

/// No smaller window is looked at, in segments.
const LOW_WINDOW: u32 = 16;
/// Acknowledgements that are no further apart are one train.
const TRAIN_GAP: Span = Span::millis(2);
/// Round trips of a round before its shortest counts.
const SAMPLES: u32 = 8;
/// Bounds of the growth of the round trip that counts as a queue.
const LEAST_DELAY: Span = Span::millis(4);
const LARGEST_DELAY: Span = Span::millis(16);
/// Trains of 64 KiB may make acknowledgements late by up to the time of four of them at the rate of pacing, twice the window per
/// round trip, but not by more than this (`hystart_ack_delay`).
const LARGEST_ACK_DELAY: Span = Span::millis(1);
const FOUR_TRAINS_BYTES: u64 = 4 * 65_536;
/// Bytes of a full segment's payload on Ethernet.
const SEGMENT_BYTES: u64 = 1_448;

#[derive(Debug, Clone, Default)]
pub(super) struct HyStart {
    found: bool,
    /// The round ends when a segment from this number on is acknowledged.
    round_end: u64,
    round_start: Time,
    last_of_train: Time,
    samples: u32,
    shortest: Option<Span>,
}

impl HyStart {
    #[inline]
    pub fn sees_a_queue(&mut self, window: u32, round_trip: Span, acked: &Acked) -> bool {
        if self.found {
            return false;
        }
        if acked.first_unacknowledged > self.round_end {
            *self = HyStart {
                found: false,
                round_end: acked.next_to_send,
                round_start: acked.now,
                last_of_train: acked.now,
                samples: 0,
                shortest: None,
            };
        }
        if window < LOW_WINDOW {
            return false;
        }
        self.found = self.train_is_long(window, acked) | self.delay_grew(round_trip, acked.least_round_trip);
        self.found
    }

    fn train_is_long(&mut self, window: u32, acked: &Acked) -> bool {
        if acked.now.since(self.last_of_train) > TRAIN_GAP {
            return false;
        }
        self.last_of_train = acked.now;
        let ack_delay = FOUR_TRAINS_BYTES * acked.smoothed_round_trip.0 / (2 * u64::from(window) * SEGMENT_BYTES);
        let half = (acked.least_round_trip.0 + ack_delay.min(LARGEST_ACK_DELAY.0)) / 2;
        acked.now.since(self.round_start) > Span(half)
    }

    fn delay_grew(&mut self, round_trip: Span, least: Span) -> bool {
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.shortest = Some(shortest);
        if self.samples < SAMPLES {
            self.samples += 1;
            return false;
        }
        shortest > least + Span(least.0 / 8).clamp(LEAST_DELAY, LARGEST_DELAY)
    }
}
