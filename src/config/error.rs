//! Settings that cannot be used.

use std::time::Duration;

use crate::channel::ChannelId;

/// A configuration or channel descriptor that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting of a channel outside of its bounds.
    #[error("{name} of channel {channel} is {value}, it must be {min} to {max}")]
    Channel {
        /// The channel's id.
        channel: ChannelId,
        /// The setting's name.
        name: &'static str,
        /// The refused value, in the setting's unit.
        value: u64,
        /// The least possible value.
        min: u64,
        /// The greatest possible value.
        max: u64,
    },
    /// The same channel twice.
    #[error("channel {channel} is already open")]
    DuplicateChannel {
        /// The channel's id.
        channel: ChannelId,
    },
    /// A channel that is none of this node's.
    #[error("channel {channel} is none of this node's")]
    ForeignChannel {
        /// The channel's id.
        channel: ChannelId,
    },
    /// The pong timeout is not below the ping interval, so that a ping could overtake the answer to the one before.
    #[error("pong timeout of {pong:?} is not below the ping interval of {ping:?}")]
    PongTimeout {
        /// The pong timeout.
        pong: Duration,
        /// The ping interval.
        ping: Duration,
    },
    /// A size, number or rate outside of its bounds.
    #[error("{name} is {value}, it must be {min} to {max}")]
    Size {
        /// The setting's name.
        name: &'static str,
        /// The refused value, in the setting's unit.
        value: u64,
        /// The least possible value.
        min: u64,
        /// The greatest possible value.
        max: u64,
    },
    /// A time outside of its bounds.
    #[error("{name} is {value:?}, it must be {min:?} to {max:?}")]
    Time {
        /// The setting's name.
        name: &'static str,
        /// The refused value.
        value: Duration,
        /// The least possible value.
        min: Duration,
        /// The greatest possible value.
        max: Duration,
    },
}
