//! Reading packets, as the Go decoder reads them.

use super::limits::{SHORT_HEADER_LEN, SHORT_HEADER_LEN_0};
use super::{Malformed, Packet, PacketMsg, ProtocolError};

/// A packet and the length of what it was decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Framed<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// The bytes that it took, its length prefix included.
    pub framed_len: usize,
}

/// Decodes the packet at the start of `input`, or gives `None` if more bytes are needed.
///
/// `max_packet` is the largest packet that is accepted, without its prefix; a longer one is refused as soon as its prefix
/// is there. Nothing is allocated.
///
/// It follows the Go decoder where that departs from usual protobuf ones: a repeated `packet_msg` replaces the first instead
/// of merging with it; the channel id is the low 32 bits of its varint; a field number is cut to 32 bits; the tenth byte of
/// a varint may hold surplus bits (not so in the length prefix); groups are skipped by their depth only.
///
/// # Errors
///
/// What Go refuses: see [`ProtocolError`]. A channel outside 0 to 255 is for the caller to refuse.
pub fn decode(input: &[u8], max_packet: usize) -> Result<Option<Framed<'_>>, ProtocolError> {
    if let Some(framed) = decode_short(input, max_packet).or_else(|| decode_full(input, max_packet))
    {
        return Ok(Some(framed));
    }
    let Some((len, prefix_len)) = decode_prefix(input)? else {
        return Ok(None);
    };
    let len = match usize::try_from(len) {
        Ok(len) if len <= max_packet => len,
        _ => {
            return Err(ProtocolError::PacketTooLarge {
                len,
                max: max_packet,
            });
        }
    };
    let framed_len = prefix_len.saturating_add(len);
    let Some(body) = input.get(prefix_len..framed_len) else {
        return Ok(None);
    };
    let packet = decode_packet(Fields(body))?.ok_or(ProtocolError::EmptyPacket)?;
    Ok(Some(Framed { packet, framed_len }))
}

/// A short packet as every known sender writes it; anything else is for the general way.
#[inline]
fn decode_short(input: &[u8], max_packet: usize) -> Option<Framed<'_>> {
    let (channel, header_len, body, inner, len) = match *input.first_chunk::<SHORT_HEADER_LEN>()? {
        [
            body,
            0x1a,
            inner,
            0x08,
            channel @ ..0x80,
            0x10,
            1,
            0x1a,
            len,
        ] => (channel, SHORT_HEADER_LEN, body, inner, len),
        [body, 0x1a, inner, 0x10, 1, 0x1a, len, ..] => (0, SHORT_HEADER_LEN_0, body, inner, len),
        _ => return None,
    };
    let (body, inner, len) = (usize::from(body), usize::from(inner), usize::from(len));
    let framed_len = header_len + len;
    let consistent = body + 1 == framed_len && inner + 3 == framed_len && body < 0x80;
    if !consistent || body > max_packet {
        return None;
    }
    let msg = PacketMsg {
        channel_id: i32::from(channel),
        eof: true,
        data: input.get(header_len..framed_len)?,
        checksum: None,
    };
    Some(Framed {
        packet: Packet::Msg(msg),
        framed_len,
    })
}

/// A packet of a longer message as every known sender writes it: each length takes two bytes. Built in one go, it need not be
/// put together in memory field by field, and the copy of its data can begin before the one of the packet before has ended.
#[inline]
fn decode_full(input: &[u8], max_packet: usize) -> Option<Framed<'_>> {
    let [body @ .., 0x1a, inner_low, inner_high] = *input.first_chunk::<FULL_LENGTHS_LEN>()? else {
        return None;
    };
    let (body, inner) = (two_bytes(body)?, two_bytes([inner_low, inner_high])?);
    let (channel, eof, fields_len, len) = match *input.get(FULL_LENGTHS_LEN..)? {
        [0x08, channel @ ..0x80, 0x1a, low, high, ..] => (channel, false, 5, [low, high]),
        [0x08, channel @ ..0x80, 0x10, 1, 0x1a, low, high, ..] => (channel, true, 7, [low, high]),
        [0x10, 1, 0x1a, low, high, ..] => (0, true, 5, [low, high]),
        [0x1a, low, high, ..] => (0, false, 3, [low, high]),
        _ => return None,
    };
    let (header_len, len) = (FULL_LENGTHS_LEN + fields_len, two_bytes(len)?);
    let framed_len = header_len + len;
    let consistent = body + 2 == framed_len && inner + FULL_LENGTHS_LEN == framed_len;
    if !consistent || body > max_packet {
        return None;
    }
    let msg = PacketMsg {
        channel_id: i32::from(channel),
        eof,
        data: input.get(header_len..framed_len)?,
        checksum: None,
    };
    Some(Framed {
        packet: Packet::Msg(msg),
        framed_len,
    })
}

/// A varint of two bytes.
#[inline]
fn two_bytes([low, high]: [u8; 2]) -> Option<usize> {
    (low >= 0x80 && high < 0x80).then(|| usize::from(high) << 7 | usize::from(low & 0x7f))
}

/// The length prefix and the bytes that it took. Unlike a varint inside a packet it may not overflow.
#[inline]
fn decode_prefix(input: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    match input {
        [short @ ..0x80, ..] => Ok(Some((u64::from(*short), 1))),
        [low, high @ ..0x80, ..] => Ok(Some((u64::from(*high) << 7 | u64::from(low & 0x7f), 2))),
        _ => decode_long_prefix(input),
    }
}

#[cold]
fn decode_long_prefix(input: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let mut value = 0u64;
    for (at, &byte) in input.iter().take(MAX_VARINT_LEN).enumerate() {
        if at + 1 == MAX_VARINT_LEN && byte > 1 {
            return Err(ProtocolError::PrefixOverflow);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok(Some((value, at + 1)));
        }
    }
    Ok(None)
}

