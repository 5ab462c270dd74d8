//! A peer that the transport connected.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use super::direction::Direction;
use super::network::Stream;
use super::registry::Place;
use crate::address::PeerId;
use crate::channel::ChannelId;
use crate::config::ConfigError;
use crate::driver::{Closed, Handle, Receiver, Sender};
use crate::node::NodeInfo;
use crate::peer::Established;
use crate::secret::PublicKey;

/// An [`Established`] peer that has its place among the transport's connections until it is dropped or has run.
#[must_use = "a peer does nothing until it runs"]
pub struct Peer {
    /// Apart, so that peers can be handed around cheaply.
    established: Box<Established<Stream>>,
    direction: Direction,
    place: Place,
}

impl Peer {
    pub(super) fn new(
        established: Established<Stream>,
        direction: Direction,
        place: Place,
    ) -> Self {
        Self {
            established: Box::new(established),
            direction,
            place,
        }
    }

    /// Opens a channel: see [`Established::open`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(&mut self, channel: ChannelId) -> Result<(Sender, Receiver), ConfigError> {
        self.established.open(channel)
    }

    /// Opens a channel to send on: see [`Established::open_sender`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_sender(&mut self, channel: ChannelId) -> Result<Sender, ConfigError> {
        self.established.open_sender(channel)
    }

    /// Opens a channel to receive on: see [`Established::open_receiver`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_receiver(&mut self, channel: ChannelId) -> Result<Receiver, ConfigError> {
        self.established.open_receiver(channel)
    }

    /// Who the peer is.
    pub const fn id(&self) -> &PeerId {
        self.established.id()
    }

    /// The key that the peer's id comes from.
    pub const fn remote_key(&self) -> &PublicKey {
        self.established.remote_key()
    }

    /// What the peer says of itself: see [`Established::node_info`].
    pub const fn node_info(&self) -> &NodeInfo {
        self.established.node_info()
    }

    /// The other end of the connection, which for an inbound one is not where the peer listens.
    pub const fn address(&self) -> SocketAddr {
        self.place.address()
    }

    /// Who opened the connection.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Cancelled when another connection with the same peer takes the place of this one.
    #[cfg(feature = "switch")]
    pub(crate) const fn displaced(&self) -> &CancellationToken {
        self.place.displaced()
    }

    /// A handle to watch and steer the connection.
    pub fn handle(&self) -> Handle {
        self.established.handle()
    }

    /// Runs the connection until it ends: see [`Established::run`]. Its place among the transport's connections is free when this
    /// returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the connection at once.
    pub fn run(self, stop: CancellationToken) -> impl Future<Output = Closed> {
        let running = self.run_held(stop);
        async move { running.await.0 }
    }

    /// As [`run`](Self::run), but the place is free only when what comes with the end is dropped.
    pub(crate) fn run_held(self, stop: CancellationToken) -> impl Future<Output = (Closed, Held)> {
        let Self {
            established, place, ..
        } = self;
        let running = established.run(stop);
        async move { (running.await, Held { _place: place }) }
    }
}

/// The place of a connection that has ended: until it is dropped, the same peer is refused as connected.
#[derive(Debug)]
pub(crate) struct Held {
    _place: Place,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("established", &self.established)
            .field("direction", &self.direction)
            .field("address", &self.place.address())
            .finish_non_exhaustive()
    }
}
