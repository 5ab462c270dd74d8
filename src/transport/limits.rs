//! How much a transport takes on.

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
    burst: u32,
}

impl AttemptRate {
    /// An attempt costs one interval, and `burst` of them may come at once after a pause.
    pub(super) const fn new(burst: u32, interval: Duration) -> Self {
        Self { interval, burst }
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) const fn burst(&self) -> u32 {
        self.burst
    }
}
