//! A channel's way from its senders to the connection's task.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::commons::Commons;
use super::error::{ReserveError, SendError, TryReserveError, TrySendError};
use super::send_queue::{Bounds, NoRoom, Room, SendQueue};
use crate::channel::{ChannelDescriptor, ChannelId};

/// Told when a message was written; dropped when it was not.
pub(super) type Written = oneshot::Sender<()>;

/// A message on its way, with whoever wants to know when it was written.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) message: Bytes,
    pub(super) written: Option<Written>,
}

/// A channel's send queue.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) queue: SendQueue<Queued>,
    pub(super) channel: ChannelId,
    index: usize,
    max_message: usize,
    audience: Audience,
    shared: Arc<Commons>,
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
        shared: Arc<Commons>,
    ) -> Self {
        let bounds = Bounds {
            messages: channel.send_capacity(),
            bytes: channel.send_bytes(),
        };
        let queue = SendQueue::new(bounds);
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
    pub(super) fn try_accept(
        &self,
        message: Bytes,
        written: Option<Written>,
    ) -> Result<(), NotAccepted> {
        let (len, max) = (message.len(), self.max_message);
        if len > max {
            return Err(NotAccepted::TooLarge { message, max });
        }
        match self.queue.try_push(Queued { message, written }, len) {
            Ok(first) => {
                self.accepted(first);
                Ok(())
            }
            Err((NoRoom::Closed, refused)) => Err(self.closed(refused.message)),
            Err((NoRoom::Full, refused)) => Err(NotAccepted::Full(refused)),
        }
    }

    /// Waits if the queue was full. Apart from `try_accept`, so that a message that finds room costs no more than that: in a
    /// box, since the whole future of a send is moved for each message.
    #[cold]
    pub(super) fn accept_later(
        &self,
        refused: NotAccepted,
    ) -> Pin<Box<impl Future<Output = Result<(), SendError>> + '_>> {
        Box::pin(self.wait_and_accept(refused))
    }

    async fn wait_and_accept(&self, refused: NotAccepted) -> Result<(), SendError> {
        let queued = match refused {
            NotAccepted::Full(queued) => queued,
            NotAccepted::Closed(message) => return Err(SendError::Closed(message)),
            NotAccepted::NotAdvertised(message) => return Err(SendError::NotAdvertised(message)),
            NotAccepted::TooLarge { message, max } => {
                return Err(SendError::TooLarge { message, max });
            }
        };
        let len = queued.message.len();
        let Some(room) = self.queue.reserve(len).await else {
            return Err(SendError::Closed(queued.message));
        };
        let first = room
            .push(queued, len)
            .map_err(|refused| SendError::Closed(refused.message))?;
        self.accepted(first);
        Ok(())
    }

    /// Waits for room for a message of `len` bytes.
    pub(super) async fn reserve(&self, len: usize) -> Result<Room<'_, Queued>, ReserveError> {
        self.check_len(len)?;
        let room = self.queue.reserve(len).await;
        room.ok_or_else(|| self.no_longer())
    }

    /// Takes room for a message of `len` bytes if there is some.
    pub(super) fn try_reserve(&self, len: usize) -> Result<Room<'_, Queued>, TryReserveError> {
        self.check_len(len)?;
        self.queue
            .try_reserve(len)
            .map_err(|no_room| match no_room {
                NoRoom::Closed => self.no_longer().into(),
                NoRoom::Full => TryReserveError::Full,
            })
    }

    const fn check_len(&self, len: usize) -> Result<(), ReserveError> {
        let max = self.max_message;
        if len > max {
            return Err(ReserveError::TooLarge { len, max });
        }
        Ok(())
    }

    const fn no_longer(&self) -> ReserveError {
        match self.audience {
            Audience::Listening => ReserveError::Closed,
            Audience::NotListening => ReserveError::NotAdvertised,
        }
    }

    #[cold]
    const fn closed(&self, message: Bytes) -> NotAccepted {
        match self.audience {
            Audience::Listening => NotAccepted::Closed(message),
            Audience::NotListening => NotAccepted::NotAdvertised(message),
        }
    }

    /// The task looks into a queue again only if it is rung when that becomes non-empty.
    pub(super) fn accepted(&self, first: bool) {
        if first {
            self.shared.doorbell.ring_queued(self.index);
        }
    }
}

/// A message that was not accepted at once.
pub(super) enum NotAccepted {
    Closed(Bytes),
    Full(Queued),
    NotAdvertised(Bytes),
    TooLarge { message: Bytes, max: usize },
}

impl NotAccepted {
    pub(super) fn into_try_send_error(self) -> TrySendError {
        match self {
            Self::Closed(message) => TrySendError::Closed(message),
            Self::Full(queued) => TrySendError::Full(queued.message),
            Self::NotAdvertised(message) => TrySendError::NotAdvertised(message),
            Self::TooLarge { message, max } => TrySendError::TooLarge { message, max },
        }
    }
}
