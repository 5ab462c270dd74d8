//! The settings of a connection.

mod check;
mod error;

use std::num::NonZeroU64;
use std::time::Duration;

pub(crate) use check::BYTES_MAX;
#[cfg(feature = "peer")]
pub(crate) use check::{size, time};
pub use error::ConfigError;

use crate::memory::MemoryBudget;
use crate::packet::{framed_max, max_packet};
use crate::rate::{LinkRate, link};

/// The settings of a connection, checked once when built.
///
/// ```
/// use std::num::NonZeroU64;
/// use mconn::Config;
///
/// let config = Config::builder().send_rate(NonZeroU64::new(5_120_000)).build()?;
/// assert_eq!(config.max_packet_payload(), 1024);
/// # Ok::<(), mconn::ConfigError>(())
/// ```
///
#[doc = include_str!("timeouts.md")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    settings: ConfigBuilder,
    send_link: Option<LinkRate>,
    recv_link: Option<LinkRate>,
}

impl Config {
    /// Settings to change, starting from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// What a stock CometBFT node uses: 5.12 MB/s each way, payloads of 1024 bytes, ping every 60 s.
    ///
    /// Its channels are [`ChannelDescriptor::cometbft`](crate::ChannelDescriptor::cometbft).
    pub fn cometbft() -> Self {
        let rate = NonZeroU64::new(COMETBFT_RATE);
        let preset = Self::builder().send_rate(rate).recv_rate(rate);
        #[expect(
            clippy::expect_used,
            reason = "the preset is within its bounds, as a test shows"
        )]
        preset.build().expect("the preset is within its bounds")
    }

    /// See [`ConfigBuilder::max_packet_payload`].
    pub const fn max_packet_payload(&self) -> usize {
        self.settings.max_packet_payload
    }

    /// See [`ConfigBuilder::max_packet`].
    pub const fn max_packet(&self) -> usize {
        self.settings.max_packet
    }

    /// The largest packet that is sent, its length prefix included.
    pub(crate) const fn largest_sent(&self) -> usize {
        framed_max(max_packet(self.settings.max_packet_payload))
    }

    /// The largest packet that is accepted, its length prefix included.
    pub(crate) const fn largest_received(&self) -> usize {
        framed_max(self.settings.max_packet)
    }

    pub(crate) const fn send_link(&self) -> Option<LinkRate> {
        self.send_link
    }

    pub(crate) const fn recv_link(&self) -> Option<LinkRate> {
        self.recv_link
    }

    /// See [`ConfigBuilder::send_rate`].
    pub const fn send_rate(&self) -> Option<NonZeroU64> {
        self.settings.send_rate
    }

    /// See [`ConfigBuilder::recv_rate`].
    pub const fn recv_rate(&self) -> Option<NonZeroU64> {
        self.settings.recv_rate
    }

    /// See [`ConfigBuilder::ping_interval`].
    pub const fn ping_interval(&self) -> Duration {
        self.settings.ping_interval
    }

    /// See [`ConfigBuilder::pong_timeout`].
    pub const fn pong_timeout(&self) -> Duration {
        self.settings.pong_timeout
    }

    /// See [`ConfigBuilder::write_timeout`].
    pub const fn write_timeout(&self) -> Duration {
        self.settings.write_timeout
    }

    /// See [`ConfigBuilder::min_write_rate`].
    pub const fn min_write_rate(&self) -> Option<NonZeroU64> {
        self.settings.min_write_rate
    }

    /// See [`ConfigBuilder::min_message_rate`].
    pub const fn min_message_rate(&self) -> Option<NonZeroU64> {
        self.settings.min_message_rate
    }

    /// See [`ConfigBuilder::message_timeout`].
    pub const fn message_timeout(&self) -> Option<Duration> {
        self.settings.message_timeout
    }

    /// See [`ConfigBuilder::drain_timeout`].
    pub const fn drain_timeout(&self) -> Duration {
        self.settings.drain_timeout
    }

    /// See [`ConfigBuilder::inbox_stall_timeout`].
    pub const fn inbox_stall_timeout(&self) -> Option<Duration> {
        self.settings.inbox_stall_timeout
    }

    /// See [`ConfigBuilder::flush_delay`].
    pub const fn flush_delay(&self) -> Duration {
        self.settings.flush_delay
    }

    /// See [`ConfigBuilder::inbox_bytes`].
    pub const fn inbox_bytes(&self) -> usize {
        self.settings.inbox_bytes
    }

    /// See [`ConfigBuilder::reassembly_bytes`].
    pub const fn reassembly_bytes(&self) -> Option<usize> {
        self.settings.reassembly_bytes
    }

    /// See [`ConfigBuilder::memory_budget`].
    pub const fn memory_budget(&self) -> Option<&MemoryBudget> {
        self.settings.memory_budget.as_ref()
    }

    /// See [`ConfigBuilder::send_checksum`].
    pub const fn send_checksum(&self) -> bool {
        self.settings.send_checksum
    }

    /// See [`ConfigBuilder::require_checksum`].
    pub const fn require_checksum(&self) -> bool {
        self.settings.require_checksum
    }
}

