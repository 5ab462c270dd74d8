//! Why a connection was not made.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::registry::Refusal;
use crate::address::ResolveError;
use crate::error::{Fault, Whole};
use crate::peer::{HandshakeError, Rejection};
use crate::secret::SecretHandshakeError;

/// A peer that was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// It was cancelled by us.
    #[error("the dial was cancelled")]
    Cancelled,
    /// Each address was tried, and none led to the peer.
    #[error("{}", list(attempts))]
    Failed {
        /// What each address said, in the order in which they were tried: at least one, and at most 16.
        attempts: Vec<FailedAttempt>,
    },
    /// Code of our own program panicked: its filter, its resolver or its network.
    #[error("the dial panicked")]
    Panicked,
    /// We have this peer already, or are dialing it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Our own program does not want this peer.
    #[error("rejected by us")]
    Rejected(#[source] Rejection),
    /// The name has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

impl DialError {
    /// Who is at fault; where several addresses were tried, at the last one.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Cancelled | Self::Panicked | Self::Rejected(_) => Fault::Local,
            Self::Failed { attempts } => attempts
                .last()
                .map_or(Fault::Transport, |attempt| attempt.error.fault()),
            Self::Refused(refusal) => refusal.fault(),
            Self::Resolve(error) => error.fault(),
        }
    }

    /// What each address that was tried said; nothing where it did not come to that.
    pub fn attempts(&self) -> &[FailedAttempt] {
        match self {
            Self::Failed { attempts } => attempts,
            _ => &[],
        }
    }
}

/// An address that did not lead to the peer.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {}", Whole(error))]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    pub error: AttemptError,
}

/// Why an address did not lead to the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// No TCP connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The address did not answer in time.
    #[error("no answer within {after:?}")]
    ConnectTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The time for this address was up, before or after it answered.
    #[error("no peer within {after:?}, the time for this address")]
    Timeout {
        /// Its share of the time for the whole dial.
        after: Duration,
    },
    /// Nobody is there but we: the system connected the socket to itself, or what we sent came back.
    ///
    /// The first can happen when nobody listens at a port of this machine that lies among those from which it connects. It is nobody's
    /// fault, and was tried three times.
    #[error("the connection leads back to ourselves, nobody listens there")]
    ToItself,
    /// There was a connection, or might have been, but it did not become a peer.
    #[error(transparent)]
    Upgrade(UpgradeError),
}

impl AttemptError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Connect(_) | Self::ToItself => Fault::Transport,
            Self::ConnectTimeout { .. } | Self::Timeout { .. } => Fault::Silence,
            Self::Upgrade(error) => error.fault(),
        }
    }
}

impl From<UpgradeError> for AttemptError {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Handshake(HandshakeError::Authentication(
                SecretHandshakeError::Reflected,
            )) => Self::ToItself,
            error => Self::Upgrade(error),
        }
    }
}

impl From<Refusal> for AttemptError {
    fn from(refusal: Refusal) -> Self {
        Self::Upgrade(refusal.into())
    }
}

/// A connection that did not become a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The filter did not admit the address. Where it does not admit the id, the handshake is
    /// [`Rejected`](HandshakeError::Rejected).
    #[error("the address is not admitted")]
    Filtered(#[source] Rejection),
    /// The filter did not answer in time.
    #[error("the filter did not answer within {after:?}")]
    FilterTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// There is no place for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl UpgradeError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Filtered(_) | Self::FilterTimeout { .. } => Fault::Local,
            Self::Handshake(error) => error.fault(),
            Self::Refused(refusal) => refusal.fault(),
        }
    }
}

fn list(attempts: &[FailedAttempt]) -> String {
    let attempts: Vec<String> = attempts.iter().map(ToString::to_string).collect();
    attempts.join("; ")
}
