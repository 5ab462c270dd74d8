//! May bytes pass now, and if not, when.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::limiter::{Limiter, nanos};
use crate::rate::{LinkRate, NANOS_PER_SECOND};

/// A rate limit for one direction, paid afterwards: what passed is charged, and nothing more may pass until it is paid.
///
/// One cell of the underlying limiter (GCRA) is one nanosecond of link time, which is exact at any rate.
pub(crate) struct Throttle {
    origin: Instant,
    rate: LinkRate,
    limiter: Limiter,
    owed_nanos: u64,
    /// When the last of what is owed was charged.
    charged_at: Duration,
    /// What division left of the bytes charged, in billionths of a byte's time.
    remainder: u128,
    /// The time up to which the link is used by what is paid.
    used_until: Duration,
}

impl Throttle {
    pub(crate) fn new(now: Instant, rate: LinkRate) -> Self {
        Self {
            origin: now,
            rate,
            limiter: Limiter::new(CELL, rate.burst()),
            owed_nanos: 0,
            charged_at: Duration::ZERO,
            remainder: 0,
            used_until: Duration::ZERO,
        }
    }

    /// Bytes that may pass at `now` without exceeding the burst, or the instant before which none may.
    ///
    /// Where some may pass, one packet may exceed them.
    pub(crate) fn ready(&mut self, now: Instant) -> Result<u64, Instant> {
        let elapsed = self.elapsed(now);
        match self.pay(elapsed) {
            Ok(()) => Ok(self.spare_bytes(elapsed)),
            Err(at) => Err(self.origin + at),
        }
    }

    /// Owes for `bytes` that passed at `now`.
    pub(crate) fn charge(&mut self, now: Instant, bytes: usize) {
        let elapsed = self.elapsed(now);
        // What is left after this cannot be paid before now, so that one time serves for all that is owed.
        let _ = self.pay(elapsed);
        self.charged_at = elapsed;
        let rate = u128::from(self.rate.bytes_per_second().get());
        let time = bytes as u128 * NANOS_PER_SECOND + self.remainder;
        let nanos = u64::try_from(time / rate).unwrap_or(u64::MAX);
        self.owed_nanos = self.owed_nanos.saturating_add(nanos);
        self.remainder = time % rate;
    }

    /// Goes on at another rate. Time used ahead stays used, so that a change gives no second burst.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: LinkRate) {
        let elapsed = self.elapsed(now);
        let _ = self.pay(elapsed);
        self.limiter.set_burst(rate.burst());
        self.rate = rate;
    }

    pub(crate) const fn rate(&self) -> LinkRate {
        self.rate
    }

    fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }

    /// Pays what is owed if that is possible by `now`, or says when it will be.
    ///
    /// Everything is paid at the first instant that permits it, not when somebody looks: whoever comes late by less than the
    /// burst loses nothing.
    fn pay(&mut self, now: Duration) -> Result<(), Duration> {
        let mut at = self.charged_at;
        while let Some(piece) = self.next_piece() {
            match self.limiter.take(at, piece) {
                Ok(left) => {
                    self.owed_nanos -= u64::from(piece.get());
                    let ahead = self.limiter.burst().get() - left;
                    self.used_until = at + Duration::from_nanos(u64::from(ahead));
                }
                Err(earliest) if earliest <= now => at = earliest,
                Err(earliest) => {
                    let rest = self.owed_nanos - u64::from(piece.get());
                    return Err(earliest + Duration::from_nanos(rest));
                }
            }
        }
        // More than the burst is used only after a change to a rate with a smaller one.
        let burst = Duration::from_nanos(u64::from(self.rate.burst().get()));
        let free = self.used_until.saturating_sub(burst);
        if free > now { Err(free) } else { Ok(()) }
    }

    fn next_piece(&self) -> Option<NonZeroU32> {
        let piece = self.owed_nanos.min(u64::from(self.rate.burst().get()));
        NonZeroU32::new(u32::try_from(piece).unwrap_or(u32::MAX))
    }

    /// Bytes for which the burst has room.
    fn spare_bytes(&self, elapsed: Duration) -> u64 {
        let ahead = nanos(self.used_until.saturating_sub(elapsed));
        let spare = u64::from(self.rate.burst().get()).saturating_sub(ahead);
        let bytes =
            u128::from(spare) * u128::from(self.rate.bytes_per_second().get()) / NANOS_PER_SECOND;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle")
            .field("rate", &self.rate)
            .field("owed_nanos", &self.owed_nanos)
            .finish_non_exhaustive()
    }
}

const CELL: Duration = Duration::from_nanos(1);
