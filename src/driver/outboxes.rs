//! The send queues as the machine sees them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::closed::Unsent;
use super::outbox::{Outbox, Queued, Written};
use crate::channel::{ChannelId, ChannelSet};
use crate::mux::MessageSource;
use crate::stats::ChannelStats;

/// Feeds the machine from the send queues, and follows what became of each message.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    set: Arc<ChannelSet>,
    outlets: Vec<Outlet>,
    /// Outlets with messages that ended in the present batch.
    ripe: Vec<usize>,
    /// Those who wait for messages whose last packet is encoded.
    written: Vec<Written>,
    flushes: Vec<Flush>,
}

/// A caller that waits until each channel has sent what it had accepted.
#[derive(Debug)]
struct Flush {
    targets: Vec<u64>,
    done: oneshot::Sender<()>,
}

/// The task's end of one outbox.
#[derive(Debug)]
struct Outlet {
    outbox: Arc<Outbox>,
    run: VecDeque<Queued>,
    /// The message that the machine is cutting: its length, and who waits for it.
    current: Option<(usize, Option<Written>)>,
    /// Messages encoded wholly since the beginning.
    encoded: u64,
    /// Messages that ended in the present batch, and their bytes.
    spent_messages: usize,
    spent_bytes: usize,
}

impl Flush {
    fn is_met(&self, encoded: &[u64]) -> bool {
        self.targets
            .iter()
            .zip(encoded)
            .all(|(target, encoded)| encoded >= target)
    }
}

impl Outboxes {
    /// Adds the outbox of the last channel of `set`.
    pub(super) fn add(&mut self, set: Arc<ChannelSet>, outbox: Arc<Outbox>) {
        self.set = set;
        self.outlets.push(Outlet::new(outbox));
    }

    /// The channel at this index.
    pub(super) fn channel(&self, index: usize) -> Option<ChannelId> {
        self.outlets.get(index).map(|outlet| outlet.outbox.channel)
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.outlets.iter().map(|outlet| outlet.outbox.channel)
    }

    /// The batch is written: gives back the room of the messages that ended in it.
    pub(super) fn on_written(&mut self) {
        for index in self.ripe.drain(..) {
            if let Some(outlet) = self.outlets.get_mut(index) {
                outlet.release();
            }
        }
    }

    /// Whether somebody waits for a flush of the transport.
    pub(super) fn wants_flush(&self) -> bool {
        !self.written.is_empty() || !self.flushes.is_empty()
    }

    /// Notes what has been accepted up to now, to answer once that is written.
    pub(super) fn add_flush(&mut self, done: oneshot::Sender<()>) {
        // Calls that were given up leave nothing behind.
        self.flushes.retain(|flush| !flush.done.is_closed());
        let targets = self
            .outlets
            .iter()
            .map(|outlet| outlet.outbox.queue.accepted())
            .collect();
        self.flushes.push(Flush { targets, done });
    }

    /// Everything encoded has been written, and the transport flushed.
    pub(super) fn on_flushed(&mut self) {
        for written in self.written.drain(..) {
            // Nobody may be waiting any more.
            let _ = written.send(());
        }
        if self.flushes.is_empty() {
            return;
        }
        let encoded: Vec<u64> = self.outlets.iter().map(|outlet| outlet.encoded).collect();
        let (met, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flushes)
            .into_iter()
            .partition(|flush| flush.is_met(&encoded));
        self.flushes = waiting;
        for flush in met {
            let _ = flush.done.send(());
        }
    }

    /// Accepts nothing more.
    pub(super) fn close(&self) {
        for outlet in &self.outlets {
            outlet.outbox.queue.close();
        }
    }

    /// Gives up what was accepted and not written: tells those who wait for it, and lists it by channel.
    pub(super) fn abandon(&mut self) -> Vec<Unsent> {
        self.written.clear();
        self.flushes.clear();
        self.outlets
            .iter_mut()
            .filter_map(Outlet::abandon)
            .collect()
    }

    pub(super) fn describe(&self, stats: &mut [ChannelStats]) {
        for (outlet, stats) in self.outlets.iter().zip(stats) {
            let occupancy = outlet.outbox.queue.occupancy();
            stats.queued_messages = occupancy.messages;
            stats.queued_bytes = occupancy.bytes;
        }
    }

    /// Frees memory that a burst left behind.
    pub(super) fn shrink(&mut self) {
        for outlet in &mut self.outlets {
            outlet.outbox.queue.shrink();
            if outlet.run.is_empty() {
                outlet.run = VecDeque::new();
            }
        }
    }
}

impl MessageSource for Outboxes {
    #[inline(always)]
    fn pop(&mut self, channel: ChannelId) -> Option<Bytes> {
        let index = self.set.index_of(channel)?;
        self.outlets.get_mut(index)?.next()
    }

    #[inline(always)]
    fn on_encoded(&mut self, channel: ChannelId) {
        let Some(index) = self.set.index_of(channel) else {
            return;
        };
        let Some(outlet) = self.outlets.get_mut(index) else {
            return;
        };
        let Some((len, written)) = outlet.current.take() else {
            return;
        };
        if outlet.spent_messages == 0 {
            self.ripe.push(index);
        }
        outlet.on_encoded(len);
        self.written.extend(written);
    }
}

impl Outlet {
    fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            run: VecDeque::new(),
            current: None,
            encoded: 0,
            spent_messages: 0,
            spent_bytes: 0,
        }
    }

    fn on_encoded(&mut self, len: usize) {
        self.encoded += 1;
        self.spent_messages += 1;
        self.spent_bytes += len;
    }

    #[inline(always)]
    fn next(&mut self) -> Option<Bytes> {
        if self.run.is_empty() {
            self.outbox.queue.take_run(&mut self.run);
        }
        let Queued { message, written } = self.run.pop_front()?;
        self.current = Some((message.len(), written));
        Some(message)
    }

    fn release(&mut self) {
        let messages = std::mem::take(&mut self.spent_messages);
        self.outbox
            .queue
            .release(messages, std::mem::take(&mut self.spent_bytes));
    }

    fn abandon(&mut self) -> Option<Unsent> {
        let mut queued = VecDeque::new();
        self.outbox.queue.take_run(&mut queued);
        self.run.append(&mut queued);
        let current = self.current.take();
        let messages = self.spent_messages + usize::from(current.is_some()) + self.run.len();
        let waiting: usize = self.run.drain(..).map(|queued| queued.message.len()).sum();
        let bytes = self.spent_bytes + current.map_or(0, |(len, _)| len) + waiting;
        (messages > 0).then_some(Unsent {
            channel: self.outbox.channel,
            messages,
            bytes,
        })
    }
}
