//! From a place in the registry and a stream to a peer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::config::TransportConfig;
use super::direction::Direction;
use super::error::UpgradeError;
use super::filter::Verdict;
use super::network::Stream;
use super::peer::Peer;
use super::registry::{Place, Refusal, Registry, Rivalry};
use crate::address::PeerId;
use crate::node::LocalNode;
use crate::peer::{Established, HandshakeError, Handshaking, Rejection, unless_cancelled};

/// What every connection of a transport shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) node: Arc<LocalNode>,
    pub(super) config: TransportConfig,
    pub(super) registry: Arc<Registry>,
}

impl Shared {
    /// Makes a peer of a stream that a remote opened. All that can take long is in here.
    pub(super) async fn upgrade_inbound(
        self: Arc<Self>,
        stream: Stream,
        place: Place,
    ) -> Result<Peer, UpgradeError> {
        let displaced = place.displaced().clone();
        unless_cancelled(&displaced, self.upgrade_undisplaced(stream, place))
            .await
            .unwrap_or(Err(Refusal::Displaced.into()))
    }

    async fn upgrade_undisplaced(
        self: Arc<Self>,
        stream: Stream,
        place: Place,
    ) -> Result<Peer, UpgradeError> {
        self.admit_address(&place, Direction::Inbound).await?;
        let handshaking =
            Handshaking::inbound(stream, self.node.clone()).with_progress(place.progress().clone());
        let authenticated = handshaking.authenticate().await?;
        let (id, limit) = (*authenticated.id(), authenticated.limit());
        let admission = async { Ok(self.admit_before_introduction(id).await) };
        limit.bound(admission).await??;
        claim(authenticated.introduce().await?, place, Direction::Inbound)
    }

    /// Makes the peer of this id, or whoever it is, of a stream that we opened.
    pub(super) async fn upgrade_outbound(
        &self,
        stream: Stream,
        expected: Option<PeerId>,
        place: Place,
    ) -> Result<Peer, UpgradeError> {
        let handshaking = Handshaking::outbound(stream, self.node.clone(), expected);
        let established = handshaking.authenticate().await?.introduce().await?;
        self.admit_id(*established.id(), Direction::Outbound)
            .await?;
        claim(established, place, Direction::Outbound)
    }

    /// Asks the filter about the other end of a connection.
    pub(super) async fn admit_address(
        &self,
        place: &Place,
        direction: Direction,
    ) -> Result<(), UpgradeError> {
        let verdict = self.config.filter.admit_address(place.address(), direction);
        self.bounded(verdict).await?.map_err(UpgradeError::Filtered)
    }

    /// Decides on who connected to us before it learns who we are.
    async fn admit_before_introduction(&self, id: PeerId) -> Result<(), UpgradeError> {
        if id == *self.node.id() {
            // The handshake goes on, so that both ends find out that they are one.
            return Ok(());
        }
        self.make_way(id).await?;
        self.admit_id(id, Direction::Inbound).await
    }

    /// Decides between a peer that comes and its connection with us that is there already: that one stays if its peer is alive, unless the new
    /// one is to win anyway.
    async fn make_way(&self, id: PeerId) -> Result<(), Refusal> {
        let (ticket, handle) = match self.registry.rivalry(&id) {
            Rivalry::None => return Ok(()),
            Rivalry::Lost => return Err(Refusal::DuplicateId { id }),
            Rivalry::WhileAlive { ticket, handle } => (ticket, handle),
        };
        // Seldom needed, so that it takes no room in every upgrade.
        let pong = Box::pin(timeout(ALIVE_WITHIN, handle.ping())).await;
        if matches!(pong, Ok(Some(_))) {
            return Err(Refusal::DuplicateId { id });
        }
        self.registry.forsake(ticket);
        Ok(())
    }

    async fn admit_id(&self, id: PeerId, direction: Direction) -> Result<(), UpgradeError> {
        self.bounded(self.config.filter.admit_id(id, direction))
            .await?
            .map_err(|rejection| HandshakeError::Rejected(rejection).into())
    }

    async fn bounded(&self, verdict: Verdict<'_>) -> Result<Result<(), Rejection>, UpgradeError> {
        let after = self.config.filter_timeout;
        timeout(after, verdict)
            .await
            .map_err(|_| UpgradeError::FilterTimeout { after })
    }
}

/// Counts the connection as one with this peer.
fn claim(
    established: Established<Stream>,
    place: Place,
    direction: Direction,
) -> Result<Peer, UpgradeError> {
    place.claim(*established.id())?;
    place.attach(established.handle());
    Ok(Peer::new(established, direction, place))
}

/// As a remote's first message has in Go: who does not answer a ping within it answers no dial of ours either.
const ALIVE_WITHIN: Duration = Duration::from_secs(3);
