//! The two hosts and the emulated path between them.

use super::recording::Repetition;
use colosim_sim::link::{Congestion, Loss, Path, PathConfig, Socket, Tcp, Transport, connect};
use colosim_sim::{Config, Noise, Plan, ProcessId, Sim, Simulator, Span};

/// Buffers of every socket, in bytes.
const BUFFER_BYTES: u64 = 64 << 20;
/// The queue of the direction that carries acknowledgements, in bytes.
const BACK_QUEUE_BYTES: u64 = 50_000_000;
/// No larger piece is written or read at once: what a program's buffer holds.
pub(super) const CHUNK_BYTES: u64 = 64 * 1024;

/// What all classes have.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub cc: String,
    pub rate_mbps: f64,
    pub rtt_ms: f64,
    pub loss: f64,
    /// Mean number of segments that are lost in a row; none: each is lost by itself.
    pub burst_len: Option<f64>,
    pub jitter_ms: f64,
    /// Acknowledgements are late by up to this, at random.
    pub late_acknowledgements_ms: f64,
    pub queue_bytes: u64,
    pub slow_start_after_idle: bool,
    pub no_delay: bool,
    /// TCP_QUICKACK is set again after each receive: no acknowledgement waits.
    pub quick_acknowledgements: bool,
}

impl Link {
    /// With losses by themselves and no jitter; with TCP_NODELAY and slow start after idle.
    pub fn plain(cc: &str, rate_mbps: f64, rtt_ms: f64, loss: f64, queue_bytes: u64) -> Link {
        Link {
            cc: cc.to_owned(),
            rate_mbps,
            rtt_ms,
            loss,
            burst_len: None,
            jitter_ms: 0.0,
            late_acknowledgements_ms: 0.0,
            queue_bytes,
            slow_start_after_idle: true,
            no_delay: true,
            quick_acknowledgements: false,
        }
    }

    pub fn is_modelled(&self) -> bool {
        self.cc != "bbr"
    }

    /// What cannot be simulated, if anything.
    pub fn check(&self) -> Result<(), String> {
        let Link { cc, rate_mbps, rtt_ms, loss, jitter_ms, queue_bytes, .. } = self;
        match () {
            () if !["reno", "cubic"].contains(&cc.as_str()) => Err(format!("cc {cc:?} is none of reno, cubic, bbr")),
            () if !(*rate_mbps > 0.0 && *rate_mbps <= 1e6) => {
                Err(format!("rate_mbps {rate_mbps} is not from 0 to 1e6"))
            }
            () if !(*rtt_ms >= 0.0 && *rtt_ms <= 1e5) => Err(format!("rtt_ms {rtt_ms} is not from 0 to 1e5")),
            () if !(*jitter_ms >= 0.0 && *jitter_ms <= 1e5) => {
                Err(format!("jitter_ms {jitter_ms} is not from 0 to 1e5"))
            }
            () if *queue_bytes < 1_500 => Err(format!("queue_bytes {queue_bytes} holds no packet of 1500 bytes")),
            () if !(*loss >= 0.0 && *loss < 1.0) => Err(format!("loss {loss} is not a probability below 1")),
            () if self.loss_process().is_none() => Err(format!("no bursts of {:?} lose {loss}", self.burst_len)),
            () => Ok(()),
        }
    }

    fn loss_process(&self) -> Option<Loss> {
        match self.burst_len {
            Some(segments) => Loss::bursts(self.loss, segments),
            None => Some(if self.loss == 0.0 { Loss::None } else { Loss::Bernoulli(self.loss) }),
        }
    }

    fn tcp(&self) -> Tcp {
        let mut ethernet = Tcp::ethernet();
        if self.quick_acknowledgements {
            (ethernet.acknowledgement_delay, ethernet.timer_grain) = (Span::ZERO, Span(1));
        }
        Tcp {
            congestion: if self.cc == "reno" { Congestion::Reno } else { Congestion::Cubic { hystart: true } },
            slow_start_after_idle: self.slow_start_after_idle,
            no_delay: self.no_delay,
            ..ethernet
        }
    }

    fn path(&self, repetition: &Repetition, forth: bool) -> PathConfig {
        let late_us = if forth { repetition.emulator.data_us } else { repetition.emulator.acknowledgements_us };
        PathConfig {
            rate_bits_per_s: (self.rate_mbps * 1e6) as u64,
            latency: span(self.rtt_ms / 2.0 + late_us.max(0.0) * 1e-3),
            jitter: span(if forth { self.jitter_ms } else { self.late_acknowledgements_ms }),
            loss: if forth { self.loss_process().unwrap_or(Loss::None) } else { Loss::None },
            queue_bytes: if forth { self.queue_bytes } else { BACK_QUEUE_BYTES },
        }
    }
}

/// Milliseconds.
pub(super) fn span(millis: f64) -> Span {
    Span((millis * 1e6) as u64)
}

/// The hosts of one run: A sends data, B receives it.
pub(super) struct Hosts<'a> {
    pub sim: &'a Sim,
    pub a: ProcessId,
    pub b: ProcessId,
    there: Path,
    back: Path,
    tcp: Tcp,
}

impl Hosts<'_> {
    /// A connection; the ends of A and of B.
    pub fn connect(&self, name: &str) -> (Socket, Socket) {
        let ends = ((self.a, &self.there), (self.b, &self.back));
        connect(self.sim, name, ends.0, ends.1, Transport::Tcp(self.tcp), BUFFER_BYTES, BUFFER_BYTES)
    }
}

/// One repetition on this link, for `limit` at most.
pub(super) fn run(
    simulator: &mut Simulator,
    link: &Link,
    repetition: &Repetition,
    limit: Span,
    build: impl FnOnce(&Hosts),
) {
    let config = Config {
        seed: repetition.seed,
        steps: &[],
        costs: [].into(),
        noise: Noise::default(),
        plan: Plan::undisturbed(),
        time_limit: limit,
        step_limit: u64::MAX,
        record: false,
    };
    simulator.run(config, |sim| {
        let path = |forth| Path::new(link.path(repetition, forth));
        let (a, b) = (sim.process("a"), sim.process("b"));
        build(&Hosts { sim, a, b, there: path(true), back: path(false), tcp: link.tcp() });
    });
}
