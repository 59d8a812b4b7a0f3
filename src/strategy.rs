//! `--strategy`: a name, for some with a parameter behind a colon, and what stands behind it.

use colosim_models::diagnostic::nearest;
use std::fmt;
use std::ops::RangeInclusive;

/// How trials are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrategyChoice {
    /// Random stalls of threads by seed.
    Stalls,
    /// No stalls, only the host's natural noise.
    Timed,
    /// So many priority changes, as long stalls.
    Pct(u32),
    /// Stalls with knobs drawn by seed.
    Swarm,
    /// Every placement of up to so many logical holds.
    Exhaustive(u32),
    /// Every interleaving, up to equivalence.
    Dpor,
}

/// What a user can write, and what is said about it.
#[derive(Debug, Clone, Copy)]
pub struct StrategyInfo {
    /// Its name, before the colon.
    pub name: &'static str,
    /// The parameter behind the colon, if there is one.
    pub parameter: Option<Parameter>,
    /// What it does.
    pub does: &'static str,
    /// What is known once it is through and found nothing.
    pub proves: &'static str,
    /// Where the idea comes from.
    pub source: &'static str,
    choice: fn(u32) -> StrategyChoice,
}

/// A number behind the colon.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// How it stands in help, as `D`.
    pub letter: &'static str,
    /// What it is, as "the depth".
    pub what: &'static str,
    /// Its first and its last value.
    pub range: (u32, u32),
}

impl Parameter {
    fn range(&self) -> RangeInclusive<u32> {
        self.range.0..=self.range.1
    }
}

/// Every strategy, in the order of the listing.
pub const STRATEGIES: [StrategyInfo; 6] = [
    StrategyInfo {
        name: "stalls",
        parameter: None,
        does: "1 to 3 stalls of threads per run, drawn by seed: places weighted by the visits that a thread has left, \
               spans uniform over doublings",
        proves: "nothing if none is found; finds witnesses fast",
        source: "weights: Zhao, Wolff, Mathur, Roychoudhury, ASPLOS 2025 (URW); stalls at hazards: Sen, PLDI 2008",
        choice: |_| StrategyChoice::Stalls,
    },
    StrategyInfo {
        name: "timed",
        parameter: None,
        does: "only the host profile's natural noise, one run for each seed",
        proves: "how likely something is on an undisturbed host: a rate with its interval",
        source: "interval: Wilson, JASA 1927",
        choice: |_| StrategyChoice::Timed,
    },
    StrategyInfo {
        name: "pct",
        parameter: Some(Parameter {
            letter: "D",
            what: "the depth, the number of ordering constraints",
            range: (1, 10),
        }),
        does: "one lowest thread and D - 1 priority-change points per run, as long stalls",
        proves: "a lower bound on the chance of finding a bug of depth D in one run",
        source: "Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010",
        choice: StrategyChoice::Pct,
    },
    StrategyInfo {
        name: "swarm",
        parameter: None,
        does: "`stalls` with knobs drawn by seed, some of them switched off as a whole",
        proves: "nothing if none is found; reaches what the same knobs for every run never do",
        source: "Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012",
        choice: |_| StrategyChoice::Swarm,
    },
    StrategyInfo {
        name: "exhaustive",
        parameter: Some(Parameter { letter: "K", what: "the number of holds", range: (1, 4) }),
        does: "every placement of up to K logical holds (a thread waits at a step until another has passed a step that \
               conflicts with it)",
        proves: "no schedule with up to K holds breaks this, with the count",
        source: "bounded search: Musuvathi, Qadeer, PLDI 2007",
        choice: StrategyChoice::Exhaustive,
    },
    StrategyInfo {
        name: "dpor",
        parameter: None,
        does: "every interleaving up to equivalence, with free delays: for small configurations",
        proves: "no timing at all breaks this configuration",
        source: "Abdulla, Aronis, Jonsson, Sagonas, POPL 2014 (source sets, sleep sets)",
        choice: |_| StrategyChoice::Dpor,
    },
];

impl StrategyInfo {
    /// As in help: `pct:D`.
    pub fn form(&self) -> String {
        match self.parameter {
            Some(parameter) => format!("{}:{}", self.name, parameter.letter),
            None => self.name.to_owned(),
        }
    }

