//! The handshake of a node: from a byte stream to a peer.

mod authenticated;
mod cancel;
mod error;
mod established;
mod handshake;
mod limit;
mod progress;

#[cfg(test)]
pub(crate) mod tests;

pub use authenticated::Authenticated;
pub(crate) use cancel::unless_cancelled;
pub use error::{HandshakeError, MalformedMessage, Rejection};
pub use established::Established;
pub use handshake::Handshaking;
pub(crate) use progress::Progress;
#[cfg(test)]
pub(crate) use progress::Stage;
