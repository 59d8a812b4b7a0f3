//! What the guest sends to clients, and how COLO holds it back (QEMU `net/colo-compare.c`, `net/filter-mirror.c`,
//! `net/filter-rewriter.c`).
//!
//! ```text
//!  primary                                                       secondary
//!    src/guest ── PVM's packets ──▶ colo_compare ◀── src/compare-in ◀═════ filters ◀── dst/guest: SVM's packets
//!                                     │   ▲  src/compare                     │ after failover, or if the
//!                  match, checkpoint  │   └─ CHECKPOINT (P35)                │ connection is gone
//!                                     ▼                                      ▼
//!                                   clients ◀─────────────────────────────────┘
//! ```
//!
//! A released packet counts as seen by its client at once: the primary's main loop and the network behind it, which could
//! only delay or lose it, are left out.
//!
//! After a failover of the **primary** no compare object is told (H1 to H7 send no event, and P16 takes the notifier away), so
//! what the PVM sends stays queued and the clients hear nothing until the management deletes the objects. That state is shown
//! as it is: the packets count as held.
//!
//! **Not modelled**: packets without a payload (which QEMU lets pass unseen), packets that are cut differently on the two
//! sides, other protocols than TCP, the acknowledgement test, what clients send, output before COLO, sequence numbers that
//! wrap, a redirector that blocks the main loop.

mod clients;
mod colo_compare;
mod filters;
mod guest;

pub use clients::{Clients, Seen};
pub use colo_compare::{ColoCompare, Wanted};
pub use filters::Filters;
pub use guest::{GuestOutput, Packet};

use crate::scenario::Output;
use colosim_sim::link::Socket;
use colosim_sim::{Cx, Sim};
use guest::Position;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The output of both guests, and all that it passes on its way to the clients.
pub struct NetworkOutput {
    /// What the PVM sends.
    pub pvm: GuestOutput,
    /// What the SVM sends.
    pub svm: GuestOutput,
    /// The compare object of the primary.
    pub compare: ColoCompare,
    /// The filters of the secondary.
    pub filters: Filters,
    /// Those who get it.
    pub clients: Clients,
    /// How far the PVM was at each checkpoint: the part of the device state that is about connections.
    checkpoints: RefCell<BTreeMap<u32, Position>>,
    /// The checkpoint that the SVM's devices were loaded from last; 0 is the end of precopy.
    loaded: Cell<u32>,
}

impl NetworkOutput {
    /// Nothing was sent yet. The two sockets are the ends of the connection from the secondary's redirector to the primary's.
    pub fn new(sim: &Sim, config: Output, at_primary: Socket, at_secondary: Socket) -> NetworkOutput {
        NetworkOutput {
            pvm: GuestOutput::of_primary(sim, config),
            svm: GuestOutput::of_secondary(sim, config),
            compare: ColoCompare::new(sim, at_primary),
            filters: Filters::new(at_secondary),
            clients: Clients::default(),
            checkpoints: RefCell::default(),
            loaded: Cell::new(0),
        }
    }

    /// The PVM is stopped for checkpoint `number`: its connections as they are now are part of the state.
    pub fn checkpoint_state(&self, number: u32) {
        self.checkpoints.borrow_mut().insert(number, self.pvm.position());
    }

    /// The SVM's devices are loaded: its connections are those of the PVM at checkpoint `number`.
    pub fn load(&self, cx: &Cx, number: u32) {
        if let Some(position) = self.checkpoints.borrow().get(&number) {
            self.svm.load(cx, position.clone());
            self.loaded.set(number);
        }
    }

    /// `colo_notify_filters_event(FAILOVER)` (F6).
    pub fn failover(&self) {
        self.svm.goes_alone();
        self.filters.failover();
    }

    /// The first packet that the PVM had not sent at checkpoint `number`.
    fn end_of(&self, number: u32) -> u64 {
        self.checkpoints.borrow().get(&number).map_or(0, Position::next)
    }

