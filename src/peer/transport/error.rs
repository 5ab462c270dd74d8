//! Why a connection was not made.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::registry::Refusal;
use crate::peer::handshake_error::HandshakeError;
use crate::peer::resolve::ResolveError;
use crate::secret::Rejection;

/// A connection that came and was not taken, or a failure of the listener itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// This connection did not become a peer.
    #[error("connection from {address}: {error}")]
    Connection {
        /// Where it came from.
        address: SocketAddr,
        /// Why not.
        #[source]
        error: UpgradeError,
    },
    /// The system gave no connection: it has no descriptors left, for example. The listener lives on, and tries again after a pause.
    #[error("cannot accept, next try in {pause:?}: {error}")]
    Listener {
        /// What the system said.
        #[source]
        error: io::Error,
        /// The pause before the next try; zero where only one connection was concerned.
        pause: Duration,
    },
}

/// A peer that was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// It was cancelled by us.
    #[error("the dial was cancelled")]
    Cancelled,
    /// No TCP connection.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The address did not answer in time.
    #[error("{address} did not answer within {after:?}")]
    ConnectTimeout {
        /// The address tried last.
        address: SocketAddr,
        /// The time that it was given.
        after: Duration,
    },
    /// The name has no address.
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    /// There was a connection, but it did not become a peer.
    #[error("{0}")]
    Upgrade(#[from] UpgradeError),
}

/// A connection that did not become a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The filter did not admit the address. Where it does not admit the id, the handshake is
    /// [`Rejected`](HandshakeError::Rejected).
    #[error("the address is not admitted: {0}")]
    Filtered(#[source] Rejection),
    /// The filter did not answer in time.
    #[error("the filter did not answer within {after:?}")]
    FilterTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The handshake failed.
    #[error("{0}")]
    Handshake(#[from] HandshakeError),
    /// There is no place for it.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl From<Refusal> for DialError {
    fn from(refusal: Refusal) -> Self {
        Self::Upgrade(refusal.into())
    }
}
