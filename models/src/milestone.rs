//! Places of a run at which faults strike: both sides say when they get there, the management waits for it.

use crate::scenario::Place;
use colosim_sim::{Cx, Signal};
use std::cell::RefCell;
use std::rc::Rc;

/// The milestones of a run.
#[derive(Clone, Default)]
pub struct Milestones(Rc<RefCell<Vec<(Place, Signal)>>>);

impl Milestones {
    /// No place was reached yet.
    pub fn new() -> Milestones {
        Milestones::default()
    }

    fn signal(&self, place: Place) -> Signal {
        let mut known = self.0.borrow_mut();
        if let Some((_, signal)) = known.iter().find(|(known, _)| *known == place) {
            return signal.clone();
        }
        known.push((place, Signal::new()));
        known[known.len() - 1].1.clone()
    }

    /// The run has got to `place`. Only the first time counts.
    pub fn reach(&self, cx: &Cx, place: Place) {
        self.signal(place).give(cx);
    }

    /// Was `place` reached?
    pub fn is_reached(&self, place: Place) -> bool {
        self.signal(place).is_given()
    }

    /// Wait until the run gets to `place`.
    pub async fn wait(&self, cx: &Cx, place: Place) {
        let name = format!("{place:?}");
        self.signal(place).wait(cx, &name).await;
    }
}
