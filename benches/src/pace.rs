//! The arithmetic of a link: what may leave when, and when it arrives.

use std::time::{Duration, Instant};

/// Serialises bytes at a fixed rate and delays them by a fixed time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: u64,
    delay: Duration,
    free: Option<Instant>,
}

/// One read of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When the link has sent these bytes and may take more.
    pub sent: Instant,
    /// When they come out at the other end.
    pub arrived: Instant,
}

impl Pace {
    pub const fn new(bytes_per_second: u64, delay: Duration) -> Self {
        Self {
            bytes_per_second,
            delay,
            free: None,
        }
    }

    /// Takes `bytes` onto the link.
    pub fn take(&mut self, now: Instant, bytes: usize) -> Slot {
        let nanos = u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .saturating_mul(1_000_000_000)
            / self.bytes_per_second;
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let start = self.free.map_or(now, |free| free.max(earliest));
        let sent = start + Duration::from_nanos(nanos);
        self.free = Some(sent);
        Slot {
            sent,
            arrived: sent + self.delay,
        }
    }
}

/// How late a sleeping thread may wake without costing the link any of its rate.
const SLACK: Duration = Duration::from_millis(2);
