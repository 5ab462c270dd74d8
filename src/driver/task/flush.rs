//! When the transport is flushed.

use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Task;
use crate::error::Error;

impl<Io: AsyncRead + AsyncWrite + Unpin> Task<Io> {
    /// The transport took `bytes` of the batch. A batch that somebody waits for is flushed before the next one is encoded.
    pub(super) fn on_taken(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        bytes: usize,
    ) -> Result<(), Error> {
        self.mux.on_written(now, bytes);
        if self.output.is_written() {
            self.ends.outboxes.on_written();
            if self.wants_flush() {
                let _ = self.poll_flush(cx, now)?;
            }
        }
        Ok(())
    }

    /// Flushes once there is nothing more to write, or at once where somebody waits for it.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), Error> {
        let wanted = self.wants_flush();
        let settled = self.output.is_flushed() && !wanted;
        if !self.output.is_written() || self.output.is_flushing() || settled {
            return Ok(());
        }
        let delay = self.shared.config.flush_delay();
        let at = *self.flush_at.get_or_insert_with(|| now + delay);
        if now < at && !wanted && self.life.is_open() {
            return Ok(());
        }
        self.poll_flush(cx, now).map(|_| ())
    }

    /// Whether a flush is not to be delayed: somebody waits for it, or the peer does for a ping or pong.
    fn wants_flush(&self) -> bool {
        self.ends.outboxes.wants_flush() || self.mux.wants_flush()
    }

    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Result<Poll<()>, Error> {
        if self.output.poll_flush(&mut self.io, cx)?.is_pending() {
            self.mux.on_flush_blocked(now);
            return Ok(Poll::Pending);
        }
        self.mux.on_flushed(now);
        self.flush_at = None;
        self.ends.outboxes.on_flushed();
        Ok(Poll::Ready(()))
    }
}
