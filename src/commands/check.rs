//! `check`: is a scenario sound, and what does it say with all defaults?

use super::Settings;
use crate::cli::CheckArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::scenario::load;
use crate::report::json;
use crate::values::Format;
use colosim_models::memory_need::MemoryNeed;
use colosim_models::preset::preset;
use colosim_models::scenario::Size;
use serde::Serialize;

#[derive(Serialize)]
struct Checked {
    scenario: String,
    fingerprint: String,
    /// What a run takes at its peak, by the design that takes most.
    memory_bytes: u64,
    memory: Vec<Part>,
    effective: String,
    variants: Vec<CheckedVariant>,
}

#[derive(Serialize)]
struct Part {
    of: &'static str,
    bytes: u64,
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
    let variants = loaded.variants()?;
    let needs = variants.iter().map(|chosen| MemoryNeed::new(&loaded.scenario, &chosen.variant));
    let need = needs.max_by_key(MemoryNeed::bytes).unwrap_or_default();
    let variants = variants
        .into_iter()
        .map(|chosen| CheckedVariant { variant: chosen.name, differs: differs_from_merged(&chosen.variant) });
    let checked = Checked {
        scenario: loaded.name.clone(),
        fingerprint: format!("{:016x}", loaded.scenario.fingerprint()),
        memory_bytes: need.bytes(),
        memory: need.parts.into_iter().map(|(of, bytes)| Part { of, bytes }).collect(),
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
    // Whole MiB: the need is an estimate.
    let in_mib = |bytes: u64| Size::from_bytes(bytes.next_multiple_of(1 << 20));
    text += &format!("// a run takes about {} of memory at its peak\n", in_mib(checked.memory_bytes));
    for part in checked.memory.iter().filter(|part| part.bytes >= 1 << 20) {
        text += &format!("//   {}: {}\n", part.of, in_mib(part.bytes));
    }
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
