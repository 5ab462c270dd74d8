//! What follows from a rate limit: how large a batch and a burst may be.

use std::num::{NonZeroU32, NonZeroU64};

use crate::config::ConfigError;

/// A rate with its batch and burst, checked to fit the limiter's 32 bits of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkRate {
    bytes_per_second: NonZeroU64,
    batch: usize,
    burst: NonZeroU32,
}

impl LinkRate {
    /// For packets of at most `largest_packet` framed bytes.
    ///
    /// # Errors
    ///
    /// A rate at which one packet takes longer than the limiter can count.
    pub(crate) fn new(
        name: &'static str,
        rate: NonZeroU64,
        largest_packet: usize,
    ) -> Result<Self, ConfigError> {
        let batch = batch_len(rate, largest_packet);
        let burst = nanos_of(batch, rate).saturating_add(u128::from(BURST_NANOS));
        match u32::try_from(burst).ok().and_then(NonZeroU32::new) {
            Some(burst) => Ok(Self {
                bytes_per_second: rate,
                batch,
                burst,
            }),
            None => Err(ConfigError::Size {
                name,
                value: rate.get(),
                min: least_rate(largest_packet),
                max: u64::MAX,
            }),
        }
    }

    pub(crate) const fn bytes_per_second(&self) -> NonZeroU64 {
        self.bytes_per_second
    }

    /// Bytes of packets that may be put together for one write.
    pub(crate) const fn batch(&self) -> usize {
        self.batch
    }

    /// Nanoseconds of link time that may be used ahead.
    pub(crate) const fn burst(&self) -> NonZeroU32 {
        self.burst
    }
}

/// A rate that may be none, checked.
pub(crate) fn link(
    name: &'static str,
    rate: Option<NonZeroU64>,
    largest_packet: usize,
) -> Result<Option<LinkRate>, ConfigError> {
    rate.map(|rate| LinkRate::new(name, rate, largest_packet))
        .transpose()
}

/// About 2 ms of the rate, so that a packet chosen now does not wait behind many chosen earlier.
fn batch_len(rate: NonZeroU64, largest_packet: usize) -> usize {
    let two_ms = usize::try_from(rate.get() / 500).unwrap_or(usize::MAX);
    two_ms.clamp(largest_packet, LARGEST_BATCH.max(largest_packet))
}

fn nanos_of(bytes: usize, rate: NonZeroU64) -> u128 {
    (bytes as u128 * NANOS_PER_SECOND).div_ceil(u128::from(rate.get()))
}

fn least_rate(largest_packet: usize) -> u64 {
    let room = u128::from(u32::MAX - BURST_NANOS);
    let rate = (largest_packet as u128 * NANOS_PER_SECOND).div_ceil(room);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// One segment of the loopback device: a larger write is cut badly there, and on a real link nothing is gained by it.
pub(crate) const LARGEST_BATCH: usize = 62 * 1024;
/// What a limited link may catch up on when its owner woke late, on top of one batch.
const BURST_NANOS: u32 = 10_000_000;
pub(crate) const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_rate_works_and_one_below_does_not() {
        let least = least_rate(1036);
        assert_eq!(least, 242);
        let rate = |value| LinkRate::new("send_rate", NonZeroU64::new(value).unwrap(), 1036);
        assert!(rate(least).is_ok());
        assert_eq!(
            rate(least - 1),
            Err(ConfigError::Size {
                name: "send_rate",
                value: 241,
                min: 242,
                max: u64::MAX
            })
        );
    }

    #[test]
    fn a_batch_is_two_milliseconds_between_one_packet_and_one_segment() {
        let batch = |rate| {
            LinkRate::new("send_rate", NonZeroU64::new(rate).unwrap(), 1036)
                .unwrap()
                .batch()
        };
        assert_eq!(batch(512_000), 1036);
        assert_eq!(batch(5_120_000), 10_240);
        assert_eq!(batch(10_000_000_000), LARGEST_BATCH);
    }
}
