//! What the sending end of a TCP connection does: how much may be under way, what counts as lost, what is sent again.
//!
//! Segments are counted, as Linux does. A path keeps the order of a flow, so of two segments the one sent later never arrives first:
//! when an acknowledgement tells of a later one, an earlier one that is not among those told of is *suspected*. It counts as lost
//! once three later segments have arrived, or a quarter of the least round trip after it was due, or at once while the
//! window is being reduced (RFC 8985, RACK).
//!
//! Sources: RFC 5681, RFC 6675 (recovery), RFC 6937 (proportional rate reduction), RFC 8985 (RACK, tail-loss probe), RFC 6298
//! (time-out), RFC 7661 and Linux `tcp_cwnd_validate` (no growth while the window is not used), Linux `net/ipv4/tcp_input.c`,
//! `tcp_output.c`, `tcp_recovery.c`. **Not modelled**: a time-out while everything still arrives (Linux takes its effects back,
//! RFC 5682), lost acknowledgements, reordering.

use super::congestion::{Acked, Window};
use super::receiver::Acknowledgement;
use super::round_trip::{RTO_MIN, RoundTrip};
use super::tcp::{DUPLICATES, PROBE_MARGIN, Tcp};
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// Segments of the stream one behind the other: full ones, but for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The place of its first byte.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
    /// Its segments.
    pub segments: u64,
}

impl Run {
    pub fn end(&self) -> u64 {
        self.start + self.bytes
    }

    /// The first `segments` of it, which then starts behind them.
    pub fn take_front(&mut self, segments: u64, segment_bytes: u64) -> Run {
        let bytes = if segments >= self.segments { self.bytes } else { segments * segment_bytes };
        let front = Run { start: self.start, bytes, segments: segments.min(self.segments) };
        *self = Run { start: front.end(), bytes: self.bytes - bytes, segments: self.segments - front.segments };
        front
    }
}

#[derive(Debug, Clone, Copy)]
struct Transmission {
    id: u64,
    run: Run,
    sent_at: Time,
    again: bool,
    /// Known here because the path decides it at once; the sender acts on it only as it would learn of it.
    lost: bool,
    /// Segments that the receiver is known to have.
    arrived: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The window is being reduced after a loss.
    Recovery,
    /// After a time-out.
    Loss,
}

/// Proportional rate reduction (RFC 6937), in segments.
#[derive(Debug, Clone, Copy, Default)]
struct Reduction {
    from: u64,
    delivered: u64,
    sent: u64,
}

/// Why the sender wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// A suspected segment counts as lost then.
    Suspicion,
    Probe,
    Timeout,
}

/// A probe under way: what it ends at, and whether it replaces a segment that was lost.
#[derive(Debug, Clone, Copy)]
struct Probe {
    end: u64,
    repairs: bool,
}

pub(super) struct Sender {
    tcp: Tcp,
    window: Window,
    round_trip: RoundTrip,
    phase: Phase,
    /// The end of what was sent.
    pub sent_to: u64,
    /// The end of what is known to have arrived whole.
    pub acknowledged_to: u64,
    in_flight: u64,
    next_id: u64,
    /// What was sent and not acknowledged, in the order of sending.
    in_transit: VecDeque<Transmission>,
    /// What is missing though later segments have arrived.
    suspects: VecDeque<Transmission>,
    /// Segments that have arrived behind the first suspect.
    later_arrivals: u64,
    /// What counts as lost and was not sent again yet, in the order of the stream.
    lost: VecDeque<Run>,
    /// The recovery ends when all that was sent before it is acknowledged.
    recover_to: u64,
    reduction: Reduction,
    /// The round trip of the segment that was sent last of those that arrived.
    newest_trip: Span,
    /// The end of the last segment sent that was not full (RFC 896 as Linux has it, after Minshall).
    short_to: u64,
    /// Was the window what limited the sender in the last round, and how much of it was used.
    was_full: bool,
    /// The window keeps data back right now.
    is_full: bool,
    most_in_flight: u64,
    round_to: u64,
    /// Since when the window was not used up.
    used_up_at: Time,
    last_sent: Time,
    probe: Option<Probe>,
    timer: Option<(Time, Timer)>,
}

