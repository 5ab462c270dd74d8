//! Errors, sorted by who is at fault.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::channel::ChannelId;

/// Why a connection ended other than by an orderly close.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer under the connection found bytes that the peer's layer cannot have written ([`io::ErrorKind::InvalidData`]):
    /// an encrypted stream does so where a frame was damaged, replayed or forged.
    #[error("the stream is corrupt: {0}")]
    Corrupt(#[source] Arc<io::Error>),
    /// The graceful stop took longer than `drain_timeout`; what was left is listed in the close report.
    #[error("the drain was not done after {after:?}")]
    DrainTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// A receiver on our side took nothing from its full inbox, and so held up the whole connection.
    #[error(
        "the receiver of channel {channel} took nothing for {after:?} while its inbox was full"
    )]
    InboxStalled {
        /// The channel whose inbox was full.
        channel: ChannelId,
        /// How long nothing was taken.
        after: Duration,
    },
    /// The peer answered a ping with silence.
    #[error("nothing came from the peer within {after:?} of a ping")]
    PongTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The peer broke the protocol.
    #[error("protocol violation by the peer: {0}")]
    Protocol(#[from] ProtocolError),
    /// The transport failed.
    #[error("transport failed: {0}")]
    Transport(#[source] Arc<io::Error>),
    /// The stream ended in the middle of a packet.
    #[error("the stream ended inside a packet, {received} bytes into it")]
    Truncated {
        /// The bytes of the unfinished packet that had come, its length prefix included.
        received: usize,
    },
    /// The peer took no byte for `write_timeout` while we had some to send.
    #[error("the peer took no byte for {after:?}")]
    WriteTimeout {
        /// The time that it was given.
        after: Duration,
    },
}

impl Error {
    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Corrupt(_) | Self::Protocol(_) => Fault::Peer,
            Self::PongTimeout { .. } | Self::WriteTimeout { .. } | Self::DrainTimeout { .. } => {
                Fault::Silence
            }
            Self::Transport(_) | Self::Truncated { .. } => Fault::Transport,
            Self::InboxStalled { .. } => Fault::Local,
        }
    }

    /// Whether the peer broke the protocol, or somebody on the way did, so that it may be worth avoiding.
    pub const fn is_peer_fault(&self) -> bool {
        matches!(self.fault(), Fault::Peer)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Corrupt(Arc::new(error)),
            _ => Self::Transport(Arc::new(error)),
        }
    }
}

/// Who is at fault for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This program.
    Local,
    /// The peer broke the protocol, or somebody on the way tampered with what it sent.
    Peer,
    /// The peer, or the way to it, fell silent.
    Silence,
    /// The byte stream.
    Transport,
}

/// A rule of the protocol that the peer broke (CometBFT p2p specification, "Multiplexed connection").
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A packet's checksum does not match its content.
    #[error(
        "checksum mismatch on channel {channel}: the packet says {stated:#010x}, its content gives {computed:#010x}"
    )]
    ChecksumMismatch {
        /// The packet's channel.
        channel: ChannelId,
        /// The checksum in the packet.
        stated: u32,
        /// The checksum of what was received.
        computed: u32,
    },
    /// A packet has no checksum, and this side requires one.
    #[error("packet without the required checksum on channel {channel}")]
    ChecksumMissing {
        /// The packet's channel.
        channel: ChannelId,
    },
    /// A packet that is neither ping, pong nor message.
    #[error("packet without content")]
    EmptyPacket,
    /// A packet that is not valid protobuf.
    #[error("malformed packet: {0}")]
    Malformed(#[from] Malformed),
    /// A message above its channel's maximum.
    #[error("message of at least {len} bytes on channel {channel}, the maximum is {max}")]
    MessageTooLarge {
        /// The message's channel.
        channel: ChannelId,
        /// The bytes received of it.
        len: usize,
        /// The channel's maximum.
        max: usize,
    },
    /// A length prefix above the packet limit.
    #[error("packet of {len} bytes, the maximum is {max}")]
    PacketTooLarge {
        /// The stated length, without the prefix itself.
        len: u64,
        /// The largest packet that this side accepts.
        max: usize,
    },
    /// A length prefix that does not fit 64 bits.
    #[error("packet length prefix overflows 64 bits")]
    PrefixOverflow,
    /// The unfinished messages of all channels together exceed `reassembly_bytes`.
    #[error(
        "unfinished messages of {len} bytes in all at a packet on channel {channel}, the maximum is {max}"
    )]
    ReassemblyFull {
        /// The channel whose packet exceeded the bound.
        channel: ChannelId,
        /// The bytes of all unfinished messages with this packet.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// A packet on a channel that this side does not receive on.
    #[error("unknown channel {id}")]
    UnknownChannel {
        /// The channel number in the packet, which may be outside 0 to 255.
        id: i32,
    },
}

/// What makes the bytes of a packet invalid protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A field number of 0 or below.
    #[error("illegal field number {number}")]
    IllegalTag {
        /// The low 32 bits of the field number.
        number: i32,
    },
    /// A wire type that protobuf does not have.
    #[error("illegal wire type {wire_type}")]
    IllegalWireType {
        /// The wire type, 6 or 7.
        wire_type: u8,
    },
    /// A length with its sign bit set.
    #[error("negative length")]
    NegativeLength,
    /// A field that reaches beyond the end of what holds it.
    #[error("field reaches beyond the end of its packet")]
    Overrun,
    /// An end of a group that was not started.
    #[error("end of a group that was not started")]
    UnexpectedEndGroup,
    /// A varint of more than ten bytes.
    #[error("varint of more than ten bytes")]
    VarintTooLong,
    /// A known field with a wire type that it does not have.
    #[error("field {field} with wire type {wire_type}")]
    WrongWireType {
        /// The field's number.
        field: u8,
        /// The wire type in its tag.
        wire_type: u8,
    },
}

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

/// The connection ended before everything in question was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection ended before the message was sent")]
pub struct NotSent;

/// Why [`try_recv`](crate::Receiver::try_recv) has no message.
#[cfg(feature = "tokio")]
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
