//! Reads frames: many a system call, opened in place.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::error::FrameError;
use super::frame::{LEN_PREFIX, Opener, SEALED_FRAME};

/// The receiving direction of an encrypted stream, without the stream under it.
#[derive(Debug)]
pub(crate) struct FrameReader {
    opener: Opener,
    /// Begins with what the opened frame carries and nobody has taken, and its padding; what was read and is still sealed follows.
    buffer: BytesMut,
    plain: usize,
    padding: usize,
    /// How much is read at once; follows how much there is to read.
    size: usize,
    failed: Option<FrameError>,
}

impl FrameReader {
    pub(crate) fn new(opener: Opener) -> Self {
        Self {
            opener,
            buffer: BytesMut::new(),
            plain: 0,
            padding: 0,
            size: LEAST_READ,
            failed: None,
        }
    }

    /// Fills `out` with what there is, or waits for at least one byte. No bytes mean the end of the stream, between two frames.
    pub(crate) fn poll_read<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        for _ in 0..READS_PER_POLL {
            let opened = self.take_opened(out);
            if out.filled().len() > before || out.remaining() == 0 {
                // A frame that failed behind good ones is told at the next call.
                return Poll::Ready(Ok(()));
            }
            opened.map_err(FrameError::into_io)?;
            match self.poll_fill(io, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    self.failed = Some(FrameError::FailedBefore(error.kind()));
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(self.end()),
                Poll::Ready(Ok(_)) => {}
            }
        }
        // Nothing but empty frames, or one frame in tiny pieces: others shall have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes from opened frames, and opens whole ones, until `out` is full or none is left.
    fn take_opened(&mut self, out: &mut ReadBuf<'_>) -> Result<(), FrameError> {
        loop {
            let taken = self.plain.min(out.remaining());
            out.put_slice(self.buffer.get(..taken).unwrap_or_default());
            self.buffer.advance(taken);
            self.plain -= taken;
            if self.plain > 0 {
                return Ok(());
            }
            self.buffer.advance(std::mem::take(&mut self.padding));
            if let Some(error) = self.failed {
                return Err(error);
            }
            if out.remaining() == 0 || self.buffer.len() < SEALED_FRAME {
                return Ok(());
            }
            self.open_next()
                .inspect_err(|error| self.failed = Some(*error))?;
        }
    }

    fn open_next(&mut self) -> Result<(), FrameError> {
        let frame = self.buffer.get_mut(..SEALED_FRAME).unwrap_or_default();
        self.plain = self.opener.open(frame)?;
        self.padding = (SEALED_FRAME - LEN_PREFIX).saturating_sub(self.plain);
        self.buffer.advance(LEN_PREFIX);
        Ok(())
    }

    /// Reads once, behind what is still sealed, which is less than a frame.
    fn poll_fill<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.size);
        let mut room = (&mut self.buffer).limit(self.size);
        let read = poll_read_buf(Pin::new(io), cx, &mut room);
        match read {
            Poll::Ready(Ok(read)) if read == self.size => {
                self.size = self.size.saturating_mul(2).min(LARGEST_READ);
            }
            Poll::Pending => {
                // An idle connection keeps no buffer.
                self.buffer = BytesMut::from(self.buffer.as_ref());
                self.size = (self.size / 2).max(LEAST_READ);
            }
            Poll::Ready(_) => {}
        }
        read
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn end(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let error = FrameError::Truncated {
            received: self.buffer.len(),
        };
        self.failed = Some(error);
        Err(error.into_io())
    }
}

/// Room for a few packets.
const LEAST_READ: usize = 4 * SEALED_FRAME;
/// As much as CometBFT writes at once, and about what a loopback segment holds.
const LARGEST_READ: usize = 64 * SEALED_FRAME;
/// Bounds one poll where the remote sends nothing of use.
const READS_PER_POLL: usize = 16;
