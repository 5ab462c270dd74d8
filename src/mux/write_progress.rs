//! Does the peer take what we write, and how much is worth writing at once.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::time::later;
use crate::config::Config;
use crate::error::Error;
use crate::rate::{LARGEST_BATCH, NANOS_PER_SECOND};

/// Follows the one batch that is on its way to the transport.
#[derive(Debug)]
pub(crate) struct WriteProgress {
    timeout: Duration,
    min_rate: Option<NonZeroU64>,
    in_flight: usize,
    /// What the transport took since it was last flushed, as far as it may hold any of that.
    unflushed: usize,
    /// The transport has what was written, and has not passed all of it on.
    flushing: bool,
    /// A control packet was encoded and is not flushed.
    urgent: bool,
    /// The transport takes nothing at present.
    blocked: bool,
    backlog: Option<Backlog>,
    /// The transport could not take the present batch at once.
    stalled: bool,
    batch: usize,
}

/// From when the transport first took nothing until there is nothing left to write.
///
/// The deadline is a base plus size over rate: each byte taken moves it by its time at the least rate, up to the whole base from
/// now. So a peer that takes nothing has the base, one that takes less than the rate has it used up some time, and none gathers
/// more than the base for later.
#[derive(Debug)]
struct Backlog {
    since: Instant,
    taken: u64,
    deadline: Instant,
}

impl WriteProgress {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            timeout: config.write_timeout(),
            min_rate: config.min_write_rate(),
            in_flight: 0,
            unflushed: 0,
            flushing: false,
            urgent: false,
            blocked: false,
            backlog: None,
            stalled: false,
            batch: INITIAL_BATCH,
        }
    }

    /// Bytes that the next batch should have at most.
    pub(crate) const fn batch(&self) -> usize {
        self.batch
    }

    /// Whether something is on its way, so that nothing more is to be encoded.
    pub(crate) const fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.flushing
    }

    pub(crate) const fn on_encoded(&mut self, bytes: usize) {
        self.in_flight += bytes;
        self.stalled = false;
    }

    /// All is written, and there is nothing more to write at present.
    pub(crate) fn on_idle(&mut self) {
        self.backlog = None;
    }

    /// What is being encoded is not to wait for a later flush.
    pub(crate) const fn on_control(&mut self) {
        self.urgent = true;
    }

    /// Whether what was encoded is to be flushed as soon as it is written.
    pub(crate) const fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Whether the transport was asked to flush and cannot at present.
    pub(crate) const fn is_flushing(&self) -> bool {
        self.flushing
    }

    /// The transport took `bytes` of the batch; says whether it took none before.
    ///
    /// A full batch taken at once lets the next one be larger.
    pub(crate) fn on_written(&mut self, now: Instant, bytes: usize) -> bool {
        let full = self.in_flight >= self.batch / 2;
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.unflushed = self.unflushed.saturating_add(bytes).min(MOST_UNFLUSHED);
        if self.in_flight == 0 && full && !self.stalled {
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
        }
        let was_blocked = self.blocked && bytes > 0;
        if bytes > 0 {
            self.blocked = was_blocked && self.in_flight > 0;
            self.credit(now, bytes);
        }
        was_blocked
    }

    /// The transport takes nothing at present.
    pub(crate) fn on_blocked(&mut self, now: Instant) {
        self.blocked = true;
        self.backlog.get_or_insert(Backlog {
            since: now,
            taken: 0,
            deadline: now + self.timeout,
        });
        if !self.stalled {
            self.stalled = true;
            self.batch = (self.batch / 2).max(LEAST_BATCH);
        }
    }

    /// The transport has all that was written, and cannot pass it on at present. How much of it it has passed on does not show,
    /// so it has the time of the whole.
    pub(crate) fn on_flush_blocked(&mut self, now: Instant) {
        self.on_blocked(now);
        if !std::mem::replace(&mut self.flushing, true) {
            let allowance = self.min_rate.map(|rate| allowance(self.unflushed, rate));
            if let Some(backlog) = &mut self.backlog {
                backlog.deadline += allowance.unwrap_or(Duration::ZERO);
            }
        }
    }

    /// The transport has passed on all that was written; says whether it could not before.
    pub(crate) fn on_flushed(&mut self, now: Instant) -> bool {
        self.urgent = false;
        self.unflushed = 0;
        self.blocked &= self.in_flight > 0;
        self.credit(now, 0);
        std::mem::take(&mut self.flushing)
    }

    /// When the peer will have taken too little for too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let backlog = self.backlog.as_ref().filter(|_| self.blocked);
        backlog.map(|backlog| backlog.deadline)
    }

    /// Nobody could take anything for so long.
    pub(crate) fn put_off(&mut self, time: Duration) {
        if let Some(backlog) = &mut self.backlog {
            backlog.deadline = later(backlog.deadline, time);
        }
    }

    pub(crate) fn check(&self, now: Instant) -> Result<(), Error> {
        match &self.backlog {
            Some(backlog) if self.blocked && backlog.deadline <= now => Err(Error::WriteTimeout {
                taken: backlog.taken,
                blocked: now.saturating_duration_since(backlog.since),
                after: self.timeout,
                min_rate: self.min_rate.map_or(0, NonZeroU64::get),
            }),
            _ => Ok(()),
        }
    }

    fn credit(&mut self, now: Instant, bytes: usize) {
        let Some(backlog) = &mut self.backlog else {
            return;
        };
        backlog.taken = backlog.taken.saturating_add(bytes as u64);
        let latest = now + self.timeout;
        let earned = self.min_rate.map(|rate| allowance(bytes, rate));
        let moved = earned.and_then(|earned| backlog.deadline.checked_add(earned));
        backlog.deadline = moved.unwrap_or(latest).min(latest);
    }
}

