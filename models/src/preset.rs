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
    BitmapLock, CacheAlloc, CacheAssert, CacheRelease, CacheSize, ChannelIdCheck, CheckpointLoadBql, ClearGuestZero,
    ColoEntry, CopyOrder, CopyPredicate, EarlyReturn, EnabledPredicate, FailoverInit, FailoverMultifd, FailoverOrder,
    HookCopy, HookRecord, LoaderStateReads, Multifd, NocompZero, Overrides, PrimaryFailover, ReadyWait, ReceivedAck,
    ReceivedmapRelease, ReceivedmapSet, RecordTime, RecordZero, RecvEof, RecvErrorState, RecvExitKick, RecvSyncWait,
    RecvTarget, RelaunchCheck, ReleasePoint, SWITCHES, SendExitKick, SetupSync, StateReads, SyncReceiver, SyncSender,
    UserCont, Variant, VmRestart, ZeroShortcut,
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
    /// Its switches. Those that `unknown` names have the value of the first case.
    pub variant: Variant,
    /// What could not be established about it, if anything.
    pub unknown: Option<Unknown>,
}

/// A switch whose value nobody could establish: the design is one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// The switch.
    pub switch: &'static str,
    /// What it can be.
    pub cases: &'static [Case],
}

/// One of the designs that a preset with an unknown switch can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// What would make it so, as "P order".
    pub name: &'static str,
    /// The switches then, as after the name of a preset: `switch: Value + switch: Value`.
    pub switches: &'static str,
}

/// QEMU 11.0: commit dd67c149e2; that the BQL is free during the load was measured on 11.1.3.
const MERGED: Variant = Variant {
    multifd: Multifd::On,
    hook_record: HookRecord::InUnfill,
    hook_copy: HookCopy::AfterRecv,
    cache_assert: CacheAssert::AfterRecord,
    recv_target: RecvTarget::CacheAlways,
    copy_order: CopyOrder::CacheThenGuest,
    copy_predicate: CopyPredicate::NotColo,
    state_reads: StateReads::Twice,
    loader_state_reads: LoaderStateReads::Twice,
    enabled_predicate: EnabledPredicate::Capability,
    record_zero: RecordZero::Yes,
    clear_guest_zero: ClearGuestZero::Yes,
    zero_shortcut: ZeroShortcut::ReceivedMap,
    nocomp_zero: NocompZero::Both,
    record_time: RecordTime::BeforeData,
    bitmap_lock: BitmapLock::PerList,
    receivedmap_set: ReceivedmapSet::Atomic,
    cache_alloc: CacheAlloc::CoroutineStart,
    cache_size: CacheSize::UsedLength,
    setup_sync: SetupSync::Present,
    sync_sender: SyncSender::PerRound,
    sync_receiver: SyncReceiver::PerRound,
    cache_release: CacheRelease::AfterMultifdJoin,
    receivedmap_release: ReceivedmapRelease::AfterMultifdJoin,
    recv_exit_kick: RecvExitKick::None,
    recv_sync_wait: RecvSyncWait::Blind,
    recv_eof: RecvEof::Silent,
    recv_error_state: RecvErrorState::OutgoingOnly,
    failover_multifd: FailoverMultifd::None,
    failover_order: FailoverOrder::StateFirst,
    vm_restart: VmRestart::BeforeMultifdJoin,
    checkpoint_load_bql: CheckpointLoadBql::Dropped,
    received_ack: ReceivedAck::BeforeLoadingFlag,
    failover_init: FailoverInit::AfterState,
    colo_entry: ColoEntry::StateFirst,
    relaunch_check: RelaunchCheck::ErrorFirst,
    early_return: EarlyReturn::Return,
    send_exit_kick: SendExitKick::OnError,
    primary_failover: PrimaryFailover::MainOnly,
    channel_id_check: ChannelIdCheck::Greater,
    release_point: ReleasePoint::AfterReceived,
    ready_wait: ReadyWait::Yes,
    user_cont: UserCont::Refused,
};

/// QEMU 11.0 without multifd: the loader stores the pages.
const PLAIN: Variant = Variant {
    multifd: Multifd::Off,
    hook_record: HookRecord::None,
    hook_copy: HookCopy::None,
    recv_target: RecvTarget::ByState,
    copy_order: CopyOrder::GuestThenCache,
    enabled_predicate: EnabledPredicate::Both,
    bitmap_lock: BitmapLock::PerPage,
    ..MERGED
};

