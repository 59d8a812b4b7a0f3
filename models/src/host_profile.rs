//! What each step costs on a host, and how much it varies: data, in RON.
//!
//! ```text
//! HostProfile(
//!     doc: "what was measured, and how",
//!     noise: (spread: 0.1, preemption: (mean_interval: "50 ms", mean_length: "200 us")),
//!     steps: {"colo_flush.copy_run": (fixed: "2 us", per_page: "600 ns")},
//!     other_steps: (fixed: "200 ns"),
//! )
//! ```
//!
//! Built-in profiles are part of the program, so that a scenario anywhere can name them; others are files whose text
//! the caller reads. Threads compete for cores only where `shared_cores` says so; else preemption stands for it. Not modelled:
//! caches, frequency scaling.

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::scenario::outline::{Content, Node, outline};
use crate::scenario::parse::from_ron;
use crate::scenario::{Share, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Costs of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostProfile {
    /// What the profile stands for and how it was obtained.
    pub doc: String,
    /// How costs vary.
    #[serde(default)]
    pub noise: Noise,
    /// Cores that the threads of both sides share, if one host runs both; none: each thread has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_cores: Option<u32>,
    /// Cost by name of step.
    #[serde(default)]
    pub steps: BTreeMap<String, StepCost>,
    /// Cost of every step that is not listed.
    #[serde(default)]
    pub other_steps: StepCost,
}

/// How costs vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// Each cost is drawn uniformly from (1 - spread) to (1 + spread) times the stated one.
    pub spread: Share,
    /// Threads that lose their core; none: never.
    pub preemption: Option<Preemption>,
}

/// Threads that lose their core: a Poisson process over a thread's busy time, with exponential lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preemption {
    /// Mean busy time between two.
    pub mean_interval: Span,
    /// Mean time until the thread runs again.
    pub mean_length: Span,
}

/// What one visit of a step costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepCost {
    /// Of every visit.
    pub fixed: Span,
    /// In addition, for every page that the visit is about.
    pub per_page: Span,
}

/// Longest cost of one visit: longer than any step of QEMU takes.
pub const FIXED_COST_MAX: Span = Span::from_nanos(60_000_000_000);
/// Longest cost of one page.
pub const PAGE_COST_MAX: Span = Span::from_nanos(10_000_000);

impl StepCost {
    /// What no step costs.
    fn out_of_range(self) -> Option<String> {
        let too_long = |what, cost, max| (cost > max).then(|| format!("{what} of {cost} is too much (at most {max})"));
        too_long("a cost", self.fixed, FIXED_COST_MAX).or(too_long("a cost per page", self.per_page, PAGE_COST_MAX))
    }
}

/// Name and text of the profiles that are part of the program.
const BUILTIN: &[(&str, &str)] = &[
    ("lab-loopback", include_str!("../../scenarios/hosts/lab-loopback.ron")),
    ("lab-loopback-medians", include_str!("../../scenarios/hosts/lab-loopback-medians.ron")),
    ("lab-unix", include_str!("../../scenarios/hosts/lab-unix.ron")),
    ("lab-unix-medians", include_str!("../../scenarios/hosts/lab-unix-medians.ron")),
    ("sapphire-rapids-100g", include_str!("../../scenarios/hosts/sapphire-rapids-100g.ron")),
    ("uniform", include_str!("../../scenarios/hosts/uniform.ron")),
    ("xeon-10gbe", include_str!("../../scenarios/hosts/xeon-10gbe.ron")),
];

impl HostProfile {
    /// The built-in profile of this name.
    ///
    /// # Panics
    /// Never: the tests read every built-in profile.
    pub fn builtin(name: &str) -> Option<HostProfile> {
        let (name, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
        match from_ron(text, name) {
            Ok(profile) => Some(profile),
            Err(error) => panic!("built-in host profile is unreadable:\n{error}"),
        }
    }

    /// The names of the built-in profiles.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The text of a built-in profile, to copy and change.
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Reads a profile; `name` is the file in messages, `steps` are all names of steps.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn from_ron(text: &str, name: &str, steps: &[&str]) -> Result<HostProfile, Diagnostic> {
        let profile: HostProfile = from_ron(text, name)?;
        let whole = outline(text);
        if let Some(step) = profile.steps.keys().find(|step| !steps.contains(&step.as_str())) {
            let message = format!("unknown step `{step}`");
            let suggestion = did_you_mean(step, steps.iter().copied());
            return Err(at_step(text, name, whole.as_ref(), step, message).with_suggestion(suggestion));
        }
        let too_long = profile.steps.iter().find_map(|(step, cost)| Some((step.as_str(), cost.out_of_range()?)));
        if let Some((step, message)) = too_long {
            return Err(at_step(text, name, whole.as_ref(), step, format!("`{step}`: {message}")));
        }
        if let Some(message) = profile.other_steps.out_of_range() {
            let node = whole.as_ref().and_then(|whole| whole.find(text, &["other_steps"]).ok());
            return Err(Diagnostic::at(name, text, node.map_or(0..0, |node| node.span.clone()), message));
        }
        if let Some(preemption) = profile.noise.preemption
            && preemption.mean_interval.nanos() == 0
        {
            let node =
                whole.as_ref().and_then(|whole| whole.find(text, &["noise", "preemption", "mean_interval"]).ok());
            let span = node.map_or(0..0, |node| node.span.clone());
            return Err(Diagnostic::at(name, text, span, "threads that are always preempted never run"));
        }
        if profile.shared_cores == Some(0) {
            let node = whole.as_ref().and_then(|whole| whole.find(text, &["shared_cores"]).ok());
            let span = node.map_or(0..0, |node| node.span.clone());
            return Err(Diagnostic::at(name, text, span, "without a core nothing runs"));
        }
        Ok(profile)
    }

    /// The text of a profile with other values at some paths (`["steps", "colo_flush.copy_run", "per_page"]`), each in RON; comments
    /// stay. What the text does not have stays away.
    pub fn rewritten(text: &str, values: &[(Vec<&str>, String)]) -> String {
        let whole = outline(text);
        let place = |path: &[&str]| whole.as_ref()?.find(text, path).ok().map(|node| node.span.clone());
        let mut places: Vec<_> =
            values.iter().filter_map(|(path, value)| Some((place(path)?, value.as_str()))).collect();
        places.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut rewritten = text.to_owned();
        places.into_iter().for_each(|(span, value)| rewritten.replace_range(span, value));
        rewritten
    }

    /// What one visit of a step costs.
    pub fn cost(&self, step: &str) -> StepCost {
        self.steps.get(step).copied().unwrap_or(self.other_steps)
    }
}

fn at_step(text: &str, name: &str, whole: Option<&Node>, step: &str, message: String) -> Diagnostic {
    let steps = whole.and_then(|whole| whole.find(text, &["steps"]).ok());
    let span = match steps.map(|node| &node.content) {
        Some(Content::Fields(fields)) => {
            fields.iter().find(|field| field.key == step).map(|field| field.key_span.clone())
        }
        _ => None,
    };
    match span {
        Some(span) => Diagnostic::at(name, text, span, message),
        None => Diagnostic::unplaced(name, message),
    }
}
