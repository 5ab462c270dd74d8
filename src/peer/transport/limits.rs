//! How much a transport takes on.

use std::time::Duration;

/// The bounds of a [`Registry`](super::registry::Registry).
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) connections_per_address: usize,
    pub(super) handshakes: usize,
    pub(super) attempts: Option<AttemptRate>,
}

/// How often one address may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptRate {
    interval: Duration,
    burst: u32,
}

impl AttemptRate {
    /// An attempt costs one interval, and `burst` of them may come at once after a pause.
    pub(super) const fn new(burst: u32, interval: Duration) -> Self {
        let interval = if interval.as_secs() < LONGEST_INTERVAL.as_secs() {
            interval
        } else {
            LONGEST_INTERVAL
        };
        Self { interval, burst }
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// How far ahead of its rate an address may be.
    pub(super) const fn tolerance(&self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// A hundred years: as good as for ever, and a clock can still count a burst of them.
const LONGEST_INTERVAL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
