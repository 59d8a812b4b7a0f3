//! What a TCP connection is like: the choices that Linux leaves to the user and those of its constants that matter here.

use super::congestion::Congestion;
use crate::time::Span;

/// Segments that must arrive behind a missing one before it counts as lost at once (RFC 5681, RFC 6675: `DupThresh`).
pub(crate) const DUPLICATES: u64 = 3;

/// Segments that a receiver acknowledges at once when a connection is new or was idle (Linux: `TCP_MAX_QUICKACKS`).
pub(crate) const QUICK_ACKNOWLEDGEMENTS: u32 = 16;

/// What a receiver takes for a full segment until it has seen a longer one (Linux: `tcp_initialize_rcv_mss`, RFC 9293 3.7.1).
pub(crate) const SEGMENT_ASSUMED: u64 = 536;

/// The least time that a loss probe waits beside two round trips (Linux: `TCP_TIMEOUT_MIN_US`).
pub(crate) const PROBE_MARGIN: Span = Span::millis(2);

/// Longest time for which a receiver gathers acknowledgements of what is out of order (Linux: `tcp_comp_sack_delay_ns`), and
/// most of them that it gathers (`tcp_comp_sack_nr`).
pub(crate) const GATHERED_FOR: Span = Span::millis(1);
pub(crate) const GATHERED_MAX: u32 = 44;

/// A TCP connection's settings, the same at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tcp {
    /// How the congestion window moves.
    pub congestion: Congestion,
    /// Payload of a full segment in bytes: 1448 on Ethernet with time stamps (RFC 7323), 65483 on Linux's loopback.
    pub segment_bytes: u64,
    /// Headers of a segment below its payload, as the path's rate counts them: 52 bytes of IPv4 and TCP with time stamps.
    pub header_bytes: u64,
    /// Segments that may be sent before anything is known of the path (RFC 6928: 10).
    pub initial_window: u32,
    /// Start from the initial window after an idle time of a retransmission time-out (RFC 5681, 4.1; Linux:
    /// `tcp_slow_start_after_idle`).
    pub slow_start_after_idle: bool,
    /// Nagle's algorithm off (TCP_NODELAY): a segment that is not full does not wait for an acknowledgement.
    pub no_delay: bool,
    /// Longest time that an acknowledgement waits for data to go with it or for a second segment (RFC 1122, 4.2.3.2; Linux:
    /// `TCP_DELACK_MIN`, 40 ms).
    pub acknowledgement_delay: Span,
    /// Grain of the timers that are long (delayed acknowledgement, probe, time-out): a jiffy of the kernel, 4 ms at HZ=250. They expire at
    /// a multiple of it, not before they are due.
    pub timer_grain: Span,
}

impl Tcp {
    /// Linux over Ethernet: CUBIC with HyStart, and TCP_NODELAY.
    pub const fn ethernet() -> Tcp {
        Tcp {
            congestion: Congestion::Cubic { hystart: true },
            segment_bytes: 1448,
            header_bytes: 52,
            initial_window: 10,
            slow_start_after_idle: true,
            no_delay: true,
            acknowledgement_delay: Span::millis(40),
            timer_grain: Span::millis(4),
        }
    }

    /// Linux over its loopback interface, whose packets hold 64 KiB.
    pub const fn loopback() -> Tcp {
        Tcp { segment_bytes: 65_483, ..Tcp::ethernet() }
    }
}
