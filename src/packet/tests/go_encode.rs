//! The packets that Go wrote, and the limits that it computed.

use super::{decode_stream, hex, msg, number, recorded, rows, text};
use crate::channel::ChannelId;
use crate::packet::{MsgHeader, Packet, encode, encode_msg, framed_len, max_packet};

#[test]
fn each_packet_is_what_go_wrote_and_is_read_back() {
    let recorded = recorded();
    let cases = rows(&recorded, "encode");
    assert_eq!(cases.len(), 344);
    for case in cases {
        let bytes = hex(text(&case["bytes"]));
        match text(&case["kind"]) {
            "ping" => check(Packet::Ping, &bytes),
            "pong" => check(Packet::Pong, &bytes),
            _ => {
                let (channel, size) = (number(&case["channel"]), number(&case["size"]));
                let data: Vec<u8> = (0..size)
                    .map(|i| low_byte(7 * i + channel + size))
                    .collect();
                let eof = case["eof"].as_bool().expect("a truth value");
                check(msg(i32::try_from(channel).unwrap(), eof, &data), &bytes);
                check_fast_path(low_byte(channel), eof, &data, &bytes);
            }
        }
    }
}

#[test]
fn the_packet_limit_is_the_one_that_go_computes() {
    let recorded = recorded();
    let cases = rows(&recorded, "max_packet_table");
    assert_eq!(cases.len(), 38);
    for case in cases {
        let payload = number(&case["payload"]);
        let limit = number(&case["max_packet"]);
        assert_eq!(max_packet(payload), limit, "payload {payload}");
    }
}

fn check(packet: Packet<'_>, bytes: &[u8]) {
    let mut written = vec![0x55];
    assert_eq!(encode(&packet, &mut written), bytes.len());
    assert_eq!(written[1..], *bytes, "{packet:?}");
    let read = decode_stream(bytes, bytes.len());
    assert_eq!(read, (vec![packet], bytes.len(), None));
}

/// What the connection uses instead of [`encode`].
fn check_fast_path(channel: u8, eof: bool, data: &[u8], bytes: &[u8]) {
    let channel = ChannelId::new(channel);
    let mut written = vec![0x55];
    let len = encode_msg(&MsgHeader::new(channel).with_eof(eof), data, &mut written);
    assert_eq!(written[1..], *bytes, "channel {channel}");
    assert_eq!(len, bytes.len());
    assert_eq!(
        len,
        framed_len(&MsgHeader::new(channel).with_eof(eof), data.len())
    );
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes()[0]
}
