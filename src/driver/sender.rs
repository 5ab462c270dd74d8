//! The sending end of a channel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::{NotSent, ReserveError, SendError, TryReserveError, TrySendError};
use super::outbox::{NotAccepted, Outbox};
use super::permit::{OwnedPermit, Permit};
use crate::channel::ChannelId;

/// Sends messages on one channel; clone it for several producers.
///
/// "Accepted" means queued: bounded by the channel's capacities, sent in the order of acceptance. A graceful stop sends
/// everything accepted before it.
///
/// A handler that awaits `send` to the very peer whose messages it takes can lock both nodes: each waits for the other to
/// read. Answer from another task, or use [`try_send`](Self::try_send).
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) outbox: Arc<Outbox>,
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
        Ok(Delivery::new(delivery))
    }

    /// Hands the message over if there is room at once and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Gives the message back, and says why.
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<(), TrySendError> {
        self.outbox
            .try_accept(message.into(), None)
            .map_err(NotAccepted::into_try_send_error)
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
        let room = self.outbox.reserve(len).await?;
        Ok(Permit::new(&self.outbox, room))
    }

    /// Like [`reserve`](Self::reserve), but the permit owns its sender, so that it can be kept anywhere.
    ///
    /// # Errors
    ///
    /// As for `reserve`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line, and this sender with it; clone the sender first to keep one.
    pub async fn reserve_owned(self, len: usize) -> Result<OwnedPermit, ReserveError> {
        let room = self.outbox.reserve(len).await?.keep();
        Ok(OwnedPermit::new(self.outbox, room))
    }

    /// Takes room for one message of `len` bytes at most, if there is some and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If there is no room at once, if `len` is above the channel's maximum, or once the connection is stopping.
    pub fn try_reserve(&self, len: usize) -> Result<Permit<'_>, TryReserveError> {
        let room = self.outbox.try_reserve(len)?;
        Ok(Permit::new(&self.outbox, room))
    }

    /// Messages that could be accepted now without waiting, by their number; their bytes may still be too many.
    pub fn capacity(&self) -> usize {
        self.outbox.queue.free()
    }

    /// Whether the connection is stopping or has ended, so that nothing more is accepted.
    pub fn is_closed(&self) -> bool {
        self.outbox.queue.is_closed()
    }

    /// Waits until the connection is stopping or has ended, so that nothing more is accepted. On a channel that does not send it is ready at
    /// once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) {
        self.outbox.queue.closed().await;
    }

    /// The channel that it sends on.
    pub fn channel(&self) -> ChannelId {
        self.outbox.channel
    }
}

/// Resolves once the message's last byte has been written and the transport flushed, or when that can no longer happen.
///
/// It says nothing of the peer's program: only an answer from there does. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a delivery tells its outcome only to whoever awaits it"]
pub struct Delivery(oneshot::Receiver<()>);

impl Delivery {
    pub(super) const fn new(answer: oneshot::Receiver<()>) -> Self {
        Self(answer)
    }
}

impl Future for Delivery {
    type Output = Result<(), NotSent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| NotSent)
    }
}
