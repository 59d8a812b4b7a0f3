//! What the receiving end of a TCP connection does: it puts segments in order and decides when to acknowledge.
//!
//! The fate of a segment is known when it is sent, and a path keeps the order of a flow, so the receiver is asked right then what it
//! will do when the segment arrives. Only an acknowledgement that is owed depends on what comes after: data from the reader's
//! end takes it along, a read may release it, the timer sends it at last.
//!
//! Sources: RFC 9293 and RFC 1122 4.2.3.2 (delayed acknowledgement), RFC 5681 4.2 (at once while something is missing), Linux
//! `net/ipv4/tcp_input.c` (`tcp_event_data_recv`, `tcp_measure_rcv_mss`, `__tcp_ack_snd_check`), `tcp.c` (`tcp_cleanup_rbuf`),
//! `tcp_timer.c` (`tcp_delack_timer_handler`), `tcp_output.c` (`tcp_event_data_sent`).

use super::acknowledgements::Acknowledgements;
use super::round_trip::RTO_MIN;
use super::tcp::{DUPLICATES, GATHERED_MAX, QUICK_ACKNOWLEDGEMENTS, SEGMENT_ASSUMED, Tcp};
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// Segments that were sent as one and arrive one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// Which transmission it was.
    pub transmission: u64,
    /// Its first byte's place in the stream.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
    /// Its segments: full ones, but for the last.
    pub segments: u32,
    /// Nothing more was to be sent behind it (PSH).
    pub pushed: bool,
    /// The reader does not wait for it: what it will read next is there already, or it works on what it has read.
    pub reader_is_busy: bool,
}

/// What an acknowledgement tells: the first `segments` of a transmission have arrived, and all before it that were not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    /// When it leaves the receiver, or, once it is on its way, when it is at the sender.
    pub at: Time,
    pub transmission: u64,
    pub segments: u32,
    /// The stream is whole until here.
    pub cumulative: u64,
}

pub(super) struct Receiver {
    acknowledgement_delay: Span,
    segment_bytes: u64,
    receive_buffer_bytes: u64,
    /// The end of what has arrived, holes included.
    highest: u64,
    /// Stretches of the stream, in order, that were sent and lost.
    missing: VecDeque<(u64, u64)>,
    /// What was acknowledged last.
    acknowledged_to: u64,
    /// An acknowledgement that waits for something to go with.
    owed: Option<Acknowledgement>,
    /// The longest segment seen: what counts as a full one.
    segment_seen: u64,
    /// Segments to acknowledge at once.
    quick: u32,
    /// The reader answers what it gets, so that acknowledgements had better wait for its data (Linux: ping-pong mode).
    in_conversation: bool,
    last_received: Option<Time>,
    /// Segments since the last acknowledgement that ended a write.
    pushed: u32,
    /// Acknowledgements sent since the stream last grew.
    duplicates: u64,
    /// Until when the acknowledgement sent last takes along what arrives out of order, and how many it has taken.
    gathering: Option<(Time, u32)>,
}

impl Receiver {
    pub fn new(tcp: &Tcp, receive_buffer_bytes: u64) -> Receiver {
        Receiver {
            acknowledgement_delay: tcp.acknowledgement_delay,
            segment_bytes: tcp.segment_bytes,
            receive_buffer_bytes,
            highest: 0,
            missing: VecDeque::new(),
            acknowledged_to: 0,
            owed: None,
            segment_seen: SEGMENT_ASSUMED.min(tcp.segment_bytes),
            quick: 0,
            in_conversation: false,
            last_received: None,
            pushed: 0,
            duplicates: 0,
            gathering: None,
        }
    }

    /// The stream is whole until here.
    pub fn received_to(&self) -> u64 {
        self.missing.front().map_or(self.highest, |(start, _)| *start)
    }

    /// Segments that will never arrive.
    pub fn lost(&mut self, start: u64, bytes: u64) {
        if start >= self.highest && self.missing.back().is_none_or(|(_, end)| *end <= start) {
            self.missing.push_back((start, start + bytes));
        }
    }

    /// Segments arrive, the first `n` of them by `at(n)`. Acknowledgements are put to `sent`; what is out of order is acknowledged
    /// together for as long as `gather`. With `coarse` one acknowledgement stands for those of all the segments.
    pub fn arrive(
        &mut self,
        arrival: Arrival,
        at: impl Fn(u64) -> Time,
        gather: Span,
        coarse: bool,
        sent: &mut Acknowledgements,
    ) {
        let segments = u64::from(arrival.segments);
        self.heard(at(1));
        if !self.missing.is_empty() {
            return self.arrive_beside_hole(arrival, at, gather, sent);
        }
        let step = if coarse { segments } else { 1 };
        let mut n = 0;
        while n < segments {
            n += step;
            let end = if n == segments { arrival.bytes } else { n * self.segment_bytes };
            let length = if step > 1 || n < segments {
                self.segment_bytes.min(arrival.bytes)
            } else {
                arrival.bytes - (n - 1) * self.segment_bytes
            };
            self.highest = self.highest.max(arrival.start + end);
            let short = length < self.segment_seen;
            self.segment_seen = self.segment_seen.max(length);
            if short || (arrival.pushed && n == segments) {
                self.pushed += 1;
            }
            let acknowledgement = Acknowledgement {
                at: at(n),
                transmission: arrival.transmission,
                segments: n as u32,
                cumulative: self.highest,
            };
            let is_due = self.is_due(&acknowledgement) && !arrival.reader_is_busy;
            if is_due || self.is_quick() {
                self.send(acknowledgement, sent);
            } else {
                self.owed = Some(acknowledgement);
            }
        }
        self.last_received = Some(at(segments));
    }

