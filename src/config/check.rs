//! Which settings work together.

use std::num::NonZeroU64;
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
        let tightest = ChunkLimits::new(
            ChannelId::new(u8::MAX),
            self.max_packet_payload,
            self.send_checksum,
        );
        if tightest.last == 0 || self.max_packet_payload > PAYLOAD_MAX {
            let min = if self.send_checksum {
                PAYLOAD_MIN_CHECKED
            } else {
                PAYLOAD_MIN
            };
            return Err(ConfigError::Payload {
                value: self.max_packet_payload,
                min,
                max: PAYLOAD_MAX,
            });
        }
        let (min, max) = (max_packet(1), max_packet(PAYLOAD_MAX));
        if !(min..=max).contains(&self.max_packet) {
            return Err(ConfigError::PacketLimit {
                value: self.max_packet,
                min,
                max,
            });
        }
        if self.inbox_bytes == 0 {
            return Err(ConfigError::Zero {
                name: "inbox_bytes",
            });
        }
        Ok(())
    }

    /// Faster ones would end links that are alive.
    fn check_rates(&self) -> Result<(), ConfigError> {
        let rates = [
            ("min_write_rate", self.min_write_rate),
            ("min_message_rate", self.min_message_rate),
        ];
        for (name, rate) in rates {
            if let Some(value) = rate
                .map(NonZeroU64::get)
                .filter(|rate| *rate > MIN_RATE_MAX)
            {
                let max = MIN_RATE_MAX;
                return Err(ConfigError::MinRate { name, value, max });
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        if self.pong_timeout >= self.ping_interval {
            return Err(ConfigError::PongTimeout {
                pong: self.pong_timeout,
                ping: self.ping_interval,
            });
        }
        let min = MESSAGE_TIMEOUT_MIN;
        if let Some(value) = self.message_timeout.filter(|time| *time < min) {
            return Err(ConfigError::MessageTimeout { value, min });
        }
        let times = [
            ("pong_timeout", self.pong_timeout),
            ("write_timeout", self.write_timeout),
            ("drain_timeout", self.drain_timeout),
            (
                "inbox_stall_timeout",
                self.inbox_stall_timeout.unwrap_or(Duration::MAX),
            ),
        ];
        match times.into_iter().find(|(_, time)| time.is_zero()) {
            Some((name, _)) => Err(ConfigError::Zero { name }),
            None => Ok(()),
        }
    }
}

/// A message of several packets on a path that is slow for a moment.
const MESSAGE_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// What a peer is to take or send at least; dcrd asks for a quarter of it.
const MIN_RATE_MAX: u64 = 1024 * 1024;
/// One byte of data on any channel, in a packet whose limit was computed for channel 1.
const PAYLOAD_MIN: usize = 2;
/// Likewise with a checksum of five bytes.
const PAYLOAD_MIN_CHECKED: usize = 7;
/// Beyond this one packet would hold up urgent ones for longer than multiplexing is worth.
const PAYLOAD_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_timeout_that_ends_healthy_connections_is_refused() {
        let build = |time| ConfigBuilder::default().message_timeout(time).build();
        assert!(build(None).is_ok() && build(Some(MESSAGE_TIMEOUT_MIN)).is_ok());
        let (value, min) = (Duration::from_millis(999), MESSAGE_TIMEOUT_MIN);
        let refused = Err(ConfigError::MessageTimeout { value, min });
        assert_eq!(build(Some(value)), refused);
    }

    #[test]
    fn a_least_rate_that_healthy_links_would_not_reach_is_refused() {
        let rates: [fn(Option<NonZeroU64>) -> ConfigBuilder; 2] = [
            |rate| ConfigBuilder::default().min_write_rate(rate),
            |rate| ConfigBuilder::default().min_message_rate(rate),
        ];
        for (with_rate, name) in rates
            .into_iter()
            .zip(["min_write_rate", "min_message_rate"])
        {
            assert!(with_rate(None).build().is_ok());
            assert!(with_rate(NonZeroU64::new(MIN_RATE_MAX)).build().is_ok());
            let (value, max) = (MIN_RATE_MAX + 1, MIN_RATE_MAX);
            let refused = with_rate(NonZeroU64::new(value)).build();
            assert_eq!(refused, Err(ConfigError::MinRate { name, value, max }));
        }
    }
}
