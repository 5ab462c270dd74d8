//! The multiplexer as a state machine: it does no I/O, reads no clock and starts no task.
//!
//! # Driving it
//!
//! | family | methods | meaning |
//! | --- | --- | --- |
//! | in | [`handle_input`](Mux::handle_input), [`handle_end`](Mux::handle_end), [`handle_timeout`](Mux::handle_timeout) | bytes came, the stream ended, time passed |
//! | facts | [`on_queued`](Mux::on_queued), [`on_read`](Mux::on_read), [`on_written`](Mux::on_written), [`on_write_blocked`](Mux::on_write_blocked), [`on_flush_blocked`](Mux::on_flush_blocked), [`on_flushed`](Mux::on_flushed), [`on_read_paused`](Mux::on_read_paused), [`on_read_resumed`](Mux::on_read_resumed), [`on_standstill`](Mux::on_standstill) | what the driver saw |
//! | out | [`poll_transmit`](Mux::poll_transmit), [`poll_timeout`](Mux::poll_timeout), [`deadline`](Mux::deadline), [`read_allowance`](Mux::read_allowance), [`wants_flush`](Mux::wants_flush), [`ping_answer`](Mux::ping_answer) | what the driver is to do next |
//! | commands | [`begin_drain`](Mux::begin_drain), [`finish`](Mux::finish), [`request_ping`](Mux::request_ping), [`set_send_rate`](Mux::set_send_rate), [`set_recv_rate`](Mux::set_recv_rate) | what the owner wants |
//!
//! The one rule: after anything else, call `poll_transmit` until it writes nothing, then wait until `poll_timeout`, input, a
//! queued message or a writable transport. Time is an argument everywhere and must not go backwards.
#![doc = include_str!("driving.md")]
//!
//! Queues are outside: messages are pulled from a [`MessageSource`] one per channel, and complete ones are pushed into a
//! [`MessageSink`], so nothing in here can grow without a bound.

#![warn(clippy::indexing_slicing)]

mod cutter;
mod input;
mod keepalive;
mod link_flow;
mod message_progress;
mod monitor;
mod reassembly;
mod recently_sent;
pub mod scheduler;
mod throttle;
mod time;
mod transport;
mod write_progress;

#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use cutter::MessageSource;
pub use input::MessageSink;
pub use keepalive::PingRequest;

use crate::channel::{ChannelDescriptor, ChannelId, ChannelSet};
use crate::config::Config;
use crate::config::ConfigError;
use crate::memory::MemoryBudget;
use crate::packet::{PING, PONG};
use crate::rate::link;
use crate::stats::{ChannelStats, Stats};
use crate::trace;
use cutter::Cutter;
use input::Reading;
use keepalive::Keepalive;
use link_flow::LinkFlow;
use message_progress::MessageProgress;
use monitor::{Monitor, SAMPLE};
use reassembly::{Budget, Reassembly};
use recently_sent::RecentlySent;
use scheduler::Scheduler;
use write_progress::WriteProgress;

/// Many prioritised channels over one byte stream; see the [module](self) for how to drive it.
#[derive(Debug)]
pub struct Mux {
    config: Config,
    started: Instant,
    phase: Phase,
    set: Arc<ChannelSet>,
    /// In the order of the set.
    channels: Vec<Channel>,
    /// Indices of channels that have become pending since the last transmit step.
    queued: [u64; 4],
    scheduler: Scheduler,
    keepalive: Keepalive,
    messages: MessageProgress,
    write: WriteProgress,
    send: LinkFlow,
    recv: LinkFlow,
    budget: Budget,
    reading: Reading,
    /// When the channels' monitors end their samples: apart from the packets, whose cost it would double.
    next_sample: Instant,
}

/// How far the connection's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Finished,
}

#[derive(Debug)]
struct Channel {
    descriptor: ChannelDescriptor,
    cutter: Cutter,
    reassembly: Reassembly,
    sent: Monitor,
    received: Monitor,
    messages_sent: u64,
    messages_received: u64,
    recently_sent: RecentlySent,
}

impl Mux {
    /// A machine for these channels, in the order that decides ties.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, or the same channel twice.
    pub fn new(
        now: Instant,
        config: Config,
        channels: &[ChannelDescriptor],
    ) -> Result<Self, ConfigError> {
        let mut set = ChannelSet::default();
        for channel in channels {
            set.insert(channel.clone())?;
        }
        Ok(Self::with_channels(now, config, Arc::new(set)))
    }

