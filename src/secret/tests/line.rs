//! A byte stream in memory whose every call can be counted, delayed and cut short.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a stream; it closes both directions when it is dropped.
#[derive(Debug)]
pub(super) struct End {
    pub(super) incoming: Line,
    pub(super) outgoing: Line,
}

/// Two ends with so many bytes of room each way.
pub(super) fn ends(capacity: usize) -> (End, End) {
    let (one, other) = (Line::new(capacity), Line::new(capacity));
    let near = End {
        incoming: one.clone(),
        outgoing: other.clone(),
    };
    let far = End {
        incoming: other,
        outgoing: one,
    };
    (near, far)
}

/// An end whose other one is the test: it has these bytes to read, and what it writes is taken without limit.
pub(super) fn fed(bytes: &[u8]) -> End {
    let end = End {
        incoming: Line::new(usize::MAX),
        outgoing: Line::new(usize::MAX),
    };
    end.incoming.feed(bytes);
    end
}

impl End {
    /// Both directions move at most so many bytes in a call.
    pub(super) fn in_pieces(self, most: usize) -> Self {
        self.incoming.lock().most = most;
        self.outgoing.lock().most = most;
        self
    }

    /// Every call has to be made twice.
    pub(super) fn stuttering(self) -> Self {
        self.incoming.lock().stutters = true;
        self.outgoing.lock().stutters = true;
        self
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.incoming.close();
        self.outgoing.close();
    }
}

/// One direction.
#[derive(Clone, Debug)]
pub(super) struct Line(Arc<Mutex<State>>);

/// How often each call was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) reads: usize,
    pub(super) writes: usize,
    pub(super) flushes: usize,
}

#[derive(Debug)]
struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    most: usize,
    log: Vec<u8>,
    calls: Calls,
    closed: bool,
    failure: Option<io::ErrorKind>,
    stutters: bool,
    stuttered: bool,
    waiting: Vec<Waker>,
}

impl Line {
    fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes: VecDeque::new(),
            capacity,
            most: usize::MAX,
            log: Vec::new(),
            calls: Calls::default(),
            closed: false,
            failure: None,
            stutters: false,
            stuttered: false,
            waiting: Vec::new(),
        })))
    }

    /// Bytes to be read, whatever the capacity.
    pub(super) fn feed(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes.extend(bytes);
        state.wake();
    }

    /// Nothing follows, and nothing more is taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    /// Calls fail, reads once all bytes are taken.
    pub(super) fn fail(&self, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.failure = Some(kind);
        state.wake();
    }

    /// Takes so many bytes from now on.
    pub(super) fn set_capacity(&self, capacity: usize) {
        let mut state = self.lock();
        state.capacity = capacity;
        state.wake();
    }

    /// All that was ever written.
    pub(super) fn log(&self) -> Vec<u8> {
        self.lock().log.clone()
    }

    pub(super) fn calls(&self) -> Calls {
        self.lock().calls
    }

    pub(super) fn unread(&self) -> usize {
        self.lock().bytes.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waiting.push(cx.waker().clone());
        Poll::Pending
    }

    fn stutter(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.stuttered = self.stutters && !self.stuttered;
        if self.stuttered {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.incoming.lock();
        assert!(buf.remaining() > 0, "such a read cannot tell the end");
        ready!(state.stutter(cx));
        state.calls.reads += 1;
        if state.bytes.is_empty() {
            return match (state.failure, state.closed) {
                (Some(kind), _) => Poll::Ready(Err(kind.into())),
                (None, true) => Poll::Ready(Ok(())),
                (None, false) => state.wait(cx),
            };
        }
        let len = buf.remaining().min(state.bytes.len()).min(state.most);
        let taken: Vec<u8> = state.bytes.drain(..len).collect();
        buf.put_slice(&taken);
        state.wake();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.outgoing.lock();
        assert!(!bytes.is_empty(), "such a write is of no use");
        ready!(state.stutter(cx));
        state.calls.writes += 1;
        if let Some(kind) = state.failure {
            return Poll::Ready(Err(kind.into()));
        }
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.capacity.saturating_sub(state.bytes.len());
        let len = bytes.len().min(room).min(state.most);
        if len == 0 {
            return state.wait(cx);
        }
        state.bytes.extend(&bytes[..len]);
        state.log.extend_from_slice(&bytes[..len]);
        state.wake();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.outgoing.lock();
        ready!(state.stutter(cx));
        state.calls.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}
