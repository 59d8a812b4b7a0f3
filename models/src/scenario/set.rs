//! One field of a scenario by its dotted path: read it, set it, as `--set link.loss=1e-3` and sweeps do.
//!
//! The path names fields as the file does (`link.loss`, `faults.0.1.after`, `guest.workload.rate`): the name of an enum
//! variant is not part of it, and a position counts from 0. To set a field the scenario is written in canonical form,
//! where every field is present; the text of the value is exchanged and the whole is read again, so that a set value
//! is refused by the same code and in the same words as a written one.

use super::outline::{Content, Node, outline};
use super::parse::{diagnostic, ron_options, to_ron};
use super::schema::Scenario;
use super::units::{Bandwidth, PageRate, Size, Span};
use crate::diagnostic::{Diagnostic, did_you_mean, nearest};
use ron::ser::PrettyConfig;
use sha2::{Digest, Sha256};

/// Name of the file in messages about a set value.
const FLAG: &str = "--set";

/// What a number of a scenario counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Time.
    Nanoseconds,
    /// Size.
    Bytes,
    /// Bit rate.
    BitsPerSecond,
    /// Page rate.
    PagesPerSecond,
    /// A share or a probability.
    Ratio,
    /// Anything whole.
    Count,
}

impl Scenario {
    /// Canonical text: every field is written, units in their shortest form, no comments.
    pub fn to_ron(&self) -> String {
        let config = PrettyConfig::new().new_line("\n").depth_limit(2);
        let body = to_ron(self, Some(config));
        format!("Scenario{body}\n")
    }

    /// First 8 bytes of the SHA-256 of the canonical text: the same for two files that say the same about what is run.
    /// What is judged benign, and how the scenario can be made small, says nothing about that.
    pub fn fingerprint(&self) -> u64 {
        let digest = Sha256::digest(Scenario { benign: Vec::new(), smallest: None, ..self.clone() }.to_ron());
        digest[..8].iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
    }

    /// The scenario as small as it says it can be; itself if it does not say.
    ///
    /// # Errors
    /// If a change is none.
    pub fn made_small(&self) -> Result<Scenario, Diagnostic> {
        let Some(smallest) = &self.smallest else { return Ok(self.clone()) };
        let mut scenario = Scenario { smallest: None, ..self.clone() };
        for change in &smallest.changes {
            scenario = scenario.set(&change.path, &change.value)?;
        }
        scenario.explore_from.clone_from(&smallest.explore_from);
        Ok(scenario)
    }

    /// The paths of all fields that hold a single value, in the order of the file.
    pub fn paths(&self) -> Vec<String> {
        let (_, whole) = self.canonical();
        whole.paths().into_iter().filter(|(_, node)| node.content == Content::Scalar).map(|(path, _)| path).collect()
    }

    /// The value of a field as canonical RON text; none if there is no such path.
    pub fn field(&self, path: &str) -> Option<String> {
        let (text, whole) = self.canonical();
        let node = whole.find(&text, &steps(path)).ok()?;
        Some(text[node.span.clone()].to_string())
    }

    /// The scenario with one field changed. `value` is RON text, or bare text for a field that is a string (`100 ms`).
    ///
    /// # Errors
    /// If there is no such field, or if `value` is none of its values; the place is then one in `path=value`.
    pub fn set(&self, path: &str, value: &str) -> Result<Scenario, Diagnostic> {
        let (text, whole) = self.canonical();
        let argument = format!("{path}={value}");
        let node = whole
            .find(&text, &steps(path))
            .map_err(|(deepest, done)| unknown_path(&whole, &text, path, deepest, done, &argument))?;
        let mut first_error = None;
        for candidate in candidates(value, text[node.span.clone()].starts_with('"')) {
            let changed = format!("{}{candidate}{}", &text[..node.span.start], &text[node.span.end..]);
            match ron_options().from_str(&changed) {
                Ok(scenario) => return Ok(scenario),
                Err(error) => first_error = first_error.or(Some(diagnostic(&error, &changed, FLAG))),
            }
        }
        let error = first_error.expect("there is always a candidate");
        let place = path.len() + 1..argument.len();
        Err(Diagnostic::at(FLAG, &argument, place, error.message).with_suggestion(error.suggestion))
    }

