//! A stream whose peer and transport are a script.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::testing::script::Step;

/// Gives the peer's bytes and takes ours piece by piece, with pauses of virtual time.
#[derive(Debug)]
pub(crate) struct FedStream {
    incoming: Bytes,
    ending: Ending,
    reads: Pace,
    writes: Pace,
    flushes: Pace,
    taken: Arc<Mutex<Taken>>,
}

/// What happens after the peer's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Reset,
    Silence,
}

/// What was written to the stream.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) bytes: Vec<u8>,
    pub(crate) flushed: usize,
    pub(crate) shut: bool,
}

impl FedStream {
    /// Reads, writes and flushes go through the script independently of each other.
    pub(crate) fn new(incoming: &[u8], ending: Ending, script: &[u8]) -> Self {
        Self {
            incoming: Bytes::copy_from_slice(incoming),
            ending,
            reads: Pace::new(script),
            writes: Pace::new(script),
            flushes: Pace::new(script),
            taken: Arc::default(),
        }
    }

    /// To be looked at when the stream is gone.
    pub(crate) fn taken(&self) -> Arc<Mutex<Taken>> {
        self.taken.clone()
    }
}

impl AsyncRead for FedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(buf.remaining() > 0, "such a read cannot tell the end");
        let size = ready!(self.reads.poll_size(cx, false));
        if self.incoming.is_empty() {
            return match self.ending {
                Ending::Closed => Poll::Ready(Ok(())),
                Ending::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Ending::Silence => Poll::Pending,
            };
        }
        let len = size.min(self.incoming.len()).min(buf.remaining());
        buf.put_slice(&self.incoming[..len]);
        self.incoming.advance(len);
        self.reads.done();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let size = ready!(self.writes.poll_size(cx, true));
        let len = size.min(bytes.len());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!taken.shut, "nothing is written after the end");
        taken.bytes.extend_from_slice(&bytes[..len]);
        drop(taken);
        self.writes.done();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flushes.poll_size(cx, false));
        self.flushes.done();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.flushed = taken.bytes.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flushes.poll_size(cx, false));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(taken.flushed, taken.bytes.len(), "flushed before");
        taken.shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Where one direction is in the script.
#[derive(Debug)]
struct Pace {
    script: Bytes,
    at: usize,
    pause: Option<Pin<Box<Sleep>>>,
    /// The present step's pause is over.
    rested: bool,
}

impl Pace {
    fn new(script: &[u8]) -> Self {
        Self {
            script: Bytes::copy_from_slice(script),
            at: 0,
            pause: None,
            rested: false,
        }
    }

    /// How much the present step carries, at least a byte, once its pause is over.
    ///
    /// A step that does not take what is written is passed over after its pause when `writing`.
    fn poll_size(&mut self, cx: &mut Context<'_>, writing: bool) -> Poll<usize> {
        loop {
            let step = Step::new(self.script[self.at % self.script.len()]);
            if !self.rested && !step.pause.is_zero() {
                let sleep = || Box::pin(tokio::time::sleep(step.pause));
                ready!(self.pause.get_or_insert_with(sleep).as_mut().poll(cx));
                self.pause = None;
            }
            self.rested = true;
            if step.takes || !writing || step.pause.is_zero() {
                return Poll::Ready(step.size.max(1));
            }
            self.done();
        }
    }

    /// On to the next step.
    const fn done(&mut self) {
        self.at += 1;
        self.rested = false;
    }
}