    /// More than a full segment is not acknowledged. While the reader is busy, an acknowledgement would tell of a smaller window, so
    /// it waits until the reader has taken some (Linux: `__tcp_ack_snd_check` compares with `__tcp_select_window`).
    fn is_due(&self, acknowledgement: &Acknowledgement) -> bool {
        acknowledgement.cumulative - self.acknowledged_to > self.segment_seen
    }

    fn is_quick(&self) -> bool {
        self.quick > 0 && !self.in_conversation
    }

    /// A new connection, or one that was idle, starts by acknowledging at once.
    fn heard(&mut self, at: Time) {
        if self.last_received.is_none_or(|last| at.since(last) > RTO_MIN) {
            let fitting = (self.receive_buffer_bytes / (2 * self.segment_seen)).max(2);
            self.quick = self.quick.max(QUICK_ACKNOWLEDGEMENTS.min(fitting.try_into().unwrap_or(u32::MAX)));
        }
    }

    fn arrive_beside_hole(
        &mut self,
        arrival: Arrival,
        at: impl Fn(u64) -> Time,
        gather: Span,
        sent: &mut Acknowledgements,
    ) {
        let before = self.received_to();
        let end = arrival.start + arrival.bytes;
        self.fill(arrival.start, end);
        self.highest = self.highest.max(end);
        self.owed = None;
        let (cumulative, whole) = (self.received_to(), self.missing.is_empty());
        if cumulative != before {
            self.duplicates = 0;
        }
        let segments = u64::from(arrival.segments);
        for n in 1..=segments {
            let at = at(n);
            let acknowledgement =
                Acknowledgement { at, transmission: arrival.transmission, segments: n as u32, cumulative };
            match self.gathering {
                Some((until, taken)) if at <= until && taken < GATHERED_MAX && !whole => {
                    self.gathering = Some((until, taken + 1));
                    if let Some(last) = sent.last_mut() {
                        *last = Acknowledgement { at: last.at, ..acknowledgement };
                    }
                    self.acknowledged_to = cumulative;
                }
                _ if self.duplicates < DUPLICATES || whole || self.is_quick() => {
                    self.duplicates += 1;
                    self.send(acknowledgement, sent);
                }
                _ => {
                    self.send(Acknowledgement { at: at + gather, ..acknowledgement }, sent);
                    self.gathering = Some((at + gather, 1));
                }
            }
        }
        self.last_received = Some(at(segments));
    }

    /// A stretch arrives that was missing, or a part of one.
    fn fill(&mut self, start: u64, end: u64) {
        let Some(index) = self.missing.iter().position(|(from, to)| *from <= start && start < *to) else { return };
        let (from, to) = self.missing[index];
        let end = end.min(to);
        match (from == start, to == end) {
            (true, true) => drop(self.missing.remove(index)),
            (true, false) => self.missing[index].0 = end,
            (false, true) => self.missing[index].1 = start,
            (false, false) => {
                self.missing[index].1 = start;
                self.missing.insert(index + 1, (end, to));
            }
        }
    }

    fn send(&mut self, acknowledgement: Acknowledgement, sent: &mut Acknowledgements) {
        if let Some((until, _)) = self.gathering.take()
            && acknowledgement.at <= until
        {
            // What was gathered goes with it.
            sent.drop_last();
        }
        self.acknowledged_to = acknowledgement.cumulative;
        self.owed = None;
        self.pushed = 0;
        self.quick = self.quick.saturating_sub(1);
        sent.push(acknowledgement);
    }

    /// When the acknowledgement that is owed goes out at the latest.
    pub fn owed_until(&self) -> Option<Time> {
        self.owed.map(|owed| owed.at + self.acknowledgement_delay)
    }

    /// The reader has taken bytes out of the buffer, `all` that has arrived or not (Linux: `tcp_cleanup_rbuf`).
    pub fn read(&mut self, now: Time, all: bool, sent: &mut Acknowledgements) {
        let is_due = self.owed.is_some_and(|owed| self.is_due(&owed));
        if is_due || all && (self.pushed > 1 || self.pushed > 0 && !self.in_conversation) {
            self.settle(now, sent);
        }
    }

    /// The reader's end sends data: what is owed goes with it.
    pub fn answer(&mut self, now: Time, sent: &mut Acknowledgements) {
        if self.last_received.is_some_and(|last| last <= now && now.since(last) < self.acknowledgement_delay) {
            self.in_conversation = true;
        }
        self.settle(now, sent);
    }

    /// The timer of what is owed has expired. A reader that did not answer in time is not in conversation.
    pub fn expire(&mut self, now: Time, sent: &mut Acknowledgements) {
        if self.owed_until().is_some_and(|until| until <= now) {
            self.in_conversation = false;
            self.settle(now, sent);
        }
    }

    /// Acknowledge now what has arrived and is owed.
    fn settle(&mut self, now: Time, sent: &mut Acknowledgements) {
        if let Some(owed) = self.owed.take_if(|owed| owed.at <= now) {
            self.send(Acknowledgement { at: now, ..owed }, sent);
        }
    }
}
