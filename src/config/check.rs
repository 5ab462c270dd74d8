//! Which values each setting can have, and which go together.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigBuilder, ConfigError};
use crate::channel::ChannelId;
use crate::packet::{ChunkLimits, max_packet};

impl ConfigBuilder {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_sizes()?;
        self.check_times()?;
        self.check_rates()
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        let payload = size(
            "max_packet_payload",
            self.max_packet_payload,
            self.payloads(),
        );
        payload?;
        let packets = max_packet(1)..=max_packet(PAYLOAD_MAX);
        size("max_packet", self.max_packet, packets)?;
        size("inbox_bytes", self.inbox_bytes, 1..=BYTES_MAX)?;
        let reassembly = self.reassembly_bytes.unwrap_or_default();
        size("reassembly_bytes", reassembly, 0..=BYTES_MAX)
    }

    /// At least one byte of data on any channel, in a packet whose limit was computed for channel 1.
    fn payloads(&self) -> RangeInclusive<usize> {
        let fits = |payload: &usize| {
            let tightest = ChannelId::new(u8::MAX);
            ChunkLimits::new(tightest, *payload, self.send_checksum).last > 0
        };
        let min = (1..PAYLOAD_MAX).find(fits).unwrap_or(PAYLOAD_MAX);
        min..=PAYLOAD_MAX
    }

    /// Faster ones would end links that are alive.
    fn check_rates(&self) -> Result<(), ConfigError> {
        let rates = [
            ("min_write_rate", self.min_write_rate),
            ("min_message_rate", self.min_message_rate),
        ];
        rates.into_iter().try_for_each(|(name, rate)| {
            let rate = rate.map_or(1, NonZeroU64::get);
            number(name, rate, 1..=MIN_RATE_MAX)
        })
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let stall = self.inbox_stall_timeout.unwrap_or(TIME_MAX);
        let message = self.message_timeout.unwrap_or(TIME_MAX);
        let times = [
            ("ping_interval", self.ping_interval, TIME_MIN..=TIME_MAX),
            ("pong_timeout", self.pong_timeout, PONG_MIN..=TIME_MAX),
            ("write_timeout", self.write_timeout, TIME_MIN..=TIME_MAX),
            ("drain_timeout", self.drain_timeout, TIME_MIN..=TIME_MAX),
            ("inbox_stall_timeout", stall, TIME_MIN..=TIME_MAX),
            ("message_timeout", message, MESSAGE_MIN..=TIME_MAX),
            ("flush_delay", self.flush_delay, Duration::ZERO..=DELAY_MAX),
        ];
        times
            .into_iter()
            .try_for_each(|(name, value, bounds)| time(name, value, bounds))?;
        if self.pong_timeout >= self.ping_interval {
            return Err(ConfigError::PongTimeout {
                pong: self.pong_timeout,
                ping: self.ping_interval,
            });
        }
        Ok(())
    }
}

pub(crate) fn size(
    name: &'static str,
    value: usize,
    bounds: RangeInclusive<usize>,
) -> Result<(), ConfigError> {
    let (min, max) = bounds.into_inner();
    number(name, value as u64, min as u64..=max as u64)
}

pub(crate) fn time(
    name: &'static str,
    value: Duration,
    bounds: RangeInclusive<Duration>,
) -> Result<(), ConfigError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let (min, max) = bounds.into_inner();
    Err(ConfigError::Time {
        name,
        value,
        min,
        max,
    })
}

fn number(name: &'static str, value: u64, bounds: RangeInclusive<u64>) -> Result<(), ConfigError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let (min, max) = bounds.into_inner();
    Err(ConfigError::Size {
        name,
        value,
        min,
        max,
    })
}

/// Below it a busy runtime is late more often than a peer is.
const TIME_MIN: Duration = Duration::from_millis(10);
/// A message of several packets on a path that is slow for a moment.
const MESSAGE_MIN: Duration = Duration::from_secs(1);
/// Half of the least ping interval.
const PONG_MIN: Duration = Duration::from_millis(5);
/// An instant that far ahead can be computed on every system: thirty years.
const TIME_MAX: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
/// What waits for longer is not worth sending.
const DELAY_MAX: Duration = Duration::from_secs(60 * 60);
/// What a peer is to take or send at least; dcrd asks for a quarter of it.
const MIN_RATE_MAX: u64 = 1024 * 1024;
/// Beyond this one packet would hold up urgent ones for longer than multiplexing is worth.
const PAYLOAD_MAX: usize = 16 * 1024 * 1024;
/// A quarter of what can be counted: sums of a few bounds stay exact, and no machine has so much memory.
pub(crate) const BYTES_MAX: usize = usize::MAX / 4;

#[cfg(test)]
mod tests {
    use super::*;

    type Setter<T> = fn(T) -> ConfigBuilder;

    /// A ping interval below which no other time has to be.
    fn patient() -> ConfigBuilder {
        ConfigBuilder::default().pong_timeout(PONG_MIN)
    }

