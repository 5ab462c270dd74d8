//! A peer between the two steps of the handshake.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{HandshakeError, traced};
use super::established::Established;
use super::limit::Limit;
use crate::address::PeerId;
use crate::node::{LocalNode, MAX_NODE_INFO_BYTES, NodeInfo};
use crate::secret::{PublicKey, SecretConnection, Unanswered, exchange};
use crate::trace;

/// A peer that has proven who it is, before NodeInfo. Dropping it closes the stream.
///
/// ```
/// # use std::sync::Arc;
/// # use mconn::node::LocalNode;
/// # use mconn::peer::{Established, HandshakeError, Handshaking};
/// # use tokio::net::TcpStream;
/// # fn is_welcome(_: &mconn::address::PeerId) -> bool { true }
/// async fn accept(
///     stream: TcpStream,
///     node: Arc<LocalNode>,
/// ) -> Result<Option<Established<TcpStream>>, HandshakeError> {
///     let peer = Handshaking::inbound(stream, node).authenticate().await?;
///     if !is_welcome(peer.id()) {
///         return Ok(None); // it never learns who we are
///     }
///     Ok(Some(peer.introduce().await?))
/// }
/// ```
#[must_use = "the peer waits for NodeInfo"]
pub struct Authenticated<Io> {
    stream: Stream<Io>,
    id: PeerId,
    node: Arc<LocalNode>,
    limit: Limit,
}

pub(super) enum Stream<Io> {
    Answered(SecretConnection<Io>),
    Unanswered(Unanswered<Io>),
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Stream<Io> {
    pub(super) const fn remote_key(&self) -> &PublicKey {
        match self {
            Self::Answered(stream) => stream.remote_key(),
            Self::Unanswered(stream) => stream.remote_key(),
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Authenticated<Io> {
    pub(super) const fn new(
        stream: Stream<Io>,
        id: PeerId,
        node: Arc<LocalNode>,
        limit: Limit,
    ) -> Self {
        Self {
            stream,
            id,
            node,
            limit,
        }
    }

    /// Who the peer is.
    pub const fn id(&self) -> &PeerId {
        &self.id
    }

    /// Shows who we are, where the peer does not know yet, and exchanges NodeInfo with it; what the peer says is checked as for
    /// [`handshake`](crate::peer::Handshaking::handshake).
    ///
    /// The time of the handshake ([`handshake_timeout`](LocalNode::handshake_timeout)) has gone on since it began: where it
    /// is over, this fails at once.
    ///
    /// # Errors
    ///
    /// As for `handshake`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn introduce(self) -> Result<Established<Io>, HandshakeError> {
        let limit = self.limit;
        let introduced = traced(limit.bound(self.introduce_untimed()).await)?;
        trace::shook_hands(introduced.id());
        Ok(introduced)
    }

    /// Which goes on while our own program decides.
    pub(crate) const fn limit(&self) -> Limit {
        self.limit
    }

    async fn introduce_untimed(self) -> Result<Established<Io>, HandshakeError> {
        let node = &self.node;
        let mut stream = match self.stream {
            Stream::Answered(stream) => stream,
            Stream::Unanswered(stream) => stream.answer(node.identity()).await?,
        };
        let theirs = exchange(&mut stream, node.announcement(), MAX_NODE_INFO_BYTES).await?;
        let theirs = NodeInfo::decode(&theirs)?;
        check(&theirs, &self.id, node)?;
        Ok(Established::new(stream, self.node, theirs))
    }
}

impl<Io> fmt::Debug for Authenticated<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a valid NodeInfo must be beside: of this key, not our own, and compatible (CometBFT p2p specification, "Peer handshake").
fn check(theirs: &NodeInfo, id: &PeerId, node: &LocalNode) -> Result<(), HandshakeError> {
    if theirs.id() != id {
        return Err(HandshakeError::IdentityMismatch {
            proven: *id,
            stated: *theirs.id(),
        });
    }
    if id == node.id() {
        return Err(HandshakeError::SelfConnection);
    }
    node.node_info().compatible_with(theirs)?;
    Ok(())
}