/// Builds a [`Config`]; every setter can be called in any order, and [`build`](Self::build) checks the whole.
///
/// Where a setting does not say otherwise, a time is 10 ms to thirty years, and a number of bytes up to a quarter of what the machine can
/// count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ConfigBuilder {
    max_packet_payload: usize,
    max_packet: usize,
    send_rate: Option<NonZeroU64>,
    recv_rate: Option<NonZeroU64>,
    ping_interval: Duration,
    pong_timeout: Duration,
    write_timeout: Duration,
    min_write_rate: Option<NonZeroU64>,
    min_message_rate: Option<NonZeroU64>,
    message_timeout: Option<Duration>,
    drain_timeout: Duration,
    inbox_stall_timeout: Option<Duration>,
    flush_delay: Duration,
    inbox_bytes: usize,
    reassembly_bytes: Option<usize>,
    memory_budget: Option<MemoryBudget>,
    send_checksum: bool,
    require_checksum: bool,
}

impl ConfigBuilder {
    /// Data bytes of a packet that we send, 2 (with checksums 7) to 16 MiB. Default 1024, the only value that every CometBFT peer accepts.
    ///
    /// Smaller ones let urgent messages in more often; larger ones cost less per byte, but a peer with a smaller packet
    /// limit ends the connection.
    pub const fn max_packet_payload(mut self, bytes: usize) -> Self {
        self.max_packet_payload = bytes;
        self
    }

    /// The largest packet that we accept, in bytes without its length prefix, 9 to 16 MiB and 14 bytes. Default 1035.
    ///
    /// Go's own limit is 1034 at its default payload, one byte less than a full final packet on an id of 0x80 or above, which
    /// Go does send. Each connection buffers at most one unfinished packet of this size.
    pub const fn max_packet(mut self, bytes: usize) -> Self {
        self.max_packet = bytes;
        self
    }

    /// Limits what is sent, in framed bytes per second. Default: no limit.
    ///
    /// Control packets count but never wait. The burst is 10 ms of the rate and one batch.
    pub const fn send_rate(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.send_rate = bytes_per_second;
        self
    }

    /// Limits what is read, in framed bytes per second. Default: no limit.
    ///
    /// Reading pauses where the limit is reached, so here control packets wait behind data.
    pub const fn recv_rate(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.recv_rate = bytes_per_second;
        self
    }

