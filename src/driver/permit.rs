//! Room in a send queue, taken ahead of the message.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::SendError;
use super::outbox::{Outbox, Queued, Written};
use super::send_queue::Room;
use super::sender::Delivery;

/// Room for one message. Dropping it gives the room back.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    outbox: &'a Outbox,
    room: Room<'a, Queued>,
}

impl<'a> Permit<'a> {
    pub(super) const fn new(outbox: &'a Outbox, room: Room<'a, Queued>) -> Self {
        Self { outbox, room }
    }

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
        Ok(Delivery::new(delivery))
    }

    fn push(self, message: Bytes, written: Option<Written>) -> Result<(), SendError> {
        let (len, max) = (message.len(), self.room.len());
        if len > max {
            return Err(SendError::TooLarge { message, max });
        }
        match self.room.push(Queued { message, written }, len) {
            Ok(first) => {
                self.outbox.accepted(first);
                Ok(())
            }
            Err(refused) => Err(SendError::Closed(refused.message)),
        }
    }
}

/// Room for one message, with the sender that it was reserved by. Dropping it gives the room back.
#[derive(Debug)]
#[must_use]
pub struct OwnedPermit {
    outbox: Arc<Outbox>,
    /// The length of the room.
    room: usize,
    used: bool,
}

impl OwnedPermit {
    pub(super) const fn new(outbox: Arc<Outbox>, room: usize) -> Self {
        let used = false;
        Self { outbox, room, used }
    }

    /// Hands the message over, without waiting.
    ///
    /// # Errors
    ///
    /// Gives the message back if it is longer than what was reserved, or once the connection is stopping.
    pub fn send(mut self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.used = true;
        self.permit().send(message)
    }

    /// Like [`send`](Self::send), with an answer that tells when the message was written.
    ///
    /// # Errors
    ///
    /// As for `send`.
    pub fn send_tracked(mut self, message: impl Into<Bytes>) -> Result<Delivery, SendError> {
        self.used = true;
        self.permit().send_tracked(message)
    }

    fn permit(&self) -> Permit<'_> {
        Permit::new(&self.outbox, self.outbox.queue.room(self.room))
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if !self.used {
            drop(self.permit());
        }
    }
}
