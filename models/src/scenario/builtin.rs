//! The scenarios that are part of the program: the files of `scenarios/` and `scenarios/curves/`, by name.

macro_rules! builtin {
    ($($name:literal,)+ curves: $($curve:literal,)+) => {
        /// Name and text of every built-in scenario, by name; those that are only there to be swept come last.
        pub const BUILTIN: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../../scenarios/", $name, ".ron"))),)+
            $(($curve, include_str!(concat!("../../../scenarios/curves/", $curve, ".ron"))),)+
        ];
    };
}

builtin! {
    "cache-teardown",
    "cache-teardown-idle",
    "channel-count",
    "checkpoint-interval",
    "codec-hook",
    "copy-order",
    "dead-channel",
    "dead-main-channel",
    "early-packet",
    "enter-colo",
    "failed-load",
    "failover-at-start",
    "failover-leak",
    "failover-leak-frozen",
    "failover-leak-yank",
    "kick-fix",
    "load-error",
    "one-tebibyte",
    "output-commit",
    "partition",
    "precopy",
    "predicates",
    "primary-failover",
    "quiet",
    "received-window",
    "receivedmap-2024",
    "resize",
    "sync-modes",
    "user-cont",
    "vm-restart",
    "zero-pages",
    "zero-shortcut",
    curves:
    "added-latency",
    "channels-and-codec",
    "dirty-rate",
    "lossy-bulk",
    "lossy-path",
}

/// The text of the built-in scenario of this name.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