/// The series under review, on the tree it was written for.
const SERIES_V5: Variant = Variant {
    enabled_predicate: EnabledPredicate::LoaderBoth,
    cache_alloc: CacheAlloc::EnableColoCommand,
    cache_release: CacheRelease::AfterColoJoin,
    checkpoint_load_bql: CheckpointLoadBql::Held,
    ..MERGED
};

/// The first version of the series.
const MULTIFD_V1: Variant = Variant {
    hook_record: HookRecord::BeforeRecv,
    cache_assert: CacheAssert::BeforeRecord,
    record_zero: RecordZero::No,
    clear_guest_zero: ClearGuestZero::No,
    user_cont: UserCont::Allowed,
    ..SERIES_V5
};

/// The fourth version: the flag is gone.
const MULTIFD_V4: Variant =
    Variant { enabled_predicate: EnabledPredicate::Capability, cache_alloc: CacheAlloc::CoroutineStart, ..SERIES_V5 };

/// Where the cache is released in the versions between review and merge.
const TEARDOWN: Option<Unknown> = Some(Unknown {
    switch: "cache_release",
    cases: &[
        Case { name: "P order", switches: "cache_release: AfterColoJoin + checkpoint_load_bql: Held" },
        Case { name: "M order", switches: "cache_release: AfterMultifdJoin + checkpoint_load_bql: Dropped" },
    ],
});

