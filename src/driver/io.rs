//! Bytes on their way between the machine and the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

/// The batch that is being written.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) batch: Vec<u8>,
    written: usize,
    /// Something was written since the last flush.
    unflushed: bool,
    /// A flush was begun and is not done.
    flushing: bool,
}

impl Output {
    /// Whether the batch is written wholly.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.batch.len()
    }

    pub(super) const fn is_flushed(&self) -> bool {
        !self.unflushed
    }

    /// Whether a flush was begun and is not done.
    pub(super) const fn is_flushing(&self) -> bool {
        self.flushing
    }

    /// Makes room for the next batch.
    pub(super) fn clear(&mut self) {
        self.batch.clear();
        self.written = 0;
    }

    /// Writes what it can of the rest of the batch.
    pub(super) fn poll_write<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let rest = self.batch.get(self.written..).unwrap_or_default();
        let written = ready!(Pin::new(io).poll_write(cx, rest))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += written;
        self.unflushed = true;
        Poll::Ready(Ok(written))
    }

    pub(super) fn poll_flush<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.flushing = true;
        ready!(Pin::new(io).poll_flush(cx))?;
        self.flushing = false;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Frees the memory of past batches.
    pub(super) fn shrink(&mut self) {
        if self.is_written() {
            self.batch = Vec::new();
            self.written = 0;
        }
    }
}

/// What was read and not decoded.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) bytes: BytesMut,
    /// How much is read at once; follows how much there is to read.
    size: usize,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            size: LEAST_READ,
        }
    }

    /// Reads once, at most `allowance` bytes; 0 means the end of the stream.
    pub(super) fn poll_read<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        allowance: usize,
    ) -> Poll<io::Result<usize>> {
        self.bytes.reserve(self.size);
        let room = allowance.min(self.size);
        let mut limited = (&mut self.bytes).limit(room);
        let read = poll_read_buf(Pin::new(io), cx, &mut limited);
        match &read {
            Poll::Ready(Ok(read)) if *read == self.size => {
                self.size = (self.size * 2).min(LARGEST_READ)
            }
            // An idle connection keeps no buffer.
            Poll::Pending if self.bytes.is_empty() && self.size == LEAST_READ => {
                self.bytes = BytesMut::new()
            }
            _ => {}
        }
        read
    }

    /// Frees the memory of past reads. What is there of an unfinished packet is moved only if the buffer is much too large for it: it may be long,
    /// and come byte by byte.
    pub(super) fn shrink(&mut self) {
        if self.bytes.capacity() / 4 > self.bytes.len().max(LEAST_READ) || self.bytes.is_empty() {
            self.bytes = BytesMut::from(self.bytes.as_ref());
        }
        self.size = LEAST_READ;
    }
}

/// Holds many small packets, and costs little where nothing comes.
const LEAST_READ: usize = 4 * 1024;
/// One loopback segment; a larger one leaves the processor's nearer caches.
const LARGEST_READ: usize = 64 * 1024;