/// The time that so many bytes take at this rate.
fn allowance(bytes: usize, rate: NonZeroU64) -> Duration {
    let nanos = bytes as u128 * NANOS_PER_SECOND / u128::from(rate.get());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Large enough to be cheap on a fast link from the start, small enough not to hold up much on a slow one.
const INITIAL_BATCH: usize = 16 * 1024;
/// A few packets: less would cost a system call per packet.
const LEAST_BATCH: usize = 4 * 1024;
/// More than a stream that encrypts keeps before it takes no more.
const MOST_UNFLUSHED: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn a_size_has_its_time_at_the_rate_as_in_dcrd() {
        let rate = NonZeroU64::new(256 * 1024).unwrap();
        let table = [
            (0, 0),
            (256 * 1024 - 1, 0),
            (256 * 1024, 1),
            (512 * 1024, 2),
            (32 * 1024 * 1024, 128),
        ];
        for (bytes, seconds) in table {
            assert_eq!(allowance(bytes, rate).as_secs(), seconds);
        }
    }

    #[test]
    fn a_batch_that_is_taken_below_the_rate_has_the_base_and_the_time_of_its_size() {
        let config = Config::builder()
            .write_timeout(Duration::from_secs(20))
            .min_write_rate(NonZeroU64::new(1000));
        let mut write = WriteProgress::new(&config.build().unwrap());
        let start = epoch();
        write.on_encoded(5_000);
        write.on_blocked(start);
        for taken in 1..5 {
            let now = start + Duration::from_secs(4 * taken);
            write.on_written(now, 1000);
            let left = start + Duration::from_secs(20 + taken);
            assert_eq!(write.deadline(), Some(left));
        }
    }

    #[test]
    fn what_was_taken_fast_gives_no_more_than_the_base_for_later() {
        let mut write = WriteProgress::new(&Config::default());
        let now = epoch();
        write.on_encoded(60_000);
        write.on_blocked(now);
        write.on_written(now, 50_000);
        assert_eq!(write.deadline(), Some(now + Duration::from_secs(60)));
        let error = write.check(now + Duration::from_secs(60)).unwrap_err();
        let wanted = "the peer took 50000 bytes in 60s of a blocked write, where some every 60s and 1000 a second are asked for";
        assert_eq!(error.to_string(), wanted);
    }
}
