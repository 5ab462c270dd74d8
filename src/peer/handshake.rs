//! From a byte stream to a peer: encryption, identity, NodeInfo.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::authenticated::{Authenticated, Stream};
use super::cancel::unless_cancelled;
use super::error::{HandshakeError, Rejection, traced};
use super::established::Established;
use super::limit::Limit;
use super::progress::{Progress, Stage};
use crate::address::PeerId;
use crate::node::{LocalNode, NodeInfo};
use crate::secret::begin;

/// A byte stream to a peer before the handshake. The only thing to do with it is [`handshake`](Self::handshake).
///
/// ```
/// use std::sync::Arc;
///
/// use mconn::address::PeerId;
/// use mconn::node::{NodeInfo, LocalNode};
/// use mconn::peer::Handshaking;
/// use mconn::secret::Identity;
/// use mconn::{ChannelDescriptor, ChannelId};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const BLOCKS: ChannelId = ChannelId::new(0x40);
///
/// fn node(moniker: &str) -> Result<Arc<LocalNode>, Box<dyn std::error::Error>> {
///     let identity = Arc::new(Identity::generate()?);
///     let blocks = ChannelDescriptor::new(BLOCKS, 5);
///     Ok(Arc::new(LocalNode::builder(identity, "test-chain", moniker).channel(blocks).build()?))
/// }
///
/// let (ours, theirs) = tokio::io::duplex(4096); // or a TcpStream
/// let (alice, bob) = (node("alice")?, node("bob")?);
/// let stop = CancellationToken::new();
/// let (mut here, mut there) = tokio::try_join!(
///     Handshaking::outbound(ours, alice, Some(*bob.id())).handshake(&stop, |_| Ok(())),
///     Handshaking::inbound(theirs, bob.clone()).handshake(&stop, |_| Ok(())),
/// )?;
/// assert_eq!(here.node_info().moniker(), "bob");
///
/// let sender = here.open_sender(BLOCKS)?;
/// let mut receiver = there.open_receiver(BLOCKS)?;
/// let here = tokio::spawn(here.run(stop.clone()));
/// let there = tokio::spawn(there.run(CancellationToken::new()));
/// sender.send("a block").await?;
/// assert_eq!(receiver.recv().await.as_deref(), Some(&b"a block"[..]));
/// stop.cancel();
/// # here.await?;
/// # there.await?;
/// # Ok(())
/// # }
/// ```
///
/// It cannot run before its handshake, nor shake hands twice:
///
/// ```compile_fail,E0599
/// # async fn f(io: tokio::io::DuplexStream, node: std::sync::Arc<mconn::node::LocalNode>) {
/// mconn::peer::Handshaking::inbound(io, node).run(Default::default()).await;
/// # }
/// ```
///
/// ```compile_fail,E0382
/// # async fn f(io: tokio::io::DuplexStream, node: std::sync::Arc<mconn::node::LocalNode>) {
/// let peer = mconn::peer::Handshaking::inbound(io, node);
/// let first = peer.handshake(&Default::default(), |_| Ok(())).await;
/// let second = peer.handshake(&Default::default(), |_| Ok(())).await;
/// # }
/// ```
#[must_use = "nothing is said to the peer before the handshake"]
pub struct Handshaking<Io> {
    io: Io,
    node: Arc<LocalNode>,
    role: Role,
    progress: Progress,
}

enum Role {
    Inbound,
    Outbound { expected: Option<PeerId> },
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Handshaking<Io> {
    /// A stream that a remote opened.
    pub fn inbound(io: Io, node: Arc<LocalNode>) -> Self {
        Self::new(io, node, Role::Inbound)
    }

    /// A stream that we opened. Where `expected` is given, only this peer will do.
    pub fn outbound(io: Io, node: Arc<LocalNode>, expected: Option<PeerId>) -> Self {
        Self::new(io, node, Role::Outbound { expected })
    }

    fn new(io: Io, node: Arc<LocalNode>, role: Role) -> Self {
        Self {
            io,
            node,
            role,
            progress: Progress::default(),
        }
    }

    /// Tells there how far it has come.
    pub(crate) fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Encrypts the stream, learns who the peer is, and exchanges NodeInfo with it, all in this one call: no task is started.
    ///
    /// What the peer says is checked in CometBFT's order: its NodeInfo by itself, its identity against its key, that it is not we
    /// ourselves, and that we have network, block protocol and a channel in common. Only then does `admit` see it. Who wants to decide by
    /// the id alone, before the peer learns ours, takes the two steps by themselves: [`authenticate`](Self::authenticate) and
    /// [`Authenticated::introduce`].
    ///
    /// # Errors
    ///
    /// Each way to fail is a [`HandshakeError`] of its own; the stream is closed with any. CometBFT has no message for it: a peer that
    /// we refuse sees the stream end.
    ///
    /// # Cancel safety
    ///
    /// Cancelling `cancel`, or dropping the future, closes the stream; `admit` is not called any more.
    pub async fn handshake(
        self,
        cancel: &CancellationToken,
        admit: impl FnOnce(&NodeInfo) -> Result<(), Rejection>,
    ) -> Result<Established<Io>, HandshakeError> {
        let handshake = async {
            let peer = self.authenticate().await?.introduce().await?;
            traced(admit(peer.node_info()).map_err(HandshakeError::Rejected))?;
            Ok(peer)
        };
        unless_cancelled(cancel, handshake)
            .await
            .unwrap_or_else(|| traced(Err(HandshakeError::Cancelled)))
    }

    /// Encrypts the stream and learns the peer's proven id. A peer that opened the stream does not learn ours before
    /// [`introduce`](Authenticated::introduce).
    ///
    /// # Errors
    ///
    /// As for [`handshake`](Self::handshake).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn authenticate(self) -> Result<Authenticated<Io>, HandshakeError> {
        let limit = Limit::starting_now(self.node.handshake_timeout());
        traced(limit.bound(self.authenticate_untimed(limit)).await)
    }

    async fn authenticate_untimed(self, limit: Limit) -> Result<Authenticated<Io>, HandshakeError> {
        let after = self.node.first_message_timeout();
        let agreed = timeout(after, begin(self.io))
            .await
            .map_err(|_| HandshakeError::FirstMessageTimeout { after })??;
        self.progress.reach(Stage::Agreed);
        let stream = match self.role {
            Role::Inbound => Stream::Unanswered(agreed.learn().await?),
            Role::Outbound { .. } => {
                Stream::Answered(agreed.symmetric(self.node.identity()).await?)
            }
        };
        self.progress.reach(Stage::Authenticated);
        let id = PeerId::from(stream.remote_key());
        match self.role {
            Role::Outbound {
                expected: Some(expected),
            } if expected != id => Err(HandshakeError::UnexpectedPeer {
                expected,
                found: id,
            }),
            _ => Ok(Authenticated::new(stream, id, self.node, limit)),
        }
    }
}

impl<Io> fmt::Debug for Handshaking<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}
