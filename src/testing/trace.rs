//! What a machine put on the wire, packet by packet.

use std::time::Instant;

use crate::channel::ChannelId;
use crate::packet::{Packet, decode};

/// A packet that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    /// Bytes on the wire.
    pub(crate) framed: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Ping,
    Pong,
    Msg { channel: ChannelId, eof: bool },
}

impl Sent {
    /// The channel of a message packet.
    pub(crate) const fn channel(&self) -> Option<ChannelId> {
        match self.what {
            What::Msg { channel, .. } => Some(channel),
            What::Ping | What::Pong => None,
        }
    }
}

/// Adds the packets of which `bytes` consists to `trace`.
pub(super) fn record(at: Instant, mut bytes: &[u8], trace: &mut Vec<Sent>) {
    while !bytes.is_empty() {
        let framed = match decode(bytes, usize::MAX) {
            Ok(Some(framed)) => framed,
            other => panic!("a batch holds whole packets, not {other:?}"),
        };
        let what = match framed.packet {
            Packet::Ping => What::Ping,
            Packet::Pong => What::Pong,
            Packet::Msg(msg) => What::Msg {
                channel: channel(msg.channel_id),
                eof: msg.eof,
            },
        };
        trace.push(Sent {
            at,
            framed: framed.framed_len,
            what,
        });
        bytes = bytes.split_at(framed.framed_len).1;
    }
}

fn channel(id: i32) -> ChannelId {
    match u8::try_from(id) {
        Ok(id) => ChannelId::new(id),
        Err(_) => panic!("channel {id} was sent"),
    }
}
