//! The two ends of a connection, as a thread uses them: blocking reads and writes, shutdown, close, reset.
//!
//! What happens to bytes that are under way when an end goes away follows Linux: bytes already queued stay readable after the
//! reader's own shutdown and after a reset by the peer; then comes end of file, or the reset.

use super::flow::{End, Flow, Transport};
use super::path::Path;
use super::stream::{Piece, Stretch};
use crate::contents::Counting;
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

/// Pages as they came from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagesRead {
    /// So many pages, each of one 64-bit word again and again.
    Words(Counting, usize),
    /// One page of these bytes.
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
    let flow = |direction: &str, paths: (&Path, &Path)| {
        Flow::new(sim, &format!("{name} {direction}"), paths, transport, send_buffer_bytes, receive_buffer_bytes)
    };
    let (there, back) = (flow("there", (there, back)), flow("back", (back, there)));
    there.join(&back);
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
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).peekable();
        while let Some(piece) = pieces.next() {
            let mut left = Some(Stretch::from(piece));
            while let Some(stretch) = left {
                if self.write_is_broken(cx.sim.now()) {
                    return Err(WriteError);
                }
                left = self.0.sends.take(stretch, pieces.peek().is_some());
                if left.is_some() {
                    self.0.sends.touch(Touch::Write);
                    self.0.sends.state.borrow_mut().writer = Some(cx.id());
                    cx.block("write", &self.0.name, None, false).await;
                    self.0.sends.state.borrow_mut().writer = None;
                }
            }
        }
        if self.write_is_broken(cx.sim.now()) { Err(WriteError) } else { Ok(()) }
    }

    /// Set or clear TCP_NODELAY at this end: without it, a segment that is not full waits for the acknowledgement of the one before
    /// it that was not full either (RFC 896).
    pub fn set_no_delay(&self, no_delay: bool) {
        self.0.sends.set_no_delay(no_delay);
    }

    /// Reads at this end take so many bytes at a time, as far as they are there, into a buffer of the reader's own. It makes a
    /// difference to when TCP acknowledges.
    pub fn set_read_ahead(&self, bytes: u64) {
        self.0.receives.set_read_ahead(bytes);
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
            let wanted = (buffer.len() - got) as u64;
            self.readable(cx, wanted, false).await.map_err(|end| failed(end, got as u64))?;
            got += self.copy_out(cx.sim.now(), &mut buffer[got..]);
        }
        Ok(())
    }

    /// Read one page; waits for it.
    ///
    /// # Errors
    /// If the stream ends before.
    pub async fn read_page(&self, cx: &Cx, page_bytes: u64) -> Result<PageRead, ReadError> {
        Ok(match self.read_pages(cx, page_bytes, 1).await? {
            PagesRead::Words(words, _) => PageRead::Word(words.first),
            PagesRead::Bytes(bytes) => PageRead::Bytes(bytes),
        })
    }

    /// Read one page, and those behind it, at most `pages_max` together, that are there and were written as one piece; waits for
    /// the first. What the ends learn of it is the same as if they were read one by one.
    ///
    /// # Errors
    /// If the stream ends before the first page does.
    pub async fn read_pages(&self, cx: &Cx, page_bytes: u64, pages_max: usize) -> Result<PagesRead, ReadError> {
        self.pages(cx, page_bytes, page_bytes, pages_max).await
    }

    /// As [`Self::read_pages`], but who has to wait for the first page waits for those that come in the same train too: later by less
    /// than the path takes for a train, and without a turn for each page.
    ///
    /// # Errors
    /// If the stream ends before the first page does.
    pub async fn read_pages_by_train(
        &self,
        cx: &Cx,
        page_bytes: u64,
        pages_max: usize,
    ) -> Result<PagesRead, ReadError> {
        let awaited = {
            let state = self.0.receives.state.borrow();
            let next = state.stream.read_to + page_bytes;
            let under_way = state.arrivals.at(next).is_some_and(|at| at > cx.sim.now());
            let train_end = state.arrivals.train_end(next).filter(|_| under_way).unwrap_or(next);
            ((train_end - state.stream.read_to) / page_bytes).min(pages_max as u64).max(1)
        };
        self.pages(cx, awaited * page_bytes, page_bytes, pages_max).await
    }

    async fn pages(
        &self,
        cx: &Cx,
        awaited_bytes: u64,
        page_bytes: u64,
        pages_max: usize,
    ) -> Result<PagesRead, ReadError> {
        self.readable(cx, awaited_bytes, false).await.map_err(|end| failed(end, 0))?;
        let run = {
            let state = &mut *self.0.receives.state.borrow_mut();
            let there = state.arrivals.there(cx.sim.now(), state.stream.read_to) - state.stream.read_to;
            state.stream.read_pages(page_bytes, (there / page_bytes).min(pages_max as u64))
        };
        if let Some((words, pages)) = run {
            self.0.receives.consumed(pages, page_bytes);
            return Ok(PagesRead::Words(words, pages as usize));
        }
        let mut bytes = vec![0; page_bytes as usize];
        self.read_exact(cx, &mut bytes).await?;
        let (words, _) = bytes.as_chunks::<8>();
        if words.windows(2).all(|pair| pair[0] == pair[1]) && page_bytes.is_multiple_of(8) {
            return Ok(PagesRead::Words(Counting { first: u64::from_le_bytes(words[0]), step: 0 }, 1));
        }
        Ok(PagesRead::Bytes(bytes))
    }

    /// Is there anything to read, be it the end of the stream?
    pub fn is_readable(&self, cx: &Cx) -> bool {
        self.0.receives.touch(Touch::Read);
        let now = cx.sim.now();
        let state = self.0.receives.state.borrow();
        state.has_arrived(now) || state.end_at(now).is_some_and(|(at, _)| at <= now)
    }

    /// Wait until there is something to read. Waiting here is the normal state of the thread: no part of a deadlock.
    pub async fn wait_readable(&self, cx: &Cx) {
        let _: Result<(), End> = self.readable(cx, 1, true).await;
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
                state.wanted_to = state.wanted(1);
                state.arrivals.at(state.wanted_to).or(state.end_at(cx.sim.now()).map(|(at, _)| at))
            };
            event.add_waiter(cx.id());
            cx.block("poll", &self.0.name, deadline, true).await;
            event.remove_waiter(cx.id());
            self.0.receives.state.borrow_mut().reader = None;
        }
    }

    /// Wait until so many bytes are there, or as many as half of the receive buffer holds, or the last before the end.
    async fn readable(&self, cx: &Cx, bytes: u64, idle: bool) -> Result<(), End> {
        let flow = &self.0.receives;
        cx.before_wait(
            WaitsFor { what: "read", object: &self.0.name, holder: None, objects: &[flow.object], idle },
            Limit::None,
            || {
                let flow = flow.clone();
                Rc::new(move || flow.has_something())
            },
        )
        .await;
        // In a controlled run the reader takes what there is: how the bytes come in is not what is explored.
        let bytes = if cx.sim.is_controlled() { 1 } else { bytes };
        loop {
            let deadline = {
                let now = cx.sim.now();
                let state = &mut *flow.state.borrow_mut();
                let wanted_to = state.wanted(bytes);
                match (state.arrivals.at(wanted_to), state.end_at(now)) {
                    (Some(at), _) if at <= now => return Ok(()),
                    (None, Some((at, _))) if at <= now && state.has_arrived(now) => return Ok(()),
                    (None, Some((at, end))) if at <= now => {
                        flow.took_end(state);
                        return Err(end);
                    }
                    (wanted, end) => {
                        state.reader = Some(cx.id());
                        state.wanted_to = wanted_to;
                        wanted.or(end.map(|(at, _)| at))
                    }
                }
            };
            cx.block("read", &self.0.name, deadline, idle).await;
            flow.state.borrow_mut().reader = None;
        }
    }

    /// Copy what is there at `now` into `buffer`; the number of bytes copied.
    fn copy_out(&self, now: Time, buffer: &mut [u8]) -> usize {
        let copied = {
            let state = &mut *self.0.receives.state.borrow_mut();
            let there = state.arrivals.there(now, state.stream.read_to) - state.stream.read_to;
            let copied = there.min(buffer.len() as u64) as usize;
            state.stream.read(&mut buffer[..copied]);
            copied
        };
        self.0.receives.consumed(1, copied as u64);
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
        self.0.receives.deafen();
    }

    /// Bytes that this end has handed over so far.
    pub fn written_bytes(&self) -> u64 {
        self.0.sends.state.borrow().stream.written_to
    }
}

fn failed(end: End, got: u64) -> ReadError {
    match end {
        End::Eof => ReadError::Eof { got },
        End::Reset => ReadError::Reset { got },
    }
}
