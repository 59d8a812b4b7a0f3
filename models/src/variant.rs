//! What the reviewers argue about, as switches: one point of the debate is one [`Variant`].
//!
//! A switch is read where it acts, once. The table below is the documentation too (`colosim list switches`): to add
//! a switch, add one entry here and read it in the model.
//!
//! Sources are named per switch; "thread" is the review of "multifd: Add COLO support" on qemu-devel, January 2026.

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
    /// How its values are known: source (read in QEMU or a posted patch), measured, list, analysis, unknown.
    pub evidence: &'static str,
    /// Its values.
    pub values: &'static [ValueInfo],
}

macro_rules! switches {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ident from $evidence:literal {
        $($(#[doc = $value_doc:literal])+ $value:ident,)+
    })+) => {
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

        impl Overrides {
            /// These switches, and those of `later`, which win.
            pub fn and(mut self, later: &Overrides) -> Overrides {
                $(self.$field = later.$field.or(self.$field);)+
                self
            }

            /// Is the switch of this name among them?
            pub fn changes(&self, switch: &str) -> bool {
                match switch {
                    $(stringify!($field) => self.$field.is_some(),)+
                    _ => false,
                }
            }
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
            evidence: $evidence,
            values: &[$(ValueInfo { name: stringify!($value), doc: concat!($($value_doc),+) }),+],
        }),+];
    };
}

