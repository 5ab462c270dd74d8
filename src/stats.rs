//! Snapshots of what a connection does.

use std::time::Duration;

use crate::channel::ChannelId;

/// A connection at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Stats {
    /// Time since the connection started to run.
    pub uptime: Duration,
    /// Everything sent, control packets included.
    pub sent: FlowStats,
    /// Everything received, control packets included.
    pub received: FlowStats,
    /// Pings that we sent.
    pub pings_sent: u64,
    /// Pings that came.
    pub pings_received: u64,
    /// Pongs that we sent; a flood of pings gets fewer pongs than pings.
    pub pongs_sent: u64,
    /// Pongs that came, asked for or not.
    pub pongs_received: u64,
    /// The latest time from a ping to its pong, whether the ping was asked for or the regular one.
    pub round_trip: Option<Duration>,
    /// Time during which reading was paused because an inbox was full.
    pub reading_paused: Duration,
    /// What received messages that wait to be taken are charged: their bytes, and 128 for each of them.
    pub inbox_bytes: usize,
    /// Bytes received of messages that are not complete.
    pub reassembly_bytes: usize,
    /// The channels in the order in which they were opened.
    pub channels: Vec<ChannelStats>,
}

/// One channel at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ChannelStats {
    /// The channel's id.
    pub id: ChannelId,
    /// Its priority.
    pub priority: u16,
    /// Its message packets sent.
    pub sent: FlowStats,
    /// Its message packets received.
    pub received: FlowStats,
    /// Messages cut into packets completely.
    pub messages_sent: u64,
    /// Messages received completely.
    pub messages_received: u64,
    /// Messages that wait to be sent, the one being cut included.
    pub queued_messages: usize,
    /// Their bytes; of the one being cut, all of them.
    pub queued_bytes: usize,
    /// Messages that may wait to be sent.
    pub send_capacity: usize,
    /// Messages received and not yet taken.
    pub inbox_messages: usize,
    /// Bytes sent, reduced by a fifth every two seconds: the figure of the same name in CometBFT's status.
    pub recently_sent: u64,
    /// Messages dropped because the inbox of a shedding channel was full.
    pub shed: u64,
    /// Messages dropped because nobody could take them: the receiver was gone, or its inbox was full while draining.
    pub discarded: u64,
}

impl ChannelStats {
    pub(crate) fn new(id: ChannelId, priority: u16) -> Self {
        Self {
            id,
            priority,
            sent: FlowStats::default(),
            received: FlowStats::default(),
            messages_sent: 0,
            messages_received: 0,
            queued_messages: 0,
            queued_bytes: 0,
            send_capacity: 0,
            inbox_messages: 0,
            recently_sent: 0,
            shed: 0,
            discarded: 0,
        }
    }
}

/// One direction of a connection or channel at one moment. Bytes are framed bytes: length prefixes and headers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FlowStats {
    /// Bytes in all.
    pub bytes: u64,
    /// Packets in all.
    pub packets: u64,
    /// Bytes per second, as an exponential average over one second.
    pub rate: u64,
    /// The highest rate of any sample of at least 100 ms, in bytes per second.
    pub peak_rate: u64,
    /// Bytes per second since the start.
    pub average_rate: u64,
    /// Time since bytes last moved.
    pub idle: Duration,
    /// Time during which the rate limit held bytes back: a figure of the connection, zero for its channels.
    pub throttled: Duration,
}
