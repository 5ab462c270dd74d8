//! The codec beside the generated protobuf code.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost::encoding::encode_varint;

use super::properties::{any_packet, borrow};
use crate::fuzzing::{compare, packet, to_generated};
use crate::packet::encode;
use crate::proto::p2p::v1 as proto;
use crate::testing::cases;

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_packet_is_what_prost_writes_and_reads((kind, msg) in any_packet()) {
        let sent = borrow(kind, &msg);
        let mut stream = Vec::new();
        encode(&sent, &mut stream);
        prop_assert_eq!(&stream, &to_generated(&sent).encode_length_delimited_to_vec());
        let theirs = proto::Packet::decode_length_delimited(&stream[..]).unwrap();
        prop_assert_eq!(theirs, to_generated(&sent));
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
