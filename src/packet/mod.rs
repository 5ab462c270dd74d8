//! The packet codec: `uvarint length | Packet`, the framing of CometBFT's MConnection.
//!
//! Hand-written, because every byte of every connection passes here; the generated protobuf code is the oracle that
//! tests and fuzzing compare it with. It accepts and rejects what the Go decoder does, which differs from usual
//! protobuf decoders in a few places: see [`decode()`].

#![warn(clippy::indexing_slicing)]

mod checksum;
mod decode;
mod encode;
mod error;
mod limits;

#[cfg(test)]
mod tests;

pub use checksum::checksum;
pub use decode::{Framed, decode};
pub use encode::{encode, encode_msg, framed_len};
pub use error::{Malformed, ProtocolError};
pub use limits::{ChunkLimits, max_packet};

pub(crate) use encode::{PING, PONG};
pub(crate) use limits::framed_max;

use crate::channel::ChannelId;

/// A decoded packet that borrows its data from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// Asks the peer for a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// A piece of a message.
    Msg(PacketMsg<'a>),
}

/// A piece of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketMsg<'a> {
    /// The channel number as it stood on the wire. Only 0 to 255 are valid, which is for the caller to check.
    pub channel_id: i32,
    /// Whether this is the last piece of its message.
    pub eof: bool,
    /// The piece itself, which may be empty.
    pub data: &'a [u8],
    /// The optional checksum field, an extension of this crate.
    pub checksum: Option<u32>,
}

/// What a message packet says beside its data, from the sender's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MsgHeader {
    /// The channel of the message.
    pub channel: ChannelId,
    /// Whether the packet ends its message.
    pub eof: bool,
    /// Whether it carries a checksum, an extension of this crate.
    pub checked: bool,
}

impl MsgHeader {
    /// Of a packet that does not end its message, without a checksum.
    pub const fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            eof: false,
            checked: false,
        }
    }

    /// Whether the packet ends its message.
    #[must_use]
    pub const fn with_eof(mut self, eof: bool) -> Self {
        self.eof = eof;
        self
    }

    /// Whether it carries a checksum.
    #[must_use]
    pub const fn with_checksum(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }
}
