//! Places of a run at which faults strike: both sides say when they get there, the management waits for it.

use crate::scenario::Place;
use colosim_sim::{Cx, Signal, Sim};
use std::cell::RefCell;
use std::rc::Rc;

/// The milestones of a run.
#[derive(Clone, Default)]
pub struct Milestones(Rc<State>);

#[derive(Default)]
struct State {
    known: RefCell<Vec<(Place, Signal)>>,
    explored_from: Option<Place>,
}

impl Milestones {
    /// No place was reached yet.
    pub fn new() -> Milestones {
        Milestones::default()
    }

    /// The same; a controlled run is explored once `place` is reached.
    pub fn explored_from(place: Place) -> Milestones {
        Milestones(Rc::new(State { explored_from: Some(place), ..State::default() }))
    }

    fn signal(&self, sim: &Sim, place: Place) -> Signal {
        let mut known = self.0.known.borrow_mut();
        if let Some((_, signal)) = known.iter().find(|(known, _)| *known == place) {
            return signal.clone();
        }
        known.push((place, Signal::new(sim)));
        known[known.len() - 1].1.clone()
    }

    /// The run has got to `place`. Only the first time counts.
    pub fn reach(&self, cx: &Cx, place: Place) {
        if self.0.explored_from.as_ref() == Some(&place) {
            cx.sim.explore_from_here();
        }
        self.signal(&cx.sim, place).give(cx);
    }

    /// Wait until the run gets to `place`.
    pub async fn wait(&self, cx: &Cx, place: Place) {
        let name = format!("{place:?}");
        self.signal(&cx.sim, place).wait(cx, &name).await;
    }
}
