//! How much passes in any window of time.

use std::time::Instant;

/// Follows the fullest window so far, in link time: what its bytes take at the rate at which they passed.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Link time used so far, less the time gone.
    ahead: i128,
    /// The least of that before any of the bytes.
    least: i128,
    last: Option<Instant>,
    worst: i128,
}

impl Windows {
    /// `bytes` passed at `now`, while the limit was `rate`.
    pub(super) fn add(&mut self, now: Instant, bytes: usize, rate: u64) {
        let gone = now - *self.last.get_or_insert(now);
        self.last = Some(now);
        self.ahead -= i128::try_from(gone.as_nanos()).unwrap();
        self.least = self.least.min(self.ahead);
        self.ahead += bytes as i128 * 1_000_000_000 / i128::from(rate);
        self.worst = self.worst.max(self.ahead - self.least);
    }

    /// By how many nanoseconds of link time the fullest window exceeds its own length.
    pub(super) fn worst(&self) -> u128 {
        u128::try_from(self.worst).unwrap()
    }
}
