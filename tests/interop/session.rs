//! Connections between the two implementations, with the same channels at both ends.

use mconn::{ChannelDescriptor, ChannelId, Config};
use serde_json::{Value, json};

use crate::go::{Go, Remote, Role};
use crate::ours::Ours;

/// A channel as both ends have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) id: u8,
    pub(crate) priority: u16,
    pub(crate) send_queue: usize,
    pub(crate) max_message: usize,
}

impl Channel {
    pub(crate) const fn new(id: u8, max_message: usize) -> Self {
        Self {
            id,
            priority: 1,
            send_queue: 16,
            max_message,
        }
    }

    pub(crate) fn for_go(&self) -> Value {
        let Self {
            id,
            priority,
            send_queue,
            max_message,
        } = self;
        json!({ "id": id, "priority": priority, "send_queue": send_queue, "max_message": max_message })
    }

    pub(crate) fn for_us(&self) -> (u8, ChannelDescriptor) {
        let descriptor = ChannelDescriptor::new(ChannelId::new(self.id), self.priority)
            .with_send_capacity(self.send_queue)
            .with_max_message(self.max_message);
        (self.id, descriptor)
    }
}

/// Connects the two with the same channels.
pub(crate) async fn connect(
    remote: Remote,
    role: Role,
    channels: &[Channel],
    settings: Value,
    config: Config,
) -> (Go, Ours) {
    let mut go = Go::start(remote);
    let stream = go.open(role, for_go(channels, settings)).await;
    let ours = Ours::start(
        stream,
        config,
        channels.iter().map(Channel::for_us).collect(),
    );
    (go, ours)
}

/// The command that starts a connection of Go's.
pub(crate) fn for_go(channels: &[Channel], settings: Value) -> Value {
    let channels: Vec<Value> = channels.iter().map(Channel::for_go).collect();
    json!({ "do": "connect", "channels": channels, "settings": settings })
}

/// The channels of a stock CometBFT node, with its queue sizes and the largest messages it takes.
pub(crate) const STOCK: [Channel; 10] = [
    stock(0x00, 1, 10, 64_000),
    stock(0x20, 6, 100, 1_048_576),
    stock(0x21, 10, 100, 1_048_576),
    stock(0x22, 7, 100, 1_048_576),
    stock(0x23, 1, 2, 1_048_576),
    stock(0x30, 5, 1, 1_048_584),
    stock(0x38, 6, 1, 1_048_576),
    stock(0x40, 5, 1_000, 104_857_605),
    stock(0x60, 5, 10, 4_000_000),
    stock(0x61, 3, 10, 16_000_000),
];

const fn stock(id: u8, priority: u16, send_queue: usize, max_message: usize) -> Channel {
    Channel {
        id,
        priority,
        send_queue,
        max_message,
    }
}
