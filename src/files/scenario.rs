//! A scenario as the command line names it: read, changed by `--set`, checked, with its host profile.

use super::{read_text, ron::from_ron};
use crate::cli::ScenarioArgs;
use crate::exit::Failure;
use crate::strategy::StrategyChoice;
use crate::values::{Assignment, FaultPlan};
use colosim_models::diagnostic::{Diagnostic, did_you_mean};
use colosim_models::host_profile::HostProfile;
use colosim_models::preset::{Resolved, VariantError, preset};
use colosim_models::scenario::{BUILTIN, Fault, Scenario, TEXT_BYTES_MAX, VariantChoice};
use colosim_models::steps::step_names;
use colosim_models::variant::{Overrides, Variant};
use std::path::Path;

/// A scenario that can be run.
#[derive(Debug)]
pub struct Loaded {
    /// Name of the file without folder and extension.
    pub name: String,
    /// The scenario, as changed by `--set`.
    pub scenario: Scenario,
    /// The profile that it names.
    pub host: HostProfile,
    /// Text of the profile, if it is none of the built-in ones.
    pub host_text: Option<String>,
}

/// A design under the name that reports give it.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// As `merged + cache_release: AfterColoJoin`.
    pub name: String,
    /// Under which condition it is what its preset stands for: "if P order".
    pub condition: Option<String>,
    /// Its switches.
    pub variant: Variant,
}

/// Read, change and check the scenario that the command line names.
///
/// # Errors
/// If it cannot be read, or is impossible: everything that is wrong.
pub fn load(args: &ScenarioArgs) -> Result<Loaded, Failure> {
    let (text, file) = find(&args.scenario)?;
    let name = args.scenario.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
    let scenario = Scenario::from_ron(&text, &file)?;
    let scenario = if args.smallest { scenario.made_small()? } else { scenario };
    let scenario = set_all(scenario, &args.set)?;
    match args.set.is_empty() && !args.smallest {
        true => check(&scenario, &text, &file)?,
        false => check(&scenario, &scenario.to_ron(), &format!("{file} as changed"))?,
    }
    let dir = args.scenario.parent().unwrap_or(Path::new(""));
    let (host, host_text) = host_profile(&scenario, |path| {
        let path = dir.join(path);
        Ok((read_text(&path, TEXT_BYTES_MAX)?, path.display().to_string()))
    })?;
    Ok(Loaded { name, scenario, host, host_text })
}

/// As [`load`]; a strategy that tries every interleaving gets the smallest configuration that the scenario names.
///
/// # Errors
/// As [`load`].
pub fn load_for(args: &ScenarioArgs, strategy: StrategyChoice) -> Result<Loaded, Failure> {
    let smallest = args.smallest || strategy == StrategyChoice::Dpor;
    load(&ScenarioArgs { scenario: args.scenario.clone(), set: args.set.clone(), smallest })
}

/// The built-in scenario of this name.
///
/// # Errors
/// If there is none, or it is impossible.
pub fn load_builtin(name: &str) -> Result<Loaded, Failure> {
    load(&ScenarioArgs { scenario: name.into(), set: Vec::new(), smallest: false })
}

/// The scenario that is part of another file: canonical text, and the text of its profile if that is not built in.
///
/// # Errors
/// If it cannot be read, or is impossible.
pub fn load_embedded(name: &str, text: &str, host_text: Option<&str>, file: &str) -> Result<Loaded, Failure> {
    let place = format!("{file} (the scenario in it)");
    let scenario = Scenario::from_ron(text, &place)?;
    check(&scenario, text, &place)?;
    let (host, host_text) = host_profile(&scenario, |path| match host_text {
        Some(text) => Ok((text.to_owned(), format!("{file} (the host profile in it)"))),
        None => Err(Diagnostic::unplaced(file, format!("the host profile {path} is not in it")).into()),
    })?;
    Ok(Loaded { name: name.to_owned(), scenario, host, host_text })
}

/// The text of a file or of a built-in scenario, and the name for messages.
fn find(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    if !path.exists()
        && let Some((known, text)) = BUILTIN.iter().find(|(known, _)| Path::new(known) == path)
    {
        return Ok(((*text).to_owned(), format!("{known} (built in)")));
    }
    // A built-in name has neither folder nor extension.
    if !path.exists() && path.components().count() == 1 {
        let known = BUILTIN.iter().map(|(known, _)| *known);
        let message = format!("there is no file `{name}`, and no built-in scenario of that name");
        return Err(Failure::usage(message, did_you_mean(name.trim_end_matches(".ron"), known)));
    }
    Ok((read_text(path, TEXT_BYTES_MAX)?, name))
}

