//! A world for small programs: three steps with fixed costs, no noise, and a log.

use colosim_sim::{Config, Cx, Noise, Outcome, Plan, ProcessId, Sim, Simulator, Span, StepCost, StepId, StepInfo};
use std::cell::RefCell;
use std::rc::Rc;

pub const SHORT: StepId = StepId(0);
pub const LONG: StepId = StepId(1);
/// Costs nothing by itself and 1 ns for each unit.
pub const UNITS: StepId = StepId(2);

pub const SHORT_NS: u64 = 10;
pub const LONG_NS: u64 = 1_000;

pub const STEPS: &[StepInfo] = &[
    StepInfo { name: "test.short", stands_for: "10 ns of work" },
    StepInfo { name: "test.long", stands_for: "1 µs of work" },
    StepInfo { name: "test.units", stands_for: "1 ns of work for each unit" },
];

pub fn config() -> Config {
    let cost = |fixed_ns, per_unit_ns| StepCost { fixed_ns, per_unit_ns };
    Config {
        seed: 1,
        steps: STEPS,
        costs: Rc::new([cost(SHORT_NS, 0), cost(LONG_NS, 0), cost(0, 1)]),
        noise: Noise::default(),
        plan: Plan::undisturbed(),
        time_limit: Span::millis(60_000),
        step_limit: 1_000_000,
        record: true,
    }
}

pub fn run(build: impl FnOnce(&Sim, ProcessId)) -> Outcome {
    run_with(config(), build)
}

pub fn run_with(config: Config, build: impl FnOnce(&Sim, ProcessId)) -> Outcome {
    Simulator::new().run(config, |sim| build(sim, sim.process("qemu")))
}

/// What happened, and when.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<(u64, String)>>>);

impl Log {
    pub fn add(&self, cx: &Cx, what: impl Into<String>) {
        self.0.borrow_mut().push((cx.sim.now().0, what.into()));
    }

    /// Takes what was logged so far.
    pub fn take(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut *self.0.borrow_mut())
    }

    pub fn assert_is(&self, expected: &[(u64, &str)]) {
        let found = self.take();
        let found: Vec<(u64, &str)> = found.iter().map(|(at, what)| (*at, &**what)).collect();
        assert_eq!(found, expected);
    }
}
