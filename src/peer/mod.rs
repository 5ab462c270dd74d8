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
mod peer_text;
mod progress;
mod resolve;
#[cfg(test)]
mod testing;
mod transport;

#[cfg(test)]
mod tests;

pub use address::{
    AddressError, Host, HostName, HostNameError, HostPort, LinkLocal, PeerAddr, ZoneError,
};
pub use config::{PeerConfig, PeerConfigError};
pub use established::Established;
pub use handshake::Handshaking;
pub use handshake_error::{HandshakeError, MalformedMessage};
pub use id::{PeerId, PeerIdError};
pub use node_info::{
    BrokenRule, Incompatible, MAX_NODE_INFO_BYTES, NodeInfo, NodeInfoBuilder, NodeInfoError,
    NodeInfoField, ProtocolVersion, TxIndex,
};
pub use peer_text::PeerText;
pub use resolve::{Lookup, ResolveError, Resolver, SystemResolver, resolve};
pub use transport::{
    Accept, AcceptError, AttemptError, DialError, Direction, Everybody, FailedAttempt, Filter,
    Listener, Peer, Refusal, Transport, TransportConfig, UpgradeError, Verdict,
};
