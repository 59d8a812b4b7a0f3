//! Reading the main channel: the simulated socket as a [`Source`] of the wire decoders.

use super::Secondary;
use crate::wire::{ReadError, Source};
use colosim_sim::Cx;
use colosim_sim::link::{self, PageRead, Socket};

/// The main channel, read by the coroutine of the main thread or by the COLO thread.
pub(super) struct MainChannel<'a> {
    pub cx: &'a Cx,
    pub qemu: &'a Secondary,
    pub socket: &'a Socket,
    /// The reader is a coroutine: where it would block, the main loop runs.
    pub yields: bool,
}

impl MainChannel<'_> {
    /// Read one page.
    pub async fn read_page(&mut self, page_bytes: u64) -> Result<PageRead, ReadError> {
        self.wait().await;
        self.socket.read_page(self.cx, page_bytes).await.map_err(as_wire)
    }

    async fn wait(&self) {
        if self.yields && !self.socket.is_readable(self.cx) {
            self.qemu.run_main_loop_until_readable(self.cx, self.socket).await;
        }
    }
}

impl Source for MainChannel<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.wait().await;
        self.socket.read_exact(self.cx, bytes).await.map_err(as_wire)
    }
}

/// A multifd channel, read by its receive thread.
pub(super) struct MultifdChannel<'a> {
    pub cx: &'a Cx,
    pub socket: &'a Socket,
}

impl Source for MultifdChannel<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.socket.read_exact(self.cx, bytes).await.map_err(as_wire)
    }
}

/// A socket's error as the decoders know it.
pub(super) fn as_wire(error: link::ReadError) -> ReadError {
    match error {
        link::ReadError::Eof { got } => ReadError::Eof { got: got as usize },
        link::ReadError::Reset { got } => ReadError::Reset { got: got as usize },
    }
}
