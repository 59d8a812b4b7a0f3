//! The races of the debate: each is found where it is, and not found where it is not.
//!
//! Goal: the verdicts that the shipped scenarios give are right for every design they name. Method: the search of
//! `colosim compare`, with fewer seeds, on the shipped files themselves. A search that finds nothing is no proof; that the same
//! search finds the race in the design that has it shows that it would have been seen.

mod catalogue;
mod determinism;
mod disk;
mod golden;
mod knobs;
mod leak;
mod liveness;
mod search;
mod teardown;
