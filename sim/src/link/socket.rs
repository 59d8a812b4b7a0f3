//! The two ends of a connection, as a thread uses them: blocking reads and writes, shutdown, close, reset.
//!
//! What happens to bytes that are under way when an end goes away follows Linux: bytes already queued stay readable after the
//! reader's own shutdown and after a reset by the peer; then comes end of file, or the reset.

use super::flow::{End, Flow, Interactive, Piece, Transport};
use super::path::Path;
use crate::kernel::Sim;
use crate::lock::Event;
use crate::process::ProcessId;
use crate::thread::Cx;
use crate::time::Time;
use crate::touch::Touch;
use crate::wait::{Limit, WaitsFor};
use std::rc::Rc;

/// One end of a connection. Clones are the same end.
#[derive(Clone)]
pub struct Socket(Rc<EndPoint>);

struct EndPoint {
    name: Rc<str>,
    sends: Rc<Flow>,
    receives: Rc<Flow>,
}

/// Why a read got less than it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// The stream ended after this many of the bytes asked for.
    Eof {
        /// Bytes that were read.
        got: u64,
    },
    /// The connection was reset (ECONNRESET) after this many of the bytes asked for.
    Reset {
        /// Bytes that were read.
        got: u64,
    },
}

/// The connection does not take bytes any more (EPIPE, ECONNRESET).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteError;

/// A page as it came from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageRead {
    /// One 64-bit word, again and again.
    Word(u64),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Connect two processes. `there` carries what the first end sends, `back` what the second sends.
///
/// When a process is killed, its end is closed by the kernel: with a reset if it had unread input, else in order.
pub fn connect(
    sim: &Sim,
    name: &str,
    (first, there): (ProcessId, &Path),
    (second, back): (ProcessId, &Path),
    transport: Transport,
    send_buffer_bytes: u64,
    receive_buffer_bytes: u64,
) -> (Socket, Socket) {
    let flow = |direction: &str, path: &Path| {
        Flow::new(sim, &format!("{name} {direction}"), path, transport, send_buffer_bytes, receive_buffer_bytes)
    };
    let (there, back) = (flow("there", there), flow("back", back));
    let end = |sends: &Rc<Flow>, receives: &Rc<Flow>, process| {
        let socket = Socket(Rc::new(EndPoint { name: name.into(), sends: sends.clone(), receives: receives.clone() }));
        let closing = socket.clone();
        sim.on_exit(process, move || closing.close());
        socket
    };
    (end(&there, &back, first), end(&back, &there, second))
}

impl Socket {
    /// The name of the connection.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Write all pieces; waits while the send buffer is full.
    ///
    /// # Errors
    /// If the connection takes no bytes any more; some may have been sent.
    pub async fn write(&self, cx: &Cx, pieces: impl IntoIterator<Item = Piece>) -> Result<(), WriteError> {
        for piece in pieces {
            let mut left = Some(piece).filter(|p| !p.is_empty());
            while let Some(piece) = left {
                if self.write_is_broken(cx.sim.now()) {
                    return Err(WriteError);
                }
                left = self.0.sends.take(piece);
                if left.is_some() {
                    self.0.sends.touch(Touch::Write);
                    self.0.sends.state.borrow_mut().writer = Some(cx.id());
                    cx.block("write", &self.0.name, None, false).await;
                    self.0.sends.state.borrow_mut().writer = None;
                }
            }
        }
        self.0.sends.written();
        self.0.receives.answered();
        if self.write_is_broken(cx.sim.now()) { Err(WriteError) } else { Ok(()) }
    }

    /// From now on small segments of this connection wait, and acknowledgements too, in both directions: the connection is left
    /// without TCP_NODELAY.
    pub fn delay_small_segments(&self, interactive: Interactive) {
        for flow in [&self.0.sends, &self.0.receives] {
            flow.state.borrow_mut().interactive = Some(interactive);
        }
    }

    fn write_is_broken(&self, now: Time) -> bool {
        self.0.sends.state.borrow().broken.is_some_and(|since| since <= now)
    }

    /// Read exactly as many bytes as the buffer holds; waits for them.
    ///
    /// # Errors
    /// If the stream ends before; the bytes that came are in the buffer.
    pub async fn read_exact(&self, cx: &Cx, buffer: &mut [u8]) -> Result<(), ReadError> {
        let mut got = 0;
        while got < buffer.len() {
            self.readable(cx, false).await.map_err(|end| failed(end, got as u64))?;
            got += self.copy_out(&mut buffer[got..]);
        }
        Ok(())
    }

    /// Read one page; waits for it.
    ///
    /// # Errors
    /// If the stream ends before.
    pub async fn read_page(&self, cx: &Cx, page_bytes: u64) -> Result<PageRead, ReadError> {
        self.readable(cx, false).await.map_err(|end| failed(end, 0))?;
        {
            let mut state = self.0.receives.state.borrow_mut();
            let front = state.arriving.front_mut().expect("the stream is readable");
            if let Piece::Fill { word, bytes } = front.piece
                && bytes - front.offset >= page_bytes
                && front.offset.is_multiple_of(8)
            {
                self.0.receives.took(front.sent_by);
                front.offset += page_bytes;
                if front.offset == bytes {
                    state.arriving.pop_front();
                }
                drop(state);
                self.0.receives.consumed(page_bytes);
                return Ok(PageRead::Word(word));
            }
        }
        let mut bytes = vec![0; page_bytes as usize];
        self.read_exact(cx, &mut bytes).await?;
        let (words, _) = bytes.as_chunks::<8>();
        if words.windows(2).all(|pair| pair[0] == pair[1]) && page_bytes.is_multiple_of(8) {
            return Ok(PageRead::Word(u64::from_le_bytes(words[0])));
        }
        Ok(PageRead::Bytes(bytes))
    }

