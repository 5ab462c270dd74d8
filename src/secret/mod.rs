//! SecretConnection: an encrypted and authenticated byte stream over any byte stream, in the wire format of CometBFT.
//!
//! [`SecretConnection`] is `AsyncRead + AsyncWrite` and knows nothing of messages or channels: a [`Connection`](crate::Connection) runs over it
//! as over any stream, and `peer` puts the two together. An [`Identity`] is what a node signs with.
//!
#![doc = include_str!("../../SECURITY.md")]

mod error;
mod exchange;
mod first_bytes;
mod frame;
mod handshake;
mod identity;
mod key_schedule;
mod reader;
mod small_order;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "__fuzzing"))]
pub(crate) mod internals {
    //! What tests and fuzz targets take apart.

    pub(crate) use super::frame::{MAX_DATA, Opener, SEALED_FRAME, Sealer, frame_key};
    pub(crate) use super::handshake::{agree, encode_authentication};
    pub(crate) use super::key_schedule::{Ephemeral, EphemeralKey, challenge, expand};
    pub(crate) use super::reader::FrameReader;
    pub(crate) use super::stream::Sealed;
    pub(crate) use super::writer::FrameWriter;
}

pub use error::{FrameError, HandshakeMessage, KeyType, SecretHandshakeError};
#[cfg(feature = "peer")]
pub(crate) use exchange::{ExchangeError, exchange};
pub use first_bytes::{FirstBytes, KnownProtocol};
pub use handshake::Unanswered;
#[cfg(feature = "peer")]
pub(crate) use handshake::begin;
pub use identity::{Identity, IdentityError, PublicKey};
pub use stream::{ReadHalf, SecretConnection, WriteHalf};