impl Sender {
    pub fn new(tcp: Tcp) -> Sender {
        Sender {
            tcp,
            window: Window::new(tcp.congestion, tcp.initial_window),
            round_trip: RoundTrip::new(),
            phase: Phase::Open,
            sent_to: 0,
            acknowledged_to: 0,
            in_flight: 0,
            next_id: 0,
            in_transit: VecDeque::new(),
            suspects: VecDeque::new(),
            later_arrivals: 0,
            lost: VecDeque::new(),
            recover_to: 0,
            reduction: Reduction::default(),
            newest_trip: Span::ZERO,
            short_to: 0,
            was_full: false,
            is_full: false,
            most_in_flight: 0,
            round_to: 0,
            used_up_at: Time::ZERO,
            last_sent: Time::ZERO,
            probe: None,
            timer: None,
        }
    }

    pub fn set_no_delay(&mut self, no_delay: bool) {
        self.tcp.no_delay = no_delay;
    }

    fn cwnd(&self) -> u64 {
        u64::from(self.window.segments())
    }

    /// The smoothed round trip; zero before the first sample.
    pub fn smoothed(&self) -> Span {
        self.round_trip.smoothed()
    }

    /// What to send now, at most `train` segments: what was lost first, then what is new, up to `written_to` and the end of the
    /// receiver's window.
    pub fn next(&mut self, now: Time, written_to: u64, window_to: u64, train: u64) -> Option<(Run, bool)> {
        let cwnd = self.cwnd();
        if let Some(run) = self.lost.front_mut() {
            let room = cwnd.saturating_sub(self.in_flight).min(train);
            if room == 0 {
                return None;
            }
            let again = run.take_front(room, self.tcp.segment_bytes);
            if run.segments == 0 {
                self.lost.pop_front();
            }
            return Some((again, true));
        }
        let limit = written_to.min(window_to);
        let available = limit.saturating_sub(self.sent_to);
        if available == 0 {
            return None;
        }
        if self.sent_to == self.acknowledged_to {
            self.restart(now);
        }
        let segment_bytes = self.tcp.segment_bytes;
        let room = self.cwnd().saturating_sub(self.in_flight);
        if room == 0 {
            self.is_full = true;
            return None;
        }
        let n = room.min(train);
        let mut run = Run {
            start: self.sent_to,
            bytes: available.min(n * segment_bytes),
            segments: available.div_ceil(segment_bytes).min(n),
        };
        let short = run.bytes % segment_bytes;
        if short > 0 && self.waits(written_to > window_to) {
            run = Run { bytes: run.bytes - short, segments: run.segments - 1, ..run };
        }
        (run.segments > 0).then_some((run, false))
    }

    /// Does a segment that is not full wait? For the acknowledgement of another that was not full (Nagle), or for the window to
    /// open (RFC 1122, 4.2.3.4).
    fn waits(&self, window_is_short: bool) -> bool {
        let is_idle = self.sent_to == self.acknowledged_to;
        if window_is_short { !is_idle } else { !self.tcp.no_delay && !is_idle && self.short_to > self.acknowledged_to }
    }

    /// Does Nagle's algorithm hold back what is left of the stream?
    pub fn is_held_back(&self, written_to: u64) -> bool {
        let left = written_to - self.sent_to;
        left > 0 && left < self.tcp.segment_bytes && self.lost.is_empty() && self.waits(false)
    }

    /// Something is sent while nothing is under way.
    fn restart(&mut self, now: Time) {
        if self.sent_to == 0 {
            return;
        }
        let idle = now.since(self.last_sent);
        if self.tcp.slow_start_after_idle && idle > self.round_trip.timeout() {
            self.window.after_idle(now, idle, self.round_trip.timeout(), self.tcp.initial_window);
            self.used_up_at = now;
        }
        self.window.restarted(now, self.last_sent);
    }

