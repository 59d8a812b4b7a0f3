//! `check`: is a scenario sound, and what does it say with all defaults?

use super::Settings;
use crate::cli::CheckArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::load;
use crate::report::json;
use crate::values::Format;
use colosim_models::preset::preset;
use serde::Serialize;

#[derive(Serialize)]
struct Checked {
    scenario: String,
    fingerprint: String,
    effective: String,
    variants: Vec<CheckedVariant>,
}

#[derive(Serialize)]
struct CheckedVariant {
    variant: String,
    differs: Vec<Switch>,
}

#[derive(Serialize)]
struct Switch {
    switch: &'static str,
    value: String,
    merged: String,
}

/// Validate, and print the effective scenario and its variants.
pub fn check(args: &CheckArgs, settings: Settings) -> Result<Answer, Failure> {
    let loaded = load(&args.source)?;
    let variants = loaded
        .variants()?
        .into_iter()
        .map(|chosen| CheckedVariant { variant: chosen.name, differs: differs_from_merged(&chosen.variant) });
    let checked = Checked {
        scenario: loaded.name.clone(),
        fingerprint: format!("{:016x}", loaded.scenario.fingerprint()),
        effective: loaded.scenario.to_ron(),
        variants: variants.collect(),
    };
    let text = match settings.format {
        Format::Json => json::document(&checked),
        Format::Text => text(&checked),
    };
    Ok(Answer { text, exit: Exit::Done })
}

/// The switches of a design that are not as in `merged`.
fn differs_from_merged(variant: &colosim_models::variant::Variant) -> Vec<Switch> {
    let Some(merged) = preset("merged") else { return Vec::new() };
    let differences = variant.differences(&merged.variant).into_iter();
    differences.map(|(switch, value, merged)| Switch { switch, value, merged }).collect()
}

fn text(checked: &Checked) -> String {
    // Comments, so that the whole answer is a scenario file.
    let mut text = format!("// {}, fingerprint {}\n", checked.scenario, checked.fingerprint);
    for variant in &checked.variants {
        text += &format!("// variant {}:", variant.variant);
        match variant.differs.len() {
            0 => text += " the switches of merged\n",
            _ => {
                text.push('\n');
                for switch in &variant.differs {
                    text += &format!("//   {}: {} (merged: {})\n", switch.switch, switch.value, switch.merged);
                }
            }
        }
    }
    text + &checked.effective
}