    /// The checkpoint that the SVM's devices were loaded from last; 0 is the end of precopy.
    pub fn loaded(&self) -> u32 {
        self.loaded.get()
    }

    /// Packets that clients have seen and that are no part of what the secondary goes on from: neither had the PVM sent
    /// them before the checkpoint that was loaded last, nor has the SVM sent them since then and before the failover.
    pub fn lost(&self) -> Vec<Seen> {
        let end = self.end_of(self.loaded());
        let is_lost = |seen: &Seen| seen.packet.number >= end && !self.svm.has_sent_before_failover(&seen.packet);
        self.clients.seen_from_primary().into_iter().filter(is_lost).collect()
    }

    /// Connections that clients have open and on which they can accept nothing of what the secondary sends.
    pub fn broken_connections(&self) -> Vec<u32> {
        self.svm.open_connections().filter(|open| self.filters.misplaces(open)).map(|open| open.connection).collect()
    }
}

/// The thread of the primary that stands for vCPUs and network card: what the PVM sends goes to the compare object.
pub(crate) async fn pvm_thread(cx: Cx, output: Rc<NetworkOutput>) {
    loop {
        let (packet, _) = output.pvm.next(&cx).await;
        output.compare.take_from_primary(&cx, packet);
    }
}

/// The same of the secondary: what the SVM sends goes through its filters.
pub(crate) async fn svm_thread(cx: Cx, output: Rc<NetworkOutput>) {
    loop {
        let (packet, open) = output.svm.next(&cx).await;
        output.filters.send(&cx, packet, open, &output.clients).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{PacketRate, Share};
    use crate::steps::STEPS;
    use colosim_sim::link::{Loss, Path, PathConfig, Tcp, Transport, connect};
    use colosim_sim::{Config, Noise, Plan, Simulator, Span, StepCost};

    /// 1000 packets in a second, on one connection.
    fn one_client() -> Output {
        Output { connections: 1, rate: PacketRate::from_per_second(1000), differ: Share::default() }
    }

    /// Both guests, the filters and the compare object run for as long as `script` does.
    fn run<F: Future<Output = ()> + 'static>(
        script: impl FnOnce(Cx, Rc<NetworkOutput>) -> F + 'static,
        asked: Rc<Cell<u32>>,
    ) {
        let config = Config {
            seed: 1,
            steps: STEPS,
            costs: STEPS.iter().map(|_| StepCost { fixed_ns: 1_000, per_unit_ns: 0 }).collect(),
            noise: Noise { spread_permille: 0, preemption_interval_ns: 0, preemption_length_ns: 0 },
            plan: Plan::undisturbed(),
            time_limit: Span::millis(60_000),
            step_limit: 1_000_000,
            record: false,
        };
        let done = Rc::new(Cell::new(false));
        Simulator::new().run(config, |sim| {
            let path = PathConfig {
                rate_bits_per_s: 10_000_000_000,
                latency: Span::millis(0),
                jitter: Span::ZERO,
                loss: Loss::None,
                queue_bytes: 1 << 20,
            };
            let (there, back) = (Path::new(path), Path::new(path));
            let (here, remote) = (sim.process("primary"), sim.process("secondary"));
            let (a, b) = connect(
                sim,
                "redirector",
                (here, &there),
                (remote, &back),
                Transport::Tcp(Tcp::loopback()),
                1 << 16,
                1 << 16,
            );
            let output = Rc::new(NetworkOutput::new(sim, one_client(), a, b));
            let (pvm, svm, compare, reader, timer) =
                (output.clone(), output.clone(), output.clone(), output.clone(), output.clone());
            sim.spawn(here, "src/guest", |cx| pvm_thread(cx, pvm));
            sim.spawn(remote, "dst/guest", |cx| svm_thread(cx, svm));
            sim.spawn(here, "src/compare", |cx| async move {
                let notify = |_: &Cx, _| asked.set(asked.get() + 1);
                compare.compare.run(&cx, &compare.clients, notify).await;
            });
            sim.spawn(here, "src/compare-in", |cx| async move { reader.compare.receive(&cx).await });
            sim.spawn(here, "src/compare-timer", |cx| async move { timer.compare.tick(&cx).await });
            let done = done.clone();
            sim.spawn(here, "script", |cx| async move {
                let sim = cx.sim.clone();
                script(cx, output).await;
                done.set(true);
                sim.finish();
            });
        });
        assert!(done.get(), "the script came to its end");
    }

    fn numbers(output: &NetworkOutput) -> Vec<u64> {
        output.clients.seen_from_primary().iter().map(|seen| seen.packet.number).collect()
    }

    #[test]
    fn what_both_guests_have_sent_is_released_and_the_rest_is_held() {
        let script = |cx: Cx, output: Rc<NetworkOutput>| async move {
            output.pvm.start(&cx);
            cx.sleep(Span::millis(5)).await;
            output.svm.start(&cx);
            cx.sleep(Span(3_500_000)).await;
            assert_eq!((numbers(&output), output.compare.held()), (vec![0, 1, 2], 5));
            assert_eq!(output.lost().len(), 0);
        };
        run(script, Rc::default());
    }

    #[test]
    fn a_checkpoint_releases_what_the_primary_sent_and_drops_what_the_secondary_sent() {
        let script = |cx: Cx, output: Rc<NetworkOutput>| async move {
            output.pvm.start(&cx);
            cx.sleep(Span(3_500_000)).await;
            output.pvm.stop(&cx);
            output.checkpoint_state(1);
            output.compare.checkpoint(&cx).await;
            assert_eq!((numbers(&output), output.compare.held()), (vec![0, 1, 2], 0));
            // Not one of them has been sent by the other guest: they are lost unless it goes on from this checkpoint.
            assert_eq!(output.lost().len(), 3);
            output.load(&cx, 1);
            assert_eq!(output.lost().len(), 0);
        };
        run(script, Rc::default());
    }

    #[test]
    fn a_secondary_that_sends_nothing_causes_a_checkpoint_within_four_seconds() {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let script = |cx: Cx, output: Rc<NetworkOutput>| async move {
            output.pvm.start(&cx);
            cx.sleep(Span(1_500_000)).await;
            output.pvm.stop(&cx);
            cx.sleep(Span::millis(2_900)).await;
            assert_eq!(count.get(), 0);
            cx.sleep(Span::millis(1_200)).await;
            assert_eq!(count.get(), 1);
        };
        run(script, asked);
    }

    /// The secondary's guest opens a connection on its own, is loaded from checkpoint 1, and goes on alone. Does it send numbers
    /// that the client can accept?
    async fn goes_on_after_a_load(cx: Cx, output: Rc<NetworkOutput>, filters_are_told: bool) -> Vec<u32> {
        output.pvm.start(&cx);
        output.svm.start(&cx);
        cx.sleep(Span(20_500_000)).await;
        output.pvm.stop(&cx);
        output.svm.stop(&cx);
        output.checkpoint_state(1);
        assert!(output.broken_connections().is_empty());
        output.failover();
        output.load(&cx, 1);
        if filters_are_told {
            output.filters.checkpoint();
        }
        output.svm.start(&cx);
        cx.sleep(Span::millis(3)).await;
        output.broken_connections()
    }

    #[test]
    fn a_connection_breaks_if_the_state_is_loaded_and_the_rewriter_not_told() {
        run(
            |cx, output| async move { assert!(goes_on_after_a_load(cx, output, true).await.is_empty()) },
            Rc::default(),
        );
        run(|cx, output| async move { assert_eq!(goes_on_after_a_load(cx, output, false).await, [0]) }, Rc::default());
    }
}
