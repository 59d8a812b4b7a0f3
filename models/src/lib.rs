//! QEMU's COLO migration with multifd, as threads on a virtual clock: a primary, a secondary, the wire between them, and the
//! oracles that watch both.
//!
//! ```text
//!  scenario ─▶ world ─┬▶ primary::migration_thread ─▶ primary::ram_save ─▶ primary::multifd_send
//!   (variant,         │                                        │ wire::multifd_packet
//!    host profile,    │                                        ▼
//!    faults)          │                              colosim_sim::link (N flows on one path)
//!                     │                                        │
//!                     ├▶ secondary::multifd_recv ◀─────────────┘
//!                     │    └▶ secondary::multifd_colo ─▶ colo_cache ─▶ secondary::flush ─▶ guest RAM
//!                     ├▶ management: faults, failover requests
//!                     └▶ oracle: judges every step of it
//! ```
//!
//! # A tour
//! - [`scenario`]: what a user writes. [`variant`]: the switches of the debate; [`preset`]: named bundles of them.
//! - [`host_profile`] and [`steps`]: what each step is called and what it costs.
//! - [`wire`]: the real bytes, both directions.
//! - [`guest`]: what a guest writes. [`primary`] and [`secondary`]: QEMU's two sides, thread by thread.
//! - [`oracle`]: what must hold. [`metrics`]: what is measured.
//! - [`world`]: one run. [`experiment`]: many, for `colosim_sim::explore`.
//! - [`races`]: what is known to break, and where.
//! - [`capture`]: a recorded QEMU migration through the same secondary.
//!
//! Facts come from QEMU's documentation, its behaviour and measurements; no code of QEMU is in here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod capture;
pub mod diagnostic;
pub mod experiment;
pub mod guest;
pub mod host_profile;
mod management;
pub mod memory_need;
pub mod metrics;
pub mod milestone;
pub mod network_output;
pub mod oracle;
pub mod preset;
pub mod primary;
pub mod races;
pub mod replication;
pub mod scenario;
pub mod secondary;
pub mod steps;
pub mod variant;
pub mod wire;
pub mod world;
