//! Probes: did any run come to where the asked oracles have something to judge?
//!
//! A search that found nothing says little if nothing was ever freed, or no checkpoint ever committed. What a run did is
//! told by the steps that its threads visited.

use colosim_models::experiment::ScenarioExperiment;
use colosim_models::scenario::{Asks, Scenario};
use colosim_models::steps::{
    colo_flush, colo_incoming, colo_primary, colo_release_ram_cache, failover, incoming_destroy, primary_failover,
    recv_cleanup,
};
use colosim_sim::explore::{Experiment, Trial};
use colosim_sim::{Outcome, Simulator, StepId};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// What must have happened before an oracle can say anything.
struct Probe {
    asks: Asks,
    /// In words, as what did not happen: "nothing was freed".
    missed: &'static str,
    /// One of these steps does it.
    steps: &'static [StepId],
}

/// [`Asks::Bounds`] has none: every access is judged.
const PROBES: [Probe; 8] = [
    Probe {
        asks: Asks::Lifetime,
        missed: "nothing was freed",
        steps: &[
            colo_release_ram_cache::FREE_CACHE,
            colo_release_ram_cache::FREE_BMAP,
            colo_release_ram_cache::FREE_RAM_STATE,
            incoming_destroy::RELEASE_RECEIVEDMAP,
            recv_cleanup::FREE_CHANNELS,
            recv_cleanup::FREE_STATE,
        ],
    },
    Probe {
        asks: Asks::CommittedState,
        missed: "no checkpoint was committed",
        steps: &[colo_incoming::CLEAR_LOADING_START_VM],
    },
    Probe {
        asks: Asks::SecondaryUntouched,
        missed: "the secondary took no checkpoint's RAM",
        steps: &[colo_incoming::LOAD_RAM],
    },
    Probe { asks: Asks::DirtyBitmap, missed: "the cache was never flushed", steps: &[colo_flush::MERGE_GUEST_DIRTY] },
    Probe {
        asks: Asks::DiskState,
        missed: "no failover took over the disk",
        steps: &[failover::STOP_REPLICATION, primary_failover::STOP_REPLICATION],
    },
    Probe {
        asks: Asks::OutputCommit,
        missed: "nothing was released to clients",
        steps: &[colo_primary::RELEASE_OUTPUT],
    },
    Probe {
        asks: Asks::OneSideRuns,
        missed: "no failover ended",
        steps: &[failover::COMPLETE, primary_failover::COMPLETE],
    },
    Probe {
        asks: Asks::Liveness,
        missed: "no failover was asked for",
        steps: &[failover::REQUEST, primary_failover::STOP_VM],
    },
];

/// What the runs of a search have hit so far.
#[derive(Debug)]
pub struct Probes {
    oracles: [AtomicBool; PROBES.len()],
    fault_plans: Vec<AtomicBool>,
}

/// The same at one moment; the search goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// For each oracle that has a probe: it had something to judge.
    oracles: Vec<bool>,
    /// For each fault plan: in some run all of its faults struck.
    pub fault_plans: Vec<bool>,
}

impl Probes {
    /// None is hit yet.
    pub fn new(fault_plans: usize) -> Probes {
        Probes { oracles: Default::default(), fault_plans: (0..fault_plans).map(|_| AtomicBool::new(false)).collect() }
    }

    fn all(&self) -> impl Iterator<Item = &AtomicBool> {
        self.oracles.iter().chain(&self.fault_plans)
    }

    /// What was hit before.
    pub fn restore(&self, reached: &Reached) {
        for (probe, hit) in self.all().zip(reached.oracles.iter().chain(&reached.fault_plans)) {
            probe.fetch_or(*hit, Ordering::Relaxed);
        }
    }

    /// What was hit so far.
    pub fn reached(&self) -> Reached {
        let hit = |probe: &AtomicBool| probe.load(Ordering::Relaxed);
        Reached {
            oracles: self.oracles.iter().map(hit).collect(),
            fault_plans: self.fault_plans.iter().map(hit).collect(),
        }
    }

    fn look(&self, outcome: &Outcome) {
        for (probe, hit) in PROBES.iter().zip(&self.oracles) {
            if !hit.load(Ordering::Relaxed) && outcome.visits.iter().any(|(_, step, _)| probe.steps.contains(step)) {
                hit.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Reached {
    /// Can this be of a search with so many fault plans?
    pub fn is_of(&self, fault_plans: usize) -> bool {
        (self.oracles.len(), self.fault_plans.len()) == (PROBES.len(), fault_plans)
    }

    /// What never happened, of what the scenario asks about in so many words; empty: every asked oracle was reached.
    pub fn missed(&self, scenario: &Scenario) -> Vec<Missed> {
        let missed = PROBES.iter().zip(&self.oracles).filter(|(probe, hit)| {
            // Without faults nobody asks for a failover; that the run comes to its end is all that there is to see.
            let nothing_to_ask = probe.asks == Asks::Liveness && scenario.faults.is_empty();
            scenario.asks.contains(&probe.asks) && !nothing_to_ask && !**hit
        });
        missed.map(|(probe, _)| Missed { asks: probe.asks, what: probe.missed }).collect()
    }
}

/// A probe that no run hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The oracle that had nothing to judge.
    pub asks: Asks,
    /// What did not happen.
    pub what: &'static str,
}

/// An experiment whose runs are looked at.
pub struct Probed<'a> {
    /// What is run.
    pub experiment: &'a ScenarioExperiment<'a>,
    /// Its number among the experiments of the search.
    pub index: usize,
    /// What its runs hit.
    pub probes: &'a Probes,
}

impl Experiment for Probed<'_> {
    fn fault_count(&self) -> u32 {
        self.experiment.fault_count()
    }

    fn run(&self, simulator: &mut Simulator, trial: &Trial, record: bool) -> Outcome {
        let run = self.experiment.run_whole(simulator, trial, record);
        // A trial may leave faults out: then the plan as a whole did not strike.
        if run.faults_struck as usize == self.experiment.faults().len() {
            self.probes.fault_plans[self.index].store(true, Ordering::Relaxed);
        }
        self.probes.look(&run.outcome);
        run.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hit_before_counts_after_a_restart() {
        let reached = Reached {
            oracles: vec![true, false, false, false, false, false, false, false],
            fault_plans: vec![false, true],
        };
        let probes = Probes::new(2);
        probes.restore(&reached);
        assert_eq!(probes.reached(), reached);
        assert!(reached.is_of(2) && !reached.is_of(1));
    }

    #[test]
    fn only_what_is_asked_can_be_missed() {
        let text = "(question: \"?\", asks: [Bounds, Liveness], variants: [\"merged\"], guest: (ram: \"1 MiB\"), \
                    faults: [[(do: KillPrimary)]])";
        let scenario = Scenario::from_ron(text, "test").unwrap();
        let missed = Probes::new(0).reached().missed(&scenario);
        assert_eq!(missed, [Missed { asks: Asks::Liveness, what: "no failover was asked for" }]);
    }
}
