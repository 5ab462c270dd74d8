//! How much a transport takes on.

use std::num::NonZeroU32;
use std::time::Duration;

/// The bounds of a [`Registry`](super::registry::Registry).
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Inbound connections, those in their handshake included.
    pub(super) inbound: usize,
    /// Outbound connections, those that are being made included.
    pub(super) outbound: usize,
    /// Inbound connections with one address.
    pub(super) connections_per_address: usize,
    /// Inbound connections with one IPv6 network.
    pub(super) connections_per_network: usize,
    /// Inbound handshakes at once.
    pub(super) handshakes: usize,
    pub(super) attempts: Option<AttemptRate>,
}

/// How often one address may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptRate {
    interval: Duration,
    burst: NonZeroU32,
}

impl AttemptRate {
    /// An attempt costs one interval, and `burst` of them may come at once after a pause; 0 counts as 1.
    pub(super) const fn new(burst: u32, interval: Duration) -> Self {
        let interval = if interval.as_secs() < LONGEST_INTERVAL.as_secs() {
            interval
        } else {
            LONGEST_INTERVAL
        };
        let burst = match NonZeroU32::new(burst) {
            Some(burst) if burst.get() < MOST_AT_ONCE.get() => burst,
            Some(_) => MOST_AT_ONCE,
            None => NonZeroU32::MIN,
        };
        Self { interval, burst }
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) const fn burst(&self) -> NonZeroU32 {
        self.burst
    }
}

/// More than any host could hold open; an hour for each is a time that can be counted.
const MOST_AT_ONCE: NonZeroU32 = NonZeroU32::new(1 << 16).unwrap();
/// An hour: who has to wait for longer would better be refused by a filter. A clock can count a burst of them.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
