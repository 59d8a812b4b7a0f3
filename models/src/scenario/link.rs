//! The network path of a scenario, and what connects the two sides over it.

use super::units::{Bandwidth, Size, Span};
use colosim_sim::link;
use serde::{Deserialize, Serialize};

/// The network path; every channel is a flow on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// What the connections are.
    pub transport: Transport,
    /// Bit rate of the path, each direction.
    pub rate: Bandwidth,
    /// One-way delay.
    pub latency: Span,
    /// Largest extra delay, drawn uniformly for each batch of segments; order is kept.
    pub jitter: Span,
    /// Loss of segments. A loss costs time, never bytes.
    pub loss: Loss,
    /// Length of the drop-tail queue in the network. None: the bottleneck is the sender's own interface, which makes the sender wait
    /// and drops nothing.
    pub queue: Option<Size>,
    /// Socket send buffer of each connection.
    pub send_buffer: Size,
    /// Socket receive buffer of each connection.
    pub receive_buffer: Size,
    /// Congestion control of TCP.
    pub congestion: Congestion,
    /// CUBIC ends slow start when a queue builds up, before a loss.
    pub hystart: bool,
    /// Segments that a new connection may send before anything is acknowledged.
    pub initial_window: u32,
    /// A connection that was idle for a retransmission time-out starts from `initial_window` again (Linux:
    /// `tcp_slow_start_after_idle`).
    pub slow_start_after_idle: bool,
    /// TCP_NODELAY on the main connection too. QEMU sets it on the multifd channels only: with `false`, as QEMU has it, a short
    /// message waits for the delayed acknowledgement of the one before, 40 to 44 ms, once or twice a checkpoint. The scenarios of
    /// races have `true`: what they look for does not need these waits.
    pub no_delay: bool,
    /// Longest time that an acknowledgement waits for data to go with it (Linux: 40 ms).
    pub delayed_ack: Span,
    /// Grain of the kernel's timers: 4 ms at HZ=250.
    pub jiffy: Span,
    /// Payload of a full segment: 1448 bytes over Ethernet, 65483 on the loopback interface.
    pub segment: Size,
}

/// Congestion control of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Congestion {
    /// RFC 9438, the default of Linux.
    Cubic,
    /// RFC 5681.
    Reno,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            transport: Transport::Tcp,
            rate: Bandwidth::from_bits_per_second(10_000_000_000),
            latency: Span::from_nanos(50_000),
            jitter: Span::from_nanos(0),
            loss: Loss::None,
            queue: None,
            // What Linux grows the buffers of a loopback or LAN connection to (tcp_wmem, tcp_rmem).
            send_buffer: Size::from_bytes(5 << 19),
            receive_buffer: Size::from_bytes(6 << 20),
            congestion: Congestion::Cubic,
            hystart: true,
            initial_window: 10,
            slow_start_after_idle: true,
            no_delay: false,
            delayed_ack: Span::from_nanos(40_000_000),
            jiffy: Span::from_nanos(4_000_000),
            segment: Size::from_bytes(1448),
        }
    }
}

/// What the connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// TCP: data that arrives after the reader's own shutdown is answered with a reset.
    Tcp,
    /// UNIX stream sockets: the writer gets EPIPE at once.
    Unix,
}

/// Loss of segments. Written as a variant, or as a plain number: 0 is `None`, p is `Bernoulli(p)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Loss {
    /// None.
    None,
    /// Each segment independently with this probability.
    Bernoulli(f64),
    /// In bursts: of each connection, a chain of two states that moves with each segment; in the bad one all is lost, in the good one
    /// nothing.
    GilbertElliott {
        /// The share of segments that is lost.
        loss: f64,
        /// Mean number of segments lost in a row.
        burst: f64,
    },
}

impl Loss {
    /// As the path of the link model loses segments; `None` if no chain of two states has this loss and burst.
    pub fn of_path(self) -> Option<link::Loss> {
        match self {
            Loss::None => Some(link::Loss::None),
            Loss::Bernoulli(probability) => Some(link::Loss::Bernoulli(probability)),
            Loss::GilbertElliott { loss, burst } => link::Loss::bursts(loss, burst),
        }
    }
}
