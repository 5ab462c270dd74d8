//! When the transport is flushed.

use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Task;
use crate::error::Error;

impl<Io: AsyncRead + AsyncWrite + Unpin> Task<Io> {
    /// The transport took `bytes` of the batch.
    ///
    /// A batch that somebody waits for is in flight until it is flushed, so that the machine encodes nothing more: a busy
    /// link always has a part of a batch to write, and a flush would never have its turn.
    pub(super) fn on_taken(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        bytes: usize,
    ) -> Result<(), Error> {
        if self.output.is_written() {
            self.outbound.on_written();
            let flushes = self.outbound.wants_flush() && self.poll_flush(cx, now)?.is_pending();
            self.held_back = usize::from(flushes);
        }
        self.mux.on_written(now, bytes - self.held_back);
        Ok(())
    }

    /// Flushes once there is nothing more to write, or at once where somebody waits for it.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), Error> {
        let wanted = self.outbound.wants_flush();
        let settled = self.output.is_flushed() && !wanted;
        if !self.output.is_written() || self.held_back > 0 || settled {
            return Ok(());
        }
        let delay = self.shared.config.flush_delay();
        let at = *self.flush_at.get_or_insert_with(|| now + delay);
        if now < at && !wanted && self.life.is_open() {
            return Ok(());
        }
        self.poll_flush(cx, now).map(|_| ())
    }

    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Result<Poll<()>, Error> {
        if self.output.poll_flush(&mut self.io, cx, now)?.is_ready() {
            self.flush_at = None;
            self.outbound.on_flushed();
            return Ok(Poll::Ready(()));
        }
        match self.flush_deadline() {
            Some(deadline) if deadline <= now => Err(Error::WriteTimeout {
                after: self.shared.config.write_timeout(),
            }),
            _ => Ok(Poll::Pending),
        }
    }

    /// When the peer will have taken nothing for too long of what the transport has buffered.
    pub(super) fn flush_deadline(&self) -> Option<Instant> {
        let blocked_since = self.output.flush_blocked_since()?;
        Some(blocked_since + self.shared.config.write_timeout())
    }
}
