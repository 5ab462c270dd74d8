//! How often something may happen: one limiter over governor's for every rate limit of the crate.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::Quota;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed, RateLimiter};

/// Gives out one cell in each period and `burst` at once after a pause (GCRA). Time is counted from an origin of the owner's.
pub(crate) struct Limiter {
    period: Duration,
    burst: NonZeroU32,
    clock: SetClock,
    inner: Inner,
}

impl Limiter {
    pub(crate) fn new(period: Duration, burst: NonZeroU32) -> Self {
        let clock = SetClock::default();
        Self {
            period,
            burst,
            inner: inner(period, burst, InMemoryState::default(), clock.clone()),
            clock,
        }
    }

    /// Takes so many cells at this time, at most a burst of them, and says how many are left of the burst; or before when there are not as
    /// many.
    pub(crate) fn take(&self, at: Duration, cells: NonZeroU32) -> Result<u32, Duration> {
        self.clock.set(at);
        match self.inner.check_n(cells.min(self.burst)) {
            Ok(Ok(taken)) => Ok(taken.remaining_burst_capacity()),
            Ok(Err(early)) => Err(early.earliest_possible()),
            Err(_) => unreachable!("a burst is never more than the burst"),
        }
    }

    pub(crate) const fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// Goes on with another burst. What was taken ahead stays taken.
    pub(crate) fn set_burst(&mut self, burst: NonZeroU32) {
        // The stored state counts from the limiter's creation, which must stay at the origin.
        self.clock.set(Duration::ZERO);
        let unused = inner(
            self.period,
            burst,
            InMemoryState::default(),
            self.clock.clone(),
        );
        let old = std::mem::replace(&mut self.inner, unused);
        let state = old.into_state_store();
        self.inner = inner(self.period, burst, state, self.clock.clone());
        self.burst = burst;
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("period", &self.period)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// A limiter of events, each of which is one cell, on the owner's clock.
#[derive(Debug)]
pub(crate) struct Pacer {
    origin: Instant,
    limiter: Limiter,
    /// When the whole burst is there again at the latest.
    rested_at: Duration,
}

#[cfg_attr(
    not(feature = "peer"),
    allow(dead_code, reason = "only who is asked by strangers forgets them")
)]
impl Pacer {
    pub(crate) fn new(now: Instant, period: Duration, burst: NonZeroU32) -> Self {
        Self {
            origin: now,
            limiter: Limiter::new(period, burst),
            rested_at: Duration::ZERO,
        }
    }

    /// Takes one, or says before when there is none.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let at = now.saturating_duration_since(self.origin);
        let left = self
            .limiter
            .take(at, NonZeroU32::MIN)
            .map_err(|at| self.origin + at)?;
        let ahead = self.limiter.burst().get().saturating_sub(left);
        self.rested_at = at.saturating_add(self.limiter.period.saturating_mul(ahead));
        Ok(())
    }

    /// Whether the whole burst is there again, so that nothing need be remembered.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.origin) >= self.rested_at
    }
}

type Inner = RateLimiter<NotKeyed, InMemoryState, SetClock, StateInformationMiddleware>;

fn inner(period: Duration, burst: NonZeroU32, state: InMemoryState, clock: SetClock) -> Inner {
    #[expect(
        clippy::expect_used,
        reason = "every period is a constant or checked before"
    )]
    let quota = Quota::with_period(period).expect("no period is zero");
    let quota = quota.allow_burst(burst);
    RateLimiter::<_, _, _, StateInformationMiddleware>::new(quota, state, clock)
}

/// Time since the origin, set by whoever asks.
#[derive(Clone, Debug, Default)]
struct SetClock(Arc<AtomicU64>);

impl SetClock {
    fn set(&self, elapsed: Duration) {
        self.0.store(nanos(elapsed), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Saturates after 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, epoch};

    #[test]
    fn a_burst_passes_at_once_and_then_one_in_each_period() {
        let (period, burst) = (Duration::from_millis(100), NonZeroU32::new(3).unwrap());
        let start = epoch();
        let mut pacer = Pacer::new(start, period, burst);
        assert!(pacer.is_rested(start));
        for _ in 0..3 {
            assert_eq!(pacer.take(start), Ok(()));
        }
        assert_eq!(pacer.take(start), Err(start + period));
        assert_eq!(pacer.take(start + period), Ok(()));
        assert!(!pacer.is_rested(start + period * 3));
        assert!(pacer.is_rested(start + period * 4));
        for _ in 0..3 {
            assert_eq!(pacer.take(start + period * 100), Ok(()));
        }
        assert!(pacer.take(start + period * 100).is_err());
    }

    #[test]
    fn what_is_given_is_what_a_bucket_of_tokens_would_give() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let period = Duration::from_micros(random.between(1, 5000) as u64);
            let size = u32::try_from(random.between(1, 20)).unwrap();
            let start = epoch();
            let mut pacer = Pacer::new(start, period, NonZeroU32::new(size).unwrap());
            // Time up to which the bucket's tokens are spent, at one each period.
            let (mut now, mut spent) = (start, start);
            for _ in 0..500 {
                now += period * u32::try_from(random.between(0, 3)).unwrap() / 2;
                let wanted = spent.max(now) + period <= now + period * size;
                let taken = pacer.take(now);
                assert_eq!(taken.is_ok(), wanted);
                if wanted {
                    spent = spent.max(now) + period;
                }
                assert!(spent <= now || !pacer.is_rested(now));
                assert!(spent + period > now || pacer.is_rested(now));
                assert!(taken.is_ok() || taken == Err(spent + period - period * size));
            }
        }
    }
}
