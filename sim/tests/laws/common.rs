//! Flows that always have data, and bursts, on a path with an ideal way back.

use colosim_sim::link::{Congestion, Path, PathConfig, Piece, Socket, Tcp, Transport, connect};
use colosim_sim::{Config, Noise, Plan, ProcessId, Sim, Simulator, Span};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub const CHUNK: u64 = 16 * 1024;
/// Of a full segment on Ethernet: payload, and with its headers.
pub const SEGMENT: u64 = 1_448;
pub const PACKET: u64 = 1_500;
/// So large that it is never the limit.
pub const AMPLE: u64 = 256 << 20;

pub const RENO: Tcp = tcp(Congestion::Reno);
pub const CUBIC: Tcp = tcp(Congestion::Cubic { hystart: true });

const fn tcp(congestion: Congestion) -> Tcp {
    Tcp { congestion, ..Tcp::ethernet() }
}

/// A path with half of the round trip each way.
pub fn path(rate_bits_per_s: u64, round_trip: Span) -> PathConfig {
    PathConfig { rate_bits_per_s, latency: Span(round_trip.0 / 2), ..PathConfig::IDEAL }
}

/// The two ends of a path, and the connections between them.
pub struct Ends<'a> {
    pub sim: &'a Sim,
    pub first: ProcessId,
    pub second: ProcessId,
    there: Path,
    back: Path,
    tcp: Tcp,
    receive_buffer: u64,
}

impl Ends<'_> {
    pub fn connect(&self, name: &str) -> (Socket, Socket) {
        let ends = ((self.first, &self.there), (self.second, &self.back));
        connect(self.sim, name, ends.0, ends.1, Transport::Tcp(self.tcp), AMPLE, self.receive_buffer)
    }
}

pub fn run(seed: u64, limit: Span, tcp: Tcp, there: PathConfig, receive_buffer: u64, build: impl FnOnce(&Ends)) {
    let config = Config {
        seed,
        steps: &[],
        costs: [].into(),
        noise: Noise::default(),
        plan: Plan::undisturbed(),
        time_limit: limit,
        step_limit: u64::MAX,
        record: false,
    };
    let back = PathConfig { latency: there.latency, ..PathConfig::IDEAL };
    Simulator::new().run(config, |sim| {
        let (first, second) = (sim.process("first"), sim.process("second"));
        build(&Ends { sim, first, second, there: Path::new(there), back: Path::new(back), tcp, receive_buffer });
    });
}

/// Flows that always have data: payload bits per second that arrive between `warm_up` and `end`, all flows together.
#[derive(Clone, Copy)]
pub struct Stream {
    pub tcp: Tcp,
    pub path: PathConfig,
    pub flows: u32,
    pub receive_buffer: u64,
    pub warm_up: Span,
    pub end: Span,
    pub seed: u64,
}

impl Stream {
    pub fn goodput(&self) -> f64 {
        let received: Rc<Cell<u64>> = Rc::default();
        run(self.seed, self.end, self.tcp, self.path, self.receive_buffer, |ends| {
            for flow in 0..self.flows {
                let (sends, receives) = ends.connect(&format!("flow {flow}"));
                ends.sim.spawn(ends.first, &format!("writer {flow}"), |cx| async move {
                    while sends.write(&cx, [Piece::Fill { word: 1, bytes: 4 * CHUNK }]).await.is_ok() {}
                });
                let received = received.clone();
                let chunk = CHUNK.min(self.receive_buffer / 16);
                ends.sim.spawn(ends.second, &format!("reader {flow}"), move |cx| async move {
                    while receives.read_page(&cx, chunk).await.is_ok() {
                        received.set(received.get() + chunk);
                    }
                });
            }
            let (received, warm_up) = (received.clone(), self.warm_up);
            ends.sim.spawn(ends.second, "warm-up", move |cx| async move {
                cx.sleep(warm_up).await;
                received.set(0);
            });
        });
        received.get() as f64 * 8e9 / (self.end - self.warm_up).0 as f64
    }
}

/// A burst of `share` bytes on each of `channels` connections, every `period` or as soon as the one before has arrived.
#[derive(Clone, Copy)]
pub struct Bursts {
    pub tcp: Tcp,
    pub path: PathConfig,
    pub channels: u64,
    pub share: u64,
    pub period: Span,
    pub count: usize,
    pub seed: u64,
}

impl Bursts {
    /// Seconds from each burst's start until all of it had arrived.
    pub fn durations(&self) -> Vec<f64> {
        let (durations, arrived): (Rc<RefCell<Vec<f64>>>, Rc<Cell<u64>>) = Default::default();
        let Bursts { channels, share, period, count, .. } = *self;
        run(self.seed, Span(u64::MAX), self.tcp, self.path, AMPLE, |ends| {
            let next = colosim_sim::Semaphore::new(ends.sim, "arrived", 0);
            let mut data = Vec::new();
            for channel in 0..channels {
                let (sends, receives) = ends.connect(&format!("channel {channel}"));
                data.push(sends);
                let (arrived, next) = (arrived.clone(), next.clone());
                ends.sim.spawn(ends.second, &format!("reader {channel}"), move |cx| async move {
                    let mut left = share;
                    while receives.read_page(&cx, left.min(CHUNK)).await.is_ok() {
                        left -= left.min(CHUNK);
                        if left > 0 {
                            continue;
                        }
                        left = share;
                        arrived.set(arrived.get() + 1);
                        if arrived.get() == channels {
                            arrived.set(0);
                            next.post(&cx);
                        }
                    }
                });
            }
            let durations = durations.clone();
            ends.sim.spawn(ends.first, "writer", move |cx| async move {
                for _ in 0..count {
                    let start = cx.sim.now();
                    for sends in &data {
                        sends.write(&cx, [Piece::Fill { word: 1, bytes: share }]).await.expect("nobody closes it");
                    }
                    next.wait(&cx).await;
                    durations.borrow_mut().push(cx.sim.now().since(start).0 as f64 * 1e-9);
                    cx.sleep((start + period).since(cx.sim.now())).await;
                }
                cx.sim.finish();
            });
        });
        durations.take()
    }
}