    #[test]
    fn the_preset_of_a_stock_node_is_within_its_bounds() {
        let config = crate::config::Config::cometbft();
        assert_eq!(config.send_rate(), NonZeroU64::new(5_120_000));
        assert_eq!(config.recv_rate(), config.send_rate());
        assert_eq!(config.max_packet_payload(), 1024);
    }

    #[test]
    fn each_size_is_refused_beyond_its_bounds_and_the_error_names_them() {
        let checked = 7..=PAYLOAD_MAX;
        let settings: [(&str, Setter<usize>, RangeInclusive<usize>); 5] = [
            (
                "max_packet_payload",
                |n| patient().max_packet_payload(n),
                2..=PAYLOAD_MAX,
            ),
            (
                "max_packet_payload",
                |n| patient().max_packet_payload(n).send_checksum(true),
                checked,
            ),
            (
                "max_packet",
                |n| patient().max_packet(n),
                9..=PAYLOAD_MAX + 14,
            ),
            ("inbox_bytes", |n| patient().inbox_bytes(n), 1..=BYTES_MAX),
            (
                "reassembly_bytes",
                |n| patient().reassembly_bytes(Some(n)),
                0..=BYTES_MAX,
            ),
        ];
        for (name, with, bounds) in settings {
            let (least, most) = bounds.into_inner();
            let (min, max) = (least as u64, most as u64);
            assert_eq!(with(least).build().err(), None, "{name}");
            assert_eq!(with(most).build().err(), None, "{name}");
            for value in [least.checked_sub(1), most.checked_add(1), Some(usize::MAX)] {
                let Some(value) = value else { continue };
                let refused = with(value).build().unwrap_err();
                let value = value as u64;
                assert_eq!(
                    refused,
                    ConfigError::Size {
                        name,
                        value,
                        min,
                        max
                    }
                );
                let text = format!("{name} is {value}, it must be {min} to {max}");
                assert_eq!(refused.to_string(), text);
            }
        }
    }

    #[test]
    fn each_time_is_refused_beyond_its_bounds_and_the_error_names_them() {
        let settings: [(&str, Setter<Duration>, Duration, Duration); 7] = [
            (
                "ping_interval",
                |t| patient().ping_interval(t),
                TIME_MIN,
                TIME_MAX,
            ),
            (
                "pong_timeout",
                |t| patient().ping_interval(TIME_MAX).pong_timeout(t),
                PONG_MIN,
                TIME_MAX,
            ),
            (
                "write_timeout",
                |t| patient().write_timeout(t),
                TIME_MIN,
                TIME_MAX,
            ),
            (
                "drain_timeout",
                |t| patient().drain_timeout(t),
                TIME_MIN,
                TIME_MAX,
            ),
            (
                "inbox_stall_timeout",
                |t| patient().inbox_stall_timeout(Some(t)),
                TIME_MIN,
                TIME_MAX,
            ),
            (
                "message_timeout",
                |t| patient().message_timeout(Some(t)),
                MESSAGE_MIN,
                TIME_MAX,
            ),
            (
                "flush_delay",
                |t| patient().flush_delay(t),
                Duration::ZERO,
                DELAY_MAX,
            ),
        ];
        let nano = Duration::from_nanos(1);
        for (name, with, min, max) in settings {
            assert_eq!(with(min).build().err(), None, "{name}");
            // Where pong must be below ping, the greatest is one below.
            assert!(
                with(max).build().is_ok() || name == "pong_timeout",
                "{name}"
            );
            assert_eq!(with(max - nano).build().err(), None, "{name}");
            for value in [min.checked_sub(nano), Some(max + nano), Some(Duration::MAX)] {
                let Some(value) = value else { continue };
                let refused = with(value).build().unwrap_err();
                assert_eq!(
                    refused,
                    ConfigError::Time {
                        name,
                        value,
                        min,
                        max
                    }
                );
            }
        }
    }

    #[test]
    fn a_least_rate_that_healthy_links_would_not_reach_is_refused() {
        let rates: [(&str, Setter<Option<NonZeroU64>>); 2] = [
            ("min_write_rate", |rate| patient().min_write_rate(rate)),
            ("min_message_rate", |rate| patient().min_message_rate(rate)),
        ];
        for (name, with_rate) in rates {
            assert!(with_rate(None).build().is_ok());
            assert!(with_rate(NonZeroU64::new(1)).build().is_ok());
            assert!(with_rate(NonZeroU64::new(MIN_RATE_MAX)).build().is_ok());
            let (value, min, max) = (MIN_RATE_MAX + 1, 1, MIN_RATE_MAX);
            let refused = with_rate(NonZeroU64::new(value)).build();
            assert_eq!(
                refused,
                Err(ConfigError::Size {
                    name,
                    value,
                    min,
                    max
                })
            );
        }
    }
}
