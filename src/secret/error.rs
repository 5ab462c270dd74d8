//! Errors of the encrypted stream and of its handshake.

use std::fmt;
use std::io;

use super::first_bytes::FirstBytes;
use crate::error::Fault;

/// A handshake that did not end in an encrypted stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretHandshakeError {
    /// The signature is not one of the key that came with it, over the challenge of this connection.
    #[error("the remote's signature does not fit its key {key} and this connection")]
    BadSignature {
        /// The key that the remote stated.
        key: super::PublicKey,
    },
    /// The remote closed the stream before the handshake was done.
    #[error("the remote closed the stream during the handshake")]
    Closed,
    /// The cryptographic library of this program failed: the system gave it no randomness, for example.
    #[error("the cryptographic library failed")]
    Cryptography,
    /// An ephemeral key that is not 32 bytes long.
    #[error("ephemeral key of {len} bytes, it must be 32")]
    EphemeralLength {
        /// The length that came.
        len: usize,
    },
    /// A frame that cannot be opened.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The transport failed.
    #[error("the transport failed")]
    Io(#[source] io::Error),
    /// An ed25519 key that is not 32 bytes long.
    #[error("ed25519 key of {len} bytes, it must be 32")]
    KeyLength {
        /// The length that came.
        len: usize,
    },
    /// A long-term key of a type that encrypted streams do not take, or none.
    #[error("the remote's long-term key is {found}, it must be ed25519")]
    KeyType {
        /// What came.
        found: KeyType,
    },
    /// An ephemeral key of low order, with which the shared secret would be no secret.
    #[error("the remote's ephemeral key is a low-order point")]
    LowOrderPoint,
    /// A message that is not valid protobuf, or whose length prefix does not fit 64 bits.
    #[error("malformed {message}")]
    Malformed {
        /// Which one.
        message: HandshakeMessage,
    },
    /// What came first cannot be the beginning of a handshake: the remote speaks another protocol. It is refused at the first byte that is
    /// wrong.
    #[error("the remote does not speak this protocol, it said {start}")]
    NotAHandshake {
        /// What it said, as far as it had come.
        start: FirstBytes,
    },
    /// The remote's ephemeral key is our own: whatever lies between, the stream leads back to this end.
    #[error("the stream leads back to ourselves, our own ephemeral key came")]
    Reflected,
    /// A long-term key of small order, for which signatures can be made without a secret.
    #[error("the remote's long-term key {key} is a point of small order")]
    SmallOrderKey {
        /// The key that the remote stated.
        key: super::PublicKey,
    },
    /// A message above the limit.
    #[error("{message} of {len} bytes, the maximum is {max}")]
    TooLong {
        /// Which one.
        message: HandshakeMessage,
        /// The length that its prefix states.
        len: u64,
        /// The limit.
        max: usize,
    },
}

impl SecretHandshakeError {
    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::BadSignature { .. }
            | Self::EphemeralLength { .. }
            | Self::KeyLength { .. }
            | Self::KeyType { .. }
            | Self::LowOrderPoint
            | Self::Malformed { .. }
            | Self::NotAHandshake { .. }
            | Self::SmallOrderKey { .. }
            | Self::TooLong { .. } => Fault::Peer,
            Self::Closed | Self::Io(_) | Self::Reflected => Fault::Transport,
            Self::Cryptography => Fault::Local,
            Self::Frame(error) => error.fault(),
        }
    }
}

/// The two messages of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeMessage {
    /// The long-term key and its signature over the challenge.
    Authentication,
    /// The ephemeral X25519 key.
    Ephemeral,
}

impl fmt::Display for HandshakeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authentication => "authentication message",
            Self::Ephemeral => "ephemeral key message",
        })
    }
}

/// The type of a long-term key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// None, or one of a type unknown here.
    Absent,
    /// The curve of Bitcoin.
    Secp256k1,
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent or of an unknown type",
            Self::Secp256k1 => "of type secp256k1",
        })
    }
}

/// What ended one direction of an encrypted stream. It is the inner error of the [`io::Error`] that reads and writes give,
/// where [`FrameError::of`] finds it; each later call on this direction fails too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// An earlier call on this direction failed in the transport.
    #[error("the transport failed before: {0}")]
    FailedBefore(io::ErrorKind),
    /// A frame that is not what the remote sealed: damaged, replayed, out of order, or under another key.
    #[error("a frame is not authentic")]
    NotAuthentic,
    /// All 2^64 - 1 nonces of a direction are used up.
    #[error("the nonces of this connection are used up")]
    NonceExhausted,
    /// A frame that says that it holds more than a frame can.
    #[error("a frame says that it holds {len} bytes, the maximum is 1024")]
    TooLong {
        /// The length that it states.
        len: u32,
    },
    /// The stream ended inside a frame. An end between two frames cannot be told from an orderly one and reads as such.
    #[error("the stream ended inside a frame, {received} bytes into it")]
    Truncated {
        /// The bytes of the frame that had come.
        received: usize,
    },
}

impl FrameError {
    /// The frame error inside an error of a read or write, if it is one.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::FailedBefore(_) | Self::Truncated { .. } => Fault::Transport,
            Self::NotAuthentic | Self::TooLong { .. } => Fault::Peer,
            Self::NonceExhausted => Fault::Local,
        }
    }

    /// Whether the remote, or whoever sits on the way, broke the encryption's rules.
    pub const fn is_peer_fault(&self) -> bool {
        matches!(self.fault(), Fault::Peer)
    }

    pub(super) fn into_io(self) -> io::Error {
        let kind = match self {
            Self::FailedBefore(kind) => kind,
            Self::NotAuthentic | Self::TooLong { .. } => io::ErrorKind::InvalidData,
            Self::NonceExhausted => io::ErrorKind::Other,
            Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, self)
    }
}
