//! The queues of a sender, and what was handed over from them.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{message, pattern};
use crate::channel::ChannelId;
use crate::mux::MessageSource;

/// Messages to be sent, by channel.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    channels: BTreeMap<u8, Queue>,
    /// Whether what is handed over is kept until [`delivered`](Self::delivered) compares it.
    keep: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Bytes>,
    /// Lengths of messages that follow without end, in turn, once nothing else waits.
    endless: Vec<usize>,
    handed_over: VecDeque<Bytes>,
    pushed: usize,
    popped: usize,
}

impl Outbox {
    /// One that remembers what it hands over.
    pub(crate) fn keeping() -> Self {
        Self {
            keep: true,
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, channel: ChannelId, message: Bytes) {
        let queue = self.queue(channel);
        queue.pushed += 1;
        queue.waiting.push_back(message);
    }

    /// Adds a message of this length that differs from those around it.
    pub(crate) fn push_len(&mut self, channel: ChannelId, len: usize) {
        let number = self.pushed(channel);
        self.push(channel, message(channel, number, len));
    }

    /// From now on the channel never runs out of messages of these lengths; with none it does again.
    pub(crate) fn set_endless(&mut self, channel: ChannelId, lengths: &[usize]) {
        self.queue(channel).endless = lengths.to_vec();
    }

    /// Messages that wait, apart from endless ones.
    pub(crate) fn waiting(&self) -> usize {
        self.channels.values().map(|q| q.waiting.len()).sum()
    }

    /// Messages handed over that were not delivered.
    pub(crate) fn undelivered(&self) -> usize {
        self.channels.values().map(|q| q.handed_over.len()).sum()
    }

    /// Messages added to the channel so far.
    pub(crate) fn pushed(&self, channel: ChannelId) -> usize {
        self.channels.get(&channel.get()).map_or(0, |q| q.pushed)
    }

    /// Messages handed over so far.
    pub(crate) fn popped(&self, channel: ChannelId) -> usize {
        self.channels.get(&channel.get()).map_or(0, |q| q.popped)
    }

    /// The other end got this message: it must be the channel's oldest one that is under way.
    pub(super) fn delivered(&mut self, channel: ChannelId, message: &Bytes) {
        let expected = self.queue(channel).handed_over.pop_front();
        assert!(
            expected.as_ref() == Some(message),
            "channel {channel} delivered {} bytes, expected {:?}",
            message.len(),
            expected.map(|m| m.len())
        );
    }

    fn queue(&mut self, channel: ChannelId) -> &mut Queue {
        self.channels.entry(channel.get()).or_default()
    }
}

impl MessageSource for Outbox {
    fn pop(&mut self, channel: ChannelId) -> Option<Bytes> {
        let keep = self.keep;
        let queue = self.channels.get_mut(&channel.get())?;
        let message = queue.waiting.pop_front().or_else(|| {
            let turn = queue.popped % queue.endless.len().max(1);
            let len = *queue.endless.get(turn)?;
            Some(pattern(queue.popped * 37, len))
        })?;
        queue.popped += 1;
        if keep {
            queue.handed_over.push_back(message.clone());
        }
        Some(message)
    }
}
