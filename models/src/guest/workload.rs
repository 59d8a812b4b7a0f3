//! What the guest writes while it runs: a lazily generated sequence of page writes.
//!
//! Write number k (1 is the first) happens when the guest has run for k / rate seconds. That is computed from the whole run
//! time each time, so stopping and starting loses nothing and no error adds up. (`EachRun` is an exception: its pages are
//! written when the guest is started.)
//!
//! Not modelled: reads, writes smaller than a page, a rate that depends on how fast the host is.

use super::layout::Layout;
use super::run_clock::RunClock;
use crate::scenario::{Share, Workload};
use colosim_sim::random::Stream;
use colosim_sim::{Counting, Span, Time};

/// Where a tag was made, in bits 60 to 62. Bit 63 stays clear: it marks torn pages on the secondary.
const NAMESPACE_SHIFT: u32 = 60;
const NAMESPACE_INITIAL: u64 = 1;

/// Whose guest writes: the same page written on both sides gets different contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The PVM.
    Primary = 2,
    /// The SVM.
    Secondary = 3,
}

/// Contents of the pages that were filled before the migration began, those of all blocks one after the other.
pub const INITIAL_TAGS: Counting = Counting { first: NAMESPACE_INITIAL << NAMESPACE_SHIFT, step: 1 };

/// Which page of the working set comes next.
#[derive(Debug, Clone)]
enum Pattern {
    Uniform { pages: u64 },
    Sequential { pages: u64, next: u64 },
    EachRun { pages: u64, next: u64 },
    HotCold { hot_pages: u64, pages: u64, hot_below: u64 },
}

/// The writes of one guest. Its working set lies in the first block.
#[derive(Debug, Clone)]
pub struct GuestWriter {
    stream: Stream,
    rate_per_s: u64,
    pattern: Pattern,
    /// A write leaves a zero page if 53 random bits are below this.
    zero_below: u64,
    namespace: u64,
    /// Where the working set begins.
    first_page: usize,
    writes: u64,
    clock: RunClock,
    runs: u64,
}

impl GuestWriter {
    /// The writes of a guest that is stopped and has not run yet.
    pub fn new(workload: &Workload, layout: &Layout, stream: Stream, side: Side) -> GuestWriter {
        let in_pages = |bytes: u64| bytes / layout.page_size;
        let (rate, pattern, zero_share) = match *workload {
            Workload::Idle => (0, Pattern::Uniform { pages: 1 }, Share::default()),
            Workload::EachRun { pages } => (0, Pattern::EachRun { pages: u64::from(pages), next: 0 }, Share::default()),
            Workload::Uniform { rate, working_set, zero_share } => {
                (rate.per_second(), Pattern::Uniform { pages: in_pages(working_set.bytes()) }, zero_share)
            }
            Workload::Sequential { rate, working_set, start, zero_share } => {
                let pages = in_pages(working_set.bytes());
                let next = in_pages(start.bytes()) % pages.max(1);
                (rate.per_second(), Pattern::Sequential { pages, next }, zero_share)
            }
            Workload::HotCold { rate, working_set, hot_set, hot_writes, zero_share } => {
                let pages = in_pages(working_set.bytes());
                let hot_pages = (pages as f64 * hot_set.value()).round() as u64;
                (
                    rate.per_second(),
                    Pattern::HotCold { hot_pages, pages, hot_below: in_53_bits(hot_writes) },
                    zero_share,
                )
            }
        };
        GuestWriter {
            stream,
            rate_per_s: rate,
            pattern,
            zero_below: in_53_bits(zero_share),
            namespace: (side as u64) << NAMESPACE_SHIFT,
            first_page: layout.first_touched,
            writes: 0,
            clock: RunClock::default(),
            runs: 0,
        }
    }

    /// `vm_start`. Nothing happens if it runs already.
    pub fn start(&mut self, now: Time) {
        self.runs += u64::from(self.clock.start(now));
    }

    /// `vm_stop`. The caller has advanced to `now`: what the guest wrote is in its RAM before it counts as stopped.
    pub fn stop(&mut self, now: Time) {
        debug_assert_eq!(self.writes, self.due(now), "a guest is stopped before its last writes were taken");
        self.clock.stop(now);
    }

    /// From now on it runs at this many percent less than its speed. The caller has advanced to `now`.
    pub fn throttle(&mut self, now: Time, percent: u32) {
        self.clock.throttle(now, percent);
    }

    /// The page that it writes next, where they come in order, again and again.
    pub fn next_page(&self) -> u64 {
        match self.pattern {
            Pattern::Sequential { next, .. } => next,
            Pattern::Uniform { .. } | Pattern::EachRun { .. } | Pattern::HotCold { .. } => 0,
        }
    }

    /// The state of another guest was loaded: this one goes on where that was.
    pub fn go_on_at(&mut self, page: u64) {
        if let Pattern::Sequential { pages, next } = &mut self.pattern {
            *next = page % *pages;
        }
    }

    /// Does it run?
    pub fn is_running(&self) -> bool {
        self.clock.is_running()
    }

    /// How long it has run.
    pub fn run_time(&self, now: Time) -> Span {
        self.clock.run_time(now)
    }

    /// Writes taken so far.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Hand every write since the last call to `write(block, page, content)`, in order.
    pub fn advance(&mut self, now: Time, write: &mut impl FnMut(usize, usize, u64)) {
        let due = self.due(now);
        while self.writes < due {
            self.writes += 1;
            let page = self.pattern.next_page(&mut self.stream);
            let is_zero = self.zero_below > 0 && is_below(&mut self.stream, self.zero_below);
            write(0, self.first_page + page as usize, if is_zero { 0 } else { self.namespace | self.writes });
        }
    }

    fn due(&self, now: Time) -> u64 {
        if let Pattern::EachRun { pages, .. } = self.pattern {
            return self.runs * pages;
        }
        self.clock.done(now, self.rate_per_s)
    }
}

impl Pattern {
    fn next_page(&mut self, stream: &mut Stream) -> u64 {
        match self {
            Pattern::Uniform { pages } => stream.below(*pages),
            Pattern::Sequential { pages, next } | Pattern::EachRun { pages, next } => {
                let page = *next;
                *next = if page + 1 == *pages { 0 } else { page + 1 };
                page
            }
            Pattern::HotCold { hot_pages, pages, hot_below } => {
                if is_below(stream, *hot_below) {
                    stream.below(*hot_pages)
                } else {
                    *hot_pages + stream.below(*pages - *hot_pages)
                }
            }
        }
    }
}

fn in_53_bits(share: Share) -> u64 {
    (share.value() * (1u64 << 53) as f64) as u64
}

fn is_below(stream: &mut Stream, threshold: u64) -> bool {
    stream.bits() >> 11 < threshold
}
