//! Why a peer was let go of, in one word.

use std::fmt;

/// Why a connection with a peer ended, as go-ethereum numbers it.
///
/// CometBFT's wire has no place for it: it is for our own program, in [`PeerEnd`](super::PeerEnd).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Somebody asked for it.
    Requested,
    /// The network between the two failed.
    NetworkError,
    /// The peer broke a protocol.
    Breach,
    /// The two have nothing to say to each other.
    UselessPeer,
    /// There was no place for it.
    TooManyPeers,
    /// There is another connection with the same peer.
    AlreadyConnected,
    /// The two speak different versions.
    IncompatibleVersion,
    /// The peer did not prove who it is.
    InvalidIdentity,
    /// One of the two ends, or has nothing more to say.
    Quitting,
    /// The peer is another one than was dialed.
    UnexpectedIdentity,
    /// Both ends are one node.
    ConnectedToSelf,
    /// The peer was silent.
    ReadTimeout,
    /// A protocol above the connection failed.
    SubprotocolError,
    /// A number without a meaning here.
    Unknown(u8),
}

impl Reason {
    /// The number of the reason.
    pub const fn code(self) -> u8 {
        match self {
            Self::Requested => 0x00,
            Self::NetworkError => 0x01,
            Self::Breach => 0x02,
            Self::UselessPeer => 0x03,
            Self::TooManyPeers => 0x04,
            Self::AlreadyConnected => 0x05,
            Self::IncompatibleVersion => 0x06,
            Self::InvalidIdentity => 0x07,
            Self::Quitting => 0x08,
            Self::UnexpectedIdentity => 0x09,
            Self::ConnectedToSelf => 0x0a,
            Self::ReadTimeout => 0x0b,
            Self::SubprotocolError => 0x10,
            Self::Unknown(code) => code,
        }
    }

    /// The reason with this number.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0x00 => Self::Requested,
            0x01 => Self::NetworkError,
            0x02 => Self::Breach,
            0x03 => Self::UselessPeer,
            0x04 => Self::TooManyPeers,
            0x05 => Self::AlreadyConnected,
            0x06 => Self::IncompatibleVersion,
            0x07 => Self::InvalidIdentity,
            0x08 => Self::Quitting,
            0x09 => Self::UnexpectedIdentity,
            0x0a => Self::ConnectedToSelf,
            0x0b => Self::ReadTimeout,
            0x10 => Self::SubprotocolError,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::NetworkError => "network error",
            Self::Breach => "breach of protocol",
            Self::UselessPeer => "useless peer",
            Self::TooManyPeers => "too many peers",
            Self::AlreadyConnected => "already connected",
            Self::IncompatibleVersion => "incompatible version",
            Self::InvalidIdentity => "invalid identity",
            Self::Quitting => "quitting",
            Self::UnexpectedIdentity => "unexpected identity",
            Self::ConnectedToSelf => "connected to self",
            Self::ReadTimeout => "read timeout",
            Self::SubprotocolError => "subprotocol error",
            Self::Unknown(code) => return write!(f, "unknown reason {code:#04x}"),
        })
    }
}

/// So that a session can end with a reason by `?`.
impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_256_numbers_come_back_as_they_went() {
        for code in 0..=u8::MAX {
            assert_eq!(Reason::from_code(code).code(), code);
        }
    }
}