    /// Is there anything to read, be it the end of the stream?
    pub fn is_readable(&self, cx: &Cx) -> bool {
        self.0.receives.touch(Touch::Read);
        let now = cx.sim.now();
        let state = self.0.receives.state.borrow();
        state.arriving.front().is_some_and(|a| a.at <= now) || state.end_at(now).is_some_and(|(at, _)| at <= now)
    }

    /// Wait until there is something to read. Waiting here is the normal state of the thread: no part of a deadlock.
    pub async fn wait_readable(&self, cx: &Cx) {
        let _: Result<(), End> = self.readable(cx, true).await;
    }

    /// Wait until there is something to read or the event is set, as a main loop polls both.
    pub async fn wait_readable_or_event(&self, cx: &Cx, event: &Event) {
        let objects = [self.0.receives.object, event.object()];
        cx.before_wait(
            WaitsFor { what: "poll", object: &self.0.name, holder: None, objects: &objects, idle: true },
            Limit::None,
            || {
                let (flow, event) = (self.0.receives.clone(), event.clone());
                Rc::new(move || event.peek() || flow.has_something())
            },
        )
        .await;
        while !event.is_set(cx) && !self.is_readable(cx) {
            let deadline = {
                let mut state = self.0.receives.state.borrow_mut();
                state.reader = Some(cx.id());
                state.arriving.front().map(|a| a.at).or(state.end_at(cx.sim.now()).map(|(at, _)| at))
            };
            event.add_waiter(cx.id());
            cx.block("poll", &self.0.name, deadline, true).await;
            event.remove_waiter(cx.id());
            self.0.receives.state.borrow_mut().reader = None;
        }
    }

    async fn readable(&self, cx: &Cx, idle: bool) -> Result<(), End> {
        cx.before_wait(
            WaitsFor { what: "read", object: &self.0.name, holder: None, objects: &[self.0.receives.object], idle },
            Limit::None,
            || {
                let flow = self.0.receives.clone();
                Rc::new(move || flow.has_something())
            },
        )
        .await;
        loop {
            let deadline = {
                let now = cx.sim.now();
                let mut state = self.0.receives.state.borrow_mut();
                let next = state.arriving.front().map(|a| a.at);
                if next.is_some_and(|at| at <= now) {
                    return Ok(());
                }
                match (next, state.end_at(now)) {
                    (None, Some((at, end))) if at <= now => {
                        self.0.receives.took_end(&state);
                        return Err(end);
                    }
                    (next, end) => {
                        state.reader = Some(cx.id());
                        next.or(end.map(|(at, _)| at))
                    }
                }
            };
            cx.block("read", &self.0.name, deadline, idle).await;
            self.0.receives.state.borrow_mut().reader = None;
        }
    }

    /// Copy what has arrived into `buffer`; the number of bytes copied.
    fn copy_out(&self, buffer: &mut [u8]) -> usize {
        let mut copied = 0;
        {
            let mut state = self.0.receives.state.borrow_mut();
            let Some(at) = state.arriving.front().map(|a| a.at) else { return 0 };
            while copied < buffer.len() {
                let Some(front) = state.arriving.front_mut().filter(|a| a.at <= at) else { break };
                self.0.receives.took(front.sent_by);
                let len = (front.piece.len() - front.offset).min((buffer.len() - copied) as u64);
                let target = &mut buffer[copied..copied + len as usize];
                match &front.piece {
                    Piece::Bytes(bytes) => {
                        target.copy_from_slice(&bytes[front.offset as usize..(front.offset + len) as usize]);
                    }
                    Piece::Fill { word, .. } => {
                        let pattern = word.rotate_right((front.offset % 8 * 8) as u32).to_le_bytes();
                        for chunk in target.chunks_mut(8) {
                            chunk.copy_from_slice(&pattern[..chunk.len()]);
                        }
                    }
                }
                front.offset += len;
                copied += len as usize;
                if front.offset == front.piece.len() {
                    state.arriving.pop_front();
                }
            }
        }
        self.0.receives.consumed(copied as u64);
        copied
    }

    /// Shut both directions, as `shutdown(SHUT_RDWR)`: threads that read or write here are woken.
    pub fn shutdown(&self) {
        self.0.receives.shut_reader();
        self.0.sends.finish();
    }

    /// Close this end, as the kernel does for a process that is gone: with a reset if input was unread, else in order.
    pub fn close(&self) {
        if self.0.receives.unread() {
            self.0.sends.reset();
            self.0.receives.abandon();
        } else {
            self.0.sends.finish();
        }
        self.0.receives.shut_reader();
    }

    /// Reset the connection: both ends learn of it.
    pub fn reset(&self) {
        self.0.sends.reset();
        self.0.receives.reset();
    }

    /// Break the connection off in the path, as a firewall does: both ends get a reset now, and what is under way is lost.
    pub fn break_off(&self) {
        self.0.sends.break_off();
        self.0.receives.break_off();
    }

    /// Cut the connection: nothing arrives any more at either end, and nobody is told.
    pub fn cut(&self) {
        self.0.sends.cut();
        self.0.receives.cut();
    }

    /// Cut one direction: nothing that this end sends arrives any more, and nobody is told.
    pub fn cut_sending(&self) {
        self.0.sends.cut();
    }

    /// Bytes that this end has handed over so far.
    pub fn written_bytes(&self) -> u64 {
        self.0.sends.state.borrow().written_bytes
    }
}

fn failed(end: End, got: u64) -> ReadError {
    match end {
        End::Eof => ReadError::Eof { got },
        End::Reset => ReadError::Reset { got },
    }
}
