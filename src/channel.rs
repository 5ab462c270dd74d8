//! Channels: their ids and what each of them may do.

use std::fmt;

use crate::config::{BYTES_MAX, ConfigError};

/// Names a channel, on both sides of a connection.
///
/// The wire carries an `int32`; only 0 to 255 are ever valid (CometBFT p2p specification, "Multiplexed connection").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ChannelId(u8);

impl ChannelId {
    /// The channel with this number.
    pub const fn new(id: u8) -> Self {
        Self(id)
    }

    /// The number of the channel.
    pub const fn get(self) -> u8 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

impl From<u8> for ChannelId {
    fn from(id: u8) -> Self {
        Self(id)
    }
}

/// What a channel is: its id, its share of the link, and the bounds of its queues. They are checked when it is opened; a number of bytes
/// is at most a quarter of what the machine can count.
///
/// ```
/// use mconn::{ChannelDescriptor, ChannelId};
///
/// let votes = ChannelDescriptor::new(ChannelId::new(0x22), 7).with_max_message(1024 * 1024);
/// assert_eq!(votes.priority(), 7);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDescriptor {
    id: ChannelId,
    priority: u16,
    send_capacity: usize,
    send_bytes: usize,
    recv_capacity: usize,
    max_message: usize,
    usage: Usage,
    overflow: Overflow,
}

impl ChannelDescriptor {
    /// A channel in both directions with the crate's default bounds.
    ///
    /// While several channels have something to send, each gets the part `priority / sum of their priorities` of the link.
    /// A priority of 0 is refused when the channel is opened.
    pub const fn new(id: ChannelId, priority: u16) -> Self {
        Self {
            id,
            priority,
            send_capacity: DEFAULT_SEND_CAPACITY,
            send_bytes: DEFAULT_SEND_BYTES,
            recv_capacity: DEFAULT_RECV_CAPACITY,
            max_message: DEFAULT_MAX_MESSAGE,
            usage: Usage::Both,
            overflow: Overflow::Pause,
        }
    }

    /// Bounds the messages that wait to be sent. Default 64, at least 1, at most 2^24.
    ///
    /// A larger queue smooths bursts; a smaller one makes `send` wait earlier, so that less is lost with the connection.
    #[must_use]
    pub const fn with_send_capacity(mut self, messages: usize) -> Self {
        self.send_capacity = messages;
        self
    }

    /// Bounds the bytes that wait to be sent. Default 1 MiB, at least 1. An empty queue admits one message of any permitted size.
    #[must_use]
    pub const fn with_send_bytes(mut self, bytes: usize) -> Self {
        self.send_bytes = bytes;
        self
    }

    /// Bounds the messages that were received and not yet taken. Default 256, at least 1, at most 2^24.
    ///
    /// Their bytes are bounded for the whole connection, by [`ConfigBuilder::inbox_bytes`](crate::ConfigBuilder::inbox_bytes).
    #[must_use]
    pub const fn with_recv_capacity(mut self, messages: usize) -> Self {
        self.recv_capacity = messages;
        self
    }

    /// Bounds one message in bytes, in both directions. Default 4 MiB, inclusive.
    ///
    /// A longer one from the peer ends the connection; a longer one from the caller is handed back.
    #[must_use]
    pub const fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Only sends: a packet on this channel from the peer is one on an unknown channel.
    #[must_use]
    pub const fn send_only(mut self) -> Self {
        self.usage = Usage::SendOnly;
        self
    }

    /// Only receives: every `send` is refused as on a closed channel.
    #[must_use]
    pub const fn receive_only(mut self) -> Self {
        self.usage = Usage::ReceiveOnly;
        self
    }

    /// Drops and counts the newest message where the inbox is full, instead of pausing all reading of the connection.
    #[must_use]
    pub const fn shedding(mut self) -> Self {
        self.overflow = Overflow::Shed;
        self
    }

    /// Ends the connection where the inbox is full, with [`Error::InboxOverflow`](crate::Error::InboxOverflow), instead of pausing all reading of
    /// it: a receiver that does not keep up holds up no other channel, and nothing is lost without anybody knowing.
    ///
    /// Room is for so many messages as [`with_recv_capacity`](Self::with_recv_capacity) says, within the bytes of the whole connection; make it large enough for
    /// any burst. While a connection stops, a full inbox discards as on any channel.
    #[must_use]
    pub const fn ending(mut self) -> Self {
        self.overflow = Overflow::End;
        self
    }

    /// The ten channels of a stock CometBFT node, with its priorities, queue lengths and largest messages
    /// (v0.34 to v1, with the default `max_tx_bytes` of 1 MiB).
    pub const fn cometbft() -> [Self; 10] {
        [
            stock(0x00, 1, 10, 64_000),
            stock(0x20, 6, 100, MIB),
            stock(0x21, 10, 100, MIB),
            stock(0x22, 7, 100, MIB),
            stock(0x23, 1, 2, MIB),
            stock(0x30, 5, 1, MIB + 8),
            stock(0x38, 6, 1, MIB),
            stock(0x40, 5, 1000, 100 * MIB + 5),
            stock(0x60, 5, 10, 4_000_000),
            stock(0x61, 3, 10, 16_000_000),
        ]
    }

    /// The channel's id.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// The channel's weight among those that have something to send.
    pub const fn priority(&self) -> u16 {
        self.priority
    }

