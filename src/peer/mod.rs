//! The handshake of a node: from a byte stream to a peer.

mod cancel;
mod error;
mod established;
mod handshake;
mod progress;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use cancel::unless_cancelled;
pub use error::{HandshakeError, MalformedMessage};
pub use established::Established;
pub use handshake::Handshaking;
pub(crate) use progress::Progress;
#[cfg(test)]
pub(crate) use progress::Stage;
