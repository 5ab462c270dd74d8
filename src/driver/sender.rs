//! The sending end of a channel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::{NotSent, ReserveError, SendError, TrySendError};
use super::queue::{Limits, Queue, Refusal, Slot};
use super::shared::Shared;
use crate::channel::{ChannelDescriptor, ChannelId};

/// Sends messages on one channel; clone it for several producers.
///
/// "Accepted" means queued: bounded by the channel's capacities, sent in the order of acceptance. A graceful stop sends
/// everything accepted before it.
///
/// A handler that awaits `send` to the very peer whose messages it takes can lock both nodes: each waits for the other to
/// read. Answer from another task, or use [`try_send`](Self::try_send).
#[derive(Clone, Debug)]
pub struct Sender {
    outbox: Arc<Outbox>,
}

impl Sender {
    pub(super) const fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox }
    }

    /// Waits for room, in order of arrival, and hands the message over.
    ///
    /// # Errors
    ///
    /// Gives the message back if it is above the channel's maximum, if the peer did not advertise the channel, or once the
    /// connection is stopping.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready means that the message was not accepted; it is dropped with the future. Use
    /// [`reserve`](Self::reserve) to keep it.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        match self.outbox.try_accept(message.into(), None) {
            Ok(()) => Ok(()),
            Err(refused) => self.outbox.accept_later(refused).await,
        }
    }

    /// Like [`send`](Self::send), with an answer that tells when the message was written.
    ///
    /// # Errors
    ///
    /// As for `send`.
    ///
    /// # Cancel safety
    ///
    /// As for `send`.
    pub async fn send_tracked(&self, message: impl Into<Bytes>) -> Result<Delivery, SendError> {
        let (written, delivery) = oneshot::channel();
        match self.outbox.try_accept(message.into(), Some(written)) {
            Ok(()) => {}
            Err(refused) => self.outbox.accept_later(refused).await?,
        }
        Ok(Delivery(delivery))
    }

    /// Hands the message over if there is room at once and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Gives the message back, and says why.
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<(), TrySendError> {
        self.outbox
            .try_accept(message.into(), None)
            .map_err(Refused::into_try_send_error)
    }

    /// Waits for room for one message of `len` bytes at most, in order of arrival.
    ///
    /// # Errors
    ///
    /// If `len` is above the channel's maximum, or once the connection is stopping.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line, and nothing else.
    pub async fn reserve(&self, len: usize) -> Result<Permit<'_>, ReserveError> {
        let max = self.outbox.max_message;
        if len > max {
            return Err(ReserveError::TooLarge { len, max });
        }
        let slot = self.outbox.queue.reserve(len).await;
        let closed = match self.outbox.audience {
            Audience::Listening => ReserveError::Closed,
            Audience::NotListening => ReserveError::NotAdvertised,
        };
        Ok(Permit {
            outbox: &self.outbox,
            slot: slot.ok_or(closed)?,
        })
    }

    /// Messages that could be accepted now without waiting, by their number; their bytes may still be too many.
    pub fn capacity(&self) -> usize {
        self.outbox.queue.free()
    }

    /// Whether the connection is stopping or has ended, so that nothing more is accepted.
    pub fn is_closed(&self) -> bool {
        self.outbox.queue.is_closed()
    }

    /// The channel that it sends on.
    pub fn channel(&self) -> ChannelId {
        self.outbox.channel
    }
}

/// Room for one message. Dropping it gives the room back.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    outbox: &'a Outbox,
    slot: Slot<'a, Outgoing>,
}

impl Permit<'_> {
    /// Hands the message over, without waiting.
    ///
    /// # Errors
    ///
    /// Gives the message back if it is longer than what was reserved, or once the connection is stopping.
    pub fn send(self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.push(message.into(), None)
    }

    /// Like [`send`](Self::send), with an answer that tells when the message was written.
    ///
    /// # Errors
    ///
    /// As for `send`.
    pub fn send_tracked(self, message: impl Into<Bytes>) -> Result<Delivery, SendError> {
        let (written, delivery) = oneshot::channel();
        self.push(message.into(), Some(written))?;
        Ok(Delivery(delivery))
    }

    fn push(self, message: Bytes, written: Option<Written>) -> Result<(), SendError> {
        let (len, max) = (message.len(), self.slot.len());
        if len > max {
            return Err(SendError::TooLarge { message, max });
        }
        match self.slot.push(Outgoing { message, written }, len) {
            Ok(first) => {
                self.outbox.accepted(first);
                Ok(())
            }
            Err(refused) => Err(SendError::Closed(refused.message)),
        }
    }
}