/// Every preset, the oldest design first.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "plain-ram.c-10.x",
        aliases: &["plain-10.x"],
        doc: "no multifd: the loader takes every page from the main channel (10.x)",
        evidence: "source (10.2.2)",
        variant: Variant {
            cache_alloc: CacheAlloc::EnableColoCommand,
            cache_release: CacheRelease::AfterColoJoin,
            checkpoint_load_bql: CheckpointLoadBql::Held,
            user_cont: UserCont::Allowed,
            ..PLAIN
        },
        unknown: None,
    },
    Preset {
        name: "plain-ram.c",
        aliases: &["plain"],
        doc: "no multifd: the loader takes every page from the main channel (11.0)",
        evidence: "source (review thread), measured",
        variant: PLAIN,
        unknown: None,
    },
    Preset {
        name: "multifd-2023",
        aliases: &[],
        doc: "the series of May 2023, first version: as v1, without an assertion",
        evidence: "source (list, 8 to 18 May 2023)",
        variant: Variant { cache_assert: CacheAssert::Absent, ..MULTIFD_V1 },
        unknown: None,
    },
    Preset {
        name: "multifd-v1",
        aliases: &[],
        doc: "the series of 30 December 2025, on the teardown of QEMU 10.x",
        evidence: "source (patch mail)",
        variant: MULTIFD_V1,
        unknown: None,
    },
    Preset {
        name: "multifd-v2",
        aliases: &[],
        doc: "17 January 2026: the hooks are in the generic wrapper for RAM; what is done is the same as in v1",
        evidence: "source (patch mail, review of 20 January)",
        variant: MULTIFD_V1,
        unknown: None,
    },
    Preset {
        name: "series-v5",
        aliases: &["v5", "multifd-v3"],
        doc: "the series under review in January 2026, on the teardown of QEMU 10.x",
        evidence: "source (review thread); the thread most likely reviews v3",
        variant: SERIES_V5,
        unknown: None,
    },
    Preset {
        name: "reviewer-nocomp-hook",
        aliases: &["nocomp-hook"],
        doc: "proposed in the review, on top of series-v5: the hooks inside the nocomp method, pages go to the guest first",
        evidence: "source (review thread, a sketch)",
        variant: Variant {
            hook_record: HookRecord::InNocompRecv,
            hook_copy: HookCopy::InNocompRecv,
            cache_assert: CacheAssert::Absent,
            recv_target: RecvTarget::ByState,
            copy_order: CopyOrder::GuestThenCache,
            enabled_predicate: EnabledPredicate::Both,
            nocomp_zero: NocompZero::TargetOnly,
            ..SERIES_V5
        },
        unknown: Some(Unknown {
            switch: "nocomp_zero",
            cases: &[
                Case { name: "zero pages go to the target only", switches: "nocomp_zero: TargetOnly" },
                Case { name: "zero pages go to both", switches: "nocomp_zero: Both" },
            ],
        }),
    },
    Preset {
        name: "multifd-v4",
        aliases: &[],
        doc: "30 January 2026: clean-ups that remove the flag; the cache is allocated at the start",
        evidence: "changelog, titles",
        variant: MULTIFD_V4,
        unknown: TEARDOWN,
    },
    Preset {
        name: "multifd-v5",
        aliases: &[],
        doc: "3 February 2026: as v4",
        evidence: "changelog",
        variant: MULTIFD_V4,
        unknown: TEARDOWN,
    },
    Preset {
        name: "multifd-v6",
        aliases: &["multifd-v7", "multifd-v8"],
        doc: "6 to 10 February 2026: as v4; v6 and v8 carry the same patch",
        evidence: "patchwork",
        variant: MULTIFD_V4,
        unknown: TEARDOWN,
    },
    Preset {
        name: "multifd-v9",
        aliases: &[],
        doc: "18 February 2026: two rare bugs fixed, which is not known",
        evidence: "changelog",
        variant: MULTIFD_V4,
        unknown: TEARDOWN,
    },
    Preset {
        name: "multifd-v10",
        aliases: &[],
        doc: "20 February 2026: a send thread that leaves always kicks the migration thread",
        evidence: "changelog; the receive side is not known",
        variant: Variant { send_exit_kick: SendExitKick::Always, ..MULTIFD_V4 },
        unknown: TEARDOWN,
    },
    Preset {
        name: "pre-2024-receivedmap",
        aliases: &[],
        doc: "merged, but receivedmap is released when precopy has been loaded",
        evidence: "reported (4ce5622908, September 2024)",
        variant: Variant { receivedmap_release: ReceivedmapRelease::EndOfLoad, ..MERGED },
        unknown: None,
    },
    Preset {
        name: "merged-bql-held",
        aliases: &[],
        doc: "merged, but the BQL is held while a checkpoint's RAM is loaded, as in QEMU 10.x",
        evidence: "source (10.2.2)",
        variant: Variant { checkpoint_load_bql: CheckpointLoadBql::Held, ..MERGED },
        unknown: None,
    },
    Preset {
        name: "merged",
        aliases: &["multifd-v11"],
        doc: "QEMU 11.0 and 11.1: commit dd67c149e2",
        evidence: "source (dd67c149e2), checkpoint_load_bql measured (11.1.3)",
        variant: MERGED,
        unknown: None,
    },
    Preset {
        name: "merged-fixed",
        aliases: &["fixed"],
        doc: "merged with the smallest changes that close what is open in it",
        evidence: "analysis",
        variant: Variant {
            copy_predicate: CopyPredicate::ActiveOnly,
            loader_state_reads: LoaderStateReads::Once,
            recv_exit_kick: RecvExitKick::Always,
            recv_sync_wait: RecvSyncWait::ChecksExiting,
            recv_eof: RecvEof::AsError,
            failover_multifd: FailoverMultifd::ShutdownInF8,
            received_ack: ReceivedAck::AfterLoadingFlag,
            failover_init: FailoverInit::BeforeState,
            relaunch_check: RelaunchCheck::RelaunchFirst,
            early_return: EarlyReturn::AsError,
            send_exit_kick: SendExitKick::Always,
            primary_failover: PrimaryFailover::AllChannels,
            channel_id_check: ChannelIdCheck::GreaterEqual,
            cache_size: CacheSize::MaxLength,
            ..MERGED
        },
        unknown: None,
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
    /// What a switch is in this preset could not be established.
    #[error("what `{switch}` is in `{preset}` is not known")]
    Unknown {
        /// The preset.
        preset: &'static str,
        /// The switch.
        switch: &'static str,
        /// A design that can be chosen, as a phrase.
        suggestion: String,
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
            VariantError::Unknown { suggestion, .. } => Some(suggestion.clone()),
            VariantError::Senseless { .. } => None,
        }
    }
}

/// A design that a [`VariantChoice`] stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Which of several designs it is, if the preset leaves a switch unknown: "if P order".
    pub condition: Option<String>,
    /// The choice with no switch unknown.
    pub choice: VariantChoice,
    /// All switches.
    pub variant: Variant,
}