fn decode_packet(mut fields: Fields<'_>) -> Result<Option<Packet<'_>>, Malformed> {
    let mut packet = None;
    while let Some(tag) = fields.next_tag()? {
        packet = match tag.field {
            1 => {
                decode_empty(fields.message(tag)?)?;
                Some(Packet::Ping)
            }
            2 => {
                decode_empty(fields.message(tag)?)?;
                Some(Packet::Pong)
            }
            3 => Some(Packet::Msg(decode_msg(fields.message(tag)?)?)),
            _ => {
                fields.skip(tag.wire_type)?;
                packet
            }
        };
    }
    Ok(packet)
}

fn decode_msg(mut fields: Fields<'_>) -> Result<PacketMsg<'_>, Malformed> {
    let mut msg = PacketMsg::default();
    while let Some(tag) = fields.next_tag()? {
        match tag {
            Tag { field: 1, .. } => msg.channel_id = low_32_bits(fields.integer(tag)?),
            Tag { field: 2, .. } => msg.eof = fields.integer(tag)? != 0,
            Tag { field: 3, .. } => msg.data = fields.message(tag)?.0,
            Tag {
                field: 15,
                wire_type: FIXED32,
            } => msg.checksum = Some(fields.fixed32()?),
            Tag { wire_type, .. } => fields.skip(wire_type)?,
        }
    }
    Ok(msg)
}

fn decode_empty(mut fields: Fields<'_>) -> Result<(), Malformed> {
    while let Some(tag) = fields.next_tag()? {
        fields.skip(tag.wire_type)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Tag {
    field: i32,
    wire_type: u8,
}

/// What is left of a packet, or of the message inside it.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Tags of one byte are all that a well-behaved peer sends.
    #[inline]
    fn next_tag(&mut self) -> Result<Option<Tag>, Malformed> {
        match self.0 {
            [] => Ok(None),
            [tag @ 0x08..0x80, rest @ ..] if tag & 7 != END_GROUP => {
                self.0 = rest;
                Ok(Some(Tag {
                    field: i32::from(tag >> 3),
                    wire_type: tag & 7,
                }))
            }
            _ => self.unusual_tag().map(Some),
        }
    }

    #[cold]
    fn unusual_tag(&mut self) -> Result<Tag, Malformed> {
        let (field, wire_type) = split_tag(self.varint()?);
        if wire_type == END_GROUP {
            return Err(Malformed::UnexpectedEndGroup);
        }
        if field <= 0 {
            return Err(Malformed::IllegalTag { number: field });
        }
        Ok(Tag { field, wire_type })
    }

    #[inline]
    fn integer(&mut self, tag: Tag) -> Result<u64, Malformed> {
        expect_wire_type(tag, VARINT)?;
        self.varint()
    }

    /// A length-delimited field: a message inside this one, or its bytes.
    #[inline]
    fn message(&mut self, tag: Tag) -> Result<Self, Malformed> {
        expect_wire_type(tag, LENGTH_DELIMITED)?;
        let len = self.length()?;
        Ok(Self(self.take(len)?))
    }

    fn fixed32(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed::Overrun)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Short ones are read in line: they are most of a packet's header.
    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.0 {
            [short @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*short))
            }
            [low, high @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*high) << 7 | u64::from(low & 0x7f))
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for at in 0..MAX_VARINT_LEN {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed::Overrun)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::VarintTooLong)
    }

    #[inline]
    fn length(&mut self) -> Result<usize, Malformed> {
        let len = i64::from_le_bytes(self.varint()?.to_le_bytes());
        if len < 0 {
            return Err(Malformed::NegativeLength);
        }
        usize::try_from(len).map_err(|_| Malformed::Overrun)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Overrun)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Passes over an unknown field. Inside a group Go counts the depth and looks at nothing else.
    #[cold]
    fn skip(&mut self, wire_type: u8) -> Result<(), Malformed> {
        let mut depth = self.skip_value(wire_type, 0)?;
        while depth > 0 {
            let (_, wire_type) = split_tag(self.varint()?);
            depth = self.skip_value(wire_type, depth)?;
        }
        Ok(())
    }

    fn skip_value(&mut self, wire_type: u8, depth: usize) -> Result<usize, Malformed> {
        match wire_type {
            VARINT => self.varint().map(|_| ())?,
            FIXED64 => self.take(8).map(|_| ())?,
            LENGTH_DELIMITED => {
                let len = self.length()?;
                self.take(len)?;
            }
            START_GROUP => return Ok(depth + 1),
            END_GROUP => return depth.checked_sub(1).ok_or(Malformed::UnexpectedEndGroup),
            FIXED32 => self.take(4).map(|_| ())?,
            wire_type => return Err(Malformed::IllegalWireType { wire_type }),
        }
        Ok(depth)
    }
}

#[inline]
fn expect_wire_type(tag: Tag, wanted: u8) -> Result<(), Malformed> {
    if tag.wire_type == wanted {
        return Ok(());
    }
    let field = u8::try_from(tag.field).unwrap_or(u8::MAX);
    Err(Malformed::WrongWireType {
        field,
        wire_type: tag.wire_type,
    })
}

fn split_tag(tag: u64) -> (i32, u8) {
    let [lowest, ..] = tag.to_le_bytes();
    (low_32_bits(tag >> 3), lowest & 7)
}

fn low_32_bits(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The lengths of packet and message, and the tag between them.
const FULL_LENGTHS_LEN: usize = 5;
const MAX_VARINT_LEN: usize = 10;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;
