//! Flows that always have data to send: what arrives per second after the warm-up.

use super::SEEDS;
use super::recording::{Figure, Repetition, Simulate};
use super::set_up::{CHUNK_BYTES, Link, run, span};
use colosim_sim::Simulator;
use colosim_sim::link::Piece;
use serde::Deserialize;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

/// Two means differ if they are farther apart than so many standard errors of their difference.
const STANDARD_ERRORS: f64 = 2.5;
/// A queue that the path empties within this time.
const SHORT_QUEUE_MS: f64 = 2.0;
/// By how much acknowledgements are made late to see what that does.
const LATE_MS: [f64; 2] = [1.0, 2.0];

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
    goodput_mbps: Sample,
    loss_rate_drawn: f64,
    runs: Vec<Repetition>,
}

/// A figure of several runs.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Sample {
    mean: f64,
    /// Of a single run there is none.
    sd: Option<f64>,
    n: u32,
}

impl Sample {
    fn of(values: Vec<f64>) -> Sample {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        Sample { mean, sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()), n: values.len() as u32 }
    }

    /// The standard error of the mean.
    fn error(self) -> f64 {
        self.sd.unwrap_or(0.0) / f64::from(self.n.max(1)).sqrt()
    }
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
        let simulated = self.goodputs(simulator, &self.link_as_drawn(result), repetitions);
        Ok(vec![("goodput", result.goodput_mbps.mean, simulated.mean)])
    }

    fn cause(&self, simulator: &mut Simulator, repetitions: &[Repetition], result: &Measured) -> Option<String> {
        let link = self.link_as_drawn(result);
        let measured = result.goodput_mbps;
        let simulated = self.goodputs(simulator, &link, repetitions);
        if (measured.mean - simulated.mean).abs() < STANDARD_ERRORS * measured.error().hypot(simulated.error()) {
            let share = |sample: Sample| 100.0 * sample.sd.unwrap_or(0.0) / sample.mean;
            return Some(format!(
                "the recorded runs have a standard deviation of {:.0} % (n = {}), the simulated ones of {:.0} % (n = {}): means of so few \
                 cannot be told apart",
                share(measured),
                measured.n,
                share(simulated),
                simulated.n
            ));
        }
        let queue_ms = self.queue_bytes as f64 * 8e-3 / self.rate_mbps;
        if self.loss > 0.0 || queue_ms > SHORT_QUEUE_MS {
            return None;
        }
        let [little, much] = LATE_MS.map(|late_acknowledgements_ms| {
            self.goodputs(simulator, &Link { late_acknowledgements_ms, ..link.clone() }, repetitions).mean
        });
        (much..simulated.mean).contains(&measured.mean).then(|| {
            format!(
                "a queue of {queue_ms:.1} ms has no room for acknowledgements that the hosts clump, which the recording does not tell and \
                 the simulation does not have: late by up to {} ms at random they bring it to {little:.0} Mbit/s, by up to {} ms to \
                 {much:.0}; longer queues do not feel that",
                LATE_MS[0], LATE_MS[1]
            )
        })
    }
}

impl Config {
    /// With the share of losses that the emulator drew. Bursts are too few for their length to be known from what was drawn.
    fn link_as_drawn(&self, result: &Measured) -> Link {
        let loss = if self.burst_len.is_none() { result.loss_rate_drawn } else { self.loss };
        Link { loss, ..self.link() }
    }

    fn goodputs(&self, simulator: &mut Simulator, link: &Link, repetitions: &[Repetition]) -> Sample {
        Sample::of(repetitions.iter().map(|repetition| self.goodput_mbps(simulator, link, repetition)).collect())
    }

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
