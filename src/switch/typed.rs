//! Messages of a type in place of bytes.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use prost::Message;

use super::end::Breach;
use super::session::{NoChannel, Session};
use crate::channel::ChannelId;
use crate::driver::{Receiver, SendError, Sender};

impl Session {
    /// Takes both ends of a channel on which all messages are of this type.
    ///
    /// # Errors
    ///
    /// As for [`channel`](Self::channel).
    pub fn typed<M: Message + Default>(
        &mut self,
        channel: ChannelId,
    ) -> Result<(TypedSender<M>, TypedReceiver<M>), NoChannel> {
        let (sender, receiver) = self.channel(channel)?;
        let sender = TypedSender {
            sender,
            message: PhantomData,
        };
        let receiver = TypedReceiver {
            receiver,
            filter: None,
            message: PhantomData,
        };
        Ok((sender, receiver))
    }
}

/// Sends messages of one type.
pub struct TypedSender<M> {
    sender: Sender,
    message: PhantomData<fn(M)>,
}

impl<M: Message> TypedSender<M> {
    /// Encodes a message, waits for room, and hands it over: see [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As there, with the encoded message.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        self.sender.send(message.encode_to_vec()).await
    }

    /// The sender under it, for bytes that are encoded already.
    pub const fn raw(&self) -> &Sender {
        &self.sender
    }
}

impl<M> Clone for TypedSender<M> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            message: PhantomData,
        }
    }
}

impl<M> fmt::Debug for TypedSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedSender")
            .field("channel", &self.sender.channel())
            .field("type", &type_name::<M>())
            .finish_non_exhaustive()
    }
}

/// Receives messages of one type.
pub struct TypedReceiver<M> {
    receiver: Receiver,
    filter: Option<Check>,
    message: PhantomData<fn() -> M>,
}

type Check = Box<dyn FnMut(&[u8]) -> Result<(), Breach> + Send>;

impl<M: Message + Default> TypedReceiver<M> {
    /// Has this look at each message before it is decoded, which can take a multiple of its memory.
    #[must_use]
    pub fn with_filter(
        mut self,
        filter: impl FnMut(&[u8]) -> Result<(), Breach> + Send + 'static,
    ) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Waits for the next message; `None` once the connection has ended and everything was taken.
    ///
    /// # Errors
    ///
    /// What came does not decode, which names the channel and the type, or did not pass the filter.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<M>, Breach> {
        let Some(message) = self.receiver.recv().await else {
            return Ok(None);
        };
        self.decode(message).map(Some)
    }

    fn decode(&mut self, message: Bytes) -> Result<M, Breach> {
        if let Some(filter) = &mut self.filter {
            filter(&message)?;
        }
        let (channel, bytes) = (self.receiver.channel(), message.len());
        M::decode(message).map_err(|error| {
            let name = type_name::<M>();
            let what = format!("{bytes} bytes on channel {channel} are no {name}: {error}");
            Breach::new(what)
        })
    }
}

impl<M> fmt::Debug for TypedReceiver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedReceiver")
            .field("channel", &self.receiver.channel())
            .field("type", &type_name::<M>())
            .finish_non_exhaustive()
    }
}
