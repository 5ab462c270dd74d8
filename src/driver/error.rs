//! What a sender or receiver is refused, with what it handed over.

use bytes::Bytes;

/// A message that was not accepted for sending; it is handed back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is stopping or has ended, or the channel does not send.
    #[error("the channel is closed for sending")]
    Closed(Bytes),
    /// The peer did not say that it takes messages on this channel, and would end the connection at one.
    #[error("the peer did not advertise the channel")]
    NotAdvertised(Bytes),
    /// The message is above the channel's maximum, or above what was reserved.
    #[error("message of {} bytes, the maximum is {max}", message.len())]
    TooLarge {
        /// The message.
        message: Bytes,
        /// The largest that was possible here.
        max: usize,
    },
}

impl SendError {
    /// The message that was not accepted.
    pub fn into_message(self) -> Bytes {
        match self {
            Self::Closed(message)
            | Self::NotAdvertised(message)
            | Self::TooLarge { message, .. } => message,
        }
    }
}

/// A message that was not accepted at once; it is handed back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// The connection is stopping or has ended, or the channel does not send.
    #[error("the channel is closed for sending")]
    Closed(Bytes),
    /// The queue is full, or others already wait for it.
    #[error("the channel's send queue is full")]
    Full(Bytes),
    /// The peer did not say that it takes messages on this channel, and would end the connection at one.
    #[error("the peer did not advertise the channel")]
    NotAdvertised(Bytes),
    /// The message is above the channel's maximum.
    #[error("message of {} bytes, the maximum is {max}", message.len())]
    TooLarge {
        /// The message.
        message: Bytes,
        /// The channel's maximum.
        max: usize,
    },
}

impl TrySendError {
    /// The message that was not accepted.
    pub fn into_message(self) -> Bytes {
        match self {
            Self::Closed(message)
            | Self::Full(message)
            | Self::NotAdvertised(message)
            | Self::TooLarge { message, .. } => message,
        }
    }
}

/// Room in a send queue that was not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The connection is stopping or has ended, or the channel does not send.
    #[error("the channel is closed for sending")]
    Closed,
    /// The peer did not say that it takes messages on this channel.
    #[error("the peer did not advertise the channel")]
    NotAdvertised,
    /// More than the channel's largest message.
    #[error("room for {len} bytes, the maximum is {max}")]
    TooLarge {
        /// The bytes asked for.
        len: usize,
        /// The channel's maximum.
        max: usize,
    },
}

/// Room in a send queue that was not to be had at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryReserveError {
    /// The connection is stopping or has ended, or the channel does not send.
    #[error("the channel is closed for sending")]
    Closed,
    /// The queue is full, or others already wait for it.
    #[error("the channel's send queue is full")]
    Full,
    /// The peer did not say that it takes messages on this channel.
    #[error("the peer did not advertise the channel")]
    NotAdvertised,
    /// More than the channel's largest message.
    #[error("room for {len} bytes, the maximum is {max}")]
    TooLarge {
        /// The bytes asked for.
        len: usize,
        /// The channel's maximum.
        max: usize,
    },
}

impl From<ReserveError> for TryReserveError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Closed => Self::Closed,
            ReserveError::NotAdvertised => Self::NotAdvertised,
            ReserveError::TooLarge { len, max } => Self::TooLarge { len, max },
        }
    }
}

/// The connection ended before everything in question was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection ended before the message was sent")]
pub struct NotSent;

/// Why [`try_recv`](crate::Receiver::try_recv) has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecvError {
    /// No message waits, and none will come.
    #[error("the connection has ended")]
    Closed,
    /// No message waits at present.
    #[error("no message is waiting")]
    Empty,
}
