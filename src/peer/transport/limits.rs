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
    /// The time that one attempt costs.
    pub(super) interval: Duration,
    /// Attempts that may come at once after a pause.
    pub(super) burst: u32,
}

impl AttemptRate {
    /// How far ahead of its rate an address may be.
    pub(super) fn tolerance(&self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}
