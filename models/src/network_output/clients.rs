//! The clients: what they have seen, for the oracles.

use super::guest::Packet;
use colosim_sim::{Cx, Place, Span, Time};
use std::cell::{Cell, RefCell};

/// A packet of the PVM that its client has got.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The packet.
    pub packet: Packet,
    /// Who let it go.
    pub released_by: Place,
}

/// All clients.
#[derive(Default)]
pub struct Clients {
    from_primary: RefCell<Vec<Seen>>,
    from_secondary: Cell<u64>,
    held: RefCell<Vec<Span>>,
}

impl Clients {
    /// A packet that the primary's compare object has released; it had it since `since`.
    pub(super) fn see_from_primary(&self, cx: &Cx, packet: Packet, since: Time) {
        self.held.borrow_mut().push(cx.sim.now().since(since));
        self.from_primary.borrow_mut().push(Seen { packet, released_by: cx.place() });
    }

    /// A packet that has passed the secondary's filters.
    pub(super) fn see_from_secondary(&self, _: Packet) {
        self.from_secondary.set(self.from_secondary.get() + 1);
    }

    /// Everything that came from the primary, in order.
    pub fn seen_from_primary(&self) -> Vec<Seen> {
        self.from_primary.borrow().clone()
    }

    /// How long each packet from the primary was held, in the order of their release.
    pub fn held(&self) -> Vec<Span> {
        self.held.borrow().clone()
    }

    /// Packets that came from either side.
    pub fn packets(&self) -> u64 {
        self.from_primary.borrow().len() as u64 + self.from_secondary.get()
    }
}
