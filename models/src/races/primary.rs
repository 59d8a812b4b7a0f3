//! Races of the primary and what its clients see.

use super::Race;

/// See the names.
pub(super) const RACES: &[Race] = &[];