/// Resolves once the message's last byte has been written and the transport flushed, or when that can no longer happen.
///
/// It says nothing of the peer's program: only an answer from there does. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a delivery tells its outcome only to whoever awaits it"]
pub struct Delivery(oneshot::Receiver<()>);

impl Future for Delivery {
    type Output = Result<(), NotSent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| NotSent)
    }
}

/// Told when a message was written; dropped when it was not.
pub(super) type Written = oneshot::Sender<()>;

/// A message on its way, with whoever wants to know when it was written.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message: Bytes,
    pub(super) written: Option<Written>,
}

/// A channel's send queue.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) queue: Queue<Outgoing>,
    pub(super) channel: ChannelId,
    index: usize,
    max_message: usize,
    audience: Audience,
    shared: Arc<Shared>,
}

/// Whether the peer takes messages on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience {
    Listening,
    #[cfg_attr(
        not(feature = "peer"),
        allow(dead_code, reason = "without a handshake nobody knows")
    )]
    NotListening,
}

impl Outbox {
    pub(super) fn new(
        channel: &ChannelDescriptor,
        index: usize,
        audience: Audience,
        shared: Arc<Shared>,
    ) -> Self {
        let limits = Limits {
            messages: channel.send_capacity(),
            bytes: channel.send_bytes(),
        };
        let queue = Queue::new(limits);
        if !channel.sends() || matches!(audience, Audience::NotListening) {
            queue.close();
        }
        Self {
            queue,
            channel: channel.id(),
            index,
            max_message: channel.max_message(),
            audience,
            shared,
        }
    }

    #[inline(always)]
    fn try_accept(&self, message: Bytes, written: Option<Written>) -> Result<(), Refused> {
        let (len, max) = (message.len(), self.max_message);
        if len > max {
            return Err(Refused::TooLarge { message, max });
        }
        match self.queue.try_push(Outgoing { message, written }, len) {
            Ok(first) => {
                self.accepted(first);
                Ok(())
            }
            Err((Refusal::Closed, refused)) => Err(self.closed(refused.message)),
            Err((Refusal::Full, refused)) => Err(Refused::Full(refused)),
        }
    }

    /// Waits if the queue was full. Apart from `try_accept`, so that a message that finds room costs no more than that.
    #[cold]
    async fn accept_later(&self, refused: Refused) -> Result<(), SendError> {
        let outgoing = match refused {
            Refused::Full(outgoing) => outgoing,
            Refused::Closed(message) => return Err(SendError::Closed(message)),
            Refused::NotAdvertised(message) => return Err(SendError::NotAdvertised(message)),
            Refused::TooLarge { message, max } => return Err(SendError::TooLarge { message, max }),
        };
        let len = outgoing.message.len();
        let Some(slot) = self.queue.reserve(len).await else {
            return Err(SendError::Closed(outgoing.message));
        };
        let first = slot
            .push(outgoing, len)
            .map_err(|refused| SendError::Closed(refused.message))?;
        self.accepted(first);
        Ok(())
    }

    #[cold]
    const fn closed(&self, message: Bytes) -> Refused {
        match self.audience {
            Audience::Listening => Refused::Closed(message),
            Audience::NotListening => Refused::NotAdvertised(message),
        }
    }

    /// The task looks into a queue again only if it is rung when that becomes non-empty.
    fn accepted(&self, first: bool) {
        if first {
            self.shared.doorbell.ring_queued(self.index);
        }
    }
}

/// A message that was not accepted at once.
enum Refused {
    Closed(Bytes),
    Full(Outgoing),
    NotAdvertised(Bytes),
    TooLarge { message: Bytes, max: usize },
}

impl Refused {
    fn into_try_send_error(self) -> TrySendError {
        match self {
            Self::Closed(message) => TrySendError::Closed(message),
            Self::Full(outgoing) => TrySendError::Full(outgoing.message),
            Self::NotAdvertised(message) => TrySendError::NotAdvertised(message),
            Self::TooLarge { message, max } => TrySendError::TooLarge { message, max },
        }
    }
}
