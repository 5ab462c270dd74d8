//! The receiving end of a channel.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::error::TryRecvError;
use super::inbox::{Inbox, Tally};
use crate::channel::ChannelId;

/// Receives the messages of one channel, in the order in which the peer sent them.
///
/// A full inbox pauses reading for the whole connection, so take messages promptly or choose
/// [`shedding`](crate::ChannelDescriptor::shedding). Dropping the receiver means that the channel's messages are discarded and counted; open a
/// channel on which nothing is to come with [`open_sender`](crate::Connection::open_sender) instead.
///
/// Messages of at most 256 bytes that come together share an allocation of at most 2 KiB, so copy one that is kept for long.
///
/// After the connection has ended, what was received can still be taken; then there is `None`.
#[derive(Debug)]
pub struct Receiver {
    inbox: Arc<Inbox>,
    /// Messages that still wait, out of the inbox's lock.
    run: VecDeque<Bytes>,
    taken: Tally,
    /// What is to be taken before paused reading is let go on, unless the run ends before.
    resume_at: Tally,
}

impl Receiver {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            run: VecDeque::new(),
            taken: Tally::default(),
            resume_at: Tally::default(),
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
        match self.inbox.poll_run(cx, &mut self.run) {
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
        let more = self.inbox.take_run(&mut self.run);
        self.take().ok_or(if more {
            TryRecvError::Empty
        } else {
            TryRecvError::Closed
        })
    }

    /// The channel that it receives on.
    pub fn channel(&self) -> ChannelId {
        self.inbox.channel
    }

    #[inline]
    fn take(&mut self) -> Option<Bytes> {
        let message = self.run.pop_front()?;
        self.taken.add(message.len());
        self.inbox.on_taken(self.taken);
        if self.run.is_empty()
            || self.inbox.is_waited_for()
            || self.taken.messages >= self.resume_at.messages
            || self.taken.charge >= self.resume_at.charge
        {
            self.resume_reading();
        }
        Some(message)
    }

    fn resume_reading(&mut self) {
        self.resume_at = Tally {
            messages: self.taken.messages + self.inbox.half_capacity,
            charge: self.taken.charge + RESUME_AFTER,
        };
        self.inbox.resume_reading();
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
        self.inbox.leave(std::mem::take(&mut self.run), self.taken);
    }
}

/// Paused reading goes on after so many bytes, so that large messages do not hold it up until a whole run was taken.
const RESUME_AFTER: u64 = 64 * 1024;
