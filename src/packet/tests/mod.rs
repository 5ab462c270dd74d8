//! The codec against what Go wrote and read, against prost, and against itself.

mod checksums;
mod differences;
mod framing;
mod go_encode;
mod go_odd;
mod limits;
mod properties;
mod reference;

use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::{Packet, PacketMsg};
use crate::channel::ChannelId;
use crate::error::ProtocolError;
use crate::mux::MessageSink;
use crate::packet::decode;

/// Takes every message and keeps it.
#[derive(Debug, Default)]
struct Collected(Vec<(u8, Bytes)>);

impl MessageSink for Collected {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.0.push((channel.get(), message));
        ControlFlow::Continue(())
    }
}

/// All packets of a stream and the bytes they took, or the first error.
fn decode_stream(
    stream: &[u8],
    max_packet: usize,
) -> (Vec<Packet<'_>>, usize, Option<ProtocolError>) {
    let (mut packets, mut used) = (Vec::new(), 0);
    loop {
        match decode(&stream[used..], max_packet) {
            Ok(Some(framed)) => {
                packets.push(framed.packet);
                used += framed.framed_len;
            }
            Ok(None) => return (packets, used, None),
            Err(error) => return (packets, used, Some(error)),
        }
    }
}

const fn msg(channel_id: i32, eof: bool, data: &[u8]) -> Packet<'_> {
    Packet::Msg(PacketMsg {
        channel_id,
        eof,
        data,
        checksum: None,
    })
}

/// The recorded packets, see `tests/data/README.md`.
fn recorded() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/packets.json");
    let text = std::fs::read_to_string(path).expect("it is part of the package");
    serde_json::from_str(&text).expect("it is JSON")
}

fn rows<'a>(table: &'a Value, name: &str) -> &'a [Value] {
    table[name].as_array().expect("a list")
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("a size")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The bytes of a text of hex digits; blanks are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("hex")).expect("one digit"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
