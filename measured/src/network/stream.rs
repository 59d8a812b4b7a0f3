//! Flows that always have data to send: what arrives per second after the warm-up.

use super::SEEDS;
use super::recording::{Figure, Mean, Repetition, Simulate};
use super::set_up::{CHUNK_BYTES, Link, run, span};
use colosim_sim::Simulator;
use colosim_sim::link::Piece;
use serde::Deserialize;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    cc: String,
    rate_mbps: f64,
    rtt_ms: f64,
    loss: f64,
    queue_bytes: u64,
    flows: u32,
    duration_s: f64,
    warmup_s: f64,
    #[serde(default)]
    jitter_ms: f64,
    burst_len: Option<f64>,
    gso_max_segs: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    goodput_mbps: Mean,
    loss_rate_drawn: f64,
    runs: Vec<Repetition>,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { cc, rate_mbps, rtt_ms, loss, queue_bytes, flows, .. } = self;
        write!(f, "{cc}, {flows} flows, {rate_mbps} Mbit/s, {rtt_ms} ms, loss {loss}, queue {queue_bytes} B")?;
        if let Some(length) = self.burst_len {
            write!(f, ", bursts of {length}")?;
        }
        if self.jitter_ms > 0.0 {
            write!(f, ", jitter {} ms", self.jitter_ms)?;
        }
        self.gso_max_segs.map_or(Ok(()), |segments| write!(f, ", trains of {segments}"))
    }
}

impl Simulate<Measured> for Config {
    fn link(&self) -> Link {
        Link {
            burst_len: self.burst_len,
            jitter_ms: self.jitter_ms,
            ..Link::plain(&self.cc, self.rate_mbps, self.rtt_ms, self.loss, self.queue_bytes)
        }
    }

    fn repetitions(result: &Measured) -> &[Repetition] {
        &result.runs
    }

    /// Bursts of losses are few, and some runs never recover from one: a mean of five runs says little.
    fn runs_min(&self) -> usize {
        if self.burst_len.is_some() { 4 * SEEDS } else { SEEDS }
    }

    fn figures(
        &self,
        simulator: &mut Simulator,
        repetitions: &[Repetition],
        result: &Measured,
    ) -> Result<Vec<Figure>, String> {
        if !(self.warmup_s >= 0.0 && self.warmup_s < self.duration_s && self.duration_s <= 1e5) {
            return Err(format!("warmup_s {} is not within duration_s {}", self.warmup_s, self.duration_s));
        }
        let mut link = self.link();
        // Bursts are too few for their length to be known from what was drawn.
        if self.burst_len.is_none() {
            link.loss = result.loss_rate_drawn;
        }
        let goodputs = repetitions.iter().map(|repetition| self.goodput_mbps(simulator, &link, repetition));
        let simulated = goodputs.sum::<f64>() / repetitions.len() as f64;
        Ok(vec![("goodput", result.goodput_mbps.mean, simulated)])
    }
}

impl Config {
    fn goodput_mbps(&self, simulator: &mut Simulator, link: &Link, repetition: &Repetition) -> f64 {
        let received: Rc<Cell<u64>> = Rc::default();
        let warm_up = span(self.warmup_s * 1e3);
        run(simulator, link, repetition, span(self.duration_s * 1e3), |hosts| {
            for flow in 0..self.flows {
                let (sends, receives) = hosts.connect(&format!("flow {flow}"));
                hosts.sim.spawn(hosts.a, &format!("sender {flow}"), |cx| async move {
                    while sends.write(&cx, [Piece::Fill { word: 1, bytes: CHUNK_BYTES }]).await.is_ok() {}
                });
                let received = received.clone();
                hosts.sim.spawn(hosts.b, &format!("receiver {flow}"), move |cx| async move {
                    while receives.read_page(&cx, CHUNK_BYTES).await.is_ok() {
                        received.set(received.get() + CHUNK_BYTES);
                    }
                });
            }
            let received = received.clone();
            hosts.sim.spawn(hosts.b, "warm-up", move |cx| async move {
                cx.sleep(warm_up).await;
                received.set(0);
            });
        });
        received.get() as f64 * 8e-6 / (self.duration_s - self.warmup_s)
    }
}