    /// The value of a field as a number in base units; of an enum with one number, that number (`Bernoulli(1e-4)`).
    pub fn field_number(&self, path: &str) -> Option<(f64, Unit)> {
        let (text, whole) = self.canonical();
        let node = whole.find(&text, &steps(path)).ok()?;
        let node = match &node.content {
            Content::Items(items) if items.len() == 1 && node.name.is_some() => &items[0],
            _ => node,
        };
        let value = &text[node.span.clone()];
        match value {
            "None" if path == "link.loss" => Some((0.0, Unit::Ratio)),
            _ if node.content != Content::Scalar => None,
            _ => number(value),
        }
    }

    fn canonical(&self) -> (String, Node) {
        let text = self.to_ron();
        let whole = outline(&text).expect("what ron writes has matching brackets");
        (text, whole)
    }
}

fn steps(path: &str) -> Vec<&str> {
    path.split('.').collect()
}

/// What `value` may stand for, the likeliest first.
fn candidates(value: &str, is_string: bool) -> Vec<String> {
    let value = value.trim();
    let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    // A value that is not exactly one RON value could smuggle in other fields; only quotes make it one.
    let Some(node) = outline(value) else { return vec![quoted] };
    let bare = value[node.span].to_string();
    match ron::from_str::<String>(&bare) {
        Ok(content) if outline(&content).is_some() => vec![bare, content],
        Ok(_) => vec![bare],
        Err(_) if is_string => vec![quoted, bare],
        Err(_) => vec![bare, quoted],
    }
}

fn unknown_path(whole: &Node, text: &str, path: &str, deepest: &Node, done: usize, argument: &str) -> Diagnostic {
    let steps = steps(path);
    let paths: Vec<String> = whole.paths().into_iter().map(|(path, _)| path).collect();
    let all = || paths.iter().map(String::as_str);
    // A field given without its parents: `loss` for `link.loss`.
    let ending = format!(".{path}");
    let mut endings = all().filter(|candidate| candidate.ends_with(&ending));
    let parent = steps[..done].join(".");
    let message = match (done, &deepest.content) {
        (0, _) => format!("there is no field `{path}`"),
        (_, Content::Scalar) => {
            format!("there is no field `{path}`: `{parent}` is `{}`", &text[deepest.span.clone()])
        }
        _ => format!("there is no field `{}` in `{parent}`", steps[done]),
    };
    let children: Vec<&str> = match &deepest.content {
        Content::Fields(fields) => fields.iter().map(|field| field.key.as_str()).collect(),
        _ => Vec::new(),
    };
    let did_you_mean_path = |path: String| format!("did you mean `{path}`?");
    let suggestion = match (endings.next(), endings.next()) {
        (Some(only), None) => Some(did_you_mean_path(only.to_string())),
        _ => nearest(steps[done], children.iter().copied())
            .map(|child| [&steps[..done], &[child], &steps[done + 1..]].concat().join("."))
            .filter(|path| paths.contains(path))
            .or_else(|| nearest(path, all().filter(|known| !path.starts_with(known))).map(str::to_string))
            .map(did_you_mean_path)
            .or_else(|| did_you_mean(steps[done], children)),
    };
    Diagnostic::at(FLAG, argument, 0..path.len(), message).with_suggestion(suggestion)
}

fn number(value: &str) -> Option<(f64, Unit)> {
    if let Ok(text) = ron::from_str::<String>(value) {
        let size = text.parse::<Size>().map(|size| (size.bytes() as f64, Unit::Bytes));
        let span = text.parse::<Span>().map(|span| (span.nanos() as f64, Unit::Nanoseconds));
        let rate = text.parse::<Bandwidth>().map(|rate| (rate.bits_per_second() as f64, Unit::BitsPerSecond));
        let pages = text.parse::<PageRate>().map(|rate| (rate.per_second() as f64, Unit::PagesPerSecond));
        return size.or(span).or(rate).or(pages).ok();
    }
    let number: f64 = value.parse().ok()?;
    let unit = if value.contains(['.', 'e']) { Unit::Ratio } else { Unit::Count };
    Some((number, unit))
}
