//! Does the peer take what we write, and how much is worth writing at once.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::error::Error;
use crate::rate::LARGEST_BATCH;

/// Follows the one batch that is on its way to the transport.
#[derive(Debug)]
pub(crate) struct WriteProgress {
    timeout: Duration,
    in_flight: usize,
    /// The transport has what was written, and has not passed all of it on.
    flushing: bool,
    /// A control packet was encoded and is not flushed.
    urgent: bool,
    /// Since when the transport has taken nothing.
    blocked_since: Option<Instant>,
    /// The transport could not take the present batch at once.
    stalled: bool,
    batch: usize,
}

impl WriteProgress {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            timeout: config.write_timeout(),
            in_flight: 0,
            flushing: false,
            urgent: false,
            blocked_since: None,
            stalled: false,
            batch: INITIAL_BATCH,
        }
    }

    /// Bytes that the next batch should have at most.
    pub(crate) const fn batch(&self) -> usize {
        self.batch
    }

    /// Whether something is on its way, so that nothing more is to be encoded.
    pub(crate) const fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.flushing
    }

    pub(crate) const fn on_encoded(&mut self, bytes: usize) {
        self.in_flight += bytes;
        self.stalled = false;
    }

    /// What is being encoded is not to wait for a later flush.
    pub(crate) const fn on_control(&mut self) {
        self.urgent = true;
    }

    /// Whether what was encoded is to be flushed as soon as it is written.
    pub(crate) const fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Whether the transport was asked to flush and cannot at present.
    pub(crate) const fn is_flushing(&self) -> bool {
        self.flushing
    }

    /// The transport took `bytes` of the batch; says whether it took none before.
    ///
    /// A full batch taken at once lets the next one be larger.
    pub(crate) fn on_written(&mut self, now: Instant, bytes: usize) -> bool {
        let full = self.in_flight >= self.batch / 2;
        self.in_flight = self.in_flight.saturating_sub(bytes);
        if self.in_flight == 0 && full && !self.stalled {
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
        }
        let was_blocked = bytes > 0 && self.blocked_since.is_some();
        if bytes > 0 {
            let blocked = was_blocked && self.in_flight > 0;
            self.blocked_since = blocked.then_some(now);
        }
        was_blocked
    }

    /// The transport takes nothing at present.
    pub(crate) fn on_blocked(&mut self, now: Instant) {
        self.blocked_since.get_or_insert(now);
        if !self.stalled {
            self.stalled = true;
            self.batch = (self.batch / 2).max(LEAST_BATCH);
        }
    }

    /// The transport has all that was written, and cannot pass it on at present.
    pub(crate) fn on_flush_blocked(&mut self, now: Instant) {
        self.flushing = true;
        self.on_blocked(now);
    }

    /// The transport has passed on all that was written; says whether it could not before.
    pub(crate) fn on_flushed(&mut self) -> bool {
        self.urgent = false;
        if self.in_flight == 0 {
            self.blocked_since = None;
        }
        std::mem::take(&mut self.flushing)
    }

    /// When the peer will have taken nothing for too long.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.blocked_since.map(|since| since + self.timeout)
    }

    pub(crate) fn check(&self, now: Instant) -> Result<(), Error> {
        match self.timeout() {
            Some(deadline) if deadline <= now => Err(Error::WriteTimeout {
                after: self.timeout,
            }),
            _ => Ok(()),
        }
    }
}

/// Large enough to be cheap on a fast link from the start, small enough not to hold up much on a slow one.
const INITIAL_BATCH: usize = 16 * 1024;
/// A few packets: less would cost a system call per packet.
const LEAST_BATCH: usize = 4 * 1024;
