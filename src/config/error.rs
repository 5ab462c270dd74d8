//! Settings that cannot be used.

use std::time::Duration;

use crate::channel::ChannelId;

/// A configuration or channel descriptor that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The same channel twice.
    #[error("channel {channel} is already open")]
    DuplicateChannel {
        /// The channel's id.
        channel: ChannelId,
    },
    /// The packet limit leaves no room for a packet of the chosen payload, or is beyond what can be framed.
    #[error("packet limit of {value} bytes, it must be {min} to {max}")]
    PacketLimit {
        /// The refused value.
        value: usize,
        /// The least possible value.
        min: usize,
        /// The greatest possible value.
        max: usize,
    },
    /// A payload size outside what can be cut.
    #[error("packet payload of {value} bytes, it must be {min} to {max}")]
    Payload {
        /// The refused value.
        value: usize,
        /// The least possible value.
        min: usize,
        /// The greatest possible value.
        max: usize,
    },
    /// The pong timeout is not below the ping interval, so that a ping could overtake the answer to the one before.
    #[error("pong timeout of {pong:?} is not below the ping interval of {ping:?}")]
    PongTimeout {
        /// The pong timeout.
        pong: Duration,
        /// The ping interval.
        ping: Duration,
    },
    /// A time for a whole message in which healthy ones would not be whole.
    #[error("message timeout of {value:?}, the least is {min:?}")]
    MessageTimeout {
        /// The refused time.
        value: Duration,
        /// The least possible time.
        min: Duration,
    },
    /// A least rate that healthy links would not reach.
    #[error("{name} of {value} bytes per second, the greatest is {max}")]
    MinRate {
        /// The setting's name.
        name: &'static str,
        /// The refused rate.
        value: u64,
        /// The greatest possible rate.
        max: u64,
    },
    /// A rate so low that one packet or one burst exceeds the four seconds of link time that the limiter can count.
    #[error("rate of {value} bytes per second, the least for this packet size is {min}")]
    RateTooLow {
        /// The refused rate.
        value: u64,
        /// The least rate that works.
        min: u64,
    },
    /// A priority of 0.
    #[error("priority 0 on channel {channel}, the least is 1")]
    ZeroPriority {
        /// The channel's id.
        channel: ChannelId,
    },
    /// A bound or a time of 0 where nothing could ever pass.
    #[error("{name} must not be zero")]
    Zero {
        /// The setting's name.
        name: &'static str,
    },
}
