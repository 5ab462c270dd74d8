//! Why the program ends with a status other than zero.

use std::io;
use std::path::PathBuf;

use mconn::node::LocalNodeError;
use mconn::node::key::NodeKeyError;
use mconn::peer::HandshakeError;
use mconn::secret::IdentityError;
use mconn::transport::{AttemptError, DialError, UpgradeError};
use mconn::{Closed, ConfigError};

/// What the user is told in the last line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Dial(#[from] DialError),
    #[error("the conversation ended early: {0}")]
    Ended(Closed),
    #[error("interrupted")]
    Interrupted,
    #[error("cannot use the key {}: {error}", path.display())]
    Key { path: PathBuf, error: NodeKeyError },
    #[error("cannot be a node: {0}")]
    Identity(#[from] IdentityError),
    #[error("cannot be a node: {0}")]
    Node(#[from] LocalNodeError),
    #[error("cannot talk like this: {0}")]
    Config(#[from] ConfigError),
    #[error("the system refuses what the program needs: {0}")]
    System(#[from] io::Error),
}

impl Failure {
    /// One word for machines.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Dial(error) => kind_of_dial(error),
            Self::Ended(_) => "ended",
            Self::Interrupted => "interrupted",
            Self::Key { .. } => "key",
            Self::Identity(_) | Self::Node(_) | Self::Config(_) => "config",
            Self::System(_) => "system",
        }
    }
}

/// Of several addresses, the last.
fn kind_of_dial(error: &DialError) -> &'static str {
    match (error, error.attempts().last()) {
        (DialError::Cancelled, _) => "interrupted",
        (DialError::Resolve(_), _) => "resolve",
        (_, Some(attempt)) => kind_of_attempt(&attempt.error),
        _ => "refused",
    }
}

const fn kind_of_attempt(error: &AttemptError) -> &'static str {
    match error {
        AttemptError::Connect(_) => "connect",
        AttemptError::ConnectTimeout { .. } => "connect_timeout",
        AttemptError::Timeout { .. } => "dial_timeout",
        AttemptError::ToItself => "self",
        AttemptError::Upgrade(UpgradeError::Handshake(error)) => kind_of_handshake(error),
        _ => "refused",
    }
}

const fn kind_of_handshake(error: &HandshakeError) -> &'static str {
    match error {
        HandshakeError::Authentication(_) => "authentication",
        HandshakeError::Cancelled => "interrupted",
        HandshakeError::Closed => "closed",
        HandshakeError::IdentityMismatch { .. } => "identity_mismatch",
        HandshakeError::Incompatible(_) => "incompatible",
        HandshakeError::InvalidNodeInfo(_) => "invalid_node_info",
        HandshakeError::Io(_) => "io",
        HandshakeError::Malformed { .. } => "malformed",
        HandshakeError::SelfConnection => "self",
        HandshakeError::Timeout { .. } => "handshake_timeout",
        HandshakeError::UnexpectedPeer { .. } => "unexpected_peer",
        _ => "handshake",
    }
}