    /// As a user could write it.
    fn example(&self) -> String {
        match self.parameter {
            Some(parameter) => format!("{}:{}", self.name, parameter.range.0 + 1),
            None => self.name.to_owned(),
        }
    }
}

/// A strategy as the user writes it: `stalls`, `pct:3`.
///
/// # Errors
/// What was meant, or what the parameter must be.
pub fn strategy(text: &str) -> Result<StrategyChoice, String> {
    let (name, parameter) = match text.split_once(':') {
        Some((name, parameter)) => (name.trim(), Some(parameter.trim())),
        None => (text.trim(), None),
    };
    let Some(info) = STRATEGIES.iter().find(|info| info.name == name) else { return Err(unknown(name)) };
    match (info.parameter, parameter) {
        (None, None) => Ok((info.choice)(0)),
        (None, Some(found)) => Err(format!("`{name}` takes no parameter, but `{found}` was given")),
        (Some(expected), found) => {
            let number = found.and_then(|found| found.parse().ok()).filter(|number| expected.range().contains(number));
            number.map(info.choice).ok_or_else(|| wrong_parameter(info, expected, found))
        }
    }
}

fn wrong_parameter(info: &StrategyInfo, expected: Parameter, found: Option<&str>) -> String {
    let found = match found {
        None | Some("") => "none was given".to_owned(),
        Some(found) => format!("`{found}` was given"),
    };
    let (first, last) = expected.range;
    let (what, form, example) = (expected.what, info.form(), info.example());
    format!("`{form}` needs {what}, {first} to {last}, but {found}; write e.g. `{example}`")
}

fn unknown(name: &str) -> String {
    let meant = nearest(name, STRATEGIES.iter().map(|info| info.name));
    let meant = meant.and_then(|meant| STRATEGIES.iter().find(|info| info.name == meant));
    let meant = meant.map_or_else(String::new, |info| format!("; did you mean `{}`?", info.form()));
    let all: Vec<String> = STRATEGIES.iter().map(|info| format!("`{}`", info.form())).collect();
    format!("unknown strategy `{name}`{meant}\n  strategies: {}", all.join(", "))
}

impl StrategyChoice {
    /// Does one run say something about how likely a finding is?
    pub fn is_undisturbed(self) -> bool {
        self == StrategyChoice::Timed
    }
}

impl fmt::Display for StrategyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StrategyChoice::Stalls => f.write_str("stalls"),
            StrategyChoice::Timed => f.write_str("timed"),
            StrategyChoice::Pct(depth) => write!(f, "pct:{depth}"),
            StrategyChoice::Swarm => f.write_str("swarm"),
            StrategyChoice::Exhaustive(holds) => write!(f, "exhaustive:{holds}"),
            StrategyChoice::Dpor => f.write_str("dpor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in ["stalls", "timed", "pct:1", "pct:10", "swarm", "exhaustive:4", "dpor"] {
            assert_eq!(strategy(text).unwrap().to_string(), text);
        }
        assert!(STRATEGIES.iter().all(|info| strategy(&info.example()).is_ok()));
    }

    #[test]
    fn a_wrong_parameter_is_answered_with_what_it_must_be() {
        for text in ["pct", "pct:", "pct:0", "pct:11", "pct:x", "pct:-1"] {
            let message = strategy(text).unwrap_err();
            assert!(message.contains("`pct:D` needs the depth") && message.contains("1 to 10"), "{message}");
        }
        assert!(strategy("exhaustive:5").unwrap_err().contains("the number of holds, 1 to 4, but `5` was given"));
        assert!(strategy("dpor:1").unwrap_err().contains("takes no parameter"));
    }

    #[test]
    fn a_slip_is_answered_with_what_was_meant_and_with_the_list() {
        let message = strategy("stals").unwrap_err();
        assert!(message.starts_with("unknown strategy `stals`; did you mean `stalls`?"), "{message}");
        assert!(message.contains("`pct:D`") && message.contains("`exhaustive:K`"), "{message}");
        assert!(strategy("exhaustiv:2").unwrap_err().contains("did you mean `exhaustive:K`?"));
    }
}
