//! Writing packets.

use bytes::BufMut;
use prost::encoding::encode_varint;

use super::checksum::checksum;
use super::limits::{
    SHORT_HEADER_LEN, body_len, framed_max, inner_len, is_short, short_header_len, varint_len,
};
use super::{MsgHeader, Packet, PacketMsg};
use crate::channel::ChannelId;

/// Appends a packet with its length prefix to `out`, and says how many bytes that were.
///
/// Writes what the Go encoder does: fields in ascending order, defaults left out, minimal varints. A message's checksum is
/// written if it has one, as it stands.
pub fn encode(packet: &Packet<'_>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    match packet {
        Packet::Ping => out.extend_from_slice(&PING),
        Packet::Pong => out.extend_from_slice(&PONG),
        Packet::Msg(msg) => encode_any_msg(msg, out),
    }
    out.len() - start
}

/// Appends a message packet with its length prefix to `out`, with its checksum if one is asked for.
///
/// Says how many bytes that were: always [`framed_len`] of the same header and as much data.
pub fn encode_msg(header: &MsgHeader, data: &[u8], out: &mut Vec<u8>) -> usize {
    let MsgHeader {
        channel,
        eof,
        checked,
    } = *header;
    if is_short(header, data.len()) {
        return encode_short(channel, data, out);
    }
    let checksum = checked.then(|| checksum(channel, eof, data));
    let inner = inner_len(header, data.len());
    let body = body_len(header, data.len());
    let framed = framed_max(body);
    out.reserve(framed);
    put_len(body, out);
    out.put_u8(TAG_PACKET_MSG);
    put_len(inner, out);
    if channel.get() != 0 {
        out.put_u8(TAG_CHANNEL_ID);
        put_len(channel.index(), out);
    }
    put_content(eof, data, checksum, out);
    framed
}

/// The bytes that [`encode_msg`] writes for a packet with `data` bytes of data. Saturates at [`usize::MAX`].
pub const fn framed_len(header: &MsgHeader, data: usize) -> usize {
    if is_short(header, data) {
        return short_header_len(header.channel) + data;
    }
    framed_max(body_len(header, data))
}

/// The same bytes as in general.
#[inline]
fn encode_short(channel: ChannelId, data: &[u8], out: &mut Vec<u8>) -> usize {
    let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
    out.reserve(SHORT_HEADER_LEN + data.len());
    match channel.get() {
        0 => out.extend_from_slice(&[len + 6, TAG_PACKET_MSG, len + 4, TAG_EOF, 1, TAG_DATA, len]),
        id => out.extend_from_slice(&[
            len + 8,
            TAG_PACKET_MSG,
            len + 6,
            TAG_CHANNEL_ID,
            id,
            TAG_EOF,
            1,
            TAG_DATA,
            len,
        ]),
    }
    out.extend_from_slice(data);
    short_header_len(channel) + data.len()
}

/// For channel ids that only a test or a fuzzer writes: negative ones and those above 255.
fn encode_any_msg(msg: &PacketMsg<'_>, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(msg.data.len() + 32);
    if msg.channel_id != 0 {
        inner.put_u8(TAG_CHANNEL_ID);
        encode_varint(
            u64::from_le_bytes(i64::from(msg.channel_id).to_le_bytes()),
            &mut inner,
        );
    }
    put_content(msg.eof, msg.data, msg.checksum, &mut inner);
    put_len(1 + varint_len(inner.len()) + inner.len(), out);
    out.put_u8(TAG_PACKET_MSG);
    put_len(inner.len(), out);
    out.extend_from_slice(&inner);
}

fn put_content(eof: bool, data: &[u8], checksum: Option<u32>, out: &mut Vec<u8>) {
    if eof {
        out.extend_from_slice(&[TAG_EOF, 1]);
    }
    if !data.is_empty() {
        out.put_u8(TAG_DATA);
        put_len(data.len(), out);
        out.extend_from_slice(data);
    }
    if let Some(checksum) = checksum {
        out.put_u8(TAG_CHECKSUM);
        out.put_u32_le(checksum);
    }
}

/// Nearly all lengths of a small message, and all ids below 0x80, are one byte.
#[inline]
fn put_len(len: usize, out: &mut Vec<u8>) {
    match u8::try_from(len) {
        Ok(short @ ..0x80) => out.put_u8(short),
        _ => encode_varint(len as u64, out),
    }
}

/// A ping with its length prefix.
pub(crate) const PING: [u8; 3] = [2, 0x0a, 0];
/// A pong with its length prefix.
pub(crate) const PONG: [u8; 3] = [2, 0x12, 0];

const TAG_PACKET_MSG: u8 = 3 << 3 | 2;
const TAG_CHANNEL_ID: u8 = 1 << 3;
const TAG_EOF: u8 = 2 << 3;
const TAG_DATA: u8 = 3 << 3 | 2;
const TAG_CHECKSUM: u8 = 15 << 3 | 5;