    /// Time between pings. Default 60 s.
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long the peer may be silent after a ping; any valid packet counts as an answer. Default 45 s.
    ///
    /// At least 5 ms, and below the ping interval.
    pub const fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.pong_timeout = timeout;
        self
    }

    /// How long the peer may take no byte while we have some to send. Default 60 s.
    ///
    /// Where a stream that buffers is flushed, it has besides the time of what is in the buffer at
    /// [`min_write_rate`](Self::min_write_rate).
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Bytes per second that the peer takes at least, on average, while the transport is blocked and we have more to send.
    /// Default 1000, at most 1 MiB/s; `None` asks for no rate.
    ///
    /// Each byte taken gives the peer its time at this rate, up to the whole [`write_timeout`](Self::write_timeout), so it may
    /// pause for that long and be slower for a while. Without it a peer that takes a byte now and then keeps a connection and
    /// its full send queues for ever; with it, no longer than these take at this rate.
    pub const fn min_write_rate(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.min_write_rate = bytes_per_second;
        self
    }

    /// Bytes per second by which a message that the peer began grows at least, looked at once a minute. Default 100, at most
    /// 1 MiB/s; `None` asks for no rate.
    ///
    /// On a slow link it waits for others, so of the bytes of message packets on all channels one in fifty counts besides. A message
    /// that holds much has to grow by that divided by [`message_timeout`](Self::message_timeout), if it is more. Time in which we
    /// do not read, because an inbox is full or for the receive limit, does not count.
    ///
    /// So a peer holds the memory of unfinished messages ([`reassembly_bytes`](Self::reassembly_bytes)) for two minutes at most
    /// without sending anything of messages; with the lowest rate on each of them, or fifty times that on one channel, as long as
    /// `message_timeout`. Set both to what your links can do.
    pub const fn min_message_rate(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.min_message_rate = bytes_per_second;
        self
    }

    /// How long a message may take from its first packet to its last, in time in which we read. Default 4 h, in which a stock
    /// node's largest message (104 MB) passes at 10 kB/s; at least 1 s; `None` for ever.
    pub const fn message_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// How long a graceful stop may take in all. Default 10 s.
    pub const fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How long a receiver of ours may take nothing while its full inbox holds up all reading. Default 30 s; `None` for ever.
    ///
    /// The peer's own timeouts would end such a connection without naming the cause.
    pub const fn inbox_stall_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.inbox_stall_timeout = timeout;
        self
    }

    /// How long written bytes may wait for more before the transport is flushed. Default zero: flush as soon as nothing more
    /// is pending.
    ///
    /// Only a transport that buffers, such as TLS, gains from a delay; an hour is the longest. Pings and pongs, and what somebody waits for, are flushed at
    /// once.
    pub const fn flush_delay(mut self, delay: Duration) -> Self {
        self.flush_delay = delay;
        self
    }

    /// Bytes of received messages that may wait to be taken, over all channels, with 128 for each message beside its own: an empty one takes
    /// memory too. Default 4 MiB.
    ///
    /// Reading pauses at a message that does not fit; a channel without waiting messages always admits one. So at most this, one
    /// largest message per channel, and the one at which reading pauses are held.
    pub const fn inbox_bytes(mut self, bytes: usize) -> Self {
        self.inbox_bytes = bytes;
        self
    }

    /// Bytes of memory for unfinished messages over all channels. Default `None`: as much as all channels' largest messages take.
    ///
    /// What is taken counts, not only what came: 32 bytes for each message beside its own, and up to an eighth of it ahead. Beyond the bound the
    /// connection ends with an error, since pausing could never end. The moment in which memory is moved as it grows is not counted.
    pub const fn reassembly_bytes(mut self, bytes: Option<usize>) -> Self {
        self.reassembly_bytes = bytes;
        self
    }

    /// Memory for unfinished messages that this connection shares with others. Default none.
    pub fn memory_budget(mut self, budget: Option<MemoryBudget>) -> Self {
        self.memory_budget = budget;
        self
    }

    /// Adds a CRC-32 to every message packet, for streams without integrity of their own. Default off. Any peer accepts it.
    pub const fn send_checksum(mut self, on: bool) -> Self {
        self.send_checksum = on;
        self
    }

    /// Refuses message packets without a CRC-32 or with a wrong one. Default off.
    pub const fn require_checksum(mut self, on: bool) -> Self {
        self.require_checksum = on;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, with its name, its value and both bounds, or a pong timeout that is not below the ping interval.
    pub fn build(self) -> Result<Config, ConfigError> {
        self.check()?;
        let sent = framed_max(max_packet(self.max_packet_payload));
        let received = framed_max(self.max_packet);
        Ok(Config {
            send_link: link("send_rate", self.send_rate, sent)?,
            recv_link: link("recv_rate", self.recv_rate, received)?,
            settings: self,
        })
    }
}

impl Default for ConfigBuilder {
    fn default() -> Self {
        Self {
            max_packet_payload: COMETBFT_PAYLOAD,
            max_packet: max_packet(COMETBFT_PAYLOAD) + 1,
            send_rate: None,
            recv_rate: None,
            ping_interval: Duration::from_secs(60),
            pong_timeout: Duration::from_secs(45),
            write_timeout: Duration::from_secs(60),
            min_write_rate: NonZeroU64::new(MIN_WRITE_RATE),
            min_message_rate: NonZeroU64::new(MIN_MESSAGE_RATE),
            message_timeout: Some(MESSAGE_TIMEOUT),
            drain_timeout: Duration::from_secs(10),
            inbox_stall_timeout: Some(Duration::from_secs(30)),
            flush_delay: Duration::ZERO,
            inbox_bytes: 4 * 1024 * 1024,
            reassembly_bytes: None,
            memory_budget: None,
            send_checksum: false,
            require_checksum: false,
        }
    }
}

/// A tenth of a slow link.
const MIN_WRITE_RATE: u64 = 1000;
/// Half of what the lowest priority of a stock node has of a slow link.
const MIN_MESSAGE_RATE: u64 = 100;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(4 * 60 * 60);
const COMETBFT_PAYLOAD: usize = 1024;
const COMETBFT_RATE: u64 = 5_120_000;
