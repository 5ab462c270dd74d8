//! What Go's connections and stock nodes really wrote, read by ours.

use bytes::BytesMut;
use mconn::mux::Mux;
use mconn::packet::{Packet, decode, encode};
use mconn::{ChannelDescriptor, ChannelId, Config};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::{Collected, hex, origin, recorded_bytes, recorded_index};

#[test]
fn ten_channels_of_short_messages() {
    check("stream-small");
    check("stream-small-v1");
}

#[test]
fn ten_channels_of_long_messages_interleaved() {
    check("stream-medium");
}

#[test]
fn channel_ids_of_two_bytes() {
    check("stream-highids");
}

#[test]
fn packets_of_a_small_payload() {
    check("stream-payload100");
}

#[test]
fn empty_messages() {
    check("stream-empties");
}

#[test]
fn a_session_of_a_stock_node_v0_38() {
    check("node-session-v0.38.25");
    check("node-session-v0.38.25-ours");
}

#[test]
fn a_session_of_a_stock_node_v1() {
    check("node-session-v1.0.1");
    check("node-session-v1.0.1-ours");
}

/// Byte for byte: what Go wrote is what we would have written.
#[test]
fn each_packet_of_go_is_what_we_write() {
    for stem in [
        "stream-small",
        "stream-medium",
        "stream-highids",
        "stream-payload100",
        "stream-empties",
        "stream-small-v1",
        "node-session-v0.38.25",
        "node-session-v1.0.1",
    ] {
        let stream = recorded_bytes(&format!("{stem}.bin"));
        let mut written = Vec::with_capacity(stream.len());
        while let Ok(Some(framed)) = decode(&stream[written.len()..], usize::MAX) {
            encode(&framed.packet, &mut written);
        }
        assert!(written == stream, "{stem}");
    }
}

/// The packets and the messages of a recording are those of its index, however its bytes are split.
fn check(stem: &str) {
    let stream = recorded_bytes(&format!("{stem}.bin"));
    let index = recorded_index(&format!("{stem}.json"));
    assert_eq!(Sha256::digest(&stream)[..], hex(&index["head"]["sha256"]));
    check_packets(&stream, &index);
    let patterns: [&[usize]; 6] = [
        &[usize::MAX],
        &[1],
        &[1, 1033, 2, 1034, 3, 1035, 1036, 1037],
        &[4096],
        &[65_536],
        &[7, 70_000, 700],
    ];
    for sizes in patterns {
        check_messages(&stream, &index, sizes);
    }
}

fn check_packets(stream: &[u8], index: &Value) {
    let limit = number(&index["head"]["max_packet"]);
    let mut offset = 0;
    for row in rows(index, "packets") {
        assert_eq!(number(&row[0]), offset);
        let framed = decode(&stream[offset..], limit).unwrap().unwrap();
        match (framed.packet, row[1].as_str().unwrap()) {
            (Packet::Ping, "ping") | (Packet::Pong, "pong") => {}
            (Packet::Msg(msg), "msg") => {
                assert_eq!(row[2], msg.channel_id);
                assert_eq!(row[3], msg.eof);
                assert_eq!(number(&row[4]), msg.data.len());
            }
            (packet, kind) => panic!("{packet:?} instead of {kind} at {offset}"),
        }
        offset += framed.framed_len;
    }
    assert_eq!(offset, stream.len());
}

fn check_messages(stream: &[u8], index: &Value, sizes: &[usize]) {
    let now = origin();
    let mut mux = receiver(index);
    let (mut buffer, mut sink) = (BytesMut::new(), Collected::default());
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        let (piece, left) = rest.split_at((*size).min(rest.len()));
        buffer.extend_from_slice(piece);
        mux.on_read(now, piece.len());
        assert!(
            mux.handle_input(now, &mut buffer, &mut sink)
                .unwrap()
                .is_continue()
        );
        rest = left;
        if rest.is_empty() {
            break;
        }
    }
    mux.handle_end(now, &buffer).unwrap();
    let wanted = rows(index, "messages");
    assert_eq!(sink.0.len(), wanted.len());
    for ((channel, message), wanted) in sink.0.iter().zip(wanted) {
        assert_eq!(usize::from(channel.get()), number(&wanted["channel"]));
        assert_eq!(message.len(), number(&wanted["size"]));
        assert_eq!(Sha256::digest(message)[..], hex(&wanted["sha256"]));
    }
    check_counters(&mux, stream, index);
}

fn check_counters(mux: &Mux, stream: &[u8], index: &Value) {
    let stats = mux.stats(origin());
    let packets = rows(index, "packets");
    let count = |kind: &str| packets.iter().filter(|row| row[1] == kind).count() as u64;
    assert_eq!(stats.pings_received, count("ping"));
    assert_eq!(stats.pongs_received, count("pong"));
    assert_eq!(stats.received.packets, packets.len() as u64);
    assert_eq!(stats.received.bytes, stream.len() as u64);
    assert_eq!(stats.reassembly_bytes, 0);
    let messages: u64 = stats.channels.iter().map(|c| c.messages_received).sum();
    assert_eq!(messages, rows(index, "messages").len() as u64);
}

/// Our end of the recorded connection, at the exact limit of Go.
fn receiver(index: &Value) -> Mux {
    let head = &index["head"];
    let config = Config::builder()
        .max_packet(number(&head["max_packet"]))
        .build()
        .unwrap();
    let channels: Vec<ChannelDescriptor> = rows(head, "channels")
        .iter()
        .map(|channel| {
            let id = ChannelId::new(u8::try_from(number(&channel["id"])).unwrap());
            let priority = u16::try_from(number(&channel["priority"])).unwrap();
            ChannelDescriptor::new(id, priority).with_max_message(number(&channel["recv_max"]))
        })
        .collect();
    Mux::new(origin(), config, &channels).unwrap()
}

fn rows<'a>(table: &'a Value, name: &str) -> &'a [Value] {
    table[name].as_array().expect("a list")
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("a size")
}
