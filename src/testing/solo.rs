//! One machine on a link that takes everything at once.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::trace::record;
use super::{Inbox, Outbox, Sent, epoch};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::{Config, ConfigBuilder};
use crate::mux::Mux;

/// A machine, its queues, and what it has sent.
#[derive(Debug)]
pub(crate) struct Solo {
    pub(crate) now: Instant,
    pub(crate) mux: Mux,
    pub(crate) outbox: Outbox,
    pub(crate) sent: Vec<Sent>,
    out: Vec<u8>,
}

impl Solo {
    pub(crate) fn new(config: Config, channels: &[ChannelDescriptor]) -> Self {
        let now = epoch();
        let mux = match Mux::new(now, config, channels) {
            Ok(mux) => mux,
            Err(error) => panic!("{error}"),
        };
        Self {
            now,
            mux,
            outbox: Outbox::default(),
            sent: Vec::new(),
            out: Vec::new(),
        }
    }

    /// One with channels 0, 1, .. of these priorities, this limit, and no pings.
    pub(crate) fn with_priorities(rate: Option<u64>, priorities: &[u16]) -> Self {
        Self::new(
            build(silent().send_rate(limit(rate))),
            &channels(priorities),
        )
    }

    pub(crate) fn push_len(&mut self, channel: u8, len: usize) {
        self.outbox.push_len(ChannelId::new(channel), len);
        self.mux.on_queued(ChannelId::new(channel));
    }

    /// The channel never runs out of messages of these lengths from now on.
    pub(crate) fn saturate(&mut self, channel: u8, lengths: &[usize]) {
        self.outbox.set_endless(ChannelId::new(channel), lengths);
        self.mux.on_queued(ChannelId::new(channel));
    }

    /// One batch, written at once; says what it holds.
    pub(crate) fn transmit(&mut self) -> &[Sent] {
        let before = self.sent.len();
        self.out.clear();
        let written = self
            .mux
            .poll_transmit(self.now, &mut self.outbox, &mut self.out);
        assert_eq!(written, self.out.len());
        record(self.now, &self.out, &mut self.sent);
        self.mux.on_written(self.now, written);
        &self.sent[before..]
    }

    /// Batches, and waits until more may be sent, up to the first one that holds something. Says what it holds.
    ///
    /// Under a limit that lets only one packet pass at a time that is a packet.
    pub(crate) fn next(&mut self) -> &[Sent] {
        let before = self.sent.len();
        while self.transmit().is_empty() {
            match self.mux.poll_timeout() {
                Some(due) if due > self.now => self.now = due,
                due => panic!("nothing is sent, and due is {due:?}"),
            }
        }
        &self.sent[before..]
    }

    /// Sends until so many packets have been sent in all.
    pub(crate) fn run_to(&mut self, packets: usize) {
        while self.sent.len() < packets {
            self.next();
        }
    }

    /// These bytes come from the peer, all of them whole packets.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Inbox {
        let (mut inbox, mut input) = (Inbox::default(), BytesMut::from(bytes));
        self.mux.on_read(self.now, bytes.len());
        let decoded = self.mux.handle_input(self.now, &mut input, &mut inbox);
        assert!(decoded.is_ok() && input.is_empty(), "{decoded:?}");
        inbox
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now += by;
    }
}

/// Settings with pings so seldom that none falls into a test.
pub(crate) fn silent() -> ConfigBuilder {
    let ages = Duration::from_secs(900_000_000);
    Config::builder()
        .ping_interval(ages)
        .pong_timeout(ages / 2)
        .write_timeout(ages)
}

pub(crate) fn build(builder: ConfigBuilder) -> Config {
    match builder.build() {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    }
}

/// Channels 0, 1, .. of these priorities.
pub(crate) fn channels(priorities: &[u16]) -> Vec<ChannelDescriptor> {
    let ids = (0..=u8::MAX).map(ChannelId::new);
    ids.zip(priorities)
        .map(|(id, &priority)| ChannelDescriptor::new(id, priority))
        .collect()
}

pub(crate) fn limit(rate: Option<u64>) -> Option<NonZeroU64> {
    rate.and_then(NonZeroU64::new)
}
