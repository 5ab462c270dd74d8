//! Malformed, unusual and borderline input: what Go accepts is accepted, what it refuses is refused, and for the same reason.

use std::time::Instant;

use bytes::BytesMut;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Collected, decode_stream, hex, msg, number, recorded, rows, text};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;
use crate::mux::Mux;
use crate::packet::{Malformed, ProtocolError};
use crate::packet::{Packet, PacketMsg, encode};
use crate::testing::epoch;
use crate::testing::script::NoMessages;

#[test]
fn the_codec_gives_the_packets_that_go_decoded() {
    let recorded = recorded();
    for case in rows(&recorded, "odd") {
        let (name, bytes) = (text(&case["name"]), hex(text(&case["bytes"])));
        let (packets, used, error) = decode_stream(&bytes, GO_LIMIT);
        let wanted: Vec<&Value> = rows(case, "packets")
            .iter()
            .take_while(|packet| packet["kind"] != "none")
            .collect();
        assert_eq!(packets.len(), wanted.len(), "{name}");
        for (packet, wanted) in packets.iter().zip(wanted) {
            assert!(is_recorded(packet, wanted), "{name}: {packet:?}");
        }
        if case["decode_class"].is_null() && error.is_none() {
            assert_eq!(used, number(&case["decode_used"]), "{name}");
        }
    }
}

#[test]
fn a_connection_at_the_limit_of_go_accepts_and_refuses_what_go_does() {
    let recorded = recorded();
    let channels = channels(&recorded);
    let cases = rows(&recorded, "odd");
    assert_eq!(cases.len(), 250);
    for case in cases {
        let name = text(&case["name"]);
        let bytes = hex(text(&case["bytes"]));
        let result = run(&channels, GO_LIMIT, case, &[&bytes]);
        assert_eq!(class_of(&result.end, case), wanted_class(case), "{name}");
        assert_eq!(result.pong_sent, case["pong_sent"] == true, "{name}");
        let wanted = rows(case, "delivered");
        assert_eq!(result.delivered.len(), wanted.len(), "{name}");
        for ((channel, message), wanted) in result.delivered.iter().zip(wanted) {
            assert_eq!(usize::from(*channel), number(&wanted["channel"]), "{name}");
            assert!(
                has_recorded_bytes(message, wanted, "len", "data", "sha256"),
                "{name}"
            );
        }
    }
}

#[test]
fn one_byte_more_of_limit_changes_these_verdicts_and_no_others() {
    let recorded = recorded();
    let channels = channels(&recorded);
    let mut changed = Vec::new();
    for case in rows(&recorded, "odd") {
        let bytes = hex(text(&case["bytes"]));
        let at_ours = run(&channels, Config::default().max_packet(), case, &[&bytes]);
        let at_gos = run(&channels, GO_LIMIT, case, &[&bytes]);
        let verdict = class_of(&at_ours.end, case);
        if verdict != class_of(&at_gos.end, case) {
            changed.push((text(&case["name"]), verdict));
        }
    }
    assert_eq!(
        changed,
        [
            ("prefix-1035-no-body", Class::NeedsMore),
            ("full-ch80-eof", Class::Alive),
            ("data-1027-ch01-more", Class::Alive),
            ("data-1029-ch00-more", Class::Alive),
        ]
    );
}

