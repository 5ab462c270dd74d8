//! Where packets begin and end in a stream.

use bytes::BytesMut;

use super::{Collected, decode_stream, hex};
use crate::channel::ChannelDescriptor;
use crate::config::Config;
use crate::error::Error;
use crate::mux::Mux;
use crate::packet::ProtocolError;
use crate::packet::{Packet, decode};
use crate::testing::{epoch, recorded_bytes};

#[test]
fn a_packet_needs_all_of_its_bytes_and_no_more() {
    let stream = recorded_bytes("stream-small.bin");
    let mut rest = &stream[..];
    while let Ok(Some(framed)) = decode(rest, 1034) {
        for end in 0..framed.framed_len {
            assert_eq!(decode(&rest[..end], 1034), Ok(None));
        }
        assert_eq!(decode(&rest[..framed.framed_len], 1034), Ok(Some(framed)));
        rest = &rest[framed.framed_len..];
    }
    assert!(rest.is_empty());
}

#[test]
fn any_split_of_a_stream_in_two_gives_the_same_packets() {
    for name in ["stream-empties.bin", "stream-payload100.bin"] {
        let stream = recorded_bytes(name);
        let (packets, used, error) = decode_stream(&stream, 1034);
        assert_eq!((used, error), (stream.len(), None));
        for at in 0..=stream.len() {
            let (front, front_used, error) = decode_stream(&stream[..at], 1034);
            assert_eq!(error, None);
            let (back, back_used, error) = decode_stream(&stream[front_used..], 1034);
            assert_eq!((front_used + back_used, error), (stream.len(), None));
            assert_eq!([front, back].concat(), packets, "{name} at {at}");
        }
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_gives_the_same_messages() {
    let stream = recorded_bytes("stream-small.bin");
    let now = epoch();
    let new = || Mux::new(now, Config::default(), &ChannelDescriptor::cometbft()).unwrap();
    let (mut whole, mut single) = (Collected::default(), Collected::default());
    let mut all = BytesMut::from(&stream[..]);
    assert!(new().handle_input(now, &mut all, &mut whole).is_ok());
    let (mut mux, mut buffer) = (new(), BytesMut::new());
    for byte in stream {
        buffer.extend_from_slice(&[byte]);
        assert!(mux.handle_input(now, &mut buffer, &mut single).is_ok());
    }
    assert_eq!(single.0, whole.0);
    assert!(all.is_empty() && buffer.is_empty());
}

#[test]
fn a_stream_that_ends_inside_a_packet_is_truncated() {
    let mut mux = Mux::new(epoch(), Config::default(), &ChannelDescriptor::cometbft()).unwrap();
    let packet = hex("8a01 1a8701 0820 1001 1a8001");
    for received in 1..packet.len() {
        let end = mux.handle_end(epoch(), &packet[..received]);
        assert!(
            matches!(end, Err(Error::Truncated { received: r }) if r == received),
            "after {received} bytes: {end:?}"
        );
    }
    assert!(mux.handle_end(epoch(), b"").is_ok());
}

/// Otherwise a peer could make us wait for, and buffer, a packet that will be refused.
#[test]
fn a_packet_above_the_limit_is_refused_before_its_body_comes() {
    for (bytes, len) in [
        ("8b08", 1035),
        ("ffffffff0f", u64::from(u32::MAX)),
        ("ffffffffffffffffff01", u64::MAX),
    ] {
        let refused = ProtocolError::PacketTooLarge { len, max: 1034 };
        assert_eq!(decode(&hex(bytes), 1034), Err(refused), "{bytes}");
    }
}

#[test]
fn a_prefix_overflows_at_its_tenth_byte() {
    let bytes = hex("80808080808080808002");
    assert_eq!(decode(&bytes[..9], 1034), Ok(None));
    assert_eq!(decode(&bytes, 1034), Err(ProtocolError::PrefixOverflow));
    let ping = hex("828080808080808080000a00");
    let packets = decode_stream(&ping, 1034);
    assert_eq!(packets, (vec![Packet::Ping], 12, None));
}

/// What comes behind a packet has no influence on it, nor on its error.
#[test]
fn what_follows_a_packet_is_not_looked_at() {
    let bad = hex("030a0107");
    let refused = decode(&bad, 1034);
    assert!(matches!(refused, Err(ProtocolError::Malformed(_))));
    let followed = [&bad[..], &[0xff; 20]].concat();
    assert_eq!(decode(&followed, 1034), refused);
}
