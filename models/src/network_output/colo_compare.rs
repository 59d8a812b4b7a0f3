//! colo-compare (QEMU `net/colo-compare.c`): it holds what the PVM sends until the SVM has sent the same, or a checkpoint makes
//! them equal; in an iothread of its own, "src/compare".
//!
//! Per connection a list of packets from each guest, in the order of their sequence numbers, compared while both hold one: equal
//! ones are released and dropped; anything else is a mismatch, and a checkpoint is wanted. Once in a second it looks for packets
//! that have waited for too long, of either guest: a silent SVM causes a checkpoint too. On CHECKPOINT (P35) what the PVM
//! sent is released and what the SVM sent is dropped.
//!
//! Reader and timer are threads of their own here; in QEMU the iothread polls for both.
//!
//! Not modelled: more connections than the table holds (16384), packets of different lengths, packets without payload.

use super::clients::Clients;
use super::filters::{FRAME_BYTES, decode};
use super::guest::{PAYLOAD_BYTES, Packet};
use crate::steps::colo_compare as step;
use colosim_sim::link::Socket;
use colosim_sim::{Cx, Event, Sim, Span, Time};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// `expired_scan_cycle`.
const SCAN_INTERVAL: Span = Span::millis(1_000);
/// `compare_timeout`.
const TIME_LIMIT: Span = Span::millis(3_000);
/// `max_queue_size`; the test lets one more in.
const QUEUE_LENGTH_MAX: usize = 1024;

/// Why a checkpoint is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The two guests have sent different packets.
    Mismatch,
    /// A packet has waited for too long.
    TooOld,
}

/// What the iothread has to do.
#[derive(Debug, Clone, Copy)]
enum Work {
    FromPrimary(Packet),
    FromSecondary(Packet),
    Scan,
    Checkpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Queued {
    packet: Packet,
    since: Time,
}

/// One connection.
#[derive(Debug, Default)]
struct Connection {
    primary: Vec<Queued>,
    secondary: Vec<Queued>,
    /// End of what was compared (`compare_seq`).
    compared: u64,
}

/// The compare object.
pub struct ColoCompare {
    work: RefCell<VecDeque<Work>>,
    wanted: Event,
    /// The CHECKPOINT event was handled (`event_complete_cond`).
    handled: Event,
    connections: RefCell<BTreeMap<(u32, u32), Connection>>,
    redirector: Socket,
}

impl ColoCompare {
    pub(super) fn new(sim: &Sim, redirector: Socket) -> ColoCompare {
        ColoCompare {
            work: RefCell::default(),
            wanted: Event::new(sim, "work for colo-compare"),
            handled: Event::new(sim, "event_complete_cond"),
            connections: RefCell::default(),
            redirector,
        }
    }

    /// Packets of the PVM that it holds.
    pub fn held(&self) -> u64 {
        self.connections.borrow().values().map(|connection| connection.primary.len() as u64).sum()
    }

    fn post(&self, cx: &Cx, work: Work) {
        self.work.borrow_mut().push_back(work);
        self.wanted.set(cx);
    }

    pub(super) fn take_from_primary(&self, cx: &Cx, packet: Packet) {
        self.post(cx, Work::FromPrimary(packet));
    }

    /// `colo_notify_compares_event(CHECKPOINT)`: returns when the event was handled.
    pub(crate) async fn checkpoint(&self, cx: &Cx) {
        self.handled.reset(cx);
        self.post(cx, Work::Checkpoint);
        self.handled.wait(cx).await;
    }

    /// The iothread. `notify` asks for a checkpoint.
    pub(crate) async fn run(&self, cx: &Cx, clients: &Clients, notify: impl Fn(&Cx, Wanted)) {
        loop {
            self.wanted.wait_idle(cx).await;
            self.wanted.reset(cx);
            loop {
                let Some(work) = self.work.borrow_mut().pop_front() else { break };
                let wanted = self.handle(cx, work, clients).await;
                if let Some(wanted) = wanted {
                    cx.step(step::NOTIFY).await;
                    notify(cx, wanted);
                }
            }
        }
    }

    /// The reader of the redirector's connection: it takes what the SVM sends, until the connection ends.
    pub(crate) async fn receive(&self, cx: &Cx) {
        let mut bytes = [0; 4 + FRAME_BYTES];
        loop {
            self.redirector.wait_readable(cx).await;
            if self.redirector.read_exact(cx, &mut bytes).await.is_err() {
                return;
            }
            self.post(cx, Work::FromSecondary(decode(&bytes)));
        }
    }

    /// The timer of the iothread: none of QEMU's threads, it stands for the time-out of its poll.
    pub(crate) async fn tick(&self, cx: &Cx) {
        loop {
            cx.sleep(SCAN_INTERVAL).await;
            self.post(cx, Work::Scan);
        }
    }

