//! The filters of the secondary: the rewriter, then the redirector (QEMU `net/filter-rewriter.c`, `net/filter-mirror.c`).
//!
//! The rewriter moves the sequence numbers of what the SVM sends, by the difference of the two initial ones, which it learns when
//! a connection is opened; a checkpoint (C26) makes the SVM's state the PVM's, so every difference is zero then. The
//! redirector sends everything to the primary's compare object; a failover (F6) switches it off, and what passes it goes to the
//! client. It passes too when its connection is gone, before any failover.

use super::clients::Clients;
use super::guest::{Open, Packet};
use colosim_sim::Cx;
use colosim_sim::link::{Piece, Socket};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Bytes of a packet on the redirector's connection, after its length.
pub(super) const FRAME_BYTES: usize = 32;

/// Rewriter and redirector.
pub struct Filters {
    /// Per tracked connection: SVM's initial sequence number minus PVM's.
    offsets: RefCell<BTreeMap<(u32, u32), i64>>,
    redirector: Socket,
    redirects: Cell<bool>,
}

impl Filters {
    pub(super) fn new(redirector: Socket) -> Filters {
        Filters { offsets: RefCell::default(), redirector, redirects: Cell::new(true) }
    }

    /// `COLO_EVENT_CHECKPOINT`.
    pub fn checkpoint(&self) {
        self.offsets.borrow_mut().values_mut().for_each(|offset| *offset = 0);
    }

    /// `COLO_EVENT_FAILOVER`. Connections that are not tracked yet need no rewriting from now on.
    pub fn failover(&self) {
        self.redirects.set(false);
    }

    /// A packet of the SVM.
    pub(super) async fn send(&self, cx: &Cx, mut packet: Packet, open: Open, clients: &Clients) {
        packet.sequence = packet.sequence.wrapping_add_signed(-self.offset_of(&open));
        if self.redirects.get() && self.redirector.write(cx, [Piece::Bytes(encode(&packet)[..].into())]).await.is_ok() {
            return;
        }
        clients.see_from_secondary(packet);
    }

    /// The difference for a connection; it is learned when the connection is opened.
    fn offset_of(&self, open: &Open) -> i64 {
        let learned = open.initial.wrapping_sub(open.initial_at_client) as i64;
        let mut offsets = self.offsets.borrow_mut();
        let offset = offsets.entry((open.connection, open.opened)).or_insert(learned);
        if open.is_new() {
            *offset = learned;
        }
        *offset
    }

    /// Does the client of this connection get sequence numbers that do not go on from those it has?
    pub(super) fn misplaces(&self, open: &Open) -> bool {
        let offset = self.offsets.borrow().get(&(open.connection, open.opened)).copied();
        offset.is_some_and(|offset| open.initial.wrapping_add_signed(-offset) != open.initial_at_client)
    }
}

fn encode(packet: &Packet) -> [u8; 4 + FRAME_BYTES] {
    let mut bytes = [0; 4 + FRAME_BYTES];
    bytes[..4].copy_from_slice(&(FRAME_BYTES as u32).to_be_bytes());
    bytes[4..8].copy_from_slice(&packet.connection.to_be_bytes());
    bytes[8..12].copy_from_slice(&packet.opened.to_be_bytes());
    bytes[12..20].copy_from_slice(&packet.sequence.to_be_bytes());
    bytes[20..28].copy_from_slice(&packet.number.to_be_bytes());
    bytes[28..].copy_from_slice(&packet.payload.to_be_bytes());
    bytes
}

/// What `encode` wrote.
pub(super) fn decode(bytes: &[u8; 4 + FRAME_BYTES]) -> Packet {
    let be32 = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
    let be64 = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
    Packet { connection: be32(4), opened: be32(8), sequence: be64(12), number: be64(20), payload: be64(28) }
}
