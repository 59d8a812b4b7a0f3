//! Laws that hold for any migration, whatever the code does to keep them: closed forms over small grids of parameters, each
//! with the bound to which it has to hold and the reason for that bound.
//!
//! Every test goes through what a user has: a scenario is run, and its metrics are looked at. Costs of steps are set by the
//! test, so that the form has no free parameter; the connections are UNIX sockets across a path with rate and delay, so that no
//! congestion control is in it either.

mod checkpoint;
mod conservation;
mod dirty_pages;
mod pipeline;
mod precopy;

use colosim_models::host_profile::{HostProfile, Noise, StepCost};
use colosim_models::metrics::Metrics;
use colosim_models::preset::preset;
use colosim_models::scenario::{Scenario, Span};
use colosim_models::world::{self, Run, RunInput};
use colosim_sim::{Plan, Simulator};
use std::collections::BTreeMap;

pub const MS: f64 = 1e6;
pub const SECOND: f64 = 1e9;
pub const PAGE: f64 = 4096.0;
/// Bytes of a packet of 128 pages beside the pages: 1344 of 524288.
pub const PACKET_OVERHEAD: f64 = 1344.0 / 524_288.0;

/// An experiment: a scenario on a host whose steps cost nothing but what is said.
#[derive(Clone)]
pub struct Setup {
    pub scenario: Scenario,
    pub host: HostProfile,
    pub seed: u64,
}

impl Setup {
    /// The scenario in this text; packet granularity, the merged design.
    pub fn new(fields: &str) -> Setup {
        let text = format!(r#"Scenario(question: "law", variants: ["merged"], granularity: Packet, {fields})"#);
        let scenario = Scenario::from_ron(&text, "law").unwrap_or_else(|error| panic!("{error}"));
        let host = HostProfile {
            doc: "what the law needs".to_owned(),
            noise: Noise::default(),
            shared_cores: None,
            steps: BTreeMap::new(),
            other_steps: StepCost::default(),
        };
        Setup { scenario, host, seed: 1 }
    }

    /// One field of it changed.
    pub fn with(mut self, path: &str, value: impl ToString) -> Setup {
        self.scenario = self.scenario.set(path, &value.to_string()).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// A step that costs so much for each visit and each page.
    pub fn costs(mut self, step: &str, fixed_ns: u64, per_page_ns: u64) -> Setup {
        let cost = StepCost { fixed: Span::from_nanos(fixed_ns), per_page: Span::from_nanos(per_page_ns) };
        self.host.steps.insert(step.to_owned(), cost);
        self
    }

    pub fn run_whole(&self) -> Run {
        self.run_with(false)
    }

    /// With the steps of all threads in order.
    pub fn run_recorded(&self) -> Run {
        self.run_with(true)
    }

    fn run_with(&self, record: bool) -> Run {
        let variant = preset(&self.scenario.variants[0].preset).expect("a preset").variant.clone();
        let faults = self.scenario.faults.first().cloned().unwrap_or_default();
        let input = RunInput {
            scenario: &self.scenario,
            variant: &variant,
            host: &self.host,
            faults: &faults,
            seed: self.seed,
            plan: &Plan::natural(),
            record,
        };
        world::run(&mut Simulator::new(), input)
    }

    pub fn run(&self) -> Metrics {
        self.run_whole().metrics
    }
}

/// Asserts that `measured` lies within a share of `law`.
#[track_caller]
pub fn assert_near(measured: f64, law: f64, share: f64, what: &str) {
    let off = measured / law - 1.0;
    assert!(off.abs() <= share, "{what}: {measured} where the law says {law}, {:.1} % off", 100.0 * off);
}