    /// The messages that may wait to be sent.
    pub const fn send_capacity(&self) -> usize {
        self.send_capacity
    }

    /// The bytes that may wait to be sent.
    pub const fn send_bytes(&self) -> usize {
        self.send_bytes
    }

    /// The received messages that may wait to be taken.
    pub const fn recv_capacity(&self) -> usize {
        self.recv_capacity
    }

    /// The largest message in bytes, inclusive.
    pub const fn max_message(&self) -> usize {
        self.max_message
    }

    /// Whether this side may send on the channel.
    pub const fn sends(&self) -> bool {
        !matches!(self.usage, Usage::ReceiveOnly)
    }

    /// Whether this side may receive on the channel.
    pub const fn receives(&self) -> bool {
        !matches!(self.usage, Usage::SendOnly)
    }

    /// Whether a full inbox drops the newest message instead of pausing the connection's reading.
    pub const fn sheds(&self) -> bool {
        matches!(self.overflow, Overflow::Shed)
    }

    /// Whether a full inbox ends the connection.
    pub const fn ends(&self) -> bool {
        matches!(self.overflow, Overflow::End)
    }

    #[cfg(feature = "tokio")]
    pub(crate) const fn overflow(&self) -> Overflow {
        self.overflow
    }
}

/// Channels without duplicates, each fit for use, found by id.
#[derive(Clone, Debug)]
pub(crate) struct ChannelSet {
    channels: Vec<ChannelDescriptor>,
    /// By id: the index in `channels`, meaningful only if the channel there has this id.
    index: Box<[u8; 256]>,
}

impl ChannelSet {
    /// Adds a channel behind the others and says its index.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, or a channel that is there already.
    pub(crate) fn insert(&mut self, channel: ChannelDescriptor) -> Result<usize, ConfigError> {
        check(&channel)?;
        let id = channel.id();
        let next = self.channels.len();
        // Ids are unique, so the 257th channel is a duplicate too.
        match (
            self.index_of(id),
            self.index.get_mut(id.index()),
            u8::try_from(next),
        ) {
            (None, Some(slot), Ok(index)) => *slot = index,
            _ => return Err(ConfigError::DuplicateChannel { channel: id }),
        }
        self.channels.push(channel);
        Ok(next)
    }

    pub(crate) fn index_of(&self, id: ChannelId) -> Option<usize> {
        let index = usize::from(*self.index.get(id.index())?);
        (self.channels.get(index)?.id() == id).then_some(index)
    }

    pub(crate) fn as_slice(&self) -> &[ChannelDescriptor] {
        &self.channels
    }
}

impl Default for ChannelSet {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            index: Box::new([0; 256]),
        }
    }
}

fn check(channel: &ChannelDescriptor) -> Result<(), ConfigError> {
    let settings = [
        (
            "priority",
            usize::from(channel.priority()),
            1,
            usize::from(u16::MAX),
        ),
        ("send_capacity", channel.send_capacity(), 1, MESSAGES_MAX),
        ("send_bytes", channel.send_bytes(), 1, BYTES_MAX),
        ("recv_capacity", channel.recv_capacity(), 1, MESSAGES_MAX),
        ("max_message", channel.max_message(), 0, BYTES_MAX),
    ];
    let refused = settings
        .into_iter()
        .find(|(_, value, min, max)| !(min..=max).contains(&value));
    refused.map_or(Ok(()), |(name, value, min, max)| {
        Err(ConfigError::Channel {
            channel: channel.id(),
            name,
            value: value as u64,
            min: min as u64,
            max: max as u64,
        })
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    Both,
    SendOnly,
    ReceiveOnly,
}

/// What a full inbox does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    Pause,
    Shed,
    End,
}

const fn stock(
    id: u8,
    priority: u16,
    send_capacity: usize,
    max_message: usize,
) -> ChannelDescriptor {
    ChannelDescriptor::new(ChannelId::new(id), priority)
        .with_send_capacity(send_capacity)
        .with_max_message(max_message)
}

/// A queue of as many places takes half a gigabyte.
const MESSAGES_MAX: usize = 1 << 24;
const MIB: usize = 1024 * 1024;
/// Enough that a producer of small messages seldom waits; the bytes are bounded apart.
const DEFAULT_SEND_CAPACITY: usize = 64;
/// A few milliseconds of a fast link.
const DEFAULT_SEND_BYTES: usize = MIB;
/// Several read buffers full of ordinary small messages.
const DEFAULT_RECV_CAPACITY: usize = 256;
/// Above what most protocols send in one message, and small enough for hundreds of peers.
const DEFAULT_MAX_MESSAGE: usize = 4 * MIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_the_field_writes_them() {
        assert_eq!(ChannelId::new(0x20).to_string(), "0x20");
        assert_eq!(ChannelId::new(0).to_string(), "0x00");
    }

    #[test]
    fn the_stock_channels_are_those_of_a_node() {
        let ids: Vec<u8> = ChannelDescriptor::cometbft()
            .iter()
            .map(|c| c.id().get())
            .collect();
        assert_eq!(
            ids,
            [0x00, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x40, 0x60, 0x61]
        );
        assert_eq!(ChannelDescriptor::cometbft()[7].max_message(), 104_857_605);
    }
}
