//! The receiving end of a channel.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::error::TryRecvError;
use super::queue::{Limits, Occupancy, Queue};
use super::shared::Shared;
use crate::channel::{ChannelDescriptor, ChannelId};

/// Receives the messages of one channel, in the order in which the peer sent them.
///
/// A full inbox pauses reading for the whole connection, so take messages promptly or choose
/// [`shedding`](ChannelDescriptor::shedding). Dropping the receiver means that the channel's messages are discarded and counted.
///
/// Messages of at most 256 bytes that come together share an allocation of at most 2 KiB, so copy one that is kept for long.
///
/// After the connection has ended, what was received can still be taken; then there is `None`.
#[derive(Debug)]
pub struct Receiver {
    inbox: Arc<Inbox>,
    run: VecDeque<Bytes>,
    /// Taken, but not yet given back to the queue.
    unreleased: Occupancy,
    taken: u64,
}

impl Receiver {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            run: VecDeque::new(),
            unreleased: Occupancy::default(),
            taken: 0,
        }
    }

    /// Waits for the next message; `None` once the connection has ended and everything was taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next message, as [`recv`](Self::recv) does.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(message) = self.take() {
            return Poll::Ready(Some(message));
        }
        self.release();
        match self.inbox.queue.poll_run(cx, &mut self.run) {
            Poll::Ready(true) => Poll::Ready(self.take()),
            Poll::Ready(false) => Poll::Ready(None),
            Poll::Pending => {
                self.run = VecDeque::new();
                Poll::Pending
            }
        }
    }

    /// The next message, if one waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if none waits, [`TryRecvError::Closed`] if none will come.
    pub fn try_recv(&mut self) -> Result<Bytes, TryRecvError> {
        if let Some(message) = self.take() {
            return Ok(message);
        }
        self.release();
        let closed = self.inbox.queue.is_closed();
        self.inbox.queue.take_run(&mut self.run);
        self.take().ok_or(if closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }

    /// The channel that it receives on.
    pub fn channel(&self) -> ChannelId {
        self.inbox.channel
    }

    fn take(&mut self) -> Option<Bytes> {
        let message = self.run.pop_front()?;
        self.taken += 1;
        self.inbox.taken.store(self.taken, Ordering::Relaxed);
        self.unreleased.add(1, message.len());
        if self.unreleased.messages >= self.inbox.release_after
            || self.unreleased.bytes >= RELEASE_BYTES
        {
            self.release();
        }
        Some(message)
    }

    fn release(&mut self) {
        if self.unreleased.messages > 0 {
            self.inbox.release(std::mem::take(&mut self.unreleased));
        }
    }
}

impl Stream for Receiver {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_recv(cx)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.inbox.queue.close();
        let mut left = std::mem::take(&mut self.run);
        let mut queued = VecDeque::new();
        self.inbox.queue.take_run(&mut queued);
        left.append(&mut queued);
        self.inbox
            .discarded
            .fetch_add(left.len() as u64, Ordering::Relaxed);
        self.unreleased
            .add(left.len(), left.iter().map(Bytes::len).sum());
        self.release();
    }
}

/// A channel's queue of received messages.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) queue: Queue<Bytes>,
    pub(super) channel: ChannelId,
    /// Messages that the receiver has taken since the beginning.
    pub(super) taken: AtomicU64,
    /// Messages that a receiver left behind when it was dropped.
    pub(super) discarded: AtomicU64,
    release_after: usize,
    shared: Arc<Shared>,
}

impl Inbox {
    pub(super) fn new(channel: &ChannelDescriptor, shared: Arc<Shared>) -> Self {
        // Their bytes are bounded for the whole connection.
        let limits = Limits {
            messages: channel.recv_capacity(),
            bytes: usize::MAX,
        };
        Self {
            queue: Queue::new(limits),
            channel: channel.id(),
            taken: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
            release_after: (channel.recv_capacity() / 2).max(1),
            shared,
        }
    }

    fn release(&self, back: Occupancy) {
        self.queue.release(back.messages, back.bytes);
        self.shared
            .inbox_bytes
            .fetch_sub(back.bytes, Ordering::SeqCst);
        if self.shared.reading_paused.load(Ordering::SeqCst) {
            self.shared.doorbell.ring();
        }
    }
}

/// Room is given back in pieces of this size, so that large messages do not hold up reading until a whole run was taken.
const RELEASE_BYTES: usize = 64 * 1024;
