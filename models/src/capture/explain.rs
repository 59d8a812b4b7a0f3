//! Which threads must have been late for a recorded leak?
//!
//! A packet reaches the guest if its thread asks for the migration state (R8a) after the failover has left COLO (F4), and
//! does not if it asked before, or if its thread was told to leave (X1) before it took the packet. So each packet that is
//! in the wrong place names the hold that puts it right:
//!
//! ```text
//!  leaked in the recording only      its thread is held at R8a of that packet, until F4
//!  still not leaked                  the failover is held at F4 until that packet is in the cache
//!  leaked in the simulation only     its thread is held at R0 before that packet, until X1
//!  and a later packet must leak      the failover is held at F4 until that packet's R8a is over
//! ```
//!
//! The search begins with the first kind for the first recorded packet of each channel, repairs one packet after the other and
//! runs the recorded bytes again, until the simulated secondary has exactly the recorded pages with every seed of
//! [`SEEDS`]: what an undisturbed run does by luck of its costs is no explanation. Then it drops every hold that is not
//! needed, but the last.

use super::uncommitted::{Carried, carried, leaked};
use super::{Recording, ReplayError, replay};
use crate::steps::{STEPS, failover, multifd_recv, recv_terminate};
use colosim_sim::{Hold, Plan, Simulator, Span, StepId, Visit};
use std::collections::BTreeSet;

/// Holds after which the search gives up: recordings have some dozens of packets in a checkpoint.
const HOLDS_MAX: usize = 64;

/// No hold lasts longer; the failover's own bound is 5 s.
const HOLD_MAX: Span = Span::millis(2_000);

/// The seeds under which a plan has to give the recorded pages.
pub const SEEDS: std::ops::Range<u64> = 0..8;

/// A plan under which the simulated secondary, fed the recorded bytes, has the recorded pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The plan.
    pub plan: Plan,
    /// Pages that it leaks.
    pub pages: BTreeSet<usize>,
    /// The packets that leak: channel and number of each.
    pub packets: Vec<(u8, u64)>,
    /// With how many of [`SEEDS`] an undisturbed secondary leaks just that too.
    pub seeds_undisturbed: usize,
    /// Runs of the search.
    pub runs: usize,
}

/// Search for a plan that leaks exactly `wanted`, which is not empty. None: not found.
///
/// # Errors
/// As [`replay`].
pub fn explain(
    simulator: &mut Simulator,
    recording: &Recording,
    wanted: &BTreeSet<usize>,
) -> Result<Option<Explanation>, ReplayError> {
    let packets = carried(recording)?;
    let mut search = Search { simulator, recording, wanted, runs: 0 };
    let mut holds = first_of_each_channel(&packets, wanted);
    while let Some(pages) = search.wrong(&holds)? {
        let Some(repair) = next_repair(&packets, wanted, &pages, &holds).filter(|_| holds.len() < HOLDS_MAX) else {
            return Ok(None);
        };
        holds.push(repair);
    }
    let mut index = 0;
    while index < holds.len() && holds.len() > 1 {
        let mut fewer = holds.clone();
        fewer.remove(index);
        match search.wrong(&fewer)? {
            None => holds = fewer,
            Some(_) => index += 1,
        }
    }
    let mut seeds_undisturbed = 0;
    for seed in SEEDS {
        seeds_undisturbed += usize::from(search.run(&[], seed)? == *wanted);
    }
    let leaking = packets.iter().filter(|packet| touches(packet, wanted));
    Ok(Some(Explanation {
        plan: Plan::of_holds(holds),
        pages: wanted.clone(),
        packets: leaking.map(|packet| (packet.channel, packet.packet_num)).collect(),
        seeds_undisturbed,
        runs: search.runs,
    }))
}

/// A search that is under way.
struct Search<'a> {
    simulator: &'a mut Simulator,
    recording: &'a Recording,
    wanted: &'a BTreeSet<usize>,
    runs: usize,
}

impl Search<'_> {
    fn run(&mut self, holds: &[Hold], seed: u64) -> Result<BTreeSet<usize>, ReplayError> {
        self.runs += 1;
        Ok(leaked(&replay(self.simulator, self.recording, seed, Plan::of_holds(holds.to_vec()))?))
    }

    /// What leaks with the first seed with which that is not what is wanted.
    fn wrong(&mut self, holds: &[Hold]) -> Result<Option<BTreeSet<usize>>, ReplayError> {
        for seed in SEEDS {
            let pages = self.run(holds, seed)?;
            if pages != *self.wanted {
                return Ok(Some(pages));
            }
        }
        Ok(None)
    }
}

/// The first recorded packet of each channel is in the cache before the failover leaves COLO, and in the guest after it.
fn first_of_each_channel(packets: &[Carried], wanted: &BTreeSet<usize>) -> Vec<Hold> {
    let mut seen = BTreeSet::new();
    packets.iter().filter(|packet| touches(packet, wanted) && seen.insert(packet.channel)).map(leak_it).collect()
}

fn touches(packet: &Carried, pages: &BTreeSet<usize>) -> bool {
    packet.pages.iter().any(|(page, _)| pages.contains(page))
}

/// The hold for the first packet that is in the wrong place, if there is one that is not set already.
fn next_repair(
    packets: &[Carried],
    wanted: &BTreeSet<usize>,
    leaked: &BTreeSet<usize>,
    holds: &[Hold],
) -> Option<Hold> {
    let mut repairs = packets.iter().flat_map(|packet| {
        let later_is_wanted = packets
            .iter()
            .any(|later| later.channel == packet.channel && later.nth > packet.nth && touches(later, wanted));
        match (touches(packet, wanted), touches(packet, leaked)) {
            (true, false) => vec![leak_it(packet), wait_for_it(packet, multifd_recv::READV_PAGES)],
            (false, true) if later_is_wanted => vec![wait_for_it(packet, multifd_recv::READ_STATE_PROCESS)],
            (false, true) => vec![leave_before_it(packet)],
            _ => Vec::new(),
        }
    });
    repairs.find(|repair| !holds.contains(repair))
}

/// The thread asks for the state of this packet only after the failover has changed it.
fn leak_it(packet: &Carried) -> Hold {
    let at = of_channel(packet, multifd_recv::READ_STATE_PROCESS, packet.nth_with_pages);
    hold(at, of_main(failover::LEAVE_COLO_STATE))
}

/// The failover changes the state only after the thread has passed `step` of this packet.
fn wait_for_it(packet: &Carried, step: StepId) -> Hold {
    hold(of_main(failover::LEAVE_COLO_STATE), of_channel(packet, step, packet.nth_with_pages))
}

/// The thread is told to leave before it takes this packet.
fn leave_before_it(packet: &Carried) -> Hold {
    let at = of_channel(packet, multifd_recv::CHECK_EXITING, packet.nth);
    hold(at, of_main(recv_terminate::SET_EXITING))
}

fn hold(at: Visit, until: Visit) -> Hold {
    Hold { at, until, longest_ns: HOLD_MAX.0 }
}

fn of_main(step: StepId) -> Visit {
    Visit { thread: "dst/main".into(), step: name(step), visit: 1, at_wait: 0 }
}

fn of_channel(packet: &Carried, step: StepId, visit: u32) -> Visit {
    Visit { thread: format!("mig/dst/recv_{}", packet.channel), step: name(step), visit, at_wait: 0 }
}

fn name(step: StepId) -> String {
    STEPS[usize::from(step.0)].name.to_owned()
}
