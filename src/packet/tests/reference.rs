//! The byte vectors of the protocol's description, typed in by hand.

use super::{decode_stream, hex, msg};
use crate::packet::ProtocolError;
use crate::packet::{Packet, decode, encode};

#[test]
fn each_vector_is_what_we_write_and_what_we_read() {
    let aa = [0xaa; 1024];
    for (packet, bytes) in vectors(&aa) {
        let mut written = Vec::new();
        assert_eq!(encode(&packet, &mut written), bytes.len(), "{packet:?}");
        assert_eq!(written, bytes);
        assert_eq!(
            decode_stream(&bytes, 1035),
            (vec![packet], bytes.len(), None)
        );
    }
}

/// A connection refuses these channels; the codec hands on what stands there.
#[test]
fn channel_numbers_outside_a_byte_pass_the_codec_as_they_are() {
    let negative = hex("13 1a11 08ffffffffffffffffff01 1001 1a02dead");
    let packet = msg(-1, true, &[0xde, 0xad]);
    assert_eq!(decode_stream(&negative, 1034).0, [packet]);
    let mut written = Vec::new();
    encode(&packet, &mut written);
    assert_eq!(written, negative);
}

#[test]
fn two_to_the_32nd_plus_1_is_channel_1() {
    let bytes = hex("0a 1a08 088180808010 1001");
    assert_eq!(
        decode_stream(&bytes, 1034),
        (vec![msg(1, true, b"")], 11, None)
    );
}

#[test]
fn a_packet_without_a_member_is_refused() {
    for bytes in [hex("00"), hex("03 220100")] {
        assert_eq!(decode(&bytes, 1034), Err(ProtocolError::EmptyPacket));
    }
}

#[test]
fn a_full_final_packet_on_a_high_id_is_one_byte_above_the_limit_of_go() {
    let aa = [0xaa; 1024];
    let bytes = [&hex("8b08 1a8808 088001 1001 1a8008")[..], &aa].concat();
    assert_eq!(
        decode(&bytes, 1034),
        Err(ProtocolError::PacketTooLarge {
            len: 1035,
            max: 1034
        })
    );
    let read = decode_stream(&bytes, 1035);
    assert_eq!(read, (vec![msg(0x80, true, &aa)], 1037, None));
}

#[test]
fn a_prefix_may_be_longer_than_needed_but_not_overflow() {
    let ping = hex("82000a00");
    assert_eq!(decode_stream(&ping, 1034), (vec![Packet::Ping], 4, None));
    let overflow = hex("ffffffffffffffffff7f");
    assert_eq!(decode(&overflow, 1034), Err(ProtocolError::PrefixOverflow));
    assert_eq!(decode(&hex("8a08"), 1034), Ok(None));
}

fn vectors(aa: &[u8]) -> Vec<(Packet<'_>, Vec<u8>)> {
    let short: [(Packet<'_>, &str); 14] = [
        (Packet::Ping, "02 0a00"),
        (Packet::Pong, "02 1200"),
        (msg(0, true, b""), "04 1a02 1001"),
        (msg(0, false, b""), "02 1a00"),
        (msg(0, true, b"abc"), "09 1a07 1001 1a03616263"),
        (msg(1, true, b"abc"), "0b 1a09 0801 1001 1a03616263"),
        (msg(1, true, b""), "06 1a04 0801 1001"),
        (msg(1, false, b""), "04 1a02 0801"),
        (
            msg(1, false, b"data transmitted over the wire"),
            "24 1a22 0801 1a1e 64617461207472616e736d6974746564206f766572207468652077697265",
        ),
        (msg(0x22, true, &[0, 0xff]), "0a 1a08 0822 1001 1a0200ff"),
        (msg(0x61, false, &[0xde, 0xad]), "08 1a06 0861 1a02dead"),
        (
            msg(0x80, true, &[0xde, 0xad]),
            "0b 1a09 088001 1001 1a02dead",
        ),
        (
            msg(0xff, true, &[0xde, 0xad]),
            "0b 1a09 08ff01 1001 1a02dead",
        ),
        (msg(1025, true, b"42"), "0b 1a09 088108 1001 1a023432"),
    ];
    let long: [(Packet<'_>, &str, usize); 6] = [
        (msg(0x20, false, aa), "8808 1a8508 0820 1a8008", 1034),
        (msg(0x20, true, aa), "8a08 1a8708 0820 1001 1a8008", 1036),
        (msg(0, true, aa), "8808 1a8508 1001 1a8008", 1034),
        (msg(0x80, true, aa), "8b08 1a8808 088001 1001 1a8008", 1037),
        (msg(0x20, true, &aa[..120]), "8001 1a7e 0820 1001 1a78", 130),
        (msg(0x20, true, &aa[..121]), "8101 1a7f 0820 1001 1a79", 131),
    ];
    let short = short.map(|(packet, bytes)| (packet, hex(bytes)));
    let long = long.map(|(packet, head, framed)| {
        let mut bytes = hex(head);
        bytes.resize(framed, 0xaa);
        (packet, bytes)
    });
    short.into_iter().chain(long).collect()
}
