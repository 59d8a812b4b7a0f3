//! What the reviewers argue about, as switches: one point of the debate is one [`Variant`].
//!
//! A switch is read where it acts, once. The table below is the documentation too (`colosim list switches`): to add
//! a switch, add one entry here and read it in the model.
//!
//! Sources are named per value; "thread" is the review of "multifd: Add COLO support" on qemu-devel, January 2026.

use serde::{Deserialize, Serialize};

/// One value of a switch, for `colosim list switches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueInfo {
    /// As written in a scenario.
    pub name: &'static str,
    /// What the value means, step by step.
    pub doc: &'static str,
}

/// One switch, for `colosim list switches`.
#[derive(Debug, Clone, Copy)]
pub struct SwitchInfo {
    /// As written in a scenario.
    pub name: &'static str,
    /// The question that the switch answers.
    pub doc: &'static str,
    /// Its values.
    pub values: &'static [ValueInfo],
}

macro_rules! switches {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ident { $($(#[doc = $value_doc:literal])+ $value:ident,)+ })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
            pub enum $kind { $($(#[doc = $value_doc])+ $value,)+ }
        )+

        /// A complete set of switches: what the simulated QEMU does.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Variant { $($(#[doc = $doc])+ pub $field: $kind,)+ }

        /// Some switches, to change a preset: `("merged", (cache_release: AfterColoJoin))`.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Overrides {
            $($(#[doc = $doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>,)+
        }

        impl Variant {
            /// This variant with the given switches changed.
            pub fn with(mut self, overrides: &Overrides) -> Variant {
                $(if let Some(value) = overrides.$field { self.$field = value; })+
                self
            }

            /// The switches in which `self` and `other` differ, with both values.
            pub fn differences(&self, other: &Variant) -> Vec<(&'static str, String, String)> {
                let mut differences = Vec::new();
                $(if self.$field != other.$field {
                    differences.push((stringify!($field), format!("{:?}", self.$field), format!("{:?}", other.$field)));
                })+
                differences
            }
        }

        /// Every switch with its values and what they mean.
        pub const SWITCHES: &[SwitchInfo] = &[$(SwitchInfo {
            name: stringify!($field),
            doc: concat!($($doc),+),
            values: &[$(ValueInfo { name: stringify!($value), doc: concat!($($value_doc),+) }),+],
        }),+];
    };
}

switches! {
    /// Does RAM travel on multifd channels or on the main channel?
    multifd: Multifd {
        /// N receive threads take packets (capability `multifd`).
        On,
        /// The loader takes every page from the main channel.
        Off,
    }
    /// Where does the receive thread read the COLO state, record dirty bits and choose its target (R5e)?
    hook_record: HookRecord {
        /// At the end of unfill, with the channel's mutex held (series v3 and later).
        InUnfill,
        /// After R6, directly before the receive method, without the mutex (v1, v2).
        BeforeRecv,
        /// Nowhere.
        None,
    }
    /// Where is a precopy page copied from the cache to the guest (R8)?
    hook_copy: HookCopy {
        /// In the generic wrapper, after every receive method that succeeded.
        AfterRecv,
        /// Nowhere.
        None,
    }
    /// Which memory does a receive thread, or the plain loader, put pages into (p.host)?
    recv_target: RecvTarget {
        /// The cache, in precopy as well as in COLO state.
        CacheAlways,
        /// Guest RAM before COLO state, the cache in it; in precopy the page is then copied guest to cache.
        ByState,
        /// Guest RAM.
        GuestAlways,
    }
    /// When does R8a copy to the guest?
    copy_predicate: CopyPredicate {
        /// Unless the state is COLO: true before COLO and after failover.
        NotColo,
        /// Only in state ACTIVE.
        ActiveOnly,
        /// By the value that R5e1 read for this packet.
        Snapshot,
    }
    /// How often does the plain loader read the state for one page word (L5a, L5b)?
    loader_state_reads: LoaderStateReads {
        /// Once for the target, again for receivedmap.
        Twice,
        /// Once for both.
        Once,
    }
    /// Who is "COLO wanted"?
    enabled_predicate: EnabledPredicate {
        /// Capability x-colo, constant.
        Capability,
        /// Receive threads: the capability; the plain loader: capability and flag (thread).
        LoaderBoth,
    }
    /// Are zero pages recorded as dirty (R5e3)?
    record_zero: RecordZero {
        /// Yes.
        Yes,
        /// No: a page that turns zero stays stale in the guest (v1, v2).
        No,
    }
    /// Is the guest's page cleared for a zero page in precopy (R8c)?
    clear_guest_zero: ClearGuestZero {
        /// Yes.
        Yes,
        /// No (v1, v2).
        No,
    }
    /// How is the dirty bitmap of the cache protected while bits are recorded?
    bitmap_lock: BitmapLock {
        /// ram_state.bitmap_mutex for the whole list.
        PerList,
        /// ram_state.bitmap_mutex once for each page.
        PerPage,
    }
    /// When does the sender end an epoch with SYNC packets?
    sync_sender: SyncSender {
        /// When the dirty scan runs off the end of the block list, with a MULTIFD_FLUSH word (default since 8.1).
        PerRound,
        /// At the end of every PART and END section (multifd-flush-after-each-section).
        PerSection,
    }
    /// On what does the loader wait for the SYNC packets?
    sync_receiver: SyncReceiver {
        /// On a MULTIFD_FLUSH word.
        PerRound,
        /// On every EOS word, and on MULTIFD_FLUSH words.
        PerSection,
    }
    /// When is the cache allocated?
    cache_alloc: CacheAlloc {
        /// By the loader at the ENABLE_COLO command (10.x).
        EnableColoCommand,
        /// At the start of process_incoming_migration_co (11.0).
        CoroutineStart,
    }
    /// When is the cache released?
    cache_release: CacheRelease {
        /// After the COLO thread was joined (F13), while receive threads may still run (10.x, series-v5).
        AfterColoJoin,
        /// After the receive threads were joined (B6b, 11.0).
        AfterMultifdJoin,
        /// Between F10 and F12 (mutant).
        BeforeColoJoin,
        /// Never (mutant).
        Never,
    }
    /// Is the BQL held while a checkpoint's RAM is loaded (C14 to C16)?
    checkpoint_load_bql: CheckpointLoadBql {
        /// Held over the whole load (10.x).
        Held,
        /// Only around cpu_synchronize_all_states (measured on 11.1.3).
        Dropped,
    }
    /// Is the VM started before the receive threads are joined?
    vm_restart: VmRestart {
        /// B4 before B6a.
        BeforeMultifdJoin,
        /// B6a before B4.
        AfterMultifdJoin,
    }
}
