//! What the passing of time brings about.

use std::time::{Duration, Instant};

use super::input::received_bytes;
use super::{Mux, Phase};
use crate::error::Error;

impl Mux {
    /// When `handle_timeout` and `poll_transmit` are to be called next, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let may_write = !self.write.is_busy() && self.phase != Phase::Finished;
        let timers = [
            self.deadline(),
            self.keepalive.pong_at().filter(|_| may_write),
            (may_write && self.phase == Phase::Open).then(|| self.keepalive.ping_at()),
            self.send
                .not_before()
                .filter(|_| may_write && self.scheduler.pending() > 0),
            self.recv.not_before().filter(|_| !self.reading.is_paused()),
        ];
        timers.into_iter().flatten().min()
    }

    /// When `handle_timeout` will look at what the peer did and may end the connection.
    pub fn deadline(&self) -> Option<Instant> {
        let peer = [self.silence_deadline(), self.messages.deadline()];
        let peer = peer.into_iter().flatten().min();
        let peer = peer.filter(|_| self.phase != Phase::Finished);
        [self.write.deadline(), peer].into_iter().flatten().min()
    }

    /// For so long the driver stood still, and could neither read nor write: no deadline counts that time.
    ///
    /// A driver finds out by a [`deadline`](Self::deadline) that it sees long after it passed. It then tells this instead of calling
    /// `handle_timeout`.
    pub fn on_standstill(&mut self, time: Duration) {
        self.write.put_off(time);
        self.keepalive.put_off(time);
        self.messages.put_off(time);
    }

    /// Time has passed.
    ///
    /// Read, write and decode what can be before, also what came while the driver slept, so that a peer is not declared silent
    /// while its packets wait to be seen.
    ///
    /// # Errors
    ///
    /// [`Error::PongTimeout`] or [`Error::WriteTimeout`] once the peer has been silent for too long, [`Error::MessageStalled`] or
    /// [`Error::MessageTimeout`] once a message that it began does not get on.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.write.check(now)?;
        let channels = self.channels.iter();
        let held = channels.map(|c| (c.descriptor.id(), c.reassembly.held()));
        let received = received_bytes(&self.channels);
        self.messages.check(now, received, held)?;
        if self.write.is_flushing() {
            return Ok(());
        }
        self.keepalive.check(now)
    }

    /// While a flush is blocked our ping may not have gone out, and the write deadline judges alone.
    fn silence_deadline(&self) -> Option<Instant> {
        self.keepalive
            .deadline()
            .filter(|_| !self.write.is_flushing())
    }
}

/// An instant that cannot be computed on this system is left where it is.
pub(super) fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or(at)
}
