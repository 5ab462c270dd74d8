//! The ways in which a handshake can fail.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::address::PeerId;
use crate::error::Fault;
use crate::node::{Incompatible, NodeInfoError};
use crate::secret::{self, ExchangeError};
use crate::trace;

/// Why a program of ours does not want a peer; handed through unchanged.
pub type Rejection = Box<dyn Error + Send + Sync>;

/// A handshake that did not end in a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The remote did not prove who it is, or sent what is not encrypted as it must be.
    #[error("authentication failed: {0}")]
    Authentication(secret::SecretHandshakeError),
    /// It was cancelled by us.
    #[error("the handshake was cancelled")]
    Cancelled,
    /// The remote closed the stream: all that a CometBFT node does where it refuses.
    #[error("the remote closed the connection during the handshake")]
    Closed,
    /// The remote states another id than that of its key.
    #[error("the remote states the id {stated}, but its key's is {proven}")]
    IdentityMismatch {
        /// The id of the key whose secret it holds.
        proven: PeerId,
        /// The id in its NodeInfo.
        stated: PeerId,
    },
    /// The remote's first message did not come in time.
    #[error("the remote sent no first message within {after:?}")]
    FirstMessageTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// It is a node that we cannot talk with.
    #[error(transparent)]
    Incompatible(#[from] Incompatible),
    /// Its NodeInfo breaks a rule.
    #[error("invalid NodeInfo: {0}")]
    InvalidNodeInfo(NodeInfoError),
    /// The transport failed.
    #[error("transport failed")]
    Io(#[source] io::Error),
    /// A message that cannot be decoded.
    #[error("malformed {message}")]
    Malformed {
        /// Which one.
        message: MalformedMessage,
    },
    /// Our own program did not want it.
    #[error("rejected by us")]
    Rejected(#[source] Rejection),
    /// It is this very node.
    #[error("the remote is this node itself")]
    SelfConnection,
    /// It was not done in time.
    #[error("the handshake was not done after {after:?}")]
    Timeout {
        /// The time that it was given.
        after: Duration,
    },
    /// Another peer than the one that we wanted.
    #[error("expected peer {expected}, found {found}")]
    UnexpectedPeer {
        /// Whom we wanted.
        expected: PeerId,
        /// Whose key it is.
        found: PeerId,
    },
}

impl HandshakeError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Authentication(error) => error.fault(),
            Self::Cancelled | Self::Rejected(_) => Fault::Local,
            Self::Closed | Self::Io(_) => Fault::Transport,
            Self::FirstMessageTimeout { .. } | Self::Timeout { .. } => Fault::Silence,
            Self::IdentityMismatch { .. } | Self::InvalidNodeInfo(_) | Self::Malformed { .. } => {
                Fault::Peer
            }
            Self::Incompatible(_) | Self::SelfConnection | Self::UnexpectedPeer { .. } => {
                Fault::Nobody
            }
        }
    }
}

impl From<secret::SecretHandshakeError> for HandshakeError {
    fn from(error: secret::SecretHandshakeError) -> Self {
        match error {
            secret::SecretHandshakeError::Closed => Self::Closed,
            secret::SecretHandshakeError::Io(error) => Self::Io(error),
            secret::SecretHandshakeError::Malformed { message } => Self::Malformed {
                message: message.into(),
            },
            other => Self::Authentication(other),
        }
    }
}

impl From<ExchangeError> for HandshakeError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Closed => Self::Closed,
            ExchangeError::Frame(error) => Self::Authentication(error.into()),
            ExchangeError::Io(error) => Self::Io(error),
            ExchangeError::PrefixOverflow | ExchangeError::Unexpected(_) => Self::Malformed {
                message: MalformedMessage::NodeInfo,
            },
            ExchangeError::TooLong { len, .. } => {
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                Self::InvalidNodeInfo(NodeInfoError::TooLong { len })
            }
        }
    }
}

impl From<NodeInfoError> for HandshakeError {
    fn from(error: NodeInfoError) -> Self {
        match error {
            NodeInfoError::Malformed { .. } => Self::Malformed {
                message: MalformedMessage::NodeInfo,
            },
            other => Self::InvalidNodeInfo(other),
        }
    }
}

/// Tells a failure to `tracing`, and gives it on.
pub(super) fn traced<T>(result: Result<T, HandshakeError>) -> Result<T, HandshakeError> {
    result.inspect_err(|error| trace::handshake_failed(error))
}

/// A message of the handshake that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// The long-term key and its signature.
    #[error("authentication message")]
    Authentication,
    /// The ephemeral key.
    #[error("ephemeral key message")]
    Ephemeral,
    /// What the remote says of itself.
    #[error("NodeInfo")]
    NodeInfo,
}

impl From<secret::HandshakeMessage> for MalformedMessage {
    fn from(message: secret::HandshakeMessage) -> Self {
        match message {
            secret::HandshakeMessage::Authentication => Self::Authentication,
            secret::HandshakeMessage::Ephemeral => Self::Ephemeral,
        }
    }
}
