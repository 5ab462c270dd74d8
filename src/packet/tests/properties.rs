//! What holds for all packets and all bytes.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost::encoding::encode_varint;

use super::{Collected, decode_stream};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::fuzzing::{compare, packet, to_generated};
use crate::mux::Mux;
use crate::packet::{Packet, PacketMsg, decode, encode, encode_msg};
use crate::proto::p2p::v1 as proto;
use crate::testing::{cases, epoch};

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_packet_comes_back_and_is_what_prost_writes((kind, msg) in any_packet()) {
        let sent = borrow(kind, &msg);
        let mut stream = Vec::new();
        encode(&sent, &mut stream);
        prop_assert_eq!(&stream, &to_generated(&sent).encode_length_delimited_to_vec());
        let theirs = proto::Packet::decode_length_delimited(&stream[..]).unwrap();
        prop_assert_eq!(theirs, to_generated(&sent));
        prop_assert_eq!(decode_stream(&stream, usize::MAX), (vec![sent], stream.len(), None));
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_packets(
        packets in vec(any_packet(), 0..6),
        at in any::<prop::sample::Index>(),
    ) {
        let mut stream = Vec::new();
        for (kind, msg) in &packets {
            encode(&borrow(*kind, msg), &mut stream);
        }
        let at = at.index(stream.len() + 1);
        let (mut front, used, _) = decode_stream(&stream[..at], usize::MAX);
        let (back, _, error) = decode_stream(&stream[used..], usize::MAX);
        front.extend(back);
        prop_assert_eq!(error, None);
        prop_assert_eq!(front.len(), packets.len());
        for (read, (kind, msg)) in front.iter().zip(&packets) {
            prop_assert_eq!(*read, borrow(*kind, msg));
        }
    }

    #[test]
    fn a_connection_does_not_see_how_its_input_is_split(
        messages in vec((0u8..4, vec(any::<u8>(), 0..3000)), 0..5),
        cuts in vec(1usize..700, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(id, data)| cut(*id, data)).collect();
        let now = epoch();
        let channels = [0, 1, 2, 3].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
        let mut mux = Mux::new(now, Config::default(), &channels).unwrap();
        let (mut buffer, mut sink) = (BytesMut::new(), Collected::default());
        let mut rest = &stream[..];
        for len in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*len).min(rest.len()));
            buffer.extend_from_slice(piece);
            prop_assert!(mux.handle_input(now, &mut buffer, &mut sink).is_ok());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(sink.0.len(), messages.len());
        for ((channel, read), (id, sent)) in sink.0.iter().zip(&messages) {
            prop_assert_eq!((channel, &read[..]), (id, &sent[..]));
        }
    }

    #[test]
    fn arbitrary_bytes_are_decoded_as_prost_does_it_or_by_a_named_difference(
        bytes in vec(any::<u8>(), 0..200),
    ) {
        packet(&bytes);
        compare(&bytes);
    }

    #[test]
    fn fields_of_all_kinds_are_decoded_as_prost_does_it_or_by_a_named_difference(
        body in fields(2),
    ) {
        compare(&body);
    }

    #[test]
    fn a_packet_with_a_changed_byte_is_decoded_as_prost_does_it_or_by_a_named_difference(
        (kind, msg) in any_packet(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = to_generated(&borrow(kind, &msg)).encode_to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        compare(&body);
    }

    #[test]
    fn no_limit_and_no_input_makes_the_decoder_panic_or_take_more_than_there_is(
        bytes in vec(any::<u8>(), 0..64),
        limit in any::<usize>(),
    ) {
        if let Ok(Some(framed)) = decode(&bytes, limit) {
            prop_assert!(framed.framed_len <= bytes.len());
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ping,
    Pong,
    Msg,
}

/// The kind of a packet, and what stands in it if it is a message.
fn any_packet() -> impl Strategy<Value = (Kind, (i32, bool, Vec<u8>, Option<u32>))> {
    let kind = prop_oneof![1 => Just(Kind::Ping), 1 => Just(Kind::Pong), 6 => Just(Kind::Msg)];
    let channel = prop_oneof![4 => 0..0x100, 1 => any::<i32>()];
    let data = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 0..1100)];
    (kind, (channel, any::<bool>(), data, any::<Option<u32>>()))
}

fn borrow(kind: Kind, msg: &(i32, bool, Vec<u8>, Option<u32>)) -> Packet<'_> {
    match kind {
        Kind::Ping => Packet::Ping,
        Kind::Pong => Packet::Pong,
        Kind::Msg => Packet::Msg(PacketMsg {
            channel_id: msg.0,
            eof: msg.1,
            data: &msg.2,
            checksum: msg.3,
        }),
    }
}

/// The packets of a message at the default payload.
fn cut(id: u8, message: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut rest = message;
    while rest.len() > 1024 {
        let (data, left) = rest.split_at(1024);
        encode_msg(ChannelId::new(id), false, data, false, &mut stream);
        rest = left;
    }
    encode_msg(ChannelId::new(id), true, rest, false, &mut stream);
    stream
}

/// A few fields one after another, valid more often than not, which may hold fields in turn.
fn fields(depth: u32) -> BoxedStrategy<Vec<u8>> {
    let number = prop_oneof![8 => 1u64..5, 2 => Just(15u64), 1 => Just(0u64), 1 => any::<u64>()];
    let tag = (number, 0u64..8).prop_map(|(number, wire_type)| number << 3 | wire_type);
    let nested = if depth == 0 {
        vec(any::<u8>(), 0..6).boxed()
    } else {
        prop_oneof![fields(depth - 1), vec(any::<u8>(), 0..6)].boxed()
    };
    let field = (varint(tag), varint(any::<u64>()), nested, any::<[u8; 8]>());
    let field = field.prop_map(|(tag, integer, nested, fixed)| {
        let value = match tag.first().copied().unwrap_or_default() & 7 {
            0 => integer,
            1 => fixed.to_vec(),
            2 => {
                let mut value = Vec::new();
                encode_varint(nested.len() as u64, &mut value);
                [value, nested].concat()
            }
            3 => [nested, group_end(&tag)].concat(),
            5 => fixed[..4].to_vec(),
            _ => Vec::new(),
        };
        [tag, value].concat()
    });
    vec(field, 0..4).prop_map(|fields| fields.concat()).boxed()
}

/// The end of the group that starts with `tag`: wire type 4 instead of 3.
fn group_end(tag: &[u8]) -> Vec<u8> {
    let mut end = tag.to_vec();
    end[0] = end[0] & !7 | 4;
    end
}

/// The varint of a value, now and then longer than needed or with surplus bits.
fn varint(value: impl Strategy<Value = u64>) -> impl Strategy<Value = Vec<u8>> {
    (value, 0usize..12, 0u8..0x80).prop_map(|(value, padding, surplus)| {
        let mut bytes = Vec::new();
        encode_varint(value, &mut bytes);
        if padding > 8 && bytes.len() < 9 {
            let last = bytes.len() - 1;
            bytes[last] |= 0x80;
            bytes.resize(padding - 1, 0x80);
            bytes.push(if padding > 9 { surplus } else { 0 });
        }
        bytes
    })
}
