//! Dialing and accepting.

#[cfg(feature = "serde")]
mod cometbft_config;
mod config;
mod dial;
mod direction;
mod error;
mod filter;
mod limits;
mod listener;
mod network;
mod peer;
mod registry;
mod tcp;
mod upgrade;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

#[cfg(feature = "serde")]
pub use cometbft_config::{CometbftConfig, CometbftConfigError, Unusable};
pub use config::TransportConfig;
pub use direction::Direction;
pub use error::{AttemptError, DialError, FailedAttempt, UpgradeError};
pub use filter::{Everybody, Filter, Verdict};
pub use listener::{Incoming, Listener};
pub use network::{Accept, ByteStream, Network, Opening, Stream};
#[cfg(feature = "switch")]
pub(crate) use peer::Held;
pub use peer::Peer;
pub use registry::{ConnectionCounts, Refusal};
pub use tcp::Tcp;

use crate::address::{HostPort, PeerAddr, PeerId};
use crate::config::ConfigError;
use crate::node::LocalNode;
use registry::Registry;
use upgrade::Shared;

/// Makes connections to peers in both directions, and knows which there are.
///
/// Clones are the same transport: limits and the list of connected peers hold for all listeners and dials together.
///
/// ```
/// # use std::sync::Arc;
/// use mconn::address::PeerAddr;
/// use mconn::node::LocalNode;
/// use mconn::transport::{Incoming, Transport, TransportConfig};
/// use mconn::secret::Identity;
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn node(moniker: &str) -> Result<Transport, Box<dyn std::error::Error>> {
///     let identity = Arc::new(Identity::generate()?);
///     let node = LocalNode::builder(identity, "test-chain", moniker).build()?;
///     Ok(Transport::new(node, TransportConfig::default())?)
/// }
///
/// let (alice, bob) = (node("alice")?, node("bob")?);
/// let mut listener = bob.listen("127.0.0.1:0".parse()?).await?;
/// let address = PeerAddr::new(*bob.id(), listener.local_addr()?);
///
/// let cancel = CancellationToken::new();
/// let (here, there) = tokio::join!(alice.dial(&address, &cancel), listener.next());
/// assert_eq!(here?.node_info().moniker(), "bob");
/// let Incoming::Peer(there) = there else { panic!("{there:?}") };
/// assert_eq!(there.node_info().moniker(), "alice");
/// # Ok(())
/// # }
/// ```
///
/// # Simultaneous dials
///
/// Two nodes that dial each other at the same moment may each refuse the second connection as a duplicate, and lose both: the
/// protocol has no rule for it, so each should try again after a time of its own. A switch has a rule among its own kind.
///
/// # Traces
///
/// With the feature `tracing` each dial of an address and each upgrade of an accepted stream has a span `upgrade` with the fields `address` and
/// `direction`, below the span in which it was asked for. It ends with the upgrade: that of a running connection is a span of its own.
#[derive(Clone, Debug)]
pub struct Transport {
    shared: Arc<Shared>,
}

impl Transport {
    /// A transport for this node.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, with its name, its value and both bounds.
    pub fn new(node: LocalNode, config: TransportConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let breaks_ties = config.breaks_ties.then(|| *node.id());
        let registry = Registry::with_ties(config.limits.clone(), breaks_ties);
        let shared = Shared {
            node: Arc::new(node),
            config,
            registry,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Who this node is.
    pub fn id(&self) -> &PeerId {
        self.shared.node.id()
    }

    /// The connections that hold a place, those in their handshake included.
    pub fn connections(&self) -> ConnectionCounts {
        self.shared.registry.counts()
    }

    /// Has connections with this peer count toward no limit from now on, or count again: CometBFT's unconditional peers. One that is there
    /// stays in either case.
    ///
    /// While such a peer is not connected, a transport that is full still shakes hands with newcomers, at most as many as
    /// [`with_max_handshakes`](TransportConfig::with_max_handshakes) says, to see who they are. The limits by address and network hold for
    /// whoever has not proven its id.
    pub fn set_exempt(&self, id: PeerId, is_exempt: bool) {
        self.shared.registry.set_exempt(id, is_exempt);
    }

    /// Whether connections with this peer count toward no limit.
    pub fn is_exempt(&self, id: &PeerId) -> bool {
        self.shared.registry.is_exempt(id)
    }

    /// Connects to this very peer: looks its name up, opens a connection, shakes hands. Of several
    /// addresses each is tried, in the resolver's order, until this peer has shaken hands at one, all within
    /// [`with_dial_timeout`](TransportConfig::with_dial_timeout).
    ///
    /// # Errors
    ///
    /// [`DialError::Failed`] says what each address said. A peer that is connected, or being dialed, is not dialed again.
    ///
    /// # Cancel safety
    ///
    /// Cancelling `cancel`, or dropping the future, closes what was opened.
    pub async fn dial(
        &self,
        peer: &PeerAddr,
        cancel: &CancellationToken,
    ) -> Result<Peer, DialError> {
        let _dial = self.shared.registry.begin_dial(*peer.id())?;
        self.shared
            .dial(peer.host_port(), Some(*peer.id()), cancel)
            .await
    }

    /// Connects to whoever is there; of several addresses, to the first that shakes hands. That it is the right peer is for the caller to find out: somebody on the way can be it as
    /// well.
    ///
    /// # Errors
    ///
    /// As for [`dial`](Self::dial).
    ///
    /// # Cancel safety
    ///
    /// As for `dial`.
    pub async fn dial_anyone(
        &self,
        address: &HostPort,
        cancel: &CancellationToken,
    ) -> Result<Peer, DialError> {
        self.shared.dial(address, None, cancel).await
    }

    /// Listens on an address of the network; for [`Tcp`], port 0 is a free one.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let listener = self.shared.config.network.bind(address).await?;
        Ok(Listener::new(listener, self.shared.clone()))
    }

    /// Listens on anything that gives streams.
    pub fn listen_on(&self, listener: impl Accept + 'static) -> Listener {
        Listener::new(Box::new(listener), self.shared.clone())
    }
}
