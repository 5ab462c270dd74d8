//! A peer after the handshake.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::address::PeerId;
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::ConfigError;
use crate::driver::{Audience, Closed, Connection, Handle, Receiver, Sender};
use crate::node::{LocalNode, NodeInfo};
use crate::secret::{PublicKey, SecretConnection};

/// A peer whose handshake is done: open the channels, then [`run`](Self::run) it.
///
/// Its first packets may have come already, behind its NodeInfo; they are kept and taken by `run`. The channels are those of our
/// [`LocalNode`], as they are described there.
#[must_use = "a peer does nothing until it runs"]
pub struct Established<Io> {
    connection: Connection<SecretConnection<Io>>,
    remote_key: PublicKey,
    node_info: NodeInfo,
    ours: Arc<LocalNode>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Established<Io> {
    pub(super) fn new(
        stream: SecretConnection<Io>,
        ours: Arc<LocalNode>,
        node_info: NodeInfo,
    ) -> Self {
        Self {
            remote_key: *stream.remote_key(),
            connection: Connection::new(stream, ours.connection().clone()),
            node_info,
            ours,
        }
    }

    /// Opens a channel of our node as it is described there, whether or not the peer announced it. Where it did not, it would end the connection
    /// at a message on it: sending is refused with `NotAdvertised`, and gives the message back.
    ///
    /// A receiver that is dropped discards what comes, as does a channel that is not opened at all. Who only sends or only receives takes
    /// [`open_sender`](Self::open_sender) or [`open_receiver`](Self::open_receiver).
    ///
    /// # Errors
    ///
    /// [`ConfigError::ForeignChannel`] for one that our node does not have, [`ConfigError::DuplicateChannel`] for one that is open already.
    pub fn open(&mut self, channel: ChannelId) -> Result<(Sender, Receiver), ConfigError> {
        let descriptor = self.ours.channel(channel).cloned();
        self.open_as(descriptor.ok_or(ConfigError::ForeignChannel { channel })?)
    }

    /// Opens a channel to send on. What the peer sends on it is discarded; where our node only sends on it
    /// ([`send_only`](ChannelDescriptor::send_only)), and so did not announce it, that is a violation.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_sender(&mut self, channel: ChannelId) -> Result<Sender, ConfigError> {
        Ok(self.open(channel)?.0)
    }

    /// Opens a channel to receive on.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_receiver(&mut self, channel: ChannelId) -> Result<Receiver, ConfigError> {
        Ok(self.open(channel)?.1)
    }

    fn open_as(&mut self, channel: ChannelDescriptor) -> Result<(Sender, Receiver), ConfigError> {
        let audience = if self.node_info.has_channel(channel.id()) {
            Audience::Listening
        } else {
            Audience::NotListening
        };
        self.connection.open_toward(audience, channel)
    }

    /// Who the peer is.
    pub const fn id(&self) -> &PeerId {
        self.node_info.id()
    }

    /// The key that the peer's id comes from.
    pub const fn remote_key(&self) -> &PublicKey {
        &self.remote_key
    }

    /// What the peer says of itself. Its id is proven, and it is compatible with us; nothing else in it is more than a claim.
    pub const fn node_info(&self) -> &NodeInfo {
        &self.node_info
    }

    /// A handle to watch and steer the connection.
    pub fn handle(&self) -> Handle {
        self.connection.handle()
    }

    /// Runs the connection until it ends, and says why it did and what was not sent: see [`Connection::run`].
    ///
    /// Channels of our node that were not opened are open all the same, and what comes on them is discarded, since our NodeInfo
    /// promised them to the peer. Frames that are not what the peer sealed end it with [`Error::Corrupt`](crate::Error::Corrupt), which is the fault of
    /// the peer or of whoever sits on the way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the connection at once.
    pub fn run(mut self, stop: CancellationToken) -> impl Future<Output = Closed> {
        let ours = self.ours.clone();
        for channel in ours.channels() {
            // Each is fit for use, so that what fails here is open already.
            let _ = self.open_as(channel.clone());
        }
        self.connection.run(stop)
    }
}

impl<Io> fmt::Debug for Established<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established")
            .field("node_info", &self.node_info)
            .finish_non_exhaustive()
    }
}