    /// Returns why a checkpoint is wanted, if one is.
    async fn handle(&self, cx: &Cx, work: Work, clients: &Clients) -> Option<Wanted> {
        match work {
            Work::FromPrimary(packet) => {
                cx.step(step::COMPARE).await;
                self.arrives(cx, packet, |connection| &mut connection.primary, clients)
            }
            Work::FromSecondary(packet) => {
                cx.step(step::COMPARE).await;
                self.arrives(cx, packet, |connection| &mut connection.secondary, clients)
            }
            Work::Scan => {
                cx.step(step::SCAN).await;
                self.scan(cx)
            }
            Work::Checkpoint => {
                cx.step(step::FLUSH).await;
                self.flush(cx, clients);
                self.handled.set(cx);
                None
            }
        }
    }

    /// A packet is queued, and its connection compared.
    fn arrives(
        &self,
        cx: &Cx,
        packet: Packet,
        list: impl Fn(&mut Connection) -> &mut Vec<Queued>,
        clients: &Clients,
    ) -> Option<Wanted> {
        let mut connections = self.connections.borrow_mut();
        let connection = connections.entry((packet.connection, packet.opened)).or_default();
        let list = list(connection);
        if list.len() > QUEUE_LENGTH_MAX {
            return None;
        }
        let at = list.partition_point(|queued| queued.packet.sequence <= packet.sequence);
        list.insert(at, Queued { packet, since: cx.sim.now() });
        let differs = connection.compare(|queued| clients.see_from_primary(cx, queued.packet, queued.since));
        differs.then_some(Wanted::Mismatch)
    }

    fn scan(&self, cx: &Cx) -> Option<Wanted> {
        let now = cx.sim.now();
        let is_too_old = |queued: &Queued| now.since(queued.since) > TIME_LIMIT;
        let connections = self.connections.borrow();
        let mut queued =
            connections.values().flat_map(|connection| connection.primary.iter().chain(&connection.secondary));
        queued.any(is_too_old).then_some(Wanted::TooOld)
    }

    fn flush(&self, cx: &Cx, clients: &Clients) {
        for connection in self.connections.borrow_mut().values_mut() {
            for queued in connection.primary.drain(..) {
                clients.see_from_primary(cx, queued.packet, queued.since);
            }
            connection.secondary.clear();
        }
    }
}

impl Connection {
    /// Compare while both lists hold a packet. Returns whether it ended with a mismatch.
    fn compare(&mut self, mut release: impl FnMut(Queued)) -> bool {
        while let (Some(ours), Some(theirs)) = (self.primary.first(), self.secondary.first()) {
            let (ours, theirs) = (ours.packet, theirs.packet);
            let is_done = |packet: &Packet| packet.sequence + PAYLOAD_BYTES <= self.compared;
            if is_done(&ours) {
                release(self.primary.remove(0));
            } else if is_done(&theirs) {
                self.secondary.remove(0);
            } else if (ours.sequence, ours.payload) == (theirs.sequence, theirs.payload) {
                self.compared = ours.sequence + PAYLOAD_BYTES;
                release(self.primary.remove(0));
                self.secondary.remove(0);
            } else {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet at this place of its connection.
    fn packet(place: u64, payload: u64) -> Packet {
        Packet { connection: 0, opened: 0, sequence: 1000 + place * PAYLOAD_BYTES, number: place, payload }
    }

    fn queue(packets: &[(u64, u64)]) -> Vec<Queued> {
        let queued = |(place, payload): &(u64, u64)| Queued { packet: packet(*place, *payload), since: Time::ZERO };
        packets.iter().map(queued).collect()
    }

    fn compare(ours: &[(u64, u64)], theirs: &[(u64, u64)], compared: u64) -> (bool, Vec<u64>, usize, usize) {
        let compared = 1000 + compared * PAYLOAD_BYTES;
        let mut connection = Connection { primary: queue(ours), secondary: queue(theirs), compared };
        let mut released = Vec::new();
        let differs = connection.compare(|queued| released.push(queued.packet.number));
        (differs, released, connection.primary.len(), connection.secondary.len())
    }

    #[test]
    fn equal_packets_are_released_in_order_until_one_list_is_empty() {
        assert_eq!(compare(&[(0, 7), (1, 8), (2, 9)], &[(0, 7), (1, 8)], 0), (false, vec![0, 1], 1, 0));
    }

    #[test]
    fn another_payload_is_a_mismatch_and_both_stay() {
        assert_eq!(compare(&[(0, 7), (1, 8)], &[(0, 7), (1, 9)], 0), (true, vec![0], 1, 1));
    }

    #[test]
    fn another_place_is_a_mismatch() {
        assert_eq!(compare(&[(1, 8)], &[(0, 7)], 0), (true, vec![], 1, 1));
    }

    #[test]
    fn what_ends_before_what_was_compared_goes_unseen() {
        assert_eq!(compare(&[(0, 1), (2, 9)], &[(1, 5), (2, 9)], 2), (false, vec![0, 2], 0, 0));
    }
}
