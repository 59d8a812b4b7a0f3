//! Names of threads and locks, kept from one run to the next.
//!
//! Runs of one model give the same names in the same order: the n-th name of a run is nearly always the n-th of the run before,
//! and need not be stored anew.

use std::rc::Rc;

/// The names of the present run, and behind them what is left of the run before.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<Rc<str>>,
    given: usize,
}

/// So many names are kept at the most; further ones are stored each time.
const KEPT_MAX: usize = 4_096;

impl Names {
    pub fn begin_run(&mut self) {
        self.given = 0;
    }

    /// The next name of the run.
    pub fn name(&mut self, name: &str) -> Rc<str> {
        let place = self.given;
        self.given += 1;
        match self.names.get_mut(place) {
            Some(known) if **known == *name => known.clone(),
            Some(known) => {
                *known = name.into();
                known.clone()
            }
            None => {
                let new: Rc<str> = name.into();
                if place < KEPT_MAX {
                    self.names.push(new.clone());
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_gives_other_names_than_the_run_before_gets_its_own() {
        let mut names = Names::default();
        for run in [["a", "b", "c"], ["a", "x", "c"], ["c", "b", "a"]] {
            names.begin_run();
            for name in run {
                assert_eq!(&*names.name(name), name);
            }
        }
    }

    #[test]
    fn the_same_name_at_the_same_place_is_not_stored_anew() {
        let mut names = Names::default();
        let first = names.name("a");
        names.begin_run();
        assert!(Rc::ptr_eq(&first, &names.name("a")));
    }
}