impl VariantChoice {
    /// The complete set of switches.
    ///
    /// # Errors
    /// If the preset does not exist, a switch of it is not known, or switches contradict each other.
    pub fn resolve(&self) -> Result<Variant, VariantError> {
        let mut designs = self.resolve_all()?;
        match designs.pop() {
            Some(design) if designs.is_empty() => Ok(design.variant),
            last => {
                let preset = self.preset()?;
                let switch = preset.unknown.map_or("", |unknown| unknown.switch);
                let choices = designs.into_iter().chain(last).map(|design| format!("`{}`", design.choice));
                let suggestion = format!("choose {}", choices.collect::<Vec<_>>().join(" or "));
                Err(VariantError::Unknown { preset: preset.name, switch, suggestion })
            }
        }
    }

    /// Every design that it can be: one, or if the preset leaves a switch unknown that is not chosen here, one for each case.
    ///
    /// # Errors
    /// If the preset does not exist or switches contradict each other.
    pub fn resolve_all(&self) -> Result<Vec<Resolved>, VariantError> {
        let preset = self.preset()?;
        let Some(unknown) = preset.unknown.filter(|unknown| !self.overrides.changes(unknown.switch)) else {
            let variant = preset.variant.clone().with(&self.overrides);
            check(&variant)?;
            return Ok(vec![Resolved { condition: None, choice: self.clone(), variant }]);
        };
        let design = |case: &Case| {
            let assumed: VariantChoice = format!("{} + {}", self.preset, case.switches)
                .parse()
                .unwrap_or_else(|error| panic!("the cases of a preset are switches: {error}"));
            let variant = preset.variant.clone().with(&assumed.overrides).with(&self.overrides);
            check(&variant)?;
            let overrides = assumed.overrides.and(&self.overrides);
            let choice = VariantChoice { preset: self.preset.clone(), overrides };
            Ok(Resolved { condition: Some(format!("if {}", case.name)), choice, variant })
        };
        unknown.cases.iter().map(design).collect()
    }

    fn preset(&self) -> Result<&'static Preset, VariantError> {
        preset(&self.preset).ok_or_else(|| {
            let names = PRESETS.iter().flat_map(|preset| preset.aliases.iter().chain([&preset.name])).copied();
            let suggestion = did_you_mean(&self.preset, names);
            VariantError::UnknownPreset { name: self.preset.clone(), suggestion }
        })
    }
}

/// Refuses what no QEMU could be. Switches that have no effect beside others are harmless and allowed.
fn check(variant: &Variant) -> Result<(), VariantError> {
    let senseless = |switch, value: &dyn fmt::Debug, reason| {
        Err(VariantError::Senseless { switch, value: format!("{value:?}"), reason })
    };
    match (variant.recv_target, variant.copy_order) {
        (RecvTarget::CacheAlways, CopyOrder::GuestThenCache) => {
            let reason = "with `recv_target: CacheAlways` the cache is read into, so the guest is what is copied to";
            return senseless("copy_order", &variant.copy_order, reason);
        }
        (RecvTarget::ByState, CopyOrder::CacheThenGuest) => {
            let reason = "with `recv_target: ByState` a page of precopy is read into the guest, so the cache is what is \
                          copied to";
            return senseless("copy_order", &variant.copy_order, reason);
        }
        _ => {}
    }
    if variant.multifd == Multifd::Off {
        return Ok(()); // Nobody runs the hooks.
    }
    if variant.hook_copy != HookCopy::None && variant.recv_target == RecvTarget::GuestAlways {
        let reason = "the page is in guest RAM already, and the copy hook would copy it onto itself";
        return senseless("recv_target", &variant.recv_target, reason);
    }
    let by_snapshot = variant.copy_predicate == CopyPredicate::Snapshot || variant.state_reads == StateReads::Once;
    if variant.hook_copy != HookCopy::None && by_snapshot && variant.hook_record == HookRecord::None {
        let reason = "with `hook_record: None` no state is read for the packet that the copy could go by";
        return match variant.copy_predicate {
            CopyPredicate::Snapshot => senseless("copy_predicate", &variant.copy_predicate, reason),
            _ => senseless("state_reads", &variant.state_reads, reason),
        };
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
