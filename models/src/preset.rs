//! Named designs: bundles of switches, each with where the knowledge of it comes from.
//!
//! A preset is a version of QEMU or of a posted series; a [`VariantChoice`] is a preset with switches changed. Not
//! every posted version has a preset: those that differ only in what is not modelled (threads of set-up, return path)
//! are left out.

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::scenario::VariantChoice;
use crate::scenario::outline::{Content, outline};
use crate::scenario::parse::{Switches, from_ron, to_ron};
use crate::variant::{
    BitmapLock, CacheAlloc, CacheRelease, CheckpointLoadBql, ClearGuestZero, CopyPredicate, EnabledPredicate, HookCopy,
    HookRecord, LoaderStateReads, Multifd, Overrides, RecordZero, RecvTarget, SWITCHES, SyncReceiver, SyncSender,
    Variant, VmRestart,
};
use std::fmt;
use std::str::FromStr;

/// A named design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// As written in a scenario.
    pub name: &'static str,
    /// Other names of the same design.
    pub aliases: &'static [&'static str],
    /// What it is, in one line.
    pub doc: &'static str,
    /// How it is known: read in source, measured, reported.
    pub evidence: &'static str,
    /// Its switches.
    pub variant: Variant,
}

/// QEMU 11.0: commit dd67c149e2; that the BQL is free during the load was measured on 11.1.3.
const MERGED: Variant = Variant {
    multifd: Multifd::On,
    hook_record: HookRecord::InUnfill,
    hook_copy: HookCopy::AfterRecv,
    recv_target: RecvTarget::CacheAlways,
    copy_predicate: CopyPredicate::NotColo,
    loader_state_reads: LoaderStateReads::Twice,
    enabled_predicate: EnabledPredicate::Capability,
    record_zero: RecordZero::Yes,
    clear_guest_zero: ClearGuestZero::Yes,
    bitmap_lock: BitmapLock::PerList,
    sync_sender: SyncSender::PerRound,
    sync_receiver: SyncReceiver::PerRound,
    cache_alloc: CacheAlloc::CoroutineStart,
    cache_release: CacheRelease::AfterMultifdJoin,
    checkpoint_load_bql: CheckpointLoadBql::Dropped,
    vm_restart: VmRestart::BeforeMultifdJoin,
};

/// Every preset, the oldest design first.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "plain-ram.c",
        aliases: &["plain"],
        doc: "no multifd: the loader takes every page from the main channel (11.0)",
        evidence: "source (review thread), measured",
        variant: Variant {
            multifd: Multifd::Off,
            hook_record: HookRecord::None,
            hook_copy: HookCopy::None,
            recv_target: RecvTarget::ByState,
            enabled_predicate: EnabledPredicate::LoaderBoth,
            bitmap_lock: BitmapLock::PerPage,
            ..MERGED
        },
    },
    Preset {
        name: "series-v5",
        aliases: &["v5", "multifd-v3"],
        doc: "the series under review in January 2026, on the teardown of QEMU 10.x",
        evidence: "source (review thread); the thread most likely reviews v3",
        variant: Variant {
            enabled_predicate: EnabledPredicate::LoaderBoth,
            cache_alloc: CacheAlloc::EnableColoCommand,
            cache_release: CacheRelease::AfterColoJoin,
            checkpoint_load_bql: CheckpointLoadBql::Held,
            ..MERGED
        },
    },
    Preset {
        name: "merged-bql-held",
        aliases: &[],
        doc: "merged, but the BQL is held while a checkpoint's RAM is loaded, as in QEMU 10.x",
        evidence: "source (10.2.2)",
        variant: Variant { checkpoint_load_bql: CheckpointLoadBql::Held, ..MERGED },
    },
    Preset {
        name: "merged",
        aliases: &["multifd-v11"],
        doc: "QEMU 11.0 and 11.1: commit dd67c149e2",
        evidence: "source (dd67c149e2), checkpoint_load_bql measured (11.1.3)",
        variant: MERGED,
    },
];

/// The preset of this name or alias.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name || preset.aliases.contains(&name))
}

/// Why a [`VariantChoice`] is no design.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariantError {
    /// There is no such preset.
    #[error("unknown preset `{name}`")]
    UnknownPreset {
        /// As written.
        name: String,
        /// What was probably meant, as a phrase.
        suggestion: Option<String>,
    },
    /// Two switches contradict each other.
    #[error("`{switch}: {value}` is senseless here: {reason}")]
    Senseless {
        /// The switch to change.
        switch: &'static str,
        /// Its value.
        value: String,
        /// What contradicts it.
        reason: &'static str,
    },
}

