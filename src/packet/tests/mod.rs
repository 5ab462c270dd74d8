//! The codec against what Go wrote and read, against prost, and against itself.

mod checksums;
#[cfg(feature = "secret")]
mod differences;
mod framing;
mod go_encode;
mod go_odd;
mod limits;
#[cfg(feature = "secret")]
mod oracle;
mod properties;
mod reference;

use std::ops::ControlFlow;

use bytes::Bytes;
use serde_json::Value;

use super::{Packet, PacketMsg};
use crate::channel::ChannelId;
use crate::mux::MessageSink;
use crate::packet::ProtocolError;
use crate::packet::decode;
use crate::testing::{hex, number, rows, text};

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

fn recorded() -> Value {
    crate::testing::recorded("packets")
}
