//! CometBFT's figure of what a channel sent lately.

use std::time::{Duration, Instant};

/// Bytes sent, reduced by a fifth every two seconds. A statistic here; in Go the scheduler's memory.
#[derive(Debug)]
pub(crate) struct RecentlySent {
    bytes: u64,
    decayed_at: Instant,
}

impl RecentlySent {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            bytes: 0,
            decayed_at: now,
        }
    }

    pub(crate) const fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Takes account of the periods that have passed; to be called more often than they do.
    pub(crate) fn decay(&mut self, now: Instant) {
        self.bytes = self.value(now);
        let periods = now.saturating_duration_since(self.decayed_at).as_secs() / PERIOD.as_secs();
        self.decayed_at += Duration::from_secs(periods * PERIOD.as_secs());
    }

    pub(crate) fn value(&self, now: Instant) -> u64 {
        let periods = now.saturating_duration_since(self.decayed_at).as_secs() / PERIOD.as_secs();
        (0..periods.min(UNTIL_NOTHING)).fold(self.bytes, |bytes, _| bytes - bytes.div_ceil(5))
    }
}

const PERIOD: Duration = Duration::from_secs(2);
/// After so many periods nothing is left of any value.
const UNTIL_NOTHING: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_goes_every_two_seconds() {
        let start = crate::testing::epoch();
        let mut recent = RecentlySent::new(start);
        recent.add(1000);
        assert_eq!(recent.value(start + Duration::from_millis(1999)), 1000);
        assert_eq!(recent.value(start + PERIOD), 800);
        assert_eq!(recent.value(start + PERIOD * 2), 640);
        recent.decay(start + PERIOD);
        recent.add(200);
        assert_eq!(recent.value(start + PERIOD * 2), 800);
        assert_eq!(recent.value(start + Duration::from_secs(10_000)), 0);
    }
}
