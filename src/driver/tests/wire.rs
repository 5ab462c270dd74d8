//! A scripted transport: the test decides what can be read, what is taken, and when a flush is done.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport that takes everything, and the hand that moves it.
pub(super) fn wire() -> (WireIo, Wire) {
    let state = Arc::new(Mutex::new(State::default()));
    (WireIo(state.clone()), Wire(state))
}

/// The test's side of a transport.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Mutex<State>>);

/// How often the transport was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) reads: usize,
    pub(super) writes: usize,
    pub(super) flushes: usize,
}

impl Wire {
    /// Bytes from the peer.
    pub(super) fn feed(&self, bytes: &[u8]) {
        self.change(|state| state.input.extend(bytes));
    }

    /// The peer closes its half, behind what was fed.
    pub(super) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Reading fails behind what was fed.
    pub(super) fn fail_reads(&self, kind: io::ErrorKind) {
        self.change(|state| state.read_error = Some(kind));
    }

    /// Writing and flushing fail from here.
    pub(super) fn fail_writes(&self, kind: io::ErrorKind) {
        self.change(|state| state.write_error = Some(kind));
    }

    /// The peer takes so many bytes more, and then nothing.
    pub(super) fn take_only(&self, bytes: usize) {
        self.change(|state| state.room = bytes);
    }

    /// At most so many bytes pass in one call.
    pub(super) fn in_pieces_of(&self, bytes: usize) {
        self.change(|state| state.piece = bytes);
    }

    /// What is written stays in the transport until it is flushed, or until it has so many bytes.
    pub(super) fn buffer(&self, bytes: usize) {
        self.change(|state| state.buffer_limit = bytes);
    }

    /// Whether a flush can be done.
    pub(super) fn block_flush(&self, blocked: bool) {
        self.change(|state| state.flush_blocked = blocked);
    }

    /// What has reached the peer.
    pub(super) fn taken(&self) -> Vec<u8> {
        self.state().taken.clone()
    }

    /// Bytes fed that were not read.
    pub(super) fn unread(&self) -> usize {
        self.state().input.len()
    }

    /// Whether the write half was shut down.
    pub(super) fn is_shut(&self) -> bool {
        self.state().shut
    }

    /// Whether the connection let go of the transport.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn calls(&self) -> Calls {
        self.state().calls
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = self.state();
            change(&mut state);
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// The connection's side of it.
#[derive(Debug)]
pub(super) struct WireIo(Arc<Mutex<State>>);

impl AsyncRead for WireIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        state.calls.reads += 1;
        let len = state.input.len().min(state.piece).min(buf.remaining());
        if len > 0 {
            let bytes: Vec<u8> = state.input.drain(..len).collect();
            buf.put_slice(&bytes);
            return Poll::Ready(Ok(()));
        }
        match state.read_error {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None if state.ended => Poll::Ready(Ok(())),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for WireIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        state.calls.writes += 1;
        if let Some(kind) = state.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.buffered.len() >= state.buffer_limit {
            state.pass_on();
        }
        let room = if state.buffer_limit > 0 {
            state.buffer_limit - state.buffered.len()
        } else {
            state.room
        };
        let len = bytes.len().min(state.piece).min(room);
        if len == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.buffered.extend(&bytes[..len]);
        if state.buffer_limit == 0 {
            state.pass_on();
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        state.calls.flushes += 1;
        if let Some(kind) = state.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if !state.flush_blocked {
            state.pass_on();
        }
        if state.flush_blocked || !state.buffered.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for WireIo {
    fn drop(&mut self) {
        self.0.lock().unwrap().closed = true;
    }
}

#[derive(Debug)]
struct State {
    input: VecDeque<u8>,
    ended: bool,
    read_error: Option<io::ErrorKind>,
    write_error: Option<io::ErrorKind>,
    taken: Vec<u8>,
    buffered: Vec<u8>,
    buffer_limit: usize,
    /// Bytes that the peer still takes.
    room: usize,
    piece: usize,
    flush_blocked: bool,
    shut: bool,
    closed: bool,
    calls: Calls,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn pass_on(&mut self) {
        let len = self.buffered.len().min(self.room);
        self.taken.extend(self.buffered.drain(..len));
        if self.room != usize::MAX {
            self.room -= len;
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            input: VecDeque::new(),
            ended: false,
            read_error: None,
            write_error: None,
            taken: Vec::new(),
            buffered: Vec::new(),
            buffer_limit: 0,
            room: usize::MAX,
            piece: usize::MAX,
            flush_blocked: false,
            shut: false,
            closed: false,
            calls: Calls::default(),
            reader: None,
            writer: None,
        }
    }
}
