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
    pub(super) fn check(
        &mut self,
        now: Instant,
        channel: ChannelId,
        taken: u64,
    ) -> Result<(), Error> {
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
        match (self.deadline(), self.timeout) {
            (Some(deadline), Some(after)) if deadline <= now => {
                Err(Error::InboxStalled { channel, after })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn clear(&mut self) {
        self.stalled = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.stalled.as_ref()?.since + self.timeout?)
    }
}
