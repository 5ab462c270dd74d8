//! Why a connection ended, sorted by who is at fault.

#[cfg(feature = "tokio")]
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::channel::ChannelId;
use crate::packet::ProtocolError;

/// Why a connection ended other than by an orderly close.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer under the connection found bytes that the peer's layer cannot have written ([`io::ErrorKind::InvalidData`]):
    /// an encrypted stream does so where a frame was damaged, replayed or forged.
    #[error("the stream is corrupt")]
    Corrupt(#[source] Arc<io::Error>),
    /// The graceful stop took longer than `drain_timeout`; what was left is listed in the close report.
    #[error("the drain was not done after {after:?}")]
    DrainTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The inbox of a channel that [ends the connection](crate::ChannelDescriptor::ending) had no room for a message.
    #[error("the receiver of channel {channel} left no room in its inbox")]
    InboxOverflow {
        /// The channel whose inbox was full.
        channel: ChannelId,
    },
    /// A receiver on our side took nothing from its full inbox, and so held up the whole connection.
    #[error(
        "the receiver of channel {channel} took nothing for {after:?} while its inbox was full"
    )]
    InboxStalled {
        /// The channel whose inbox was full.
        channel: ChannelId,
        /// How long nothing was taken.
        after: Duration,
    },
    /// A message that the peer began did not get on as fast as `min_message_rate` asks, while we read.
    #[error(
        "the message on channel {channel} has {received} bytes and grew by {gained} in {after:?}, where {min_rate} a second are asked for"
    )]
    MessageStalled {
        /// The channel.
        channel: ChannelId,
        /// The bytes of the message that have come.
        received: usize,
        /// Those of them that came within this time.
        gained: u64,
        /// The time of reading that was looked at.
        after: Duration,
        /// The bytes per second that it was to grow by.
        min_rate: u64,
    },
    /// A message that the peer began was not whole after `message_timeout`.
    #[error("the message on channel {channel} is not whole after {after:?}, with {received} bytes")]
    MessageTimeout {
        /// The channel.
        channel: ChannelId,
        /// The bytes of the message that have come.
        received: usize,
        /// The time of reading that it was given.
        after: Duration,
    },
    /// The peer answered a ping with silence.
    #[error("nothing came from the peer within {after:?} of a ping")]
    PongTimeout {
        /// The time that it was given.
        after: Duration,
    },
    /// The peer broke the protocol.
    #[error("protocol violation by the peer: {0}")]
    Protocol(ProtocolError),
    /// An unfinished message needed more of the memory that several connections share than was left, and this connection had its own part of
    /// it.
    #[error(
        "no shared memory is left for the message on channel {channel}: this connection holds {held} bytes of {max}"
    )]
    SharedMemoryFull {
        /// The message's channel.
        channel: ChannelId,
        /// The bytes that this connection held.
        held: usize,
        /// The bytes of the whole budget.
        max: usize,
    },
    /// The transport failed.
    #[error("transport failed")]
    Transport(#[source] Arc<io::Error>),
    /// The stream ended in the middle of a packet.
    #[error("the stream ended inside a packet, {received} bytes into it")]
    Truncated {
        /// The bytes of the unfinished packet that had come, its length prefix included.
        received: usize,
    },
    /// The peer took no byte for `write_timeout` while we had some to send, or fewer than `min_write_rate` asks for.
    #[error(
        "the peer took {taken} bytes in {blocked:?} of a blocked write, where some every {after:?} and {min_rate} a second are asked for"
    )]
    WriteTimeout {
        /// The bytes that it took since the transport was first blocked.
        taken: u64,
        /// The time since then.
        blocked: Duration,
        /// The time that it was given for a byte.
        after: Duration,
        /// The bytes per second that it was to take, 0 for none.
        min_rate: u64,
    },
}

impl Error {
    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Corrupt(_) | Self::Protocol(_) => Fault::Peer,
            Self::PongTimeout { .. }
            | Self::WriteTimeout { .. }
            | Self::MessageStalled { .. }
            | Self::MessageTimeout { .. }
            | Self::DrainTimeout { .. } => Fault::Silence,
            Self::Transport(_) | Self::Truncated { .. } => Fault::Transport,
            Self::InboxOverflow { .. }
            | Self::InboxStalled { .. }
            | Self::SharedMemoryFull { .. } => Fault::Local,
        }
    }

    /// Whether the peer broke the protocol, or somebody on the way did, so that it may be worth avoiding.
    pub const fn is_peer_fault(&self) -> bool {
        matches!(self.fault(), Fault::Peer)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Corrupt(Arc::new(error)),
            _ => Self::Transport(Arc::new(error)),
        }
    }
}

/// Who is at fault for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Fault {
    /// This program.
    Local,
    /// The peer broke the protocol, or somebody on the way tampered with what it sent.
    Peer,
    /// The peer, or the way to it, fell silent.
    Silence,
    /// The byte stream, or the network under it.
    Transport,
    /// Nobody: both ends keep the rules and do not go together, or are connected already.
    Nobody,
}

/// Prints an error with all that lies behind it, in one line: for texts that are read by people, and have no source of their own.
#[cfg(feature = "tokio")]
pub(crate) struct Whole<'a>(pub(crate) &'a dyn std::error::Error);

#[cfg(feature = "tokio")]
impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.0
            .source()
            .map_or(Ok(()), |source| write!(f, ": {}", Whole(source)))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::packet::Malformed;

    #[test]
    fn no_error_of_a_connection_shows_its_source_and_returns_it_too() {
        let deep = || io::Error::other("deep down");
        for (error, has_source) in [
            (Error::Corrupt(Arc::new(deep())), true),
            (Error::Transport(Arc::new(deep())), true),
            (ProtocolError::from(Malformed::Overrun).into(), false),
            (ProtocolError::EmptyPacket.into(), false),
        ] {
            assert_eq!(error.source().is_some(), has_source, "{error}");
            let source = error.source().map(ToString::to_string);
            assert!(source.is_none_or(|source| !error.to_string().contains(&source)));
        }
        let malformed: Error = ProtocolError::from(Malformed::Overrun).into();
        assert!(
            malformed
                .to_string()
                .contains(&Malformed::Overrun.to_string())
        );
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_whole_error_says_all_that_lies_behind_it_once() {
        let error = Error::Transport(Arc::new(io::Error::other("deep down")));
        assert_eq!(Whole(&error).to_string(), "transport failed: deep down");
    }
}
