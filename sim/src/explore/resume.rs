//! The state of a search that is not through, so that it can go on later as if nothing had come between.
//!
//! A search is a sequence of runs that depends on the experiments, the strategy and the seeds alone; so its state is how far it
//! has come, what it has counted, and what its courses have learned. A finding is not stored as such: it is in the run of its
//! trial, which is made again. That also notices a program that has changed in the meantime.
//!
//! **Not modelled**: which search it is the state of. Whoever stores it has to see to it that experiments, strategy and seeds are
//! those that it was saved with; the batches too, that is, the release of this crate.

use super::search::{Tally, run};
use super::{Course, Coverage, Experiment, Finding, Report, Trial};
use crate::{Hazard, Violation};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::io;

/// How far a search has come, between two of its batches. See [`Search::run_from`](super::Search::run_from).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchState {
    /// Of this layout: [`SearchState::VERSION`].
    pub version: u32,
    runs_by_experiment: Vec<u64>,
    steps: u64,
    findings: Vec<FindingState>,
    hazards: Vec<Origin>,
    interleavings: Coverage,
    memories: Vec<Option<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingState {
    origin: Origin,
    first_found_at_run: u64,
    shown: Vec<u64>,
    shown_undisturbed: u64,
}

/// Where something was found first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub experiment: usize,
    pub trial: Trial,
    /// Which of the run's violations, or hazards, it is; 0 is the first.
    pub index: usize,
}

impl SearchState {
    /// The version that this release writes and reads.
    pub const VERSION: u32 = 1;

    /// Runs made so far.
    pub fn runs(&self) -> u64 {
        self.runs_by_experiment.iter().fold(0, |sum, runs| sum.saturating_add(*runs))
    }

    pub(super) fn of(tally: &Tally, courses: &[Box<dyn Course + '_>]) -> SearchState {
        SearchState::with_memories(tally, courses.iter().map(|course| course.memory()).collect())
    }

    /// What each experiment's course has learned.
    pub(super) fn memories(&self) -> &[Option<String>] {
        &self.memories
    }

    pub(super) fn with_memories(tally: &Tally, memories: Vec<Option<String>>) -> SearchState {
        let report = &tally.report;
        let findings = report.findings.iter().zip(&tally.finding_origins).map(|(finding, origin)| FindingState {
            origin: origin.clone(),
            first_found_at_run: finding.first_found_at_run,
            shown: finding.shown.clone(),
            shown_undisturbed: finding.shown_undisturbed,
        });
        SearchState {
            version: SearchState::VERSION,
            runs_by_experiment: report.runs_by_experiment.clone(),
            steps: report.steps,
            findings: findings.collect(),
            hazards: tally.hazard_origins.clone(),
            interleavings: report.interleavings.clone(),
            memories,
        }
    }

    /// What the search had counted and found. Runs on the workers that are installed.
    pub(super) fn tally(&self, experiments: &[&dyn Experiment]) -> io::Result<Tally> {
        self.check(experiments.len()).map_err(|what| unusable(&what))?;
        let changed = || unusable("a run does not show any more what it showed then; the program has changed since");
        let violations: Vec<Option<Violation>> =
            self.findings.par_iter().map(|finding| finding.origin.violation(experiments)).collect();
        let hazards: Vec<Option<Hazard>> = self.hazards.par_iter().map(|origin| origin.hazard(experiments)).collect();
        let hazards: Option<Vec<Hazard>> = hazards.into_iter().collect();
        let mut report = Report {
            hazards: hazards.ok_or_else(changed)?,
            runs: self.runs(),
            runs_by_experiment: self.runs_by_experiment.clone(),
            steps: self.steps,
            interleavings: self.interleavings.clone(),
            ..Report::default()
        };
        for (finding, violation) in self.findings.iter().zip(violations) {
            report.findings.push(Finding {
                violation: violation.ok_or_else(changed)?,
                experiment: finding.origin.experiment,
                trial: finding.origin.trial.clone(),
                first_found_at_run: finding.first_found_at_run,
                shown: finding.shown.clone(),
                shown_undisturbed: finding.shown_undisturbed,
            });
        }
        let finding_origins = self.findings.iter().map(|finding| finding.origin.clone()).collect();
        Ok(Tally { report, finding_origins, hazard_origins: self.hazards.clone() })
    }

    /// Let courses that are new stand where those of the search stood.
    pub(super) fn advance(&self, courses: &mut [Box<dyn Course + '_>]) -> io::Result<()> {
        for ((course, memory), runs) in courses.iter_mut().zip(&self.memories).zip(&self.runs_by_experiment) {
            if let Some(memory) = memory {
                course.remember(memory).map_err(|what| unusable(&what))?;
                continue;
            }
            // The first run is the undisturbed one, which is not the course's.
            if (1..*runs).any(|_| course.next_trial().is_none()) {
                return Err(unusable("the strategy has fewer trials than were run"));
            }
        }
        Ok(())
    }

    /// What a report must never contain, whatever the file that the state was read from says.
    fn check(&self, experiments: usize) -> Result<(), String> {
        if self.version != SearchState::VERSION {
            return Err(format!("it has version {}, expected {}", self.version, SearchState::VERSION));
        }
        let stored = self.runs_by_experiment.len();
        if stored != experiments || self.memories.len() != experiments {
            return Err(format!("it has {stored} experiments, expected {experiments}"));
        }
        if self.runs_by_experiment.contains(&0) || !self.interleavings.is_of(self.runs()) {
            return Err("its numbers of runs do not agree".to_owned());
        }
        let in_range = |origin: &Origin| origin.experiment < experiments;
        let agrees = |finding: &FindingState| {
            let counted = finding.shown.iter().zip(&self.runs_by_experiment).all(|(shown, runs)| shown <= runs);
            let undisturbed = finding.shown.iter().filter(|shown| **shown > 0).count() as u64;
            in_range(&finding.origin)
                && finding.shown.len() == experiments
                && counted
                && finding.shown_undisturbed <= undisturbed
                && (1..=self.runs()).contains(&finding.first_found_at_run)
        };
        if !self.findings.iter().all(agrees) || !self.hazards.iter().all(in_range) {
            return Err("its findings do not agree with its runs".to_owned());
        }
        Ok(())
    }
}

impl Origin {
    fn violation(&self, experiments: &[&dyn Experiment]) -> Option<Violation> {
        run(experiments[self.experiment], &self.trial).violations.into_iter().nth(self.index)
    }

    fn hazard(&self, experiments: &[&dyn Experiment]) -> Option<Hazard> {
        run(experiments[self.experiment], &self.trial).hazards.into_iter().nth(self.index)
    }
}

pub(super) fn unusable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the search cannot go on from this state: {what}"))
}
