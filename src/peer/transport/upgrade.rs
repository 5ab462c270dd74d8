//! From a place in the registry and a stream to a peer.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::TransportConfig;
use super::error::UpgradeError;
use super::filter::Verdict;
use super::peer::{Direction, Peer};
use super::registry::{Refusal, Registry, Slot};
use crate::peer::config::PeerConfig;
use crate::peer::handshake::Handshaking;
use crate::peer::handshake_error::HandshakeError;
use crate::peer::id::PeerId;
use crate::secret::{PublicKey, Rejection};

/// What every connection of a transport shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) peer: Arc<PeerConfig>,
    pub(super) config: TransportConfig,
    pub(super) registry: Arc<Registry>,
}

impl Shared {
    /// Makes a peer of a stream that a remote opened. All that can take long is in here.
    pub(super) async fn upgrade_inbound<Io: AsyncRead + AsyncWrite + Unpin>(
        self: Arc<Self>,
        io: Io,
        slot: Slot,
    ) -> Result<Peer<Io>, UpgradeError> {
        self.admit_address(&slot, Direction::Inbound).await?;
        let shared = self.clone();
        let handshaking = Handshaking::inbound(io, self.peer.clone())
            .with_key_admission(move |key| shared.admit_key(key));
        // Its task is aborted where it must not go on.
        let cancel = CancellationToken::new();
        self.finish(handshaking, slot, Direction::Inbound, &cancel)
            .await
    }

    /// Makes the peer of this id, or whoever it is, of a stream that we opened.
    pub(super) async fn upgrade_outbound<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: Io,
        expected: Option<PeerId>,
        slot: Slot,
        cancel: &CancellationToken,
    ) -> Result<Peer<Io>, UpgradeError> {
        let handshaking = Handshaking::outbound(io, self.peer.clone(), expected);
        self.finish(handshaking, slot, Direction::Outbound, cancel)
            .await
    }

    /// Asks the filter about the other end of a connection.
    pub(super) async fn admit_address(
        &self,
        slot: &Slot,
        direction: Direction,
    ) -> Result<(), UpgradeError> {
        let verdict = self.config.filter.admit_address(slot.address(), direction);
        self.bounded(verdict).await?.map_err(UpgradeError::Filtered)
    }

    async fn finish<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        handshaking: Handshaking<Io>,
        mut slot: Slot,
        direction: Direction,
        cancel: &CancellationToken,
    ) -> Result<Peer<Io>, UpgradeError> {
        let established = handshaking.handshake(cancel, |_| Ok(())).await?;
        if direction == Direction::Outbound {
            self.admit_id(*established.id(), direction)
                .await
                .map_err(HandshakeError::Rejected)?;
        }
        slot.claim(*established.id())?;
        Ok(Peer::new(established, direction, slot))
    }

    /// Decides on a proven key before its owner learns ours.
    async fn admit_key(self: Arc<Self>, key: PublicKey) -> Result<(), Rejection> {
        let id = PeerId::from(&key);
        if self.registry.is_connected(&id) {
            return Err(Refusal::DuplicateId { id }.into());
        }
        self.admit_id(id, Direction::Inbound).await
    }

    async fn admit_id(&self, id: PeerId, direction: Direction) -> Result<(), Rejection> {
        self.bounded(self.config.filter.admit_id(id, direction))
            .await?
    }

    async fn bounded(&self, verdict: Verdict<'_>) -> Result<Result<(), Rejection>, UpgradeError> {
        let after = self.config.filter_timeout;
        timeout(after, verdict)
            .await
            .map_err(|_| UpgradeError::FilterTimeout { after })
    }
}
