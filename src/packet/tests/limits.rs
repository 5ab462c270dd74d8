//! How much data fits into a packet, on every channel.

use crate::channel::ChannelId;
use crate::packet::ProtocolError;
use crate::packet::{ChunkLimits, MsgHeader, decode, encode_msg, framed_len, max_packet};

#[test]
fn ids_below_0x80_carry_a_full_payload_in_every_packet() {
    for id in 0..0x80 {
        let limits = ChunkLimits::new(ChannelId::new(id), 1024, false);
        assert_eq!((limits.partial, limits.last), (1024, 1024), "{id:#x}");
    }
}

#[test]
fn ids_from_0x80_carry_one_byte_less_in_the_final_packet() {
    for id in 0x80..=0xff {
        let limits = ChunkLimits::new(ChannelId::new(id), 1024, false);
        assert_eq!((limits.partial, limits.last), (1024, 1023), "{id:#x}");
    }
}

#[test]
fn a_checksum_takes_its_five_bytes_from_the_data() {
    let limits = |id| {
        let limits = ChunkLimits::new(ChannelId::new(id), 1024, true);
        (limits.partial, limits.last)
    };
    assert_eq!(limits(0x00), (1023, 1021));
    assert_eq!(limits(0x20), (1021, 1019));
    assert_eq!(limits(0x80), (1020, 1018));
}

/// Ours are always accepted: by Go at its own limit, and so by us.
#[test]
fn every_packet_of_every_message_stays_within_the_limit_of_go() {
    for payload in [10, 100, 121, 122, 127, 128, 1000, 1024, 1400, 16_377] {
        for id in [0x00, 0x01, 0x20, 0x7f, 0x80, 0xaa, 0xff] {
            for checked in [false, true] {
                check_messages(ChannelId::new(id), payload, checked);
            }
        }
    }
}

#[test]
fn one_byte_more_would_exceed_the_limit_or_the_payload() {
    for payload in [2, 121, 122, 1024, 16_377] {
        for id in 0..=0xff {
            let channel = ChannelId::new(id);
            for checked in [false, true] {
                let limits = ChunkLimits::new(channel, payload, checked);
                for (eof, data) in [(false, limits.partial), (true, limits.last)] {
                    let fits = |data| written(channel, eof, data, checked) <= max_packet(payload);
                    assert!(data == 0 || fits(data));
                    assert!(data == payload || !fits(data + 1), "{id:#x} {payload}");
                }
            }
        }
    }
}

#[test]
fn a_receiver_at_the_limit_of_go_refuses_the_full_final_packet_of_a_high_id_and_ours_does_not() {
    let data = [0; 1024];
    for id in [0x80, 0xff] {
        let mut stream = Vec::new();
        encode_msg(
            &MsgHeader::new(ChannelId::new(id)).with_eof(true),
            &data,
            &mut stream,
        );
        let (len, max) = (1035, 1034);
        let refused = ProtocolError::PacketTooLarge { len, max };
        assert_eq!(decode(&stream, 1034), Err(refused));
        assert!(decode(&stream, 1035).is_ok());
    }
}

/// The scheduler reckons with the stated length of a packet before it is written.
#[test]
fn the_stated_length_of_a_packet_is_the_written_one() {
    for id in [0x00, 0x01, 0x7f, 0x80, 0xff] {
        for data in [0, 1, 119, 120, 121, 127, 128, 1023, 1024, 16_383, 16_384] {
            for (eof, checked) in [(false, false), (true, false), (false, true), (true, true)] {
                let channel = ChannelId::new(id);
                let mut stream = Vec::new();
                let said = encode_msg(
                    &MsgHeader::new(channel).with_eof(eof).with_checksum(checked),
                    &vec![7; data],
                    &mut stream,
                );
                assert_eq!(said, stream.len());
                assert_eq!(
                    said,
                    framed_len(
                        &MsgHeader::new(channel).with_eof(eof).with_checksum(checked),
                        data
                    )
                );
            }
        }
    }
}

/// Cuts messages of the lengths around the limits and feeds the packets to a receiver at Go's limit.
fn check_messages(channel: ChannelId, payload: usize, checked: bool) {
    let limits = ChunkLimits::new(channel, payload, checked);
    let (partial, last) = (limits.partial, limits.last);
    let ends = [
        0,
        1,
        last - 1,
        last,
        last + 1,
        partial,
        partial + 1,
        payload,
        payload + 1,
    ];
    for len in ends
        .into_iter()
        .chain([2 * partial, 2 * partial + last, 5 * payload])
    {
        let mut remaining = len;
        loop {
            let (data, eof) = limits.next(remaining);
            assert!(
                data <= remaining && (eof || data > 0),
                "no progress at {len}"
            );
            let mut stream = Vec::new();
            encode_msg(
                &MsgHeader::new(channel).with_eof(eof).with_checksum(checked),
                &vec![0xaa; data],
                &mut stream,
            );
            let read = decode(&stream, max_packet(payload));
            assert!(
                matches!(read, Ok(Some(_))),
                "{channel} {payload} {len}: {read:?}"
            );
            remaining -= data;
            if eof {
                break;
            }
        }
        assert_eq!(remaining, 0, "only the end of a message ends it");
    }
}

/// The length of a packet without its prefix, as it is on the wire.
fn written(channel: ChannelId, eof: bool, data: usize, checked: bool) -> usize {
    let mut stream = Vec::new();
    encode_msg(
        &MsgHeader::new(channel).with_eof(eof).with_checksum(checked),
        &vec![0; data],
        &mut stream,
    );
    let prefix = stream.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    stream.len() - prefix
}
