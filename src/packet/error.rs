//! How what a peer sends can break the protocol.

use crate::channel::ChannelId;

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
    Malformed(Malformed),
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

impl From<Malformed> for ProtocolError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
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