impl VariantError {
    /// What to do about it, as a phrase.
    pub fn suggestion(&self) -> Option<String> {
        match self {
            VariantError::UnknownPreset { suggestion, .. } => suggestion.clone(),
            VariantError::Senseless { .. } => None,
        }
    }
}

impl VariantChoice {
    /// The complete set of switches.
    ///
    /// # Errors
    /// If the preset does not exist or the switches contradict each other.
    pub fn resolve(&self) -> Result<Variant, VariantError> {
        let Some(preset) = preset(&self.preset) else {
            let names = PRESETS.iter().flat_map(|preset| preset.aliases.iter().chain([&preset.name])).copied();
            let suggestion = did_you_mean(&self.preset, names);
            return Err(VariantError::UnknownPreset { name: self.preset.clone(), suggestion });
        };
        let variant = preset.variant.clone().with(&self.overrides);
        check(&variant)?;
        Ok(variant)
    }
}

/// Refuses what no QEMU could be. Switches that have no effect beside others are harmless and allowed.
fn check(variant: &Variant) -> Result<(), VariantError> {
    // Without multifd nobody runs the hooks.
    if variant.multifd == Multifd::Off || variant.hook_copy == HookCopy::None {
        return Ok(());
    }
    if variant.recv_target == RecvTarget::GuestAlways {
        return Err(VariantError::Senseless {
            switch: "recv_target",
            value: format!("{:?}", variant.recv_target),
            reason: "the page is already in guest RAM, and `hook_copy: AfterRecv` would copy it onto itself",
        });
    }
    if variant.copy_predicate == CopyPredicate::Snapshot && variant.hook_record == HookRecord::None {
        return Err(VariantError::Senseless {
            switch: "copy_predicate",
            value: format!("{:?}", variant.copy_predicate),
            reason: "with `hook_record: None` no state is read for the packet that the copy could go by",
        });
    }
    Ok(())
}

/// `merged + cache_release: AfterColoJoin`.
impl fmt::Display for VariantChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.preset)?;
        let text = to_ron(&self.overrides, None);
        if let Some(Content::Fields(switches)) = outline(&text).map(|node| node.content) {
            for switch in switches {
                write!(f, " + {}: {}", switch.key, &text[switch.value.span])?;
            }
        }
        Ok(())
    }
}

/// Reads what `Display` prints. The names are not looked up: see [`VariantChoice::resolve`].
impl FromStr for VariantChoice {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<VariantChoice, Diagnostic> {
        let mut parts = text.split(" + ").map(str::trim);
        let preset = parts.next().unwrap_or_default().to_string();
        let mut overrides = Overrides::default();
        for part in parts {
            overrides = with_switch(overrides, part).map_err(|error| {
                let start = text.find(part).unwrap_or(0);
                Diagnostic::at("variant", text, start..start + part.len(), error.message)
                    .with_suggestion(error.suggestion)
            })?;
        }
        Ok(VariantChoice { preset, overrides })
    }
}

/// `part` is `switch: value`; a later switch wins.
fn with_switch(overrides: Overrides, part: &str) -> Result<Overrides, Diagnostic> {
    let Some((switch, value)) = part.split_once(':').map(|(switch, value)| (switch.trim(), value.trim())) else {
        return Err(Diagnostic::unplaced("variant", format!("`{part}` is no switch; write `switch: Value`")));
    };
    if !SWITCHES.iter().any(|known| known.name == switch) {
        let suggestion = did_you_mean(switch, SWITCHES.iter().map(|known| known.name));
        return Err(Diagnostic::unplaced("variant", format!("unknown switch `{switch}`")).with_suggestion(suggestion));
    }
    // A value is one word; anything else could change other switches.
    if !value.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Diagnostic::unplaced("variant", format!("`{value}` is no value of `{switch}`")));
    }
    let text = to_ron(&overrides, None);
    let others = match outline(&text).map(|node| node.content) {
        Some(Content::Fields(fields)) => fields,
        _ => Vec::new(),
    };
    let kept = others.iter().filter(|field| field.key != switch);
    let kept: String = kept.map(|field| format!("{}: {}, ", field.key, &text[field.value.span.clone()])).collect();
    let Switches(overrides) = from_ron(&format!("({kept}{switch}: {value})"), "variant")?;
    Ok(overrides)
}