    pub(crate) fn with_channels(now: Instant, config: Config, set: Arc<ChannelSet>) -> Self {
        let channels = set.as_slice();
        let priorities = channels.iter().map(ChannelDescriptor::priority);
        let maxima = channels.iter().filter(|c| c.receives());
        let budget = Budget::new(
            maxima.map(ChannelDescriptor::max_message),
            config.reassembly_bytes(),
            config.memory_budget().map(MemoryBudget::join),
        );
        Self {
            started: now,
            phase: Phase::Open,
            channels: channels
                .iter()
                .map(|c| Channel::new(now, &config, c))
                .collect(),
            queued: [0; 4],
            scheduler: Scheduler::new(priorities, config.largest_sent()),
            keepalive: Keepalive::new(now, &config),
            messages: MessageProgress::new(&config, channels.len()),
            write: WriteProgress::new(&config),
            send: LinkFlow::new(now, config.send_link()),
            recv: LinkFlow::new(now, config.recv_link()),
            budget,
            reading: Reading::default(),
            next_sample: now,
            config,
            set,
        }
    }

    /// The source has a message for this channel, after it had none. May be called more often than that.
    pub fn on_queued(&mut self, channel: ChannelId) {
        if let Some(index) = self.set.index_of(channel) {
            if let Some(word) = self.queued.get_mut(index / 64) {
                *word |= 1 << (index % 64);
            }
        }
    }

    /// Appends the next batch of packets to `out` and says how many bytes that were.
    ///
    /// Nothing is written while an earlier batch is not written wholly or a flush is blocked, so that what is chosen is sent
    /// soon; nor beyond the send limit, except for control packets. Each packet is chosen as late as possible: a batch has 4 to 62 KiB,
    /// depending on how the transport takes them, and about 2 ms of the rate where the rate is limited.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        source: &mut impl MessageSource,
        out: &mut Vec<u8>,
    ) -> usize {
        if self.write.is_busy() || self.phase == Phase::Finished {
            return 0;
        }
        self.sample(now);
        self.load_queued(source);
        let start = out.len();
        self.put_control(now, out);
        let control = out.len() - start;
        let data = self.put_batch(now, source, out);
        if control + data > 0 {
            self.send.on_bytes(now, control + data);
            self.write.on_encoded(control + data);
        } else {
            self.write.on_idle();
        }
        control + data
    }

    /// Everything accepted is to be sent, and no more pings; see [`is_drained`](Self::is_drained).
    pub fn begin_drain(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
        }
    }

    /// Whether a drain was begun and all that the source had has been written.
    pub fn is_drained(&self) -> bool {
        let idle = self.queued == [0; 4] && self.scheduler.pending() == 0 && !self.write.is_busy();
        idle && self.phase == Phase::Draining
    }

    /// The write half is closed: nothing more is encoded.
    pub fn finish(&mut self) {
        self.phase = Phase::Finished;
    }

    /// Asks for a ping, to be sent as soon as one may be: when none is unanswered, 100 ms after the last pong, and not in a drain.
    ///
    /// Requests made before it is sent share it. It counts as the keepalive's own: the next one comes a whole interval after it.
    pub const fn request_ping(&mut self) -> PingRequest {
        self.keepalive.request_ping()
    }

    /// The round trip of a ping that was sent after the request, once its pong has come; the latest one if there were several.
    pub fn ping_answer(&self, request: PingRequest) -> Option<Duration> {
        self.keepalive.answer(request)
    }

    /// Changes the send limit; `None` lifts it. What was sent ahead stays counted.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Size`] leaves the old limit in force.
    pub fn set_send_rate(
        &mut self,
        now: Instant,
        rate: Option<NonZeroU64>,
    ) -> Result<(), ConfigError> {
        self.send
            .set_rate(now, link("send_rate", rate, self.config.largest_sent())?);
        Ok(())
    }

    /// Changes the receive limit; `None` lifts it. What was read ahead stays counted.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Size`] leaves the old limit in force.
    pub fn set_recv_rate(
        &mut self,
        now: Instant,
        rate: Option<NonZeroU64>,
    ) -> Result<(), ConfigError> {
        self.recv.set_rate(
            now,
            link("recv_rate", rate, self.config.largest_received())?,
        );
        Ok(())
    }

    /// The channels whose message is under way, with the bytes of it that have come.
    pub fn unfinished(&self) -> impl Iterator<Item = (ChannelId, usize)> {
        let begun = self.channels.iter().enumerate();
        let begun = begun.filter(|(index, _)| self.messages.is_unfinished(*index));
        begun.map(|(_, channel)| (channel.descriptor.id(), channel.reassembly.held()))
    }

    /// The machine's part of the statistics; what concerns queues is the driver's.
    pub fn stats(&self, now: Instant) -> Stats {
        let counters = self.keepalive.counters();
        Stats {
            uptime: now.saturating_duration_since(self.started),
            sent: self.send.stats(now),
            received: self.recv.stats(now),
            pings_sent: counters.pings_sent,
            pings_received: counters.pings_received,
            pongs_sent: counters.pongs_sent,
            pongs_received: counters.pongs_received,
            round_trip: counters.round_trip,
            reading_paused: self.reading.paused(now),
            reassembly_bytes: self.budget.used(),
            channels: self
                .channels
                .iter()
                .map(|channel| channel.stats(now))
                .collect(),
            ..Stats::default()
        }
    }

    /// Packets encoded since the beginning.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "the driver's"))]
    pub(crate) const fn packets_sent(&self) -> u64 {
        self.send.packets()
    }

    fn sample(&mut self, now: Instant) {
        if now < self.next_sample {
            return;
        }
        self.next_sample = now + SAMPLE;
        for channel in &mut self.channels {
            channel.sent.sample(now);
            channel.received.sample(now);
            channel.recently_sent.decay(now);
        }
    }

    fn load_queued(&mut self, source: &mut impl MessageSource) {
        for word in 0..self.queued.len() {
            let mut bits = self.queued.get_mut(word).map_or(0, std::mem::take);
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(channel) = self.channels.get_mut(index) else {
                    continue;
                };
                if channel.cutter.is_idle() {
                    if let Some(len) = channel.cutter.load(source) {
                        self.scheduler.on_pending(index, len);
                    }
                }
            }
        }
    }

    /// A pong or a ping; they never wait for the limit, but count.
    fn put_control(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self.keepalive.take_pong(now) {
            self.write.on_control();
            out.extend_from_slice(&PONG);
            self.send.on_packet();
            trace::pong_sent();
        }
        if self.phase == Phase::Open && self.keepalive.take_ping(now) {
            self.write.on_control();
            out.extend_from_slice(&PING);
            self.send.on_packet();
            trace::ping_sent();
        }
    }

    /// Message packets, while the limit and the batch have room.
    fn put_batch(
        &mut self,
        now: Instant,
        source: &mut impl MessageSource,
        out: &mut Vec<u8>,
    ) -> usize {
        if self.scheduler.pending() == 0 {
            return 0;
        }
        let room = self.send.room(now).min(self.write.batch());
        let start = out.len();
        let mut packets = 0;
        while out.len() - start < room && packets < PACKETS_PER_BATCH {
            packets += 1;
            let picked = self.scheduler.pick();
            let Some(channel) = picked.and_then(|index| self.channels.get_mut(index)) else {
                break;
            };
            if out.len() > start
                && out.len() - start + channel.cutter.next_len().unwrap_or(0) > self.write.batch()
            {
                break;
            }
            let Some((len, eof)) = channel.cutter.encode_next(out) else {
                break;
            };
            channel.on_sent(len, eof);
            let next = if eof {
                source.on_encoded(channel.descriptor.id());
                channel.cutter.load(source)
            } else {
                channel.cutter.next_len()
            };
            self.scheduler.on_sent(len, next);
            self.send.on_packet();
        }
        out.len() - start
    }
}

