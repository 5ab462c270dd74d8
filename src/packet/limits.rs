//! How large a packet may be, and how much of a message fits into one.

use prost::encoding::encoded_len_varint;

use super::MsgHeader;
use crate::channel::ChannelId;

/// The largest packet, without its length prefix, of a CometBFT connection whose `MaxPacketMsgPayloadSize` is `payload`.
///
/// Go measures a final packet of that size on channel 1 once and uses the result both for what it sends and for what
/// it accepts. A final full packet on an id of 0x80 or above is a byte longer, and Go refuses it. Saturates at [`usize::MAX`].
pub const fn max_packet(payload: usize) -> usize {
    body_len(&MsgHeader::new(ChannelId::new(1)).with_eof(true), payload)
}

/// A packet of `body` bytes with its length prefix.
pub(crate) const fn framed_max(body: usize) -> usize {
    varint_len(body).saturating_add(body)
}

/// How much data one packet of a channel may carry so that it stays within [`max_packet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Data bytes of a packet that does not end its message.
    pub partial: usize,
    /// Data bytes of the packet that ends its message.
    pub last: usize,
}

impl ChunkLimits {
    /// The limits of `channel` for a payload of at most `payload` bytes, with room for the checksum if one is `checked`.
    ///
    /// A payload too small for the header of such a channel gives limits of 0, with which no message would ever end;
    /// [`ConfigBuilder::build`](crate::ConfigBuilder::build) refuses it.
    ///
    /// Both are `payload` on ids below 0x80 without a checksum, and a little less otherwise.
    pub const fn new(channel: ChannelId, payload: usize, checked: bool) -> Self {
        let header = MsgHeader::new(channel).with_checksum(checked);
        Self {
            partial: largest(&header, payload),
            last: largest(&header.with_eof(true), payload),
        }
    }

    /// Data bytes of the next packet, and whether it ends the message, with `remaining` bytes of it left to send.
    pub const fn next(&self, remaining: usize) -> (usize, bool) {
        if remaining <= self.last {
            (remaining, true)
        } else if remaining <= self.partial {
            (remaining.saturating_sub(1), false)
        } else {
            (self.partial, false)
        }
    }
}

/// Whether all numbers of a packet's header are one byte: a whole message of at most 119 bytes on an id below 0x80.
///
/// Nearly all packets of a connection that is busy with short messages are, and the codec has a shorter way for them.
#[inline]
pub(super) const fn is_short(header: &MsgHeader, data: usize) -> bool {
    let MsgHeader {
        channel,
        eof,
        checked,
    } = *header;
    channel.get() < 0x80 && matches!(data, 1..=SHORT_MAX) && eof && !checked
}

/// What goes before the data of a short packet, its length prefix included.
pub(super) const fn short_header_len(channel: ChannelId) -> usize {
    if channel.get() == 0 {
        SHORT_HEADER_LEN_0
    } else {
        SHORT_HEADER_LEN
    }
}

pub(super) const fn body_len(header: &MsgHeader, data: usize) -> usize {
    let inner = inner_len(header, data);
    inner.saturating_add(1 + varint_len(inner))
}

pub(super) const fn inner_len(header: &MsgHeader, data: usize) -> usize {
    let id = match header.channel.get() {
        0 => 0,
        1..=0x7f => 2,
        0x80.. => 3,
    };
    let eof = if header.eof { 2 } else { 0 };
    let checksum = if header.checked { CHECKSUM_LEN } else { 0 };
    let data = if data > 0 {
        data.saturating_add(1 + varint_len(data))
    } else {
        0
    };
    data.saturating_add(id + eof + checksum)
}

pub(super) const fn varint_len(value: usize) -> usize {
    encoded_len_varint(value as u64)
}

const fn largest(header: &MsgHeader, payload: usize) -> usize {
    let mut data = payload;
    while data > 0 && body_len(header, data) > max_packet(payload) {
        data -= 1;
    }
    data
}

pub(super) const SHORT_HEADER_LEN: usize = 9;
/// Channel 0 is not written.
pub(super) const SHORT_HEADER_LEN_0: usize = 7;
/// With more data the packet's length takes two bytes.
const SHORT_MAX: usize = 119;
/// A one-byte tag and a `fixed32`.
pub(super) const CHECKSUM_LEN: usize = 5;
