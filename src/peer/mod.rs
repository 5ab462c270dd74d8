//! Peers: who and where they are, the handshake of a CometBFT node, and the transport that dials and accepts.

mod address;
mod cancel;
mod config;
mod established;
mod handshake;
mod handshake_error;
mod id;
pub mod ip;
mod node_info;
pub mod node_key;
mod resolve;
#[cfg(test)]
mod testing;
mod transport;

#[cfg(test)]
mod tests;

pub use address::{AddressError, Host, HostName, HostNameError, HostPort, PeerAddr};
pub use config::{PeerConfig, PeerConfigError};
pub use established::Established;
pub use handshake::Handshaking;
pub use handshake_error::{HandshakeError, MalformedMessage};
pub use id::{PeerId, PeerIdError};
pub use node_info::{
    BrokenRule, Incompatible, MAX_NODE_INFO_BYTES, NodeInfo, NodeInfoBuilder, NodeInfoError,
    NodeInfoField, ProtocolVersion, TxIndex,
};
pub use resolve::{Lookup, ResolveError, Resolver, SystemResolver, resolve};
pub use transport::{
    Accept, AcceptError, AttemptError, DialError, Direction, Everybody, FailedAttempt, Filter,
    Listener, Peer, Refusal, Transport, TransportConfig, UpgradeError, Verdict,
};

/// The text, cut where it is long, for errors: what a peer says may fill a screen.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

/// Characters. An id and a host name of usual length fit.
const EXCERPT: usize = 120;
