//! Where Go's decoder and prost part ways: each difference by name, with a case of its own.

use prost::encoding::encode_varint;

use super::{decode_stream, hex, msg};
use crate::fuzzing::{Difference, compare};
use crate::packet::Packet;

#[test]
fn the_second_of_two_packet_msg_replaces_the_first() {
    let body = "1a05 0801 1a0161 1a02 1001";
    differs(body, Difference::RepeatedMsg, Some(msg(0, true, b"")));
    let full = "1a09 0801 1001 1a03616263 1a08 0820 1001 1a026465";
    agrees(full, Some(msg(0x20, true, b"de")));
}

/// Another member in between resets prost's too.
#[test]
fn packet_msg_again_after_another_member_replaces_it_for_both() {
    agrees(
        "1a07 0801 1a03616263 0a00 1a02 1001",
        Some(msg(0, true, b"")),
    );
    agrees("0a00 1200", Some(Packet::Pong));
}

#[test]
fn a_packet_without_a_member_is_refused() {
    differs("", Difference::EmptyPacket, None);
    differs("220100", Difference::EmptyPacket, None);
}

#[test]
fn surplus_bits_of_a_tenth_byte_are_dropped() {
    let difference = Difference::SurplusBits;
    let channel = "1a0d 08 81808080808080808002 1001";
    differs(channel, difference, Some(msg(1, true, b"")));
    let eof = "1a0d 0801 10 80808080808080808002";
    differs(eof, difference, Some(msg(1, false, b"")));
    let unknown = "1a02 1001 20 ffffffffffffffffff7f";
    differs(unknown, difference, Some(msg(0, true, b"")));
    let length = "1a 82808080808080808002 1001";
    differs(length, difference, Some(msg(0, true, b"")));
}

/// 2^32+1 is channel 1 for both; the codec's users see the rest in a tenth byte only.
#[test]
fn a_channel_number_is_cut_to_32_bits_by_both() {
    agrees("1a08 088180808010 1001", Some(msg(1, true, b"")));
    agrees("1a06 08ffffffff0f", Some(msg(-1, false, b"")));
}

#[test]
fn a_field_number_is_cut_to_32_bits() {
    let difference = Difference::WideTag;
    differs("8a8080808001 00", difference, Some(Packet::Ping));
    differs("0a00 8080808010 01", difference, Some(Packet::Ping));
    let inside = "1a09 908080808001 01 0801";
    differs(inside, difference, Some(msg(1, true, b"")));
}

#[test]
fn the_number_at_the_end_of_a_group_is_not_looked_at() {
    differs("0a00 23 2c", Difference::GroupEnd, Some(Packet::Ping));
    agrees("0a00 23 24", Some(Packet::Ping));
    agrees("0a00 23 0805 2b 2c 24", Some(Packet::Ping));
}

#[test]
fn groups_may_be_nested_at_will() {
    let nested = |depth: usize| format!("0a00 {}{}", "23".repeat(depth), "24".repeat(depth));
    agrees(&nested(60), Some(Packet::Ping));
    differs(&nested(120), Difference::GroupDepth, Some(Packet::Ping));
}

#[test]
fn inside_a_group_a_field_number_may_be_0() {
    differs("0a00 23 0001 24", Difference::GroupTag, Some(Packet::Ping));
    agrees("0a00 0001", None);
}

#[test]
fn field_15_of_another_wire_type_is_unknown() {
    let difference = Difference::ChecksumWireType;
    differs("1a04 1001 7801", difference, Some(msg(0, true, b"")));
    differs("1a04 1001 7a00", difference, Some(msg(0, true, b"")));
    differs("1a04 1001 7b7c", difference, Some(msg(0, true, b"")));
    agrees("1a02 1001 7801", Some(msg(0, true, b"")));
    agrees("1a00 7801", Some(msg(0, false, b"")));
}

#[test]
fn known_fields_of_a_wrong_wire_type_are_refused_by_both() {
    for body in [
        "0801",
        "0b0c",
        "0d00000000",
        "1001",
        "1801",
        "190000000000000000",
    ] {
        agrees(body, None);
    }
    for inner in ["0a0101", "0901000000000000", "1501000000", "1801", "1b1c"] {
        agrees(&format!("1a{:02x}{inner}", inner.len() / 2), None);
    }
}

fn agrees(body: &str, packet: Option<Packet<'_>>) {
    assert_eq!(compare(&hex(body)), None, "{body}");
    check_ours(body, packet);
}

fn differs(body: &str, difference: Difference, packet: Option<Packet<'_>>) {
    assert_eq!(compare(&hex(body)), Some(difference), "{body}");
    check_ours(body, packet);
}

fn check_ours(body: &str, packet: Option<Packet<'_>>) {
    let body = hex(body);
    let mut stream = Vec::new();
    encode_varint(body.len() as u64, &mut stream);
    stream.extend_from_slice(&body);
    let (packets, _, error) = decode_stream(&stream, 1034);
    assert_eq!(packets, packet.as_slice(), "{error:?}");
    assert_eq!(error.is_none(), packet.is_some());
}
