//! What a guest sends: packet after packet while it runs, the same ones on both sides.
//!
//! Packet number k (0 is the first) is due when the guest has run for (k + 1) / rate seconds, and which connection it belongs to
//! follows from k. How long it has run, how far it is and its connections are part of the guest's state, so a checkpoint takes
//! them from the PVM to the SVM. Two guests that start from the same state send the same, unless one of them is drawn to
//! differ; and each chooses its own initial sequence number when a client opens a connection.

use crate::scenario::Output;
use colosim_sim::{Cx, Event, Sim, Span, Time};
use std::cell::{Cell, RefCell};

/// A client closes its connection after this many packets and opens a new one.
const PACKETS_PER_CONNECTION: u32 = 16;
/// Bytes of payload in every packet: a segment on Ethernet.
pub(super) const PAYLOAD_BYTES: u64 = 1448;
/// What marks a payload as one that only the SVM sends.
const DIFFERS: u64 = 1 << 63;

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// The client's connection: which client, and which of its connections.
    pub connection: u32,
    /// See `connection`; 0 is the first.
    pub opened: u32,
    /// Sequence number of the first byte.
    pub sequence: u64,
    /// Number among all packets of the guest; 0 is the first.
    pub number: u64,
    /// What the payload stands for.
    pub payload: u64,
}

/// A connection as its guest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Which client.
    pub connection: u32,
    /// Which of its connections.
    pub opened: u32,
    /// The guest's initial sequence number.
    pub initial: u64,
    /// The one that the client knows.
    pub initial_at_client: u64,
    sent: u32,
}

impl Open {
    /// Was it opened just now, for its first packet?
    pub fn is_new(&self) -> bool {
        self.sent == 1
    }
}

/// How far a guest is: part of its state.
#[derive(Debug, Clone)]
pub(super) struct Position {
    ran: Span,
    next: u64,
    connections: Vec<Open>,
}

impl Position {
    pub fn next(&self) -> u64 {
        self.next
    }
}

/// What one guest sends.
pub struct GuestOutput {
    sim: Sim,
    side: &'static str,
    config: Output,
    position: RefCell<Position>,
    started: Cell<Option<Time>>,
    running: Event,
    /// Since the last load and before a failover.
    sent: RefCell<Vec<Packet>>,
    loads: Cell<u64>,
    /// Failover has begun: connections that are opened now are this guest's own.
    alone: Cell<bool>,
}

impl GuestOutput {
    pub(super) fn of_primary(sim: &Sim, config: Output) -> GuestOutput {
        GuestOutput::new(sim, config, "primary")
    }

    pub(super) fn of_secondary(sim: &Sim, config: Output) -> GuestOutput {
        GuestOutput::new(sim, config, "secondary")
    }

    fn new(sim: &Sim, config: Output, side: &'static str) -> GuestOutput {
        let connections = (0..config.connections).map(|connection| open(sim, "primary", connection, 0));
        GuestOutput {
            position: RefCell::new(Position { ran: Span::ZERO, next: 0, connections: connections.collect() }),
            sim: sim.clone(),
            side,
            config,
            started: Cell::new(None),
            running: Event::new(sim, &format!("the guest of the {side} runs")),
            sent: RefCell::default(),
            loads: Cell::new(0),
            alone: Cell::new(false),
        }
    }

    /// `vm_start`. Nothing happens if it runs already.
    pub fn start(&self, cx: &Cx) {
        if self.started.get().is_none() {
            self.started.set(Some(cx.sim.now()));
            self.running.set(cx);
        }
    }

    /// `vm_stop`. Nothing happens if it is stopped already.
    pub fn stop(&self, cx: &Cx) {
        if let Some(started) = self.started.take() {
            let mut position = self.position.borrow_mut();
            position.ran += cx.sim.now().since(started);
            self.running.reset(cx);
        }
    }

    /// Failover: from now on what it sends is no longer compared with what the other one sends.
    pub(super) fn goes_alone(&self) {
        self.alone.set(true);
    }

    pub(super) fn position(&self) -> Position {
        self.position.borrow().clone()
    }

    /// RAM of another checkpoint is being put under it: what it has done since the last one is gone.
    pub fn overwrite(&self) {
        self.sent.borrow_mut().clear();
    }

    /// Go on from a state of the PVM.
    pub(super) fn load(&self, cx: &Cx, position: Position) {
        self.position.replace(position);
        self.started.set(self.started.get().map(|_| cx.sim.now()));
        self.sent.borrow_mut().clear();
        self.loads.set(self.loads.get() + 1);
    }

    pub(super) fn has_sent_before_failover(&self, packet: &Packet) -> bool {
        let is_same = |sent: &Packet| (sent.number, sent.payload) == (packet.number, packet.payload);
        self.sent.borrow().iter().any(is_same)
    }

    pub(super) fn open_connections(&self) -> impl Iterator<Item = Open> {
        self.position.borrow().connections.clone().into_iter()
    }

    /// Wait until the next packet is due, and send it; with its connection as it is then.
    pub(super) async fn next(&self, cx: &Cx) -> (Packet, Open) {
        loop {
            self.running.wait_idle(cx).await;
            let Some(due) = self.due() else { continue };
            if due <= cx.sim.now() {
                return self.send();
            }
            cx.sleep_until(due).await;
        }
    }

    /// When the next packet is due, if the guest goes on running.
    fn due(&self) -> Option<Time> {
        let position = self.position.borrow();
        let runs = u128::from(position.next + 1) * 1_000_000_000;
        let at = runs.div_ceil(u128::from(self.config.rate.per_second())) as u64;
        Some(self.started.get()? + Span(at.saturating_sub(position.ran.0)))
    }

    fn send(&self) -> (Packet, Open) {
        let position = &mut *self.position.borrow_mut();
        let number = position.next;
        position.next += 1;
        let clients = u64::from(self.config.connections);
        let client = self.sim.stream("output: which client", &number.to_string()).below(clients) as usize;
        let current = &mut position.connections[client];
        if current.sent == PACKETS_PER_CONNECTION {
            *current = open(&self.sim, self.side, current.connection, current.opened + 1);
            if self.alone.get() {
                current.initial_at_client = current.initial;
            }
        }
        let packet = Packet {
            connection: current.connection,
            opened: current.opened,
            sequence: current.initial + u64::from(current.sent) * PAYLOAD_BYTES,
            number,
            payload: self.payload(number),
        };
        current.sent += 1;
        if !self.alone.get() {
            self.sent.borrow_mut().push(packet);
        }
        (packet, *current)
    }

    fn payload(&self, number: u64) -> u64 {
        if self.side == "primary" || self.config.differ.value() == 0.0 {
            return number;
        }
        let object = format!("{number} after {} loads", self.loads.get());
        match self.sim.stream("output: does it differ", &object).unit() < self.config.differ.value() {
            true => number | DIFFERS,
            false => number,
        }
    }
}

/// A client opens its connection number `opened`: the guest of `side` answers with its own initial sequence number, and the
/// client gets to know the PVM's.
fn open(sim: &Sim, side: &str, connection: u32, opened: u32) -> Open {
    let initial = |side: &str| {
        let object = format!("{side} {connection} {opened}");
        sim.stream("output: initial sequence number", &object).below(1 << 32)
    };
    Open { connection, opened, initial: initial(side), initial_at_client: initial("primary"), sent: 0 }
}
