//! Writes frames: many a system call, sealed in place.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::error::FrameError;
use super::frame::{MAX_DATA, SEALED_FRAME, Sealer};

/// The sending direction of an encrypted stream, without the stream under it.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    sealer: Sealer,
    sealed: Vec<u8>,
    written: usize,
    failed: Option<FrameError>,
}

impl FrameWriter {
    pub(crate) const fn new(sealer: Sealer) -> Self {
        Self {
            sealer,
            sealed: Vec::new(),
            written: 0,
            failed: None,
        }
    }

    /// Seals what it can of `data` once all earlier frames are written, and begins to write that. What is sealed counts as
    /// written, since it cannot be taken back.
    pub(crate) fn poll_write<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            // A frame without content would confuse a CometBFT peer, which takes it for the end of a read.
            return Poll::Ready(self.check().map(|()| 0));
        }
        if self.poll_drain(io, cx)?.is_pending() {
            return Poll::Pending;
        }
        let len = data.len().min(MAX_BATCH);
        let batch = data.get(..len).unwrap_or_default();
        let frames = len.div_ceil(MAX_DATA);
        self.sealed.reserve(frames.saturating_mul(SEALED_FRAME));
        self.sealer
            .seal(batch, &mut self.sealed)
            .map_err(|error| self.fail(error).into_io())?;
        // Whether it goes out now or later changes nothing for the caller, unless it fails.
        let _ = self.poll_drain(io, cx)?;
        Poll::Ready(Ok(len))
    }

    /// Writes all frames and flushes the stream under it.
    pub(crate) fn poll_flush<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_drain(io, cx)?.is_pending() {
            return Poll::Pending;
        }
        // An idle connection keeps no buffer.
        self.sealed = Vec::new();
        let flushed = Pin::new(io).poll_flush(cx);
        self.latch(flushed)
    }

    /// Writes all frames and shuts the stream under it down. The format has no message for it: the remote sees an end
    /// between two frames.
    pub(crate) fn poll_shutdown<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_drain(io, cx)?.is_pending() {
            return Poll::Pending;
        }
        let shut = Pin::new(io).poll_shutdown(cx);
        self.latch(shut)
    }

    fn poll_drain<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        while let Some(rest @ [_, ..]) = self.sealed.get(self.written..) {
            let written = match Pin::new(&mut *io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                other => other,
            };
            let Poll::Ready(written) = self.latch(written)? else {
                return Poll::Pending;
            };
            self.written = self.written.saturating_add(written);
        }
        self.sealed.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    #[cfg(test)]
    pub(crate) const fn capacity(&self) -> usize {
        self.sealed.capacity()
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |error| Err(error.into_io()))
    }

    fn latch<T>(&mut self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result {
            self.fail(FrameError::FailedBefore(error.kind()));
        }
        result
    }

    fn fail(&mut self, error: FrameError) -> FrameError {
        self.failed = Some(error);
        error
    }
}

/// The usual 64 KiB go out in one call. A connection's batches are a little smaller: 62 frames, which one loopback segment holds.
const MAX_BATCH: usize = 64 * MAX_DATA;
