//! From a byte stream to a peer: encryption, identity, NodeInfo.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::cancel::unless_cancelled;
use super::error::HandshakeError;
use super::established::Established;
use super::progress::{Progress, Stage};
use crate::address::PeerId;
use crate::node::PeerConfig;
use crate::node::{MAX_NODE_INFO_BYTES, NodeInfo};
use crate::secret::{PublicKey, Rejection, begin, exchange};
use crate::trace;

/// A byte stream to a peer before the handshake. The only thing to do with it is [`handshake`](Self::handshake).
///
/// ```
/// use std::sync::Arc;
///
/// use mconn::address::PeerId;
/// use mconn::node::{NodeInfo, PeerConfig};
/// use mconn::peer::Handshaking;
/// use mconn::secret::Identity;
/// use mconn::{ChannelDescriptor, ChannelId};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn node(moniker: &str) -> Result<Arc<PeerConfig>, Box<dyn std::error::Error>> {
///     let identity = Arc::new(Identity::generate()?);
///     let id = PeerId::from(identity.public_key());
///     let info = NodeInfo::builder(id, "test-chain", moniker).channels([ChannelId::new(0x40)]).build()?;
///     Ok(Arc::new(PeerConfig::new(identity, info)?))
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
/// let blocks = ChannelDescriptor::new(ChannelId::new(0x40), 5);
/// let sender = here.open_sender(blocks.clone())?;
/// let mut receiver = there.open_receiver(blocks)?;
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
/// # async fn f(io: tokio::io::DuplexStream, node: std::sync::Arc<mconn::node::PeerConfig>) {
/// mconn::peer::Handshaking::inbound(io, node).run(Default::default()).await;
/// # }
/// ```
///
/// ```compile_fail,E0382
/// # async fn f(io: tokio::io::DuplexStream, node: std::sync::Arc<mconn::node::PeerConfig>) {
/// let peer = mconn::peer::Handshaking::inbound(io, node);
/// let first = peer.handshake(&Default::default(), |_| Ok(())).await;
/// let second = peer.handshake(&Default::default(), |_| Ok(())).await;
/// # }
/// ```
#[must_use = "nothing is said to the peer before the handshake"]
pub struct Handshaking<Io> {
    io: Io,
    config: Arc<PeerConfig>,
    role: Role,
    progress: Progress,
}

enum Role {
    Inbound { admit: Option<KeyAdmission> },
    Outbound { expected: Option<PeerId> },
}

/// Decides on a remote key before it learns ours.
type KeyAdmission = Box<dyn FnOnce(PublicKey) -> KeyVerdict + Send>;
type KeyVerdict = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

impl<Io: AsyncRead + AsyncWrite + Unpin> Handshaking<Io> {
    /// A stream that a remote opened.
    pub fn inbound(io: Io, config: Arc<PeerConfig>) -> Self {
        Self::new(io, config, Role::Inbound { admit: None })
    }

    /// A stream that we opened. Where `expected` is given, only this peer will do.
    pub fn outbound(io: Io, config: Arc<PeerConfig>, expected: Option<PeerId>) -> Self {
        Self::new(io, config, Role::Outbound { expected })
    }

    fn new(io: Io, config: Arc<PeerConfig>, role: Role) -> Self {
        Self {
            io,
            config,
            role,
            progress: Progress::default(),
        }
    }

    /// Tells there how far it has come.
    pub(crate) fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// For a stream that a remote opened: has `admit` decide on its proven key before it learns who we are. On a stream that we
    /// opened it does nothing, since the remote is who we asked for.
    pub fn with_key_admission<Verdict>(
        mut self,
        admit: impl FnOnce(PublicKey) -> Verdict + Send + 'static,
    ) -> Self
    where
        Verdict: Future<Output = Result<(), Rejection>> + Send + 'static,
    {
        if let Role::Inbound { admit: slot } = &mut self.role {
            *slot = Some(Box::new(|key| Box::pin(admit(key))));
        }
        self
    }

    /// Encrypts the stream, learns who the peer is, and exchanges NodeInfo with it, all in this one call: no task is started.
    ///
    /// What the peer says is checked in CometBFT's order: its NodeInfo by itself, its identity against its key, that it is not we
    /// ourselves, and that we have network, block protocol and a channel in common. Only then does `admit` see it.
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
        unless_cancelled(cancel, self.uncancelled(admit))
            .await
            .unwrap_or_else(|| {
                trace::handshake_failed(&HandshakeError::Cancelled);
                Err(HandshakeError::Cancelled)
            })
    }

    /// The handshake for those who can end it otherwise: by aborting its task, or by cancelling more than the handshake.
    pub(crate) async fn uncancelled(
        self,
        admit: impl FnOnce(&NodeInfo) -> Result<(), Rejection>,
    ) -> Result<Established<Io>, HandshakeError> {
        let after = self.config.handshake_timeout();
        let result = timeout(after, self.untimed(admit))
            .await
            .unwrap_or(Err(HandshakeError::Timeout { after }));
        match &result {
            Ok(peer) => trace::shook_hands(peer.id()),
            Err(error) => trace::handshake_failed(error),
        }
        result
    }

    async fn untimed(
        self,
        admit: impl FnOnce(&NodeInfo) -> Result<(), Rejection>,
    ) -> Result<Established<Io>, HandshakeError> {
        let (config, identity) = (&self.config, self.config.identity());
        let after = config.first_message_timeout();
        let agreed = timeout(after, begin(self.io))
            .await
            .map_err(|_| HandshakeError::FirstMessageTimeout { after })??;
        self.progress.reach(Stage::Agreed);
        let progress = self.progress;
        let (admit_key, expected) = match self.role {
            Role::Inbound { admit } => (admit, None),
            Role::Outbound { expected } => (None, expected),
        };
        let mut stream = match admit_key {
            Some(admit_key) => {
                let admit_key = |key| {
                    progress.reach(Stage::Authenticated);
                    admit_key(key)
                };
                agreed.admitting(identity, admit_key).await?
            }
            None => agreed.symmetric(identity).await?,
        };
        progress.reach(Stage::Authenticated);
        let id = PeerId::from(stream.remote_key());
        match expected {
            Some(expected) if expected != id => {
                return Err(HandshakeError::UnexpectedPeer {
                    expected,
                    found: id,
                });
            }
            _ => {}
        }
        let theirs = exchange(&mut stream, config.announcement(), MAX_NODE_INFO_BYTES).await?;
        let theirs = NodeInfo::decode(&theirs)?;
        check(&theirs, &id, config)?;
        admit(&theirs).map_err(HandshakeError::Rejected)?;
        Ok(Established::new(
            stream,
            config.connection().clone(),
            theirs,
        ))
    }
}

impl<Io> fmt::Debug for Handshaking<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}

/// What a valid NodeInfo must be beside: of this key, not our own, and compatible (CometBFT p2p specification, "Peer handshake").
fn check(theirs: &NodeInfo, id: &PeerId, config: &PeerConfig) -> Result<(), HandshakeError> {
    if theirs.id() != id {
        return Err(HandshakeError::IdentityMismatch {
            proven: *id,
            stated: *theirs.id(),
        });
    }
    if id == config.id() {
        return Err(HandshakeError::SelfConnection);
    }
    config.node_info().compatible_with(theirs)?;
    Ok(())
}
