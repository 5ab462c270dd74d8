//! How sessions and peers end.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reason::Reason;
use super::roster::Banned;
use crate::driver::{CloseReason, Closed};
use crate::error::{Fault, Whole};

/// What a peer did that a reactor's protocol does not permit. A session that ends with it ends the peer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("breach of protocol: {0}")]
pub struct Breach(String);

impl Breach {
    /// A breach, and what it is: name the message and the limit.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Why a session ended before its time. Every error becomes one by `?`: a [`Breach`] is the peer's fault, a [`Reason`] is itself, anything else
/// is a failure of our own.
pub struct SessionError(pub(super) SessionEnd);

impl<E: Error + Send + Sync + 'static> From<E> for SessionError {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        let end = match error.downcast::<Breach>() {
            Ok(breach) => SessionEnd::Breach(*breach),
            Err(error) => match error.downcast::<Reason>() {
                Ok(reason) => SessionEnd::Reason(*reason),
                Err(error) => SessionEnd::Failed(error.into()),
            },
        };
        Self(end)
    }
}

impl fmt::Debug for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How a session ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The peer broke the protocol.
    Breach(Breach),
    /// It has nothing more to say, or was dropped.
    Done,
    /// A failure of our own.
    Failed(Arc<dyn Error + Send + Sync>),
    /// It did not end within [`session_timeout`](super::SwitchConfig::with_session_timeout) of its peer's end.
    Overdue,
    /// It panicked.
    Panicked,
    /// For this reason.
    Reason(Reason),
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach(breach) => breach.fmt(f),
            Self::Done => f.write_str("done"),
            Self::Failed(error) => Whole(&**error).fmt(f),
            Self::Overdue => f.write_str("did not end in time"),
            Self::Panicked => f.write_str("panicked"),
            Self::Reason(reason) => reason.fmt(f),
        }
    }
}

/// What ended a peer: the first of all that might have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It was banned.
    Banned {
        /// The ban.
        whom: Banned,
    },
    /// Its connection ended.
    Connection(CloseReason),
    /// The future of the switch was dropped.
    Dropped,
    /// No session was taken from a reactor in time.
    NotTaken {
        /// The reactor.
        reactor: Arc<str>,
        /// The time that it was given.
        after: Duration,
    },
    /// Our program asked for it.
    Requested(Reason),
    /// A session ended, and the peer with it.
    Session {
        /// The reactor.
        reactor: Arc<str>,
        /// How the session ended.
        end: SessionEnd,
    },
    /// The switch stopped.
    Stopped,
    /// Another connection with the same peer took its place.
    Supplanted,
}

impl Cause {
    /// The cause in one word.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Connection(CloseReason::Failed(error)) => match error.fault() {
                Fault::Peer => Reason::Breach,
                Fault::Silence => Reason::ReadTimeout,
                Fault::Local => Reason::SubprotocolError,
                Fault::Transport | Fault::Nobody => Reason::NetworkError,
            },
            Self::Connection(CloseReason::PeerClosed) => Reason::NetworkError,
            Self::Connection(_) | Self::Dropped | Self::Stopped => Reason::Quitting,
            Self::NotTaken { .. } => Reason::SubprotocolError,
            Self::Banned { .. } => Reason::Requested,
            Self::Requested(reason) => *reason,
            Self::Session { end, .. } => match end {
                SessionEnd::Breach(_) => Reason::Breach,
                SessionEnd::Done => Reason::Quitting,
                SessionEnd::Failed(_) | SessionEnd::Overdue | SessionEnd::Panicked => {
                    Reason::SubprotocolError
                }
                SessionEnd::Reason(reason) => *reason,
            },
            Self::Supplanted => Reason::AlreadyConnected,
        }
    }

    /// Who began the end.
    pub const fn initiator(&self) -> Initiator {
        match self {
            Self::Connection(CloseReason::PeerClosed) => Initiator::Remote,
            Self::Connection(CloseReason::Failed(error)) => match error.fault() {
                Fault::Transport => Initiator::Network,
                _ => Initiator::Local,
            },
            _ => Initiator::Local,
        }
    }

    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Connection(CloseReason::Failed(error)) => error.fault(),
            Self::Session {
                end: SessionEnd::Breach(_),
                ..
            } => Fault::Peer,
            Self::Session {
                end: SessionEnd::Failed(_) | SessionEnd::Panicked | SessionEnd::Overdue,
                ..
            }
            | Self::NotTaken { .. } => Fault::Local,
            _ => Fault::Nobody,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Banned { whom } => write!(f, "{whom} was banned"),
            Self::Connection(reason) => reason.fmt(f),
            Self::Dropped => f.write_str("the switch was dropped"),
            Self::NotTaken { reactor, after } => {
                write!(
                    f,
                    "nobody took the session of reactor {reactor} within {after:?}"
                )
            }
            Self::Requested(reason) => write!(f, "we ended it: {reason}"),
            Self::Session { reactor, end } => write!(f, "session of reactor {reactor}: {end}"),
            Self::Stopped => f.write_str("the switch stopped"),
            Self::Supplanted => f.write_str("another connection with this peer took its place"),
        }
    }
}

/// Who began the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Initiator {
    /// We.
    Local,
    /// Neither of the two.
    Network,
    /// The peer.
    Remote,
}

/// How a peer ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerEnd {
    /// What ended it.
    pub cause: Cause,
    /// How its connection ended, and what did not pass; `None` where it never ran.
    pub closed: Option<Closed>,
    /// The reactors whose sessions had not ended within [`session_timeout`](super::SwitchConfig::with_session_timeout).
    pub overdue: Vec<Arc<str>>,
}

impl fmt::Display for PeerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        for (at, reactor) in self.overdue.iter().enumerate() {
            let before = if at == 0 {
                "; sessions that did not end: "
            } else {
                ", "
            };
            write!(f, "{before}{reactor}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_breach_is_theirs_a_reason_is_itself_and_all_else_is_a_failure_of_ours() {
        let end = |error: SessionError| Cause::Session {
            reactor: "gossip".into(),
            end: error.0,
        };
        let breach = end(Breach::new("a note of 2 MiB, the limit is 1 MiB").into());
        assert_eq!(
            (breach.reason(), breach.fault()),
            (Reason::Breach, Fault::Peer)
        );
        assert!(breach.to_string().contains("gossip") && breach.to_string().contains("1 MiB"));
        let reason = end(Reason::UselessPeer.into());
        assert_eq!(reason.reason(), Reason::UselessPeer);
        let failure = end(io::Error::other("disk full").into());
        let expected = (Reason::SubprotocolError, Fault::Local);
        assert_eq!((failure.reason(), failure.fault()), expected);
        assert!(failure.to_string().contains("disk full"));
    }
}