fn set_all(scenario: Scenario, changes: &[Assignment]) -> Result<Scenario, Failure> {
    changes.iter().try_fold(scenario, |scenario, change| Ok(scenario.set(&change.path, &change.value)?))
}

/// Refuse a scenario that is impossible; `text` and `file` are where it stands.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(scenario: &Scenario, text: &str, file: &str) -> Result<(), Failure> {
    let found = scenario.validate(text, file, &step_names());
    if found.is_empty() { Ok(()) } else { Err(Failure::Input(found)) }
}

/// The profile that a scenario names, and its text if it is none of the built-in ones.
fn host_profile(
    scenario: &Scenario,
    read: impl FnOnce(&str) -> Result<(String, String), Failure>,
) -> Result<(HostProfile, Option<String>), Failure> {
    if let Some(profile) = HostProfile::builtin(&scenario.host) {
        return Ok((profile, None));
    }
    let (text, name) = read(&scenario.host)?;
    let profile = HostProfile::from_ron(&text, &name, &step_names())?;
    Ok((profile, Some(text)))
}

impl Loaded {
    /// The designs of the scenario, in its order; a preset of which something is unknown is several.
    ///
    /// # Errors
    /// None that the check of the scenario leaves.
    pub fn variants(&self) -> Result<Vec<Chosen>, Failure> {
        let designs: Vec<Vec<Chosen>> = self.scenario.variants.iter().map(resolve_all).collect::<Result<_, _>>()?;
        Ok(designs.into_iter().flatten().collect())
    }

    /// The design of this name: one of the scenario, any preset, or a preset with switches. None: the scenario's first.
    ///
    /// # Errors
    /// If there is no such design.
    pub fn variant(&self, name: Option<&str>) -> Result<Chosen, Failure> {
        let Some(name) = name.map(str::trim) else { return resolve(&self.scenario.variants[0]) };
        if let Some(choice) = self.scenario.variants.iter().find(|choice| choice.to_string() == name) {
            return resolve(choice);
        }
        match preset(name) {
            Some(preset) => resolve(&VariantChoice { preset: preset.name.into(), overrides: Overrides::default() }),
            None if name.starts_with('(') => resolve(&from_ron(name, "--variant")?),
            None => resolve(&name.parse().map_err(|error: Diagnostic| {
                Failure::usage(format!("--variant: {}", error.message), error.suggestion)
            })?),
        }
    }

    /// The fault plan at this position, or the first one, or none.
    ///
    /// # Errors
    /// If there is no such fault plan.
    pub fn fault_plan(&self, asked: Option<FaultPlan>) -> Result<Option<usize>, Failure> {
        let count = self.scenario.faults.len();
        match asked {
            Some(FaultPlan::None) => Ok(None),
            None => Ok((count > 0).then_some(0)),
            Some(FaultPlan::Index(index)) if index < count => Ok(Some(index)),
            Some(FaultPlan::Index(index)) => {
                let there_are = match count {
                    0 => "the scenario has none".to_owned(),
                    _ => format!("the scenario has {count}, the last one is {}", count - 1),
                };
                Err(Failure::usage(format!("--fault-plan: there is no fault plan {index}: {there_are}"), None))
            }
        }
    }

    /// The faults of a plan.
    pub fn faults(&self, plan: Option<usize>) -> &[Fault] {
        plan.map_or(&[], |plan| &self.scenario.faults[plan])
    }
}

fn refused(error: VariantError) -> Failure {
    Failure::usage(format!("variant: {error}"), error.suggestion())
}

fn resolve(choice: &VariantChoice) -> Result<Chosen, Failure> {
    Ok(Chosen { name: choice.to_string(), condition: None, variant: choice.resolve().map_err(refused)? })
}

fn resolve_all(choice: &VariantChoice) -> Result<Vec<Chosen>, Failure> {
    let chosen = |design: Resolved| Chosen {
        name: design.choice.to_string(),
        condition: design.condition,
        variant: design.variant,
    };
    Ok(choice.resolve_all().map_err(refused)?.into_iter().map(chosen).collect())
}