switches! {
    /// Does RAM travel on multifd channels or on the main channel?
    multifd: Multifd from "source (qapi/migration.json)" {
        /// N receive threads take packets (capability `multifd`).
        On,
        /// The loader takes every page from the main channel.
        Off,
    }
    /// Where does the receive thread read the COLO state, record dirty bits and choose its target (R5e)?
    hook_record: HookRecord from "source (thread, series v1 to v11)" {
        /// At the end of unfill, with the channel's mutex held (series v3 and later).
        InUnfill,
        /// After R6, directly before the receive method, without the mutex (v1, v2).
        BeforeRecv,
        /// The same place, but inside the nocomp method: codecs never reach it (proposed in the thread).
        InNocompRecv,
        /// Nowhere.
        None,
    }
    /// Where is a precopy page copied from the cache to the guest (R8)?
    hook_copy: HookCopy from "source (thread, series v1 to v11)" {
        /// In the generic wrapper, after every receive method that succeeded.
        AfterRecv,
        /// At the end of the nocomp method, which returns before it when a packet has no normal page (proposed in the thread).
        InNocompRecv,
        /// Nowhere.
        None,
    }
    /// Is it tested that the cache is there (R5e4)?
    cache_assert: CacheAssert from "source (series v1 to v11)" {
        /// By an assertion, after the bits were recorded.
        AfterRecord,
        /// By an assertion, before the bits are recorded (v1, v2).
        BeforeRecord,
        /// Not at all: a cache that is gone is dereferenced.
        Absent,
    }
    /// Which memory does a receive thread, or the plain loader, put pages into (p.host)?
    recv_target: RecvTarget from "source (thread, series v1 to v11)" {
        /// The cache, in precopy as well as in COLO state.
        CacheAlways,
        /// Guest RAM before COLO state, the cache in it; in precopy the page is then copied guest to cache.
        ByState,
        /// Guest RAM.
        GuestAlways,
    }
    /// In which order does a page of precopy get into both memories? It follows from `recv_target`.
    copy_order: CopyOrder from "source (thread)" {
        /// The cache is read into, the guest copied to.
        CacheThenGuest,
        /// The guest is read into, the cache copied to.
        GuestThenCache,
    }
    /// When does a page count as one of precopy (R8a of a receive thread, L5a of the loader)?
    copy_predicate: CopyPredicate from "source (dd67c149e2); ActiveOnly and Snapshot by analysis" {
        /// Unless the state is COLO: true before COLO and after failover.
        NotColo,
        /// Only in state ACTIVE.
        ActiveOnly,
        /// By the value that R5e1 read for this packet (the loader: as NotColo).
        Snapshot,
    }
    /// How often does a receive thread read the state for one packet (R5e1, R8a)?
    state_reads: StateReads from "source (dd67c149e2)" {
        /// Twice, independently.
        Twice,
        /// Once: R8a goes by what R5e1 read.
        Once,
    }
    /// How often does the plain loader read the state for one page word (L5a, L5b)?
    loader_state_reads: LoaderStateReads from "source (10.2.2)" {
        /// Once for the target, again for receivedmap.
        Twice,
        /// Once for both.
        Once,
    }
    /// Who is "COLO wanted"?
    enabled_predicate: EnabledPredicate from "source (thread, 10.2.2)" {
        /// Capability x-colo, constant.
        Capability,
        /// The flag set by ENABLE_COLO (or with the cache) and cleared before the VM is started (B4), if the PVM did not run.
        Flag,
        /// Capability and flag.
        Both,
        /// Receive threads: the capability; the plain loader: capability and flag.
        LoaderBoth,
    }
    /// Are zero pages recorded as dirty (R5e3)?
    record_zero: RecordZero from "source (review of v2)" {
        /// Yes.
        Yes,
        /// No: a page that turns zero stays stale in the guest (v1, v2).
        No,
    }
    /// Is the guest's page cleared for a zero page in precopy (R8c)?
    clear_guest_zero: ClearGuestZero from "source (v1, v2, v3)" {
        /// Yes.
        Yes,
        /// No (v1, v2).
        No,
    }
    /// What does a receive thread do with a zero page (R7b)?
    zero_shortcut: ZeroShortcut from "source (5ef7e26bdb)" {
        /// The first arrival writes nothing, for memory is zero already; receivedmap tells.
        ReceivedMap,
        /// It is cleared always (10.2.2 with capability postcopy-ram).
        Always,
        /// It is cleared if it is not zero (before 5ef7e26bdb).
        IfNonzero,
    }
    /// With the hooks inside the nocomp method: which memories does a zero page go to?
    nocomp_zero: NocompZero from "unknown: left open in the thread" {
        /// The target only, and a packet of zero pages alone skips the copy hook.
        TargetOnly,
        /// Guest and cache.
        Both,
    }
    /// When are dirty bits recorded?
    record_time: RecordTime from "source (dd67c149e2)" {
        /// Before the data arrives (R5e2, R5e3).
        BeforeData,
        /// After it (after R7d).
        AfterData,
    }
    /// How is the dirty bitmap of the cache protected while bits are recorded?
    bitmap_lock: BitmapLock from "source (dd67c149e2; list, May 2023)" {
        /// ram_state.bitmap_mutex for the whole list.
        PerList,
        /// ram_state.bitmap_mutex once for each page.
        PerPage,
        /// Not at all: plain read, modify, write (before May 2023).
        None,
    }
    /// How are bits of receivedmap set?
    receivedmap_set: ReceivedmapSet from "source (5ef7e26bdb)" {
        /// With an atomic OR.
        Atomic,
        /// Plain read, modify, write (mutant).
        Plain,
    }
    /// When is the cache allocated?
    cache_alloc: CacheAlloc from "source (10.2.2, 11.0)" {
        /// By the loader at the ENABLE_COLO command (10.x).
        EnableColoCommand,
        /// At the start of process_incoming_migration_co (11.0).
        CoroutineStart,
        /// By the loader, when the START section has told the sizes of the blocks.
        AfterMemSize,
    }
    /// How long is the cache of a block that can be resized?
    cache_size: CacheSize from "source (10.2.2)" {
        /// As long as the block is when the cache is allocated.
        UsedLength,
        /// As long as the block can ever be.
        MaxLength,
    }
    /// Does the sender sync in the START section of RAM?
    setup_sync: SetupSync from "source (10.2.2)" {
        /// Yes: the first packet of every channel is a SYNC.
        Present,
        /// No (mutant).
        Absent,
    }
    /// When does the sender end an epoch with SYNC packets?
    sync_sender: SyncSender from "source (10.2.2), measured" {
        /// When the dirty scan runs off the end of the block list, with a MULTIFD_FLUSH word (default since 8.1).
        PerRound,
        /// At the end of every PART and END section (multifd-flush-after-each-section).
        PerSection,
        /// Never, but in the START section (mutant).
        Absent,
    }
    /// On what does the loader wait for the SYNC packets?
    sync_receiver: SyncReceiver from "source (10.2.2), measured" {
        /// On a MULTIFD_FLUSH word.
        PerRound,
        /// On every EOS word, and on MULTIFD_FLUSH words.
        PerSection,
        /// On nothing, but in the START section (mutant).
        Absent,
    }
    /// When is the cache released?
    cache_release: CacheRelease from "source (thread, 10.2.2, 11.0)" {
        /// After the COLO thread was joined (F13), while receive threads may still run (10.x, series-v5).
        AfterColoJoin,
        /// After the receive threads were joined (B6b, 11.0).
        AfterMultifdJoin,
        /// Between F10 and F12 (mutant).
        BeforeColoJoin,
        /// Never (mutant).
        Never,
    }
    /// When is receivedmap released?
    receivedmap_release: ReceivedmapRelease from "source (4ce5622908)" {
        /// After the receive threads were joined (B6c).
        AfterMultifdJoin,
        /// When qemu_loadvm_state returns, at the end of precopy (before September 2024).
        EndOfLoad,
    }
    /// Does a receive thread that leaves post the semaphore that the loader waits for (recv_state.sem_sync)?
    recv_exit_kick: RecvExitKick from "source (dd67c149e2), measured (11.1.3 hangs)" {
        /// No.
        None,
        /// If it leaves with an error.
        OnError,
        /// Always.
        Always,
    }
    /// What does the loader do when its wait for the SYNC packets is over (Y1)?
    recv_sync_wait: RecvSyncWait from "source (dd67c149e2)" {
        /// It takes every post for a SYNC.
        Blind,
        /// It looks whether the threads are leaving, and fails if so.
        ChecksExiting,
    }
    /// What does a receive thread do at the end of its stream, before a packet (R1)?
    recv_eof: RecvEof from "source (dd67c149e2), measured" {
        /// It leaves, and nobody is told.
        Silent,
        /// The same as with an error, unless all are told to leave.
        AsError,
    }
    /// Whose state does an error of a receive thread change (X2)?
    recv_error_state: RecvErrorState from "source (dd67c149e2)" {
        /// The outgoing migration's, which does not exist here.
        OutgoingOnly,
        /// The incoming migration's too: loader and COLO loop look at it.
        IncomingToo,
    }
    /// Does failover stop the receive threads (F8)?
    failover_multifd: FailoverMultifd from "source (dd67c149e2); ShutdownInF8 by analysis" {
        /// No: only the main socket is shut.
        None,
        /// Yes: they are terminated there.
        ShutdownInF8,
    }
    /// What comes first in a failover?
    failover_order: FailoverOrder from "source (dd67c149e2); ParkFirst by analysis" {
        /// The state leaves COLO (F4); the receive threads are stopped and joined at the end (B2, B6a).
        StateFirst,
        /// The receive threads are stopped and joined between F2 and F4.
        ParkFirst,
    }
    /// Is the VM started before the receive threads are joined?
    vm_restart: VmRestart from "source (10.2.2), measured" {
        /// B4 before B6a.
        BeforeMultifdJoin,
        /// B6a before B4.
        AfterMultifdJoin,
    }
    /// Is the BQL held while a checkpoint's RAM is loaded (C14 to C16)?
    checkpoint_load_bql: CheckpointLoadBql from "held: source (10.2.2); dropped: measured (11.1.3)" {
        /// Held over the whole load (10.x).
        Held,
        /// Only around cpu_synchronize_all_states (measured on 11.1.3).
        Dropped,
    }
    /// When is the primary told that a checkpoint is stored (C19)?
    received_ack: ReceivedAck from "source (10.2.2); AfterLoadingFlag by analysis" {
        /// Before the flag `vmstate_loading` is set: C19, C20, C21.
        BeforeLoadingFlag,
        /// After it: C20, C21, C19.
        AfterLoadingFlag,
    }
    /// When is the failover state of the secondary initialised (C4)?
    failover_init: FailoverInit from "source (10.2.2); BeforeState by analysis" {
        /// After the state became COLO (C1), with a plain store.
        AfterState,
        /// Before it.
        BeforeState,
    }
    /// What comes first on entering COLO?
    colo_entry: ColoEntry from "source (10.2.2)" {
        /// The state becomes COLO (C1), then the dirty bitmap is zeroed (C5).
        StateFirst,
        /// The bitmap is zeroed first.
        BitmapFirst,
    }
    /// What does the COLO loop look at first after a checkpoint?
    relaunch_check: RelaunchCheck from "list (May 2020)" {
        /// An error (C30), then a failover to be asked for again (C31).
        ErrorFirst,
        /// C31, then C30.
        RelaunchFirst,
    }
    /// What if the disks cannot be activated on entering COLO (C3)?
    early_return: EarlyReturn from "source (10.2.2)" {
        /// The COLO thread returns: no event, no wait for failover.
        Return,
        /// As after any other error (C33, C35).
        AsError,
    }
    /// Does a send thread that leaves wake the migration thread?
    send_exit_kick: SendExitKick from "source (dd67c149e2; changelog of v10)" {
        /// If it leaves with an error.
        OnError,
        /// Always.
        Always,
    }
    /// Which sockets does a failover of the primary shut (H4)?
    primary_failover: PrimaryFailover from "source (10.2.2)" {
        /// The main one.
        MainOnly,
        /// All.
        AllChannels,
    }
    /// Which ids of channels are refused, with N channels?
    channel_id_check: ChannelIdCheck from "source (dd67c149e2)" {
        /// Those greater than N: one too many passes.
        Greater,
        /// N and greater.
        GreaterEqual,
    }
    /// When does the primary release its output to the clients (P35)?
    release_point: ReleasePoint from "source (10.2.2)" {
        /// When the secondary has said that the checkpoint is stored (P33).
        AfterReceived,
        /// When it is sent (P32; mutant).
        AfterSent,
        /// When the secondary runs from it (P36).
        AfterLoaded,
    }
    /// Does the primary wait until the secondary is ready for checkpoints (P5)?
    ready_wait: ReadyWait from "source (10.2.2)" {
        /// Yes.
        Yes,
        /// No: the first checkpoint may start at once (mutant).
        No,
    }
    /// Is the monitor command `cont` taken inside a checkpoint, from C11 to C27?
    user_cont: UserCont from "commit afbba26fd3 (January 2026), source (10.2.2)" {
        /// No.
        Refused,
        /// Yes.
        Allowed,
    }
}
