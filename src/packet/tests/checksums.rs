//! The optional checksum of a packet.

use bytes::{Bytes, BytesMut};

use super::{Collected, decode_stream, hex, msg};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;
use crate::mux::Mux;
use crate::packet::ProtocolError;
use crate::packet::{MsgHeader, Packet, PacketMsg, checksum, encode, encode_msg};
use crate::testing::epoch;

/// The check value of CRC-32 (IEEE) over the digits 1 to 9, of which the first two stand here for channel and eof.
#[test]
fn it_is_the_ieee_polynomial_over_channel_then_eof_then_data() {
    let bare = crc32fast::hash(b"123456789");
    assert_eq!(bare, 0xcbf4_3926);
    let packed = crc32fast::hash(&[0x20, 1, b'a', b'b', b'c']);
    assert_eq!(checksum(ChannelId::new(0x20), true, b"abc"), packed);
    let more = crc32fast::hash(&[0x20, 0, b'a', b'b', b'c']);
    assert_eq!(checksum(ChannelId::new(0x20), false, b"abc"), more);
}

#[test]
fn it_is_field_15_and_the_last_one_written() {
    let channel = ChannelId::new(0x22);
    let mut written = Vec::new();
    encode_msg(
        &MsgHeader::new(channel).with_eof(true).with_checksum(true),
        &[0, 0xff],
        &mut written,
    );
    let sum = checksum(channel, true, &[0, 0xff]).to_le_bytes();
    let wanted = [&hex("0f 1a0d 0822 1001 1a0200ff 7d")[..], &sum].concat();
    assert_eq!(written, wanted);
}

#[test]
fn a_packet_with_a_checksum_comes_back_with_it() {
    for (eof, data) in [(true, &b"abc"[..]), (false, b"abc"), (true, b"")] {
        let channel = ChannelId::new(0xaa);
        let packet = Packet::Msg(PacketMsg {
            channel_id: 0xaa,
            eof,
            data,
            checksum: Some(checksum(channel, eof, data)),
        });
        let (mut fast, mut general) = (Vec::new(), Vec::new());
        encode_msg(
            &MsgHeader::new(channel).with_eof(eof).with_checksum(true),
            data,
            &mut fast,
        );
        encode(&packet, &mut general);
        assert_eq!(fast, general);
        assert_eq!(decode_stream(&fast, 1034).0, [packet]);
    }
}

#[test]
fn a_receiver_that_requires_it_accepts_the_right_one() {
    let mut stream = Vec::new();
    encode_msg(
        &MsgHeader::new(CHANNEL).with_checksum(true),
        b"one ",
        &mut stream,
    );
    encode_msg(
        &MsgHeader::new(CHANNEL).with_eof(true).with_checksum(true),
        b"message",
        &mut stream,
    );
    encode_msg(
        &MsgHeader::new(CHANNEL).with_eof(true).with_checksum(true),
        b"",
        &mut stream,
    );
    let wanted: [(u8, Bytes); 2] = [(0x20, "one message".into()), (0x20, Bytes::new())];
    assert_eq!(receive(true, &stream).unwrap(), wanted);
}

#[test]
fn a_receiver_that_requires_it_refuses_any_changed_bit_it_covers() {
    let mut stream = Vec::new();
    encode_msg(
        &MsgHeader::new(CHANNEL).with_eof(true).with_checksum(true),
        b"message",
        &mut stream,
    );
    let first_data = stream.len() - 5 - b"message".len();
    for bit in first_data * 8..(stream.len() - 5) * 8 {
        let mut changed = stream.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refused = receive(true, &changed).unwrap_err();
        assert!(
            matches!(refused, ProtocolError::ChecksumMismatch { channel: CHANNEL, stated, computed } if stated != computed),
            "{refused}"
        );
    }
    assert!(matches!(
        receive(true, &moved_to_channel_1()),
        Err(ProtocolError::ChecksumMismatch { .. })
    ));
}

#[test]
fn a_receiver_that_requires_it_refuses_its_absence() {
    let mut stream = Vec::new();
    encode(&msg(0x20, true, b"message"), &mut stream);
    let refused = ProtocolError::ChecksumMissing { channel: CHANNEL };
    assert_eq!(receive(true, &stream), Err(refused));
}

#[test]
fn control_packets_have_none_and_need_none() {
    assert_eq!(receive(true, &hex("020a00 021200")), Ok(Vec::new()));
}

#[test]
fn a_receiver_that_does_not_require_it_ignores_a_wrong_one() {
    let packet = Packet::Msg(PacketMsg {
        channel_id: 0x20,
        eof: true,
        data: b"message",
        checksum: Some(0xdead_beef),
    });
    let mut stream = Vec::new();
    encode(&packet, &mut stream);
    let wanted: [(u8, Bytes); 1] = [(0x20, "message".into())];
    assert_eq!(receive(false, &stream).unwrap(), wanted);
}

/// A field of that number but another wire type is somebody else's.
#[test]
fn field_15_of_another_wire_type_is_no_checksum() {
    let stream = hex("08 1a06 0820 1001 7801");
    assert_eq!(receive(false, &stream).unwrap(), [(0x20, Bytes::new())]);
    let refused = ProtocolError::ChecksumMissing { channel: CHANNEL };
    assert_eq!(receive(true, &stream), Err(refused));
}

#[test]
fn the_last_of_several_counts() {
    let sum = checksum(CHANNEL, true, b"");
    let field = |sum: u32| [&[0x7d][..], &sum.to_le_bytes()].concat();
    let last_right = [&hex("10 1a0e 0820 1001")[..], &field(!sum), &field(sum)].concat();
    assert!(receive(true, &last_right).is_ok());
    let last_wrong = [&hex("10 1a0e 0820 1001")[..], &field(sum), &field(!sum)].concat();
    assert!(receive(true, &last_wrong).is_err());
}

/// Beside the message it is an unknown field of the packet, as it is for Go.
#[test]
fn beside_the_message_it_is_not_a_checksum() {
    let sum = checksum(CHANNEL, true, b"").to_le_bytes();
    let stream = [&hex("0b 1a04 0820 1001 7d")[..], &sum].concat();
    let refused = ProtocolError::ChecksumMissing { channel: CHANNEL };
    assert_eq!(receive(true, &stream), Err(refused));
}

fn moved_to_channel_1() -> Vec<u8> {
    let mut stream = Vec::new();
    encode_msg(
        &MsgHeader::new(CHANNEL).with_eof(true).with_checksum(true),
        b"message",
        &mut stream,
    );
    let id = stream.iter().position(|byte| *byte == 0x20).unwrap();
    stream[id] = 1;
    stream
}

fn receive(required: bool, stream: &[u8]) -> Result<Vec<(u8, Bytes)>, ProtocolError> {
    let now = epoch();
    let config = Config::builder()
        .require_checksum(required)
        .build()
        .unwrap();
    let channels = [CHANNEL, ChannelId::new(1)].map(|id| ChannelDescriptor::new(id, 1));
    let mut mux = Mux::new(now, config, &channels).unwrap();
    let mut sink = Collected::default();
    match mux.handle_input(now, &mut BytesMut::from(stream), &mut sink) {
        Ok(_) => Ok(sink.0),
        Err(Error::Protocol(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

const CHANNEL: ChannelId = ChannelId::new(0x20);
