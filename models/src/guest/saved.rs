//! What the device state says of the simulated guest: which checkpoint it is of, and where the guest was.
//!
//! A guest that is loaded goes on where it was stopped, so the two sides write the same pages until they are stopped again
//! (with writes in address order; a guest that writes at random draws for itself on either side).

/// The section that holds it.
pub(crate) const DEVICE: &str = "device/0";

/// The beginning of the section's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SavedGuest {
    /// Number of the checkpoint; 0 is the end of precopy.
    pub checkpoint: u32,
    /// The page that it writes next, if it writes in address order.
    pub next_page: u64,
}

impl SavedGuest {
    /// Length in bytes.
    pub const BYTES: usize = 12;

    /// In network byte order, as QEMU's device states are.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.checkpoint.to_be_bytes());
        bytes[4..].copy_from_slice(&self.next_page.to_be_bytes());
        bytes
    }

    /// From a section of this name; none if it is not the simulated guest's.
    pub fn decode(idstr: &str, payload: &[u8]) -> Option<SavedGuest> {
        let (checkpoint, rest) = payload.split_first_chunk()?;
        let saved = SavedGuest {
            checkpoint: u32::from_be_bytes(*checkpoint),
            next_page: u64::from_be_bytes(*rest.first_chunk()?),
        };
        (idstr == DEVICE).then_some(saved)
    }
}
