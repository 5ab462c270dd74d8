//! Does the receiver that holds up reading still take anything.

use std::time::{Duration, Instant};

use crate::channel::ChannelId;
use crate::error::Error;

/// Watches the receiver whose full inbox pauses reading.
#[derive(Debug)]
pub(super) struct StallWatch {
    timeout: Option<Duration>,
    stalled: Option<Stalled>,
}

#[derive(Debug)]
struct Stalled {
    channel: ChannelId,
    taken: u64,
    since: Instant,
}

impl StallWatch {
    pub(super) const fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            stalled: None,
        }
    }

    pub(super) const fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Reading waits for this channel, whose receiver has taken so many messages.
    pub(super) fn watch(&mut self, now: Instant, channel: ChannelId, taken: u64) {
        match &self.stalled {
            Some(stalled) if stalled.channel == channel && stalled.taken == taken => {}
            _ => {
                self.stalled = Some(Stalled {
                    channel,
                    taken,
                    since: now,
                })
            }
        }
    }

    /// Fails once the receiver has taken nothing for too long.
    pub(super) fn judge(&self, now: Instant) -> Result<(), Error> {
        match (&self.stalled, self.timeout) {
            (Some(Stalled { channel, since, .. }), Some(after)) if *since + after <= now => {
                Err(Error::InboxStalled {
                    channel: *channel,
                    after,
                })
            }
            _ => Ok(()),
        }
    }

    /// For so long nobody could take anything.
    pub(super) fn put_off(&mut self, time: Duration) {
        if let Some(stalled) = &mut self.stalled {
            stalled.since += time;
        }
    }

    pub(super) fn clear(&mut self) {
        self.stalled = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.stalled.as_ref()?.since + self.timeout?)
    }
}
