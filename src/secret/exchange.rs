//! One length-delimited message each way at once: how both halves of the handshake, and NodeInfo after it, begin.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::FrameError;
use super::first_bytes::FirstBytes;

/// Writes `ours` and reads one message of at most `max` bytes behind its length, and not one byte more: what follows
/// belongs to the next layer. Neither waits for the other, so two ends that both do this cannot lock each other.
pub(crate) async fn exchange<Io: AsyncRead + AsyncWrite + Unpin>(
    io: &mut Io,
    ours: &[u8],
    max: usize,
) -> Result<Vec<u8>, ExchangeError> {
    let any = Expected {
        min: 0,
        max,
        start: &[],
    };
    exchange_expecting(io, ours, &any).await
}

/// Like [`exchange`], with a message of which more is known than its longest length: it is refused at the first byte that is wrong.
pub(super) async fn exchange_expecting<Io: AsyncRead + AsyncWrite + Unpin>(
    io: &mut Io,
    ours: &[u8],
    expected: &Expected,
) -> Result<Vec<u8>, ExchangeError> {
    let mut ours = OurMessage {
        rest: ours,
        flushed: ours.is_empty(),
    };
    let mut theirs = TheirMessage::new(expected);
    poll_fn(|cx| {
        let written = ours.poll(io, cx);
        // A remote that refuses us closes, and what it said before tells more than the failed write.
        let read = theirs.poll(io, cx)?;
        let written = written?;
        if written.is_pending() || read.is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(std::mem::take(&mut theirs.body)))
    })
    .await
}

/// What the remote's message has to be.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) min: usize,
    pub(super) max: usize,
    /// The first bytes behind the length.
    pub(super) start: &'static [u8],
}

/// An exchange that did not take place.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The stream ended before the message was complete.
    Closed,
    Frame(FrameError),
    Io(io::Error),
    /// The length does not fit 64 bits.
    PrefixOverflow,
    TooLong {
        len: u64,
        max: usize,
    },
    /// It cannot be the message that was expected.
    Unexpected(FirstBytes),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        match (FrameError::of(&error), error.kind()) {
            // It ended, only not between two frames.
            (Some(FrameError::Truncated { .. }), _) => Self::Closed,
            (Some(error), _) => Self::Frame(error),
            // A remote that closes while our bytes are on the way resets the stream.
            (
                None,
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset,
            ) => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

struct OurMessage<'a> {
    rest: &'a [u8],
    flushed: bool,
}

impl OurMessage<'_> {
    fn poll<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let Poll::Ready(written) = Pin::new(&mut *io).poll_write(cx, self.rest)? else {
                return Poll::Pending;
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest = self.rest.get(written..).unwrap_or_default();
        }
        if !self.flushed {
            self.flushed = Pin::new(io).poll_flush(cx)?.is_ready();
        }
        if self.flushed {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

struct TheirMessage<'a> {
    expected: &'a Expected,
    len: Len,
    body: Vec<u8>,
    first: FirstBytes,
}

impl<'a> TheirMessage<'a> {
    const fn new(expected: &'a Expected) -> Self {
        Self {
            expected,
            len: Len::Partial { value: 0, bytes: 0 },
            body: Vec::new(),
            first: FirstBytes::new(),
        }
    }

    fn poll<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ExchangeError>> {
        loop {
            let mut chunk = [0; CHUNK];
            let wanted = match self.len {
                Len::Partial { .. } => 1,
                Len::Known(len) => len.saturating_sub(self.body.len()).min(CHUNK),
            };
            if wanted == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(chunk.get_mut(..wanted).unwrap_or_default());
            if Pin::new(&mut *io).poll_read(cx, &mut buf)?.is_pending() {
                return Poll::Pending;
            }
            self.first.extend(buf.filled());
            match (buf.filled(), self.len) {
                ([], _) => return Poll::Ready(Err(ExchangeError::Closed)),
                ([byte, ..], Len::Partial { value, bytes }) => {
                    self.len = self.with_byte(*byte, value, bytes)?;
                }
                (filled, Len::Known(_)) => self.body.extend_from_slice(filled),
            }
            if !self.may_be_expected() {
                return Poll::Ready(Err(self.unexpected(io, cx)));
            }
        }
    }

    /// Takes one byte of the length; limits are those of CometBFT's reader: ten bytes, the last of which is 0 or 1.
    fn with_byte(&self, byte: u8, value: u64, bytes: u32) -> Result<Len, ExchangeError> {
        if bytes == LAST_PREFIX_BYTE && byte > 1 {
            return Err(ExchangeError::PrefixOverflow);
        }
        let value = value | u64::from(byte & 0x7f).wrapping_shl(7 * bytes);
        if byte & 0x80 != 0 {
            let bytes = bytes.saturating_add(1);
            return Ok(Len::Partial { value, bytes });
        }
        let max = self.expected.max;
        match usize::try_from(value) {
            Ok(len) if len <= max => Ok(Len::Known(len)),
            _ => Err(ExchangeError::TooLong { len: value, max }),
        }
    }

    fn may_be_expected(&self) -> bool {
        let Len::Known(len) = self.len else {
            return true;
        };
        let mut start = self.body.iter().zip(self.expected.start);
        len >= self.expected.min && start.all(|(theirs, wanted)| theirs == wanted)
    }

    /// Nothing of it is used any more, so a little beyond the message may be taken to see what it is.
    fn unexpected<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> ExchangeError {
        let mut more = [0; FirstBytes::MAX];
        let room = more.get_mut(..self.first.room()).unwrap_or_default();
        let mut more = ReadBuf::new(room);
        if more.remaining() > 0 {
            // Without more it is shown as far as it came.
            let _ = Pin::new(io).poll_read(cx, &mut more);
            self.first.extend(more.filled());
        }
        ExchangeError::Unexpected(self.first)
    }
}

/// The length prefix, as far as it came.
#[derive(Clone, Copy)]
enum Len {
    Known(usize),
    Partial { value: u64, bytes: u32 },
}

/// Memory grows with what came and never with what was announced.
const CHUNK: usize = 1024;
/// The tenth byte holds the 64th bit.
const LAST_PREFIX_BYTE: u32 = 9;
