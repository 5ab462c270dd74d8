//! A peer after the handshake.

use std::fmt;
use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::address::PeerId;
use crate::channel::ChannelDescriptor;
use crate::config::Config;
use crate::config::ConfigError;
use crate::driver::{Audience, Closed, Connection, Handle, Receiver, Sender};
use crate::node::NodeInfo;
use crate::secret::{PublicKey, SecretConnection};

/// A peer whose handshake is done: open the channels, then [`run`](Self::run) it.
///
/// Its first packets may have come already, behind its NodeInfo; they are kept and taken by `run`. Open every channel that our own
/// NodeInfo announces: a message on one that is not open ends the connection.
#[must_use = "a peer does nothing until it runs"]
pub struct Established<Io> {
    connection: Connection<SecretConnection<Io>>,
    remote_key: PublicKey,
    node_info: NodeInfo,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Established<Io> {
    pub(super) fn new(stream: SecretConnection<Io>, config: Config, node_info: NodeInfo) -> Self {
        Self {
            remote_key: *stream.remote_key(),
            connection: Connection::new(stream, config),
            node_info,
        }
    }

    /// Opens a channel, whether or not the peer announced it. Where it did not, it would end the connection at a message on it:
    /// sending is refused with `NotAdvertised`, and gives the message back.
    ///
    /// A receiver that is dropped discards what comes. Where nothing is to come, or nothing to be sent, use
    /// [`open_sender`](Self::open_sender) or [`open_receiver`](Self::open_receiver).
    ///
    /// # Errors
    ///
    /// A priority of 0, a capacity of 0, or a channel that is open already.
    pub fn open(&mut self, channel: ChannelDescriptor) -> Result<(Sender, Receiver), ConfigError> {
        let audience = if self.node_info.has_channel(channel.id()) {
            Audience::Listening
        } else {
            Audience::NotListening
        };
        self.connection.open_toward(audience, channel)
    }

    /// Opens a channel on which we only send: a message on it from the peer is a violation, as on a channel that is not open.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_sender(&mut self, channel: ChannelDescriptor) -> Result<Sender, ConfigError> {
        Ok(self.open(channel.send_only())?.0)
    }

    /// Opens a channel on which we only receive.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_receiver(&mut self, channel: ChannelDescriptor) -> Result<Receiver, ConfigError> {
        Ok(self.open(channel.receive_only())?.1)
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
    /// Frames that are not what the peer sealed end it with [`Error::Corrupt`](crate::Error::Corrupt), which is the fault of
    /// the peer or of whoever sits on the way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the connection at once.
    pub fn run(self, stop: CancellationToken) -> impl Future<Output = Closed> {
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
