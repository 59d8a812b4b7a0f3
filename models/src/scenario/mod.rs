//! The scenario file: one question, the designs to compare, the world they run in.
//!
//! ```text
//!  RON text ──parse──▶ Scenario ──set("link.loss", "1e-3")──▶ Scenario ──validate──▶ ready to run
//!                         │
//!                         └─to_ron: canonical text, every field written ──▶ fingerprint
//! ```
//!
//! ```
//! use colosim_models::scenario::Scenario;
//!
//! let text = r#"Scenario(
//!     question: "Is colo_cache guaranteed to be around until the multifd threads exit?",
//!     variants: ["merged"],
//!     guest: (ram: "16 MiB"),
//! )"#;
//! let scenario = Scenario::from_ron(text, "example.ron").unwrap();
//! assert!(scenario.validate(text, "example.ron", &[]).is_empty());
//! assert_eq!(scenario.migration.multifd_channels, 2);
//!
//! let lossy = scenario.set("link.loss", "1e-3").unwrap();
//! assert_ne!(lossy.fingerprint(), scenario.fingerprint());
//!
//! let error = scenario.set("link.los", "1e-3").unwrap_err();
//! assert_eq!(error.suggestion.as_deref(), Some("did you mean `link.loss`?"));
//! ```

mod builtin;
mod fault;
mod guest;
mod link;
pub(crate) mod outline;
pub(crate) mod parse;
mod schema;
mod set;
pub mod units;
pub mod validate;

pub use builtin::{BUILTIN, builtin};
pub use fault::*;
pub use guest::*;
pub use link::*;
pub use parse::TEXT_BYTES_MAX;
pub use schema::*;
pub use set::Unit;
pub use units::{Bandwidth, PacketRate, PageRate, Share, Size, Span, WriteRate};