impl Channel {
    fn new(now: Instant, config: &Config, descriptor: &ChannelDescriptor) -> Self {
        Self {
            cutter: Cutter::new(
                descriptor.id(),
                config.max_packet_payload(),
                config.send_checksum(),
            ),
            reassembly: Reassembly::new(descriptor.id(), descriptor.max_message()),
            descriptor: descriptor.clone(),
            sent: Monitor::new(now),
            received: Monitor::new(now),
            messages_sent: 0,
            messages_received: 0,
            recently_sent: RecentlySent::new(now),
        }
    }

    fn on_sent(&mut self, framed_len: usize, eof: bool) {
        trace::packet_sent(self.descriptor.id(), framed_len, eof);
        self.sent.add(framed_len);
        self.sent.on_packet();
        self.recently_sent.add(framed_len);
        self.messages_sent += u64::from(eof);
    }

    fn stats(&self, now: Instant) -> ChannelStats {
        ChannelStats {
            sent: self.sent.snapshot(now),
            received: self.received.snapshot(now),
            messages_sent: self.messages_sent,
            messages_received: self.messages_received,
            send_capacity: self.descriptor.send_capacity(),
            recently_sent: self.recently_sent.value(now),
            ..ChannelStats::new(self.descriptor.id(), self.descriptor.priority())
        }
    }
}

/// Where packets are tiny, their number is the work; the largest batch has as many of 64 bytes.
const PACKETS_PER_BATCH: usize = 1024;