#[test]
fn it_does_not_matter_how_the_input_is_split() {
    let recorded = recorded();
    let channels = channels(&recorded);
    for case in rows(&recorded, "odd") {
        let bytes = hex(text(&case["bytes"]));
        let whole = run(&channels, GO_LIMIT, case, &[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(run(&channels, GO_LIMIT, case, &single), whole);
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            let split = run(&channels, GO_LIMIT, case, &[front, back]);
            assert_eq!(split, whole, "{} at {at}", case["name"]);
        }
    }
}

/// What a connection made of the input.
#[derive(Debug, PartialEq)]
struct Outcome {
    delivered: Vec<(u8, bytes::Bytes)>,
    pong_sent: bool,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    /// The probe behind the input arrived.
    Alive,
    /// The probe was swallowed by an unfinished packet.
    NeedsMore,
    Refused(ProtocolError),
    /// The stream ended, inside a packet or between two.
    Closed {
        inside: bool,
    },
}

fn run(channels: &[ChannelDescriptor], limit: usize, case: &Value, pieces: &[&[u8]]) -> Outcome {
    let now = epoch();
    let config = Config::builder().max_packet(limit).build().unwrap();
    let mut mux = Mux::new(now, config, channels).unwrap();
    let (mut buffer, mut sink) = (BytesMut::new(), Collected::default());
    let refused = pieces
        .iter()
        .find_map(|piece| feed(&mut mux, now, &mut buffer, piece, &mut sink));
    let delivered = std::mem::take(&mut sink.0);
    let mut out = Vec::new();
    mux.poll_transmit(now, &mut NoMessages, &mut out);
    let end = match (refused, text(&case["then"])) {
        (Some(error), _) => End::Refused(error),
        (None, "close") => match mux.handle_end(now, &buffer) {
            Ok(()) => End::Closed { inside: false },
            Err(Error::Truncated { received }) => {
                assert_eq!(received, buffer.len());
                End::Closed { inside: true }
            }
            Err(error) => panic!("{error}"),
        },
        (None, _) => {
            let mut probe = Vec::new();
            encode(&msg(PROBE_CHANNEL.into(), true, b"probe"), &mut probe);
            match feed(&mut mux, now, &mut buffer, &probe, &mut sink) {
                Some(error) => End::Refused(error),
                None if sink.0 == [(PROBE_CHANNEL, "probe".into())] => End::Alive,
                None => End::NeedsMore,
            }
        }
    };
    Outcome {
        delivered,
        pong_sent: out.windows(2).any(|pair| pair == [0x12, 0]),
        end,
    }
}

fn feed(
    mux: &mut Mux,
    now: Instant,
    buffer: &mut BytesMut,
    piece: &[u8],
    sink: &mut Collected,
) -> Option<ProtocolError> {
    buffer.extend_from_slice(piece);
    match mux.handle_input(now, buffer, sink) {
        Ok(_) => None,
        Err(Error::Protocol(error)) => Some(error),
        Err(error) => panic!("{error}"),
    }
}

/// The recording's classes, with those that we tell apart no further as one.
#[derive(Debug, PartialEq)]
enum Class {
    Alive,
    NeedsMore,
    CleanEnd,
    TruncatedStream,
    PrefixOverflow,
    TooLarge,
    Overrun,
    IllegalTag,
    IllegalWireType,
    WrongWireType,
    EndGroup,
    NegativeLength,
    VarintTooLong,
    EmptyPacket,
    UnknownChannel,
    MessageTooLarge,
}

fn wanted_class(case: &Value) -> Class {
    if case["alive"] == true {
        return Class::Alive;
    }
    match (text(&case["conn_class"]), text(&case["name"])) {
        // Go calls a stream that ends right behind a length prefix an orderly end; here it is a truncated one.
        ("clean_eof", "cut-after-prefix" | "cut-after-long-prefix") => Class::TruncatedStream,
        ("clean_eof", _) => Class::CleanEnd,
        ("unexpected_eof", _) if case["then"] == "close" => Class::TruncatedStream,
        ("unexpected_eof", _) => Class::Overrun,
        ("prefix_overflow", _) => Class::PrefixOverflow,
        ("prefix_out_of_range" | "too_long", _) => Class::TooLarge,
        ("illegal_tag", _) => Class::IllegalTag,
        ("illegal_wire_type", _) => Class::IllegalWireType,
        ("wrong_wire_type", _) => Class::WrongWireType,
        ("unexpected_end_group", _) => Class::EndGroup,
        // Go adds the length to its position, overflows, and takes the sum for a negative length.
        ("negative_length", name) if name.ends_with("huge-length") => Class::Overrun,
        ("negative_length", _) => Class::NegativeLength,
        ("varint_too_long", _) => Class::VarintTooLong,
        ("empty_packet", _) => Class::EmptyPacket,
        ("unknown_channel", _) => Class::UnknownChannel,
        ("over_capacity", _) => Class::MessageTooLarge,
        (class, name) => panic!("unknown class {class} of {name}"),
    }
}

fn class_of(end: &End, case: &Value) -> Class {
    let error = match end {
        End::Alive => return Class::Alive,
        End::NeedsMore => return Class::NeedsMore,
        End::Closed { inside: false } => return Class::CleanEnd,
        End::Closed { inside: true } => return Class::TruncatedStream,
        End::Refused(error) => error,
    };
    match error {
        ProtocolError::PrefixOverflow => Class::PrefixOverflow,
        ProtocolError::PacketTooLarge { .. } => Class::TooLarge,
        ProtocolError::EmptyPacket => Class::EmptyPacket,
        ProtocolError::UnknownChannel { .. } => Class::UnknownChannel,
        ProtocolError::MessageTooLarge { .. } => Class::MessageTooLarge,
        ProtocolError::Malformed(malformed) => match malformed {
            Malformed::Overrun => Class::Overrun,
            Malformed::IllegalTag { .. } => Class::IllegalTag,
            Malformed::IllegalWireType { .. } => Class::IllegalWireType,
            Malformed::WrongWireType { .. } => Class::WrongWireType,
            Malformed::UnexpectedEndGroup => Class::EndGroup,
            Malformed::NegativeLength => Class::NegativeLength,
            Malformed::VarintTooLong => Class::VarintTooLong,
        },
        error => panic!("{}: {error}", case["name"]),
    }
}

fn is_recorded(packet: &Packet<'_>, wanted: &Value) -> bool {
    match (packet, text(&wanted["kind"])) {
        (Packet::Ping, "ping") | (Packet::Pong, "pong") => true,
        (
            Packet::Msg(PacketMsg {
                channel_id,
                eof,
                data,
                ..
            }),
            "msg",
        ) => {
            wanted["channel"] == *channel_id
                && wanted["eof"] == *eof
                && has_recorded_bytes(data, wanted, "data_len", "data", "data_sha256")
        }
        _ => false,
    }
}

/// Short data stands in the recording as it is, long data as its hash.
fn has_recorded_bytes(data: &[u8], wanted: &Value, len: &str, plain: &str, hash: &str) -> bool {
    let same = match (wanted[plain].as_str(), wanted[hash].as_str()) {
        (Some(bytes), _) => data == hex(bytes),
        (None, Some(hash)) => Sha256::digest(data)[..] == hex(hash)[..],
        (None, None) => data.is_empty(),
    };
    same && data.len() == number(&wanted[len])
}

fn channels(recorded: &Value) -> Vec<ChannelDescriptor> {
    rows(&recorded["head"], "channels")
        .iter()
        .map(|channel| {
            let id = u8::try_from(number(&channel["id"])).unwrap();
            ChannelDescriptor::new(ChannelId::new(id), 1)
                .with_max_message(number(&channel["recv_max"]))
        })
        .collect()
}

const GO_LIMIT: usize = 1034;
const PROBE_CHANNEL: u8 = 5;
