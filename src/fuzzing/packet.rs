//! The packet codec against prost, and against itself.

use bytes::Bytes;
use prost::Message;
use prost::encoding::{decode_varint, encode_varint};

use super::differences::{Anatomy, Difference};
use crate::packet::ProtocolError;
use crate::packet::{Packet, decode, encode, max_packet};
use crate::proto::p2p::v1 as proto;

/// Decodes `data` as a stream of packets.
///
/// Each packet must be what prost makes of it, or one of the named differences; must come again from its own encoding, which must be
/// prost's; and must not depend on how much of the stream is there.
pub fn packet(data: &[u8]) {
    let mut rest = data;
    while !rest.is_empty() {
        check_growth(rest);
        let Some((body, next)) = split_packet(rest) else {
            return;
        };
        compare(body);
        rest = next;
    }
}

/// Decodes a packet with both codecs. They must agree, except for the returned difference.
pub(crate) fn compare(body: &[u8]) -> Option<Difference> {
    let stream = frame(body);
    let ours = decode(&stream, body.len()).map(|framed| framed.expect("it is whole").packet);
    let theirs = proto::Packet::decode(body);
    let anatomy = Anatomy::of(body);
    assert_eq!(ours.is_ok(), anatomy.legal, "{ours:?}, but {anatomy:?}");
    if let Ok(ours) = &ours {
        check_member(ours, &anatomy);
        check_encoding(ours);
    }
    match (ours, theirs) {
        (Err(_), Err(_)) => None,
        (Ok(ours), Ok(theirs)) => compare_values(&anatomy, &ours, &theirs),
        (Err(ProtocolError::EmptyPacket), Ok(proto::Packet { sum: None })) => {
            Some(Difference::EmptyPacket)
        }
        (Err(error), Ok(theirs)) => panic!("refused with {error:?}, but prost gives {theirs:?}"),
        (Ok(ours), Err(error)) => {
            let mut found = anatomy.found.into_iter();
            let lenient = found.find(|&difference| is_lenient(difference));
            assert!(
                lenient.is_some(),
                "accepted as {ours:?}, but prost says {error}"
            );
            lenient
        }
    }
}

/// The packet in prost's types.
pub(crate) fn to_generated(packet: &Packet<'_>) -> proto::Packet {
    let sum = match packet {
        Packet::Ping => proto::packet::Sum::PacketPing(proto::PacketPing {}),
        Packet::Pong => proto::packet::Sum::PacketPong(proto::PacketPong {}),
        Packet::Msg(msg) => proto::packet::Sum::PacketMsg(proto::PacketMsg {
            channel_id: msg.channel_id,
            eof: msg.eof,
            data: Bytes::copy_from_slice(msg.data),
            checksum: msg.checksum,
        }),
    };
    proto::Packet { sum: Some(sum) }
}

/// The last member is the packet.
fn check_member(packet: &Packet<'_>, anatomy: &Anatomy<'_>) {
    let last = anatomy.members.last().expect("it was accepted");
    match packet {
        Packet::Ping => assert_eq!(last.number, 1),
        Packet::Pong => assert_eq!(last.number, 2),
        Packet::Msg(msg) => {
            assert_eq!(last.number, 3);
            let [a, b, c, d, ..] = last.channel.to_le_bytes();
            assert_eq!(msg.channel_id.to_le_bytes(), [a, b, c, d]);
            assert_eq!((msg.eof, msg.data), (last.eof, last.data));
        }
    }
}

fn compare_values(
    anatomy: &Anatomy<'_>,
    ours: &Packet<'_>,
    theirs: &proto::Packet,
) -> Option<Difference> {
    let ours = to_generated(ours);
    if ours == *theirs {
        return None;
    }
    assert!(
        anatomy.found.contains(&Difference::RepeatedMsg),
        "decoded as {ours:?}, but prost gives {theirs:?}"
    );
    let last = anatomy.members.last().expect("there are two at least");
    let last = proto::PacketMsg::decode(last.bytes).expect("prost could decode it as a part");
    assert_eq!(ours.sum, Some(proto::packet::Sum::PacketMsg(last)));
    Some(Difference::RepeatedMsg)
}

/// Whether a difference lets pass what prost refuses.
const fn is_lenient(difference: Difference) -> bool {
    match difference {
        Difference::ChecksumWireType
        | Difference::GroupDepth
        | Difference::GroupEnd
        | Difference::GroupTag
        | Difference::SurplusBits
        | Difference::WideTag => true,
        Difference::EmptyPacket | Difference::RepeatedMsg => false,
    }
}

/// What is written is what prost writes, and gives the same packet again.
fn check_encoding(packet: &Packet<'_>) {
    let mut stream = Vec::new();
    let framed_len = encode(packet, &mut stream);
    assert_eq!(
        stream,
        to_generated(packet).encode_length_delimited_to_vec()
    );
    let again = decode(&stream, stream.len())
        .expect("we wrote it")
        .expect("it is whole");
    assert_eq!((again.packet, again.framed_len), (*packet, framed_len));
}

/// A beginning of the stream asks for more until it gives what the whole of it gives.
fn check_growth(stream: &[u8]) {
    let whole = decode(stream, LIMIT);
    let known = (0..=stream.len()).find(|&end| decode(&stream[..end], LIMIT) != Ok(None));
    assert_eq!(known.is_none(), whole == Ok(None));
    let Some(end) = known else {
        return;
    };
    assert_eq!(decode(&stream[..end], LIMIT), whole, "with {end} bytes");
    if let Ok(Some(framed)) = whole {
        assert_eq!(framed.framed_len, end, "neither less nor more is needed");
    }
}

/// The packet at the start and what follows it, by prost's reading of the length prefix.
fn split_packet(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = stream;
    let ours = decode(stream, LIMIT);
    let Ok(len) = decode_varint(&mut rest) else {
        let unfinished = stream.len() < 10 && ours == Ok(None);
        assert!(unfinished || ours == Err(ProtocolError::PrefixOverflow));
        return None;
    };
    if len > LIMIT as u64 {
        let max = LIMIT;
        assert_eq!(ours, Err(ProtocolError::PacketTooLarge { len, max }));
        return None;
    }
    rest.split_at_checked(usize::try_from(len).ok()?)
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(body.len() + 10);
    encode_varint(body.len() as u64, &mut stream);
    stream.extend_from_slice(body);
    stream
}

/// What a connection accepts by default.
const LIMIT: usize = max_packet(1024) + 1;
