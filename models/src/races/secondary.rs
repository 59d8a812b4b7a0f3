//! Races of the COLO thread, the failover and the disks of the secondary.

use super::Race;

/// See the names.
pub(super) const RACES: &[Race] = &[];
