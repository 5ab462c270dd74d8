//! A peer as the rest of the program sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::end::Cause;
use super::reason::Reason;
use crate::address::PeerId;
use crate::channel::ChannelId;
use crate::driver::{Handle, Sender};
use crate::node::NodeInfo;
use crate::stats::Stats;
use crate::transport::{Direction, Peer};

/// One connection with a peer; clone it freely. It keeps nothing alive, and knows its peer also when that is gone.
#[derive(Clone)]
pub struct PeerHandle {
    live: Arc<Live>,
}

struct Live {
    node_info: NodeInfo,
    address: SocketAddr,
    direction: Direction,
    connection: u64,
    since: Instant,
    handle: Handle,
    /// Sorted by channel.
    senders: Vec<Sender>,
    cause: OnceLock<Cause>,
    ending: CancellationToken,
    gone: CancellationToken,
}

impl PeerHandle {
    pub(super) fn new(peer: &Peer, connection: u64, mut senders: Vec<Sender>) -> Self {
        senders.sort_by_key(Sender::channel);
        let live = Live {
            node_info: peer.node_info().clone(),
            address: peer.address(),
            direction: peer.direction(),
            connection,
            since: Instant::now(),
            handle: peer.handle(),
            senders,
            cause: OnceLock::new(),
            ending: CancellationToken::new(),
            gone: CancellationToken::new(),
        };
        Self {
            live: Arc::new(live),
        }
    }

    /// Who the peer is.
    pub fn id(&self) -> &PeerId {
        self.live.node_info.id()
    }

    /// What the peer says of itself. Its id is proven, nothing else is.
    pub fn node_info(&self) -> &NodeInfo {
        &self.live.node_info
    }

    /// The other end of the connection, which for an inbound one is not where the peer listens.
    pub fn address(&self) -> SocketAddr {
        self.live.address
    }

    /// Who opened the connection.
    pub fn direction(&self) -> Direction {
        self.live.direction
    }

    /// The number of the connection. No two of a switch have the same, also with the same peer.
    pub fn connection(&self) -> u64 {
        self.live.connection
    }

    /// Since when the peer is connected.
    pub fn since(&self) -> Instant {
        self.live.since
    }

    /// What the connection does; `None` once it has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn stats(&self) -> Option<Stats> {
        self.live.handle.stats().await
    }

    /// Lets go of the peer. It never waits, and may be called from anywhere, a session of this peer included; the first cause counts.
    pub fn disconnect(&self, reason: Reason) {
        self.end(Cause::Requested(reason));
    }

    /// Whether the peer is being let go of, or gone.
    pub fn is_ending(&self) -> bool {
        self.live.ending.is_cancelled()
    }

    /// Waits until the peer is being let go of: its connection ended, or somebody asked for it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn ending(&self) {
        self.live.ending.cancelled().await;
    }

    /// Waits until the peer is gone: its sessions have ended, and it is no longer among the peers. A session must not wait for this, since it is
    /// waited for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn gone(&self) {
        self.live.gone.cancelled().await;
    }

    /// Ends the peer, unless it is ending already.
    pub(super) fn end(&self, cause: Cause) {
        let _ = self.live.cause.set(cause);
        self.live.ending.cancel();
    }

    /// What ended it, if it is ending.
    pub(super) fn cause(&self) -> Option<&Cause> {
        self.live.cause.get()
    }

    pub(super) fn ending_token(&self) -> &CancellationToken {
        &self.live.ending
    }

    pub(super) fn mark_gone(&self) {
        self.live.gone.cancel();
    }

    /// Where messages on this channel go, if a reactor has it.
    pub(super) fn sender(&self, channel: ChannelId) -> Option<&Sender> {
        let senders = &self.live.senders;
        let at = senders.binary_search_by_key(&channel, Sender::channel);
        senders.get(at.ok()?)
    }
}

impl fmt::Debug for PeerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerHandle")
            .field("id", self.id())
            .field("address", &self.address())
            .field("direction", &self.direction())
            .field("connection", &self.connection())
            .field("cause", &self.cause())
            .finish_non_exhaustive()
    }
}

impl PartialEq for PeerHandle {
    /// Whether they are one connection of one switch.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.live, &other.live)
    }
}

impl Eq for PeerHandle {}
