//! Does the receiver that holds up reading still take anything.

use std::time::{Duration, Instant};

use super::inboxes::Obstacle;
use crate::error::Error;

/// Watches the receiver whose full inbox pauses reading.
#[derive(Debug)]
pub(super) struct StallWatch {
    timeout: Option<Duration>,
    stalled: Option<Stalled>,
}

#[derive(Debug)]
struct Stalled {
    obstacle: Obstacle,
    since: Instant,
    /// When to look for room without having been rung.
    look_again_at: Option<Instant>,
    looks: u8,
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

    /// Whether receivers are to ring at each message that they take.
    pub(super) fn is_impatient(&self) -> bool {
        self.stalled.as_ref().is_some_and(|it| it.looks > 0)
    }

    /// The receivers have been asked to ring anew.
    pub(super) fn on_asked(&mut self, now: Instant) {
        if let Some(stalled) = &mut self.stalled {
            stalled.look_again_at = Some(now + LOOK_AGAIN);
        }
    }

    /// Reading waits for this.
    pub(super) fn watch(&mut self, now: Instant, obstacle: Obstacle) {
        match &mut self.stalled {
            Some(stalled) if stalled.obstacle == obstacle => stalled.on_look(now),
            stalled => *stalled = Some(Stalled::new(now, obstacle)),
        }
    }

    /// Fails once the receiver has taken nothing for too long.
    pub(super) fn judge(&self, now: Instant) -> Result<(), Error> {
        match (&self.stalled, self.timeout) {
            (
                Some(Stalled {
                    obstacle, since, ..
                }),
                Some(after),
            ) if *since + after <= now => Err(Error::InboxStalled {
                channel: obstacle.channel,
                after,
            }),
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

    /// When the receiver will have taken nothing for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.stalled.as_ref()?.since + self.timeout?)
    }

    /// When to look for room without having been rung.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        self.stalled.as_ref()?.look_again_at
    }
}

impl Stalled {
    fn new(now: Instant, obstacle: Obstacle) -> Self {
        Self {
            obstacle,
            since: now,
            look_again_at: Some(now + LOOK_AGAIN),
            looks: 0,
        }
    }

    fn on_look(&mut self, now: Instant) {
        if self.look_again_at.is_some_and(|at| at <= now) {
            self.looks = self.looks.saturating_add(1);
            self.look_again_at = (self.looks < LOOKS).then(|| now + LOOK_AGAIN);
        }
    }
}

/// A receiver that takes quickly has taken many messages by then, for which one ring is enough. And far longer than a processor keeps a
/// write to itself: what was taken in the very moment of the question, without seeing it, shows at the next look.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// After the first receivers are asked to ring at each message, and after the next nothing can have been missed.
const LOOKS: u8 = 3;