    /// A run was sent; the id of the transmission.
    pub fn sent(&mut self, now: Time, run: Run, again: bool, lost: bool) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight += run.segments;
        self.last_sent = now;
        if !again {
            self.sent_to = run.end();
            if run.bytes < run.segments * self.tcp.segment_bytes {
                self.short_to = run.end();
            }
        }
        if self.phase == Phase::Recovery {
            self.reduction.sent += run.segments;
        }
        self.in_transit.push_back(Transmission { id, run, sent_at: now, again, lost, arrived: 0 });
        id
    }

    /// All that could be sent now has been sent (Linux: `tcp_cwnd_validate`).
    pub fn rests(&mut self, now: Time) {
        let is_full = std::mem::take(&mut self.is_full) || self.in_flight >= self.cwnd();
        let is_more = !self.was_full && self.in_flight > self.most_in_flight;
        if self.acknowledged_to >= self.round_to || is_full || is_more {
            self.was_full = is_full;
            self.most_in_flight = self.in_flight;
            self.round_to = self.sent_to;
        }
        if self.is_window_used() {
            self.used_up_at = now;
        } else if self.tcp.slow_start_after_idle
            && self.phase == Phase::Open
            && now.since(self.used_up_at) >= self.round_trip.timeout()
        {
            self.window.application_limited(self.most_in_flight as u32, self.tcp.initial_window);
            self.used_up_at = now;
        }
        self.set_timer(now);
    }

    /// May the window grow? In slow start also while half of it is used (Linux: `tcp_is_cwnd_limited`).
    fn is_window_used(&self) -> bool {
        self.was_full || self.window.in_slow_start() && self.cwnd() < 2 * self.most_in_flight
    }

    /// An acknowledgement is here.
    pub fn acknowledged(&mut self, now: Time, acknowledgement: Acknowledgement) {
        let before = self.acknowledged_to;
        let (delivered, trip) = self.deliver(now, &acknowledgement);
        self.acknowledged_to = before.max(acknowledgement.cumulative);
        let advanced = self.acknowledged_to > before;
        match trip {
            Some(trip) => self.round_trip.sample(trip, self.acknowledged_to, self.sent_to),
            None if advanced => self.round_trip.forget_back_off(),
            None => {}
        }
        if self.suspects.is_empty() && self.lost.is_empty() {
            self.later_arrivals = 0;
        }
        let lost_before = self.lost.len();
        self.judge_suspects(now);
        let newly_lost = self.lost.len() > lost_before;
        if let Some(probe) = self.probe
            && self.acknowledged_to >= probe.end
        {
            self.probe = None;
            if probe.repairs && self.phase == Phase::Open {
                self.window.reduce(now);
                self.window.recovered(now);
            }
        }
        if self.phase != Phase::Open && self.acknowledged_to >= self.recover_to {
            if self.phase == Phase::Recovery {
                self.window.recovered(now);
            }
            self.phase = Phase::Open;
        }
        if newly_lost && self.phase == Phase::Open {
            self.start_recovery(now);
        }
        if self.phase == Phase::Recovery {
            self.reduce(delivered, advanced && !newly_lost);
        } else if advanced {
            self.window.acked(Acked {
                now,
                segments: delivered as u32,
                round_trip: trip,
                least_round_trip: self.round_trip.least(),
                smoothed_round_trip: self.round_trip.smoothed(),
                first_unacknowledged: self.acknowledged_to,
                next_to_send: self.sent_to,
                window_was_full: self.is_window_used(),
            });
        }
        self.set_timer(now);
    }

    /// Take what has arrived out of what is in transit: how many segments, and the round trip if it is known (Karn: not of what
    /// was sent twice).
    fn deliver(&mut self, now: Time, acknowledgement: &Acknowledgement) -> (u64, Option<Span>) {
        let (mut delivered, mut trip) = (0, None);
        while let Some(front) = self.in_transit.front_mut().filter(|t| t.id <= acknowledgement.transmission) {
            if front.lost {
                self.suspects.extend(self.in_transit.pop_front());
                continue;
            }
            let known = match front.id == acknowledgement.transmission {
                true => u64::from(acknowledgement.segments).max(front.arrived),
                false => front.run.segments,
            };
            let newly = known - front.arrived;
            front.arrived = known;
            if newly > 0 {
                delivered += newly;
                self.in_flight -= newly;
                self.newest_trip = now.since(front.sent_at);
                trip = (!front.again).then_some(self.newest_trip).or(trip);
                if !self.suspects.is_empty() {
                    self.later_arrivals += newly;
                }
            }
            if front.arrived < front.run.segments {
                break;
            }
            self.in_transit.pop_front();
        }
        (delivered, trip)
    }

    /// Which suspects count as lost by now.
    fn judge_suspects(&mut self, now: Time) {
        let certain = self.later_arrivals >= DUPLICATES || self.phase != Phase::Open;
        while let Some(suspect) = self.suspects.front() {
            if !certain && self.condemned_at(suspect) > now {
                break;
            }
            let run = suspect.run;
            self.suspects.pop_front();
            if run.segments == 0 {
                continue;
            }
            self.in_flight -= run.segments;
            let index = self.lost.partition_point(|lost| lost.start < run.start);
            self.lost.insert(index, run);
        }
    }

    fn start_recovery(&mut self, now: Time) {
        self.phase = Phase::Recovery;
        self.recover_to = self.sent_to;
        self.reduction = Reduction { from: self.cwnd(), delivered: 0, sent: 0 };
        self.window.reduce(now);
    }

    fn condemned_at(&self, suspect: &Transmission) -> Time {
        let quarter = Span(self.round_trip.least().0 / 4);
        suspect.sent_at + self.newest_trip + quarter
    }

    /// Proportional rate reduction: the window follows what arrives down to its new size.
    fn reduce(&mut self, delivered: u64, is_clean: bool) {
        let goal = u64::from(self.window.ssthresh());
        self.reduction.delivered += delivered;
        let Reduction { from, delivered: all, sent } = self.reduction;
        let to_send = if self.in_flight > goal {
            (goal * all).div_ceil(from.max(1)).saturating_sub(sent)
        } else {
            let matching = all.saturating_sub(sent).max(delivered) + u64::from(is_clean);
            matching.min(goal - self.in_flight)
        };
        let first = u64::from(sent == 0);
        self.window.set_segments((self.in_flight + to_send.max(first)) as u32);
    }

    fn set_timer(&mut self, now: Time) {
        if self.sent_to == self.acknowledged_to && self.lost.is_empty() {
            self.timer = None;
            return;
        }
        if let Some(suspect) = self.suspects.front() {
            self.timer = Some((self.condemned_at(suspect) + PROBE_MARGIN, Timer::Suspicion));
            return;
        }
        let timeout = now + self.round_trip.timeout();
        let probing = self.phase == Phase::Open && self.probe.is_none() && self.lost.is_empty();
        self.timer = match (probing, self.round_trip.smoothed()) {
            (true, smoothed) if smoothed > Span::ZERO => {
                let margin = if self.in_flight == 1 { RTO_MIN } else { PROBE_MARGIN };
                Some(((now + smoothed + smoothed + margin).min(timeout), Timer::Probe))
            }
            _ => Some((timeout, Timer::Timeout)),
        };
    }

    /// When to call [`Sender::expire`], at the earliest.
    pub fn deadline(&self) -> Option<Time> {
        self.timer.map(|(at, _)| at)
    }

    /// The timer has expired. A probe is to be sent then, whatever the window says: new data or the last that was sent.
    pub fn expire(&mut self, now: Time, written_to: u64) -> Option<(Run, bool)> {
        let (_, timer) = self.timer.take_if(|(at, _)| *at <= now)?;
        match timer {
            Timer::Suspicion => {
                self.judge_suspects(now);
                if !self.lost.is_empty() && self.phase == Phase::Open {
                    self.start_recovery(now);
                    self.reduce(0, false);
                }
                self.set_timer(now);
                None
            }
            Timer::Probe => {
                let probe = self.probe(written_to);
                self.timer = Some((now + self.round_trip.timeout(), Timer::Timeout));
                probe
            }
            Timer::Timeout => {
                self.time_out(now);
                None
            }
        }
    }

    fn probe(&mut self, written_to: u64) -> Option<(Run, bool)> {
        let segment_bytes = self.tcp.segment_bytes;
        let new = (written_to - self.sent_to).min(segment_bytes);
        if new > 0 {
            self.probe = Some(Probe { end: self.sent_to + new, repairs: false });
            return Some((Run { start: self.sent_to, bytes: new, segments: 1 }, false));
        }
        // Its last segment once more: what was lost of it is not lost a second time then.
        let last = self.in_transit.iter_mut().filter(|t| t.run.end() == self.sent_to).next_back()?;
        let bytes = last.run.bytes - (last.run.segments - 1) * segment_bytes;
        let run = Run { start: last.run.end() - bytes, bytes, segments: 1 };
        self.probe = Some(Probe { end: self.sent_to, repairs: last.lost });
        if last.lost {
            last.run = Run { start: last.run.start, bytes: last.run.bytes - bytes, segments: last.run.segments - 1 };
            self.in_flight -= 1;
        }
        Some((run, true))
    }

    /// All that is under way counts as lost, unless it will still arrive.
    fn time_out(&mut self, now: Time) {
        self.round_trip.back_off();
        if self.in_transit.iter().any(|t| !t.lost) {
            self.timer = Some((now + self.round_trip.timeout(), Timer::Timeout));
            return;
        }
        for transmission in self.suspects.drain(..).chain(self.in_transit.drain(..)) {
            if transmission.run.segments > 0 {
                let index = self.lost.partition_point(|lost| lost.start < transmission.run.start);
                self.lost.insert(index, transmission.run);
            }
        }
        self.in_flight = 0;
        self.probe = None;
        match self.phase {
            Phase::Open => self.window.timeout(now),
            Phase::Recovery | Phase::Loss => self.window.timeout_in_recovery(),
        }
        self.phase = Phase::Loss;
        self.recover_to = self.sent_to;
        self.later_arrivals = 0;
        self.set_timer(now);
    }
}
