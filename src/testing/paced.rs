//! A stream that moves at the pace of a script, and what polls a future over it by hand: no clock and no runtime.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Polls a future until it is ready, or until nobody wakes it.
pub(crate) fn run_until_idle<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(flag.clone());
    for _ in 0..MOST_POLLS {
        if !flag.0.swap(false, Ordering::Relaxed) {
            return None;
        }
        let mut cx = Context::from_waker(&waker);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
    }
    panic!("it is woken again and again");
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives the peer's bytes and takes ours, at each call so many as the script says, now and then only at the second.
#[derive(Debug)]
pub(crate) struct Paced {
    incoming: Bytes,
    ending: Ending,
    reads: Pace,
    writes: Pace,
    flushes: Pace,
    sink: Arc<Mutex<Sink>>,
}

/// What happens after the peer's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Failed(io::ErrorKind),
    Silent,
}

impl Ending {
    pub(crate) const fn new(code: u8) -> Self {
        match code & 3 {
            0 | 1 => Self::Closed,
            2 => Self::Failed(io::ErrorKind::TimedOut),
            _ => Self::Silent,
        }
    }
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) bytes: Vec<u8>,
    pub(crate) flushed: usize,
    pub(crate) shut: bool,
    /// It fails when so many bytes are in it.
    pub(crate) breaks_at: Option<usize>,
}

impl Paced {
    pub(crate) fn new(incoming: &[u8], ending: Ending, script: &[u8]) -> Self {
        Self {
            incoming: Bytes::copy_from_slice(incoming),
            ending,
            reads: Pace::new(script),
            writes: Pace::new(script),
            flushes: Pace::new(script),
            sink: Arc::default(),
        }
    }

    /// To be looked at when the stream is gone.
    pub(crate) fn sink(&self) -> Arc<Mutex<Sink>> {
        self.sink.clone()
    }
}

pub(crate) fn look(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(buf.remaining() > 0, "such a read cannot tell the end");
        let size = ready!(self.reads.poll_size(cx));
        if self.incoming.is_empty() {
            return match self.ending {
                Ending::Closed => Poll::Ready(Ok(())),
                Ending::Failed(kind) => Poll::Ready(Err(kind.into())),
                Ending::Silent => Poll::Pending,
            };
        }
        let len = size.min(self.incoming.len()).min(buf.remaining());
        buf.put_slice(&self.incoming[..len]);
        self.incoming.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let size = ready!(self.writes.poll_size(cx));
        let mut sink = look(&self.sink);
        assert!(!sink.shut && !bytes.is_empty());
        let room = sink.breaks_at.map(|at| at.saturating_sub(sink.bytes.len()));
        if room == Some(0) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = size.min(bytes.len()).min(room.unwrap_or(usize::MAX));
        sink.bytes.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flushes.poll_size(cx));
        let mut sink = look(&self.sink);
        sink.flushed = sink.bytes.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flushes.poll_size(cx));
        look(&self.sink).shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Where one direction is in the script.
#[derive(Debug)]
struct Pace {
    script: Bytes,
    at: usize,
    waited: bool,
}

impl Pace {
    fn new(script: &[u8]) -> Self {
        Self {
            script: Bytes::copy_from_slice(if script.is_empty() { &[7] } else { script }),
            at: 0,
            waited: false,
        }
    }

    fn poll_size(&mut self, cx: &Context<'_>) -> Poll<usize> {
        let code = self.script[self.at % self.script.len()];
        if code & 0x80 != 0 && !self.waited {
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        self.at += 1;
        Poll::Ready(SIZES[usize::from(code & 7)])
    }
}

const SIZES: [usize; 8] = [1, 2, 7, 100, 1043, 1044, 5000, 1 << 20];
/// Far more than the longest test takes.
const MOST_POLLS: usize = 10_000_000;
