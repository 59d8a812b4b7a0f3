//! The scenarios that are part of the program: the files of `scenarios/`, by name.

macro_rules! builtin {
    ($($name:literal,)+) => {
        /// Name and text of every built-in scenario, by name.
        pub const BUILTIN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".ron"))),)+];
    };
}

builtin! {
    "cache-teardown",
    "cache-teardown-idle",
    "checkpoint-interval",
    "failover-leak",
    "precopy",
}

/// The text of the built-in scenario of this name.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
