//! Bursts as of a checkpoint: written on all connections at once, answered when all of it has arrived.

use super::recording::{Figure, Mean, Repetition, Simulate, percentile};
use super::set_up::{CHUNK_BYTES, Hosts, Link, run, span};
use colosim_sim::link::Piece;
use colosim_sim::{Simulator, Span};
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

/// A repetition ends then, whatever is missing.
const REPETITION: Span = Span::millis(90_000);
/// Nothing is sent for so long after the set-up.
const SILENCE: Span = Span::millis(300);
/// What B answers a whole burst with, in bytes.
const ANSWER_BYTES: usize = 4;

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    cc: String,
    rate_mbps: f64,
    rtt_ms: f64,
    loss: f64,
    queue_bytes: u64,
    connections: u64,
    period_ms: f64,
    burst_bytes: u64,
    bursts: u64,
    slow_start_after_idle: u8,
}

#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    complete_ms: Percentiles,
    first_burst_complete_ms: Mean,
    loss_rate_drawn: f64,
    runs: Vec<Repetition>,
}

#[derive(Debug, Deserialize)]
struct Percentiles {
    p50: f64,
    p90: f64,
    p99: f64,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { cc, rtt_ms, loss, connections, period_ms, burst_bytes, .. } = self;
        let restart = if self.slow_start_after_idle == 1 { "" } else { ", no slow start after idle" };
        write!(
            f,
            "{cc}, {connections} connections, {burst_bytes} B each {period_ms} ms, {rtt_ms} ms, loss {loss}{restart}"
        )
    }
}

impl Simulate<Measured> for Config {
    fn link(&self) -> Link {
        Link {
            slow_start_after_idle: self.slow_start_after_idle == 1,
            ..Link::plain(&self.cc, self.rate_mbps, self.rtt_ms, self.loss, self.queue_bytes)
        }
    }

    fn repetitions(result: &Measured) -> &[Repetition] {
        &result.runs
    }

    fn figures(
        &self,
        simulator: &mut Simulator,
        repetitions: &[Repetition],
        result: &Measured,
    ) -> Result<Vec<Figure>, String> {
        if self.connections == 0 || self.burst_bytes < self.connections {
            return Err(format!("{} bytes cannot be divided over {} connections", self.burst_bytes, self.connections));
        }
        let link = Link { loss: result.loss_rate_drawn, ..self.link() };
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for repetition in repetitions {
            let complete_ms = self.complete_ms(simulator, &link, repetition);
            first.extend(complete_ms.first());
            later.extend(complete_ms.iter().skip(1));
        }
        later.sort_by(f64::total_cmp);
        let Percentiles { p50, p90, p99 } = result.complete_ms;
        Ok(vec![
            ("burst_p50", p50, percentile(&later, 0.50)),
            ("burst_p90", p90, percentile(&later, 0.90)),
            ("burst_p99", p99, percentile(&later, 0.99)),
            ("first_burst", result.first_burst_complete_ms.mean, first.iter().sum::<f64>() / first.len() as f64),
        ])
    }
}

impl Config {
    /// How long each burst took.
    fn complete_ms(&self, simulator: &mut Simulator, link: &Link, repetition: &Repetition) -> Vec<f64> {
        let complete_ms: Rc<RefCell<Vec<f64>>> = Rc::default();
        run(simulator, link, repetition, REPETITION, |hosts| self.build(hosts, complete_ms.clone()));
        complete_ms.take()
    }

    fn build(&self, hosts: &Hosts, complete_ms: Rc<RefCell<Vec<f64>>>) {
        let share = self.burst_bytes / self.connections;
        let (hears, answers) = hosts.connect("answers");
        let unfinished: Rc<Cell<u64>> = Rc::new(Cell::new(self.connections));
        let mut data = Vec::new();
        for connection in 0..self.connections {
            let (sends, receives) = hosts.connect(&format!("data {connection}"));
            data.push(sends);
            let (unfinished, answers, connections) = (unfinished.clone(), answers.clone(), self.connections);
            hosts.sim.spawn(hosts.b, &format!("receiver {connection}"), move |cx| async move {
                loop {
                    let mut left = share;
                    while left > 0 {
                        let chunk = left.min(CHUNK_BYTES);
                        if receives.read_page(&cx, chunk).await.is_err() {
                            return;
                        }
                        left -= chunk;
                    }
                    unfinished.set(unfinished.get() - 1);
                    if unfinished.get() == 0 {
                        unfinished.set(connections);
                        let answer = Piece::Bytes([0; ANSWER_BYTES].into());
                        answers.write(&cx, [answer]).await.expect("nobody closes it");
                    }
                }
            });
        }
        let (bursts, period) = (self.bursts, span(self.period_ms));
        hosts.sim.spawn(hosts.a, "sender", move |cx| async move {
            cx.sleep(SILENCE).await;
            for _ in 0..bursts {
                let start = cx.sim.now();
                for sends in &data {
                    sends.write(&cx, [Piece::Fill { word: 1, bytes: share }]).await.expect("nobody closes it");
                }
                hears.read_exact(&cx, &mut [0; ANSWER_BYTES]).await.expect("nobody closes it");
                let took = cx.sim.now().since(start);
                complete_ms.borrow_mut().push(took.0 as f64 * 1e-6);
                cx.sleep((start + period).since(cx.sim.now())).await;
            }
            cx.sim.finish();
        });
    }
}
