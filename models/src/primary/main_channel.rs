//! The main channel as the primary writes it (QEMU's `QEMUFile` to_dst_file) and reads it (from_dst_file).
//!
//! Output is collected and leaves with a flush, or when it fills the buffer. Pages are collected as references into guest
//! RAM: the bytes that leave are those of the moment of the flush. The first error stays: from then on output is dropped and
//! everybody who looks learns of it.
//!
//! Not modelled: the buffer of the reading side.

use super::Primary;
use crate::guest::PageAddress;
use crate::wire::ram_section::{self, LastBlock, Word};
use crate::wire::stream::{self, Item};
use crate::wire::{ReadError, Source};
use colosim_sim::Cx;
use colosim_sim::link::{self, Piece, Socket};
use std::cell::{Cell, RefCell};

/// Size of the output buffer in bytes (`IO_BUF_SIZE`).
const BUFFER_BYTES: usize = 32 * 1024;
/// Pieces that one write takes (`MAX_IOV_SIZE`).
const PIECES_MAX: usize = 64;

enum Pending {
    Bytes(Vec<u8>),
    Page(PageAddress),
}

/// The main channel.
pub(super) struct MainChannel {
    pub socket: Socket,
    pending: RefCell<Vec<Pending>>,
    pending_bytes: Cell<usize>,
    last_block: RefCell<LastBlock>,
    error: Cell<bool>,
    flushed_bytes: Cell<u64>,
}

impl MainChannel {
    pub fn new(socket: Socket) -> MainChannel {
        MainChannel {
            socket,
            pending: RefCell::default(),
            pending_bytes: Cell::new(0),
            last_block: RefCell::default(),
            error: Cell::new(false),
            flushed_bytes: Cell::new(0),
        }
    }

    /// Bytes that have left the buffer.
    pub fn flushed_bytes(&self) -> u64 {
        self.flushed_bytes.get()
    }

    /// Was there an error (`qemu_file_get_error`)?
    pub fn has_error(&self) -> bool {
        self.error.get()
    }

    /// Make it fail from now on (`qemu_file_set_error`).
    pub fn set_error(&self) {
        self.error.set(true);
    }

    /// Append what `encode` writes.
    pub fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut pending = self.pending.borrow_mut();
        if !matches!(pending.last(), Some(Pending::Bytes(_))) {
            pending.push(Pending::Bytes(Vec::new()));
        }
        let Some(Pending::Bytes(bytes)) = pending.last_mut() else { return };
        let before = bytes.len();
        encode(bytes);
        self.pending_bytes.set(self.pending_bytes.get() + bytes.len() - before);
    }

    /// Append an item of the stream.
    pub fn put_item(&self, item: &Item) {
        self.put(|out| stream::encode_item(out, item));
    }

    /// Append a word of the "ram" section.
    pub fn put_word(&self, word: &Word, page_size: u64) {
        let mut last = self.last_block.borrow_mut();
        self.put(|out| ram_section::encode_word(out, &mut last, word, page_size));
    }

    /// Does the next page fill the buffer?
    pub fn is_full_with_a_page(&self) -> bool {
        self.pending.borrow().len() + 1 >= PIECES_MAX
    }

    /// Append the content that a page has when it leaves; flush if the buffer is full.
    pub async fn put_page(&self, cx: &Cx, qemu: &Primary, page: PageAddress) {
        self.pending.borrow_mut().push(Pending::Page(page));
        self.flush_if_full(cx, qemu).await;
    }

    /// Append bytes; what fills the buffer leaves at once.
    pub async fn put_buffer(&self, cx: &Cx, qemu: &Primary, bytes: &[u8]) {
        for chunk in bytes.chunks(BUFFER_BYTES) {
            self.put(|out| out.extend_from_slice(chunk));
            self.flush_if_full(cx, qemu).await;
        }
    }

    /// Flush if the buffer is full.
    pub async fn flush_if_full(&self, cx: &Cx, qemu: &Primary) {
        let pieces = self.pending.borrow().len();
        if pieces >= PIECES_MAX || self.pending_bytes.get() >= BUFFER_BYTES {
            self.flush(cx, qemu).await;
        }
    }

    /// Let everything leave (`qemu_fflush`).
    pub async fn flush(&self, cx: &Cx, qemu: &Primary) {
        let pending = std::mem::take(&mut *self.pending.borrow_mut());
        self.pending_bytes.set(0);
        if self.error.get() || pending.is_empty() {
            return;
        }
        let page_bytes = qemu.layout.page_size;
        let pieces: Vec<Piece> = {
            let mut ram = qemu.ram.borrow_mut();
            let now = cx.sim.now();
            let piece = |pending| match pending {
                Pending::Bytes(bytes) => Piece::Bytes(bytes.into()),
                Pending::Page(page) => Piece::Fill { word: ram.content(now, page), bytes: page_bytes },
            };
            pending.into_iter().map(piece).collect()
        };
        let bytes: u64 = pieces.iter().map(Piece::len).sum();
        match self.socket.write(cx, pieces).await {
            Ok(()) => self.flushed_bytes.set(self.flushed_bytes.get() + bytes),
            Err(_) => self.error.set(true),
        }
    }
}

/// The secondary's answers, on the reverse direction of the main channel.
pub(super) struct FromSecondary<'a> {
    pub cx: &'a Cx,
    pub socket: &'a Socket,
}

impl Source for FromSecondary<'_> {
    async fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.socket.read_exact(self.cx, bytes).await.map_err(|error| match error {
            link::ReadError::Eof { got } => ReadError::Eof { got: got as usize },
            link::ReadError::Reset { got } => ReadError::Reset { got: got as usize },
        })
    }
}
